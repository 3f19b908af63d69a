//! Tests of phantoms.

#![allow(clippy::unwrap_used)]

use sha2::{Digest, Sha256};

use super::*;
use crate::layer::Boundary;

fn fingerprint(scan: &PhantomScan) -> String {
    let mut hash = Sha256::new();
    for v in &scan.bscan.intensity {
        hash.update(v.to_le_bytes());
    }
    for boundary in Boundary::ALL {
        for row in scan.surfaces.rows(boundary) {
            hash.update(row.unwrap_or(-1.0).to_le_bytes());
        }
    }
    format!("{:02x?}", &hash.finalize()[..6])
}

fn small() -> PhantomOptions {
    PhantomOptions { width: 256, lateral_um: 24.0, ..PhantomOptions::spectralis() }
}

/// Mean intensity above and below a boundary, within `reach` rows.
fn contrast(scan: &PhantomScan, boundary: Boundary, reach: f32) -> (f32, f32) {
    let (mut above, mut below, mut count) = (0.0, 0.0, 0.0);
    for (x, row) in scan.surfaces.rows(boundary).iter().enumerate() {
        let Some(row) = row else { continue };
        let at = |y: f32| scan.bscan.intensity[y as usize * scan.bscan.width + x];
        let mut off = 0.5;
        while off < reach {
            above += at(row - off - 0.5);
            below += at(row + off + 0.5);
            count += 1.0;
            off += 1.0;
        }
    }
    (above / count, below / count)
}

#[test]
fn a_seed_gives_the_same_scan_everywhere() {
    let scan = Phantom::generate(&PhantomOptions::random(3), 3);
    assert_eq!(fingerprint(&scan), fingerprint(&Phantom::generate(&PhantomOptions::random(3), 3)));
    assert_ne!(fingerprint(&scan), fingerprint(&Phantom::generate(&PhantomOptions::random(3), 4)));
    assert_eq!(fingerprint(&scan), "[08, e2, dc, 58, 2f, b6]");
    let ill = PhantomOptions { pathology: 0.8, padding: Padding::White, ..small() };
    assert_eq!(fingerprint(&Phantom::generate(&ill, 7)), "[1d, 52, 00, 76, d5, c0]");
}

#[test]
fn every_random_phantom_is_sound() {
    for seed in 0..24 {
        let mut options = PhantomOptions::random(seed);
        options.lateral_um *= options.width as f64 / 160.0;
        options.fovea_um *= if seed % 5 == 0 { 3.0 } else { 1.0 };
        options.width = 160;
        let scan = Phantom::generate(&options, seed);
        let (width, height) = (scan.bscan.width, scan.bscan.height);
        assert_eq!((width, height, scan.bscan.intensity.len()), (160, options.height, 160 * options.height));
        assert!(scan.bscan.intensity.iter().all(|v| (0.0..=1.0).contains(v)), "seed {seed}");
        for x in 0..width {
            let rows: Vec<f32> = Boundary::ALL.iter().filter_map(|&b| scan.surfaces.rows(b)[x]).collect();
            assert!(rows.is_sorted(), "seed {seed}, column {x}: {rows:?}");
            assert!(rows.iter().all(|r| (0.0..=height as f32).contains(r)));
            for (i, layer) in Layer::ALL.into_iter().enumerate() {
                let (Some(upper), Some(lower)) =
                    (scan.surfaces.rows(layer.upper())[x], scan.surfaces.rows(layer.lower())[x])
                else {
                    continue;
                };
                let um = f64::from(lower - upper) * scan.axial_um;
                assert!((um - f64::from(scan.thickness_um[i][x])).abs() < 0.01, "seed {seed}, {layer:?}");
            }
        }
    }
}

#[test]
fn the_mask_holds_the_layers_and_fluid_lies_within_them() {
    let mut fluid = 0;
    for seed in 0..8 {
        let scan = Phantom::generate(&PhantomOptions { pathology: 1.0, ..small() }, seed);
        let mask = scan.surfaces.mask();
        assert!((0..=8).all(|class| mask.contains(&class)), "seed {seed}");
        for (class, _) in mask.iter().zip(&scan.fluid).filter(|(_, fluid)| **fluid) {
            assert!((3..=5).contains(class), "seed {seed}: fluid in class {class}");
            fluid += 1;
        }
    }
    assert!(fluid > 500, "{fluid} samples of fluid");
}

