//! Phantoms with one fault each raise the letter of that fault, with a shipped network.

use std::sync::LazyLock;

use octrls_core::{
    layer::EzConvention,
    measure::{BScanFacts, ChoroidVisibility, Gates, ScanFacts, ScanQuality},
    network::{Network, ShippedModel},
    phantom::{Phantom, PhantomOptions},
    scan::BScan,
    segment::segment,
};

static NETWORK: LazyLock<Network> = LazyLock::new(|| Network::shipped(ShippedModel::Edge).expect("a shipped model"));

fn options() -> PhantomOptions {
    PhantomOptions { width: 512, pathology: 0.0, ..PhantomOptions::spectralis() }
}

fn judge(bscan: BScan) -> ScanQuality {
    let out = segment(&NETWORK, 0, bscan, None, EzConvention::default()).expect("a segmentation");
    let choroid = ChoroidVisibility::of(&out.surfaces);
    let facts =
        BScanFacts { signal: out.signal, device_signal_db: None, quality: out.quality, choroid, retina_um: None };
    ScanQuality::judge(ScanFacts::combine(&[facts], None), out.verdict(), &Gates::default())
}

/// Segments a good phantom, each sample of which is changed by `change` (grey, x and y from 0 to 1).
fn degraded(change: impl Fn(f32, f32, f32) -> f32) -> ScanQuality {
    let BScan { width, height, intensity } = Phantom::generate(&options(), 5).bscan;
    let at = |i: usize| ((i % width) as f32 / width as f32, (i / width) as f32 / height as f32);
    let changed = |(i, &grey): (usize, &f32)| change(grey, at(i).0, at(i).1).clamp(0.0, 1.0);
    let intensity = intensity.iter().enumerate().map(changed).collect();
    judge(BScan { width, height, intensity })
}

#[test]
fn a_good_phantom_has_no_flag() {
    let quality = degraded(|grey, _, _| grey);
    assert_eq!(quality.flags, "", "{quality:?}");
}

#[test]
fn a_shadow_is_flagged_as_uneven_light() {
    let quality = degraded(|grey, x, _| if (0.3..0.52).contains(&x) { 0.35 * grey } else { grey });
    assert!(quality.flags.contains('I'), "{quality:?}");
}

#[test]
fn an_off_centre_beam_is_flagged() {
    let quality = degraded(|grey, x, _| grey * (0.3 + 1.1 * x));
    assert!(quality.flags.contains('B'), "{quality:?}");
}

#[test]
fn noise_lowers_signal_and_contrast() {
    let poor = PhantomOptions { averaging: 1.0, noise_db: -14.0, ..options() };
    let (poor, good) = (judge(Phantom::generate(&poor, 5).bscan), degraded(|grey, _, _| grey));
    assert!(poor.flags.contains('S'), "{poor:?}");
    assert!(poor.facts.signal.snr_db < good.facts.signal.snr_db);
    assert!(poor.facts.signal.contrast < good.facts.signal.contrast);
    assert!(poor.facts.confidence < good.facts.confidence);
}

#[test]
fn a_retina_beyond_the_image_is_cut_off() {
    // Shifted upwards until the rims of the fovea are above the first row.
    let BScan { width, height, intensity } = Phantom::generate(&options(), 5).bscan;
    let ilm = Phantom::generate(&options(), 5).surfaces.rows(octrls_core::layer::Boundary::Ilm).to_vec();
    let mut rows: Vec<f32> = ilm.iter().flatten().copied().collect();
    rows.sort_by(f32::total_cmp);
    let shift = rows[rows.len() / 3] as usize;
    let mut moved = intensity[shift * width..].to_vec();
    moved.resize(width * height, 0.0);
    let quality = judge(BScan { width, height, intensity: moved });
    assert!(quality.flags.contains('O'), "{quality:?}");
    assert!(quality.facts.signal.cut_off.is_some_and(|share| share > 0.1), "{quality:?}");
}

#[test]
fn a_blank_part_lowers_coverage() {
    let quality = degraded(|grey, x, _| if x > 0.75 { 0.02 } else { grey });
    assert!(quality.flags.contains('O') && quality.facts.coverage.is_some_and(|share| share < 0.85), "{quality:?}");
}
