//! Files that stand for kinds which once failed, if available.

use std::path::PathBuf;

use octrls_core::scan::{Eye, Note};
use octrls_readers as scan;
use octrls_readers::{ReadOptions, Role};

use super::{error_code, read};

fn case(name: &str) -> Option<PathBuf> {
    octrls_testing::cases(name).map(|folder| folder.join(name))
}

/// Pearson's correlation.
fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let mean = |v: &[f32]| v.iter().map(|&x| f64::from(x)).sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let sum = |a: &[f32], ma: f64, b: &[f32], mb: f64| -> f64 {
        a.iter().zip(b).map(|(&x, &y)| (f64::from(x) - ma) * (f64::from(y) - mb)).sum()
    };
    sum(a, ma, b, mb) / (sum(a, ma, a, ma) * sum(b, mb, b, mb)).sqrt()
}

/// Whether the upper rows, vitreous, are darker than the brightest, which show the retina.
fn is_dark_above(intensity: &[f32], width: usize) -> bool {
    let rows: Vec<f32> = intensity.chunks(width).map(|row| row.iter().sum::<f32>() / width as f32).collect();
    let top = rows[10..40].iter().sum::<f32>() / 30.0;
    top < 0.5 * rows[10..].iter().copied().fold(0.0, f32::max)
}

#[test]
fn small_values_of_16_bits_are_those_of_the_scanner_s_own_file() {
    let (Some(path), Some(data)) = (case("opt_16bit_values_0_to_100.dcm"), octrls_testing::real_data("topcon")) else {
        return;
    };
    let (header, bscan) = read(&path).unwrap();
    let brightest = bscan.intensity.iter().copied().fold(0.0, f32::max);
    assert!((brightest - 1.0).abs() < 1e-6 && is_dark_above(&bscan.intensity, header.width));
    assert_eq!((header.eye, header.axial.unwrap().um), (Some(Eye::Left), 3.5));
    let folder = std::fs::read_dir(data.join("formats/topcon_fda")).unwrap();
    let fda = folder.map(|e| e.unwrap().path()).find(|p| p.extension().is_some_and(|e| e == "fda")).unwrap();
    let (_, original) = read(&fda).unwrap();
    assert!(correlation(&original.intensity, &bscan.intensity) > 0.99);
}

#[test]
fn inverse_and_deflated_files_show_the_same_retina() {
    let names = ["presentation_inverse.dcm", "rescale_negative_slope.dcm", "deflated.dcm"];
    let paths: Vec<PathBuf> = names.into_iter().filter_map(case).collect();
    for path in &paths {
        let (header, bscan) = read(path).unwrap();
        assert!(is_dark_above(&bscan.intensity, header.width), "{}", path.display());
    }
    if let [inverse, slope, _] = paths.as_slice() {
        assert!(correlation(&read(inverse).unwrap().1.intensity, &read(slope).unwrap().1.intensity) > 0.999);
    }
}

#[test]
fn a_file_of_both_eyes_is_of_an_unknown_eye() {
    let Some(path) = case("frame_right_image_left.dcm") else { return };
    let (header, _) = read(&path).unwrap();
    assert_eq!((header.eye, &header.notes[..]), (None, &[Note::EyeContradictory][..]));
}

#[test]
fn a_photograph_belongs_to_scans() {
    let Some(path) = case("op_slo.dcm") else { return };
    assert_eq!(scan::role(&path).unwrap(), Role::Companion);
    assert!(scan::open(&path, ReadOptions::default()).is_err());
}

#[test]
fn a_few_bytes_of_jpeg_2000_cannot_take_all_memory() {
    for path in ["j2k_tiles_of_1.dcm", "j2k_precincts_of_1.dcm"].into_iter().filter_map(case) {
        assert_eq!(error_code(&path), "E-READ-MALFORMED", "{}", path.display());
    }
}