#[test]
fn a_healthy_macula_has_normal_thickness() {
    let options = PhantomOptions { averaging: 100.0, ..PhantomOptions::spectralis() };
    let eyes = 24;
    let (mut centre, mut ring) = (0.0, 0.0);
    for seed in 0..eyes {
        let scan = Phantom::generate(&PhantomOptions { width: 256, lateral_um: 24.0, ..options }, seed);
        for (x, total) in (0..256).map(|x| (x, scan.thickness_um[..7].iter().map(|t| t[x]).sum::<f32>())) {
            let distance = ((x as f32 - 127.5) * 24.0).abs();
            if distance < 30.0 {
                centre += total / 2.0;
            } else if (700.0..1400.0).contains(&distance) {
                ring += total / 58.0;
            }
        }
        assert_eq!(scan.fovea, Some(127.5));
        assert!(scan.fluid.iter().all(|f| !f));
    }
    let (centre, ring) = (centre / eyes as f32, ring / eyes as f32);
    assert!((205.0..250.0).contains(&centre), "foveal pit {centre} um");
    assert!((310.0..350.0).contains(&ring), "inner ring {ring} um");
}

#[test]
fn the_fovea_is_where_it_was_asked_for() {
    for (shift, nasal_right) in [(-1200.0, true), (0.0, false), (900.0, true)] {
        let options = PhantomOptions { fovea_um: shift, nasal_right, ..small() };
        let scan = Phantom::generate(&options, 5);
        let inner = |x: usize| scan.thickness_um[..3].iter().map(|t| t[x]).sum::<f32>();
        let thinnest = (0..256).min_by(|&a, &b| inner(a).total_cmp(&inner(b))).unwrap();
        let fovea = scan.fovea.unwrap();
        assert!((thinnest as f64 - fovea).abs() < 8.0, "thinnest at {thinnest}, fovea at {fovea}");
        let nasal_edge = if nasal_right { 255 } else { 0 };
        assert!(scan.thickness_um[0][nasal_edge] > scan.thickness_um[0][255 - nasal_edge]);
    }
    assert_eq!(Phantom::generate(&PhantomOptions { fovea_um: 9000.0, ..small() }, 5).fovea, None);
    assert_eq!(Phantom::generate(&PhantomOptions { fovea_offset_um: 800.0, ..small() }, 5).fovea, None);
}

#[test]
fn one_eye_can_be_scanned_twice_and_in_slices() {
    let eye = PhantomOptions { anatomy_seed: Some(99), pathology: 0.5, ..small() };
    let (first, second) = (Phantom::generate(&eye, 1), Phantom::generate(&eye, 2));
    assert_eq!(first.surfaces, second.surfaces);
    assert_ne!(first.bscan, second.bscan);
    let near = Phantom::generate(&PhantomOptions { fovea_offset_um: 30.0, ..eye }, 1);
    let far = Phantom::generate(&PhantomOptions { fovea_offset_um: 1500.0, ..eye }, 1);
    let change = |other: &PhantomScan| {
        let pairs = first.thickness_um.iter().flatten().zip(other.thickness_um.iter().flatten());
        pairs.map(|(a, b)| (a - b).abs()).sum::<f32>() / (8 * 256) as f32
    };
    assert!(change(&near) > 0.0 && change(&near) < 4.0, "{}", change(&near));
    assert!(change(&far) > 2.0 * change(&near));
}

