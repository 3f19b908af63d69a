//! The shipped models distinguish a retina from other images that may arrive in a watched folder.

use octrls_core::{
    layer::EzConvention,
    measure::Verdict,
    network::{Network, ShippedModel},
    phantom::{Phantom, PhantomOptions},
    scan::BScan,
    segment::{SegmentedBScan, segment},
};
use octrls_readers as scan;
use octrls_readers::ReadOptions;

const WIDTH: usize = 512;
const HEIGHT: usize = 496;

/// An image of `of(x, y, random)`, all from 0 to 1; `random` differs between pixels.
fn image(of: impl Fn(f32, f32, f32) -> f32) -> BScan {
    let mut state = 12_345_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1_u32 << 24) as f32
    };
    let at = |i: usize| ((i % WIDTH) as f32 / WIDTH as f32, (i / WIDTH) as f32 / HEIGHT as f32);
    let intensity = (0..WIDTH * HEIGHT).map(|i| of(at(i).0, at(i).1, random()).clamp(0.0, 1.0)).collect();
    BScan { width: WIDTH, height: HEIGHT, intensity }
}

fn upside_down(mut bscan: BScan) -> BScan {
    bscan.intensity = bscan.intensity.chunks_exact(bscan.width).rev().flatten().copied().collect();
    bscan
}

/// The segmentation of a B-scan by each shipped model.
fn segment_with_each(bscan: &BScan) -> impl Iterator<Item = (&'static str, SegmentedBScan)> {
    ShippedModel::ALL.into_iter().map(move |model| (model.name(), segment_with(model, bscan.clone())))
}

fn segment_with(model: ShippedModel, bscan: BScan) -> SegmentedBScan {
    let network = Network::shipped(model).expect("a shipped model");
    segment(&network, 0, bscan, None, EzConvention::default()).expect("a segmentation")
}

fn assert_no_retina(name: &str, bscan: &BScan) {
    for (model, out) in segment_with_each(bscan) {
        assert_eq!(out.verdict(), Verdict::NotARetina, "{name}, {model}");
        assert!(out.surfaces.mask().iter().all(|&class| class == 0), "{name}, {model}: has layers");
    }
}

#[test]
fn uniform_images_are_no_retina() {
    for (name, grey) in [("black", 0.0), ("grey", 0.5), ("white", 1.0)] {
        assert_no_retina(name, &image(|_, _, _| grey));
    }
}

#[test]
fn noise_is_no_retina() {
    assert_no_retina("noise", &image(|_, _, random| random));
    assert_no_retina("dark noise", &image(|_, _, random| 0.1 * random));
    assert_no_retina("salt", &image(|_, _, random| f32::from(u8::from(random > 0.97))));
}

#[test]
fn other_images_are_no_retina() {
    assert_no_retina("gradient", &image(|_, y, _| y));
    assert_no_retina(
        "fundus",
        &image(|x, y, random| {
            let (dx, dy) = (x - 0.5, y - 0.5);
            let disc = (dx + 0.2).hypot(dy) < 0.07;
            let vessel = (dy - 0.8 * (dx + 0.2).powi(2)).abs() < 0.008 || (dy + 0.9 * (dx + 0.2).powi(2)).abs() < 0.01;
            let inside = dx.hypot(dy) < 0.47;
            let seen = 0.45 + 0.4 * f32::from(u8::from(disc)) - 0.25 * f32::from(u8::from(vessel)) + 0.05 * random;
            if inside { seen } else { 0.0 }
        }),
    );
    assert_no_retina(
        "chart",
        &image(|x, y, _| if (x * 8.0).fract() < 0.1 || (y * 8.0).fract() < 0.1 { 0.1 } else { 0.95 }),
    );
    assert_no_retina(
        "face",
        &image(|x, y, random| {
            let head = (x - 0.5).hypot(0.8 * (y - 0.5)) < 0.3;
            let eye = (x - 0.4).hypot(y - 0.42) < 0.03 || (x - 0.6).hypot(y - 0.42) < 0.03;
            0.25 + 0.3 * y + 0.3 * f32::from(u8::from(head)) - 0.4 * f32::from(u8::from(eye)) + 0.03 * random
        }),
    );
}

#[test]
fn an_upside_down_phantom_is_no_retina() {
    for seed in [5, 6] {
        let options = PhantomOptions { width: 512, pathology: 0.0, ..PhantomOptions::spectralis() };
        let bscan = Phantom::generate(&options, seed).bscan;
        assert_no_retina("upside down", &upside_down(bscan.clone()));
        for (model, out) in segment_with_each(&bscan) {
            assert_eq!(out.verdict(), Verdict::Good, "upright, {model}");
        }
    }
}

#[test]
fn an_upside_down_real_scan_is_no_retina() {
    let Some(data) = octrls_testing::real_data("an_upside_down_real_scan_is_no_retina") else {
        return;
    };
    for scan in ["Subject07_01", "Subject08_01", "Subject08_09"] {
        let path = data.join(format!("tian_healthy/images/{scan}.png"));
        let bscan = scan::open(&path, ReadOptions::default()).and_then(|mut r| r.bscan(0)).expect("a scan");
        assert_no_retina(scan, &upside_down(bscan.clone()));
        for (model, out) in segment_with_each(&bscan) {
            assert_eq!(out.verdict(), Verdict::Good, "{scan}, {model}");
        }
    }
}