#[test]
fn edges_show_where_the_labels_say() {
    let scanners = [
        PhantomOptions::spectralis(),
        PhantomOptions::enhanced_depth(),
        PhantomOptions::cirrus(),
        PhantomOptions::optovue(),
        PhantomOptions::topcon(),
        PhantomOptions::bioptigen(),
    ];
    for (seed, scanner) in scanners.into_iter().enumerate() {
        let options = PhantomOptions { width: 200, lateral_um: 25.0, fovea_um: 4000.0, ..scanner };
        let scan = Phantom::generate(&options, seed as u64);
        let reach = (14.0 / scan.axial_um) as f32;
        let grey = |boundary| contrast(&scan, boundary, reach);
        let (vitreous, nfl) = grey(Boundary::Ilm);
        assert!(nfl - vitreous > 0.15, "{seed}: ILM {vitreous} {nfl}");
        let (nfl, gcl) = grey(Boundary::NflGcl);
        assert!(nfl - gcl > 0.03, "{seed}: NFL {nfl} {gcl}");
        let (ipl, inl) = grey(Boundary::IplInl);
        assert!(ipl - inl > 0.03, "{seed}: INL {ipl} {inl}");
        let (inl, opl) = grey(Boundary::InlOpl);
        assert!(opl - inl > 0.02, "{seed}: OPL {inl} {opl}");
        let (opl, onl) = grey(Boundary::OplOnl);
        assert!(opl - onl > 0.04, "{seed}: ONL {opl} {onl}");
        let (onl, ez) = grey(Boundary::OnlEz);
        assert!(ez - onl > 0.1, "{seed}: EZ {onl} {ez}");
        let (segments, rpe) = grey(Boundary::EzRpe);
        assert!(rpe - segments > 0.03, "{seed}: RPE {segments} {rpe}");
        let (rpe, choroid) = grey(Boundary::RpeBm);
        assert!(rpe - choroid > 0.03, "{seed}: BM {rpe} {choroid}");
    }
}

#[test]
fn the_steepest_change_lies_on_the_label() {
    let options = PhantomOptions { averaging: 100.0, noise_db: -60.0, fovea_um: 5000.0, ..small() };
    let scan = Phantom::generate(&options, 12);
    let (width, reach) = (scan.bscan.width, 5);
    for boundary in [Boundary::Ilm, Boundary::OnlEz] {
        let mut profile = [0.0; 11];
        for (x, row) in scan.surfaces.rows(boundary).iter().enumerate() {
            let edge = row.unwrap().round() as usize;
            for (i, p) in profile.iter_mut().enumerate() {
                *p += scan.bscan.intensity[(edge + i - reach) * width + x];
            }
        }
        let steepest = (1..11).max_by(|&a, &b| (profile[a] - profile[a - 1]).total_cmp(&(profile[b] - profile[b - 1])));
        assert!(steepest.unwrap().abs_diff(reach) <= 1, "{boundary:?}: {profile:?}");
    }
}

#[test]
fn padding_is_neither_signal_nor_labelled() {
    let wedge = PhantomOptions { padding: Padding::White, ..small() };
    let scan = Phantom::generate(&wedge, 1);
    let missing = scan.acquired.iter().filter(|a| !**a).count();
    assert!(missing > 200, "{missing}");
    for (v, acquired) in scan.bscan.intensity.iter().zip(&scan.acquired) {
        assert!(*acquired || (*v - 1.0).abs() < f32::EPSILON);
    }
    let bands = PhantomOptions { padding: Padding::Black, ..small() };
    for seed in 0..6 {
        let scan = Phantom::generate(&bands, seed);
        for x in (0..256).filter(|x| (0..496).all(|y| !scan.acquired[y * 256 + x])) {
            assert!(Boundary::ALL.iter().all(|&b| scan.surfaces.rows(b)[x].is_none()), "seed {seed}, column {x}");
        }
    }
}

#[test]
fn odd_frames_are_drawn_too() {
    for (width, height) in [(8, 8), (9, 2000), (2000, 16)] {
        let scan = Phantom::generate(&PhantomOptions { width, height, ..PhantomOptions::cirrus() }, 0);
        assert!(scan.bscan.intensity.iter().all(|v| v.is_finite()));
    }
}

#[test]
#[should_panic(expected = "at least 8 x 8")]
fn a_frame_without_room_is_refused() {
    let _ = Phantom::generate(&PhantomOptions { width: 4, ..small() }, 0);
}
