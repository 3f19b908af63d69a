//! Files of real scanners, if available.

use std::path::{Path, PathBuf};

use octrls_core::{
    layer::Boundary,
    scan::{BScanPosition, Eye, Pattern, Provenance},
};
use octrls_readers as scan;
use octrls_readers::{ReadError, ReadOptions};

use super::read;

/// A folder of real scans.
fn data(inside: &str) -> Option<PathBuf> {
    octrls_testing::real_data(inside).map(|data| data.join(inside))
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let mut files: Vec<_> = entries.filter(|p| p.extension().is_some_and(|e| e == ending)).collect();
    files.sort();
    files
}

/// Share of samples that are neither black nor white.
fn share_of_tissue(intensity: &[f32]) -> f64 {
    intensity.iter().filter(|v| (0.05..0.99).contains(*v)).count() as f64 / intensity.len() as f64
}

/// Pearson's correlation.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let covariance =
        |a: &[f64], ma: f64, b: &[f64], mb: f64| -> f64 { a.iter().zip(b).map(|(x, y)| (x - ma) * (y - mb)).sum() };
    covariance(a, ma, b, mb) / (covariance(a, ma, a, ma) * covariance(b, mb, b, mb)).sqrt()
}

#[test]
fn spectralis_lines_and_circles() {
    let Some(folder) = data("formats/heidelberg_vol") else { return };
    let mut seen = 0;
    for path in files(&folder.join("edi_lines"), "vol").into_iter().chain(files(&folder.join("circle_and_line"), "vol"))
    {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let (header, bscan) = read(&path).unwrap();
        assert_eq!(
            (header.format.as_ref(), header.bscans, header.width, header.height),
            ("Heidelberg VOL", 1, 768, 496)
        );
        let (axial, lateral) = (header.axial.unwrap(), header.lateral.unwrap());
        assert!((axial.um - 3.8717).abs() < 1e-3 && axial.from == Provenance::Header, "{name}");
        assert!((11.0..15.0).contains(&lateral.um) && lateral.from == Provenance::Header, "{name}");
        let circle = name.ends_with("716_2.vol");
        assert_eq!(header.pattern, if circle { Pattern::Circle } else { Pattern::Line }, "{name}");
        let left = ["2710", "2715", "2719"].iter().any(|n| name.contains(n));
        assert_eq!(header.eye, Some(if left { Eye::Left } else { Eye::Right }), "{name}");
        assert!(share_of_tissue(&bscan.intensity) > 0.3, "{name}");
        seen += 1;
    }
    assert_eq!(seen, 8);
}

#[test]
fn spectralis_places_boundaries_and_fundus() {
    let Some(folder) = data("formats/heidelberg_vol") else { return };
    for path in files(&folder.join("edi_lines"), "vol").into_iter().chain(files(&folder.join("circle_and_line"), "vol"))
    {
        let mut reader = scan::open(&path, ReadOptions::default()).unwrap();
        let header = reader.header().clone();
        let lateral = header.lateral.unwrap().um / 1000.0;
        match header.tracks[..] {
            [BScanPosition::Line { start, end }] => {
                assert!((start.distance(end) / (768.0 * lateral) - 1.0).abs() < 0.01, "{}", path.display());
            }
            [BScanPosition::Circle { centre, start, clockwise }] => {
                let around = std::f64::consts::TAU * centre.distance(start);
                assert!((around / (768.0 * lateral) - 1.0).abs() < 0.01);
                // Vessel shadows in the B-scan match the vessels on the SLO image only in this direction.
                assert!(clockwise && header.eye == Some(Eye::Right));
            }
            ref other => panic!("{other:?}"),
        }
        let found = reader.device_boundaries(0).unwrap();
        let rows = |b: Boundary| found.iter().find(|(boundary, _)| *boundary == b).map(|(_, rows)| rows);
        let (ilm, bruch) = (rows(Boundary::Ilm).expect("ILM"), rows(Boundary::RpeBm).expect("Bruch's membrane"));
        let both = ilm.iter().zip(bruch).filter_map(|(i, b)| Some(b.as_ref()? - i.as_ref()?));
        // The scanner's lines meet where the optic disc or a vessel's shadow interrupts them.
        let thick = both.filter(|t| (30.0..200.0).contains(t)).count();
        assert!(thick > 500, "{}: {thick}", path.display());
        assert_eq!(rows(Boundary::NflGcl).is_some(), header.pattern == Pattern::Circle);
        let fundus = reader.fundus().unwrap().expect("an SLO image");
        assert_eq!((fundus.width, fundus.height), (768, 768));
    }
}

#[test]
fn volume_of_another_writer() {
    let Some(folder) = data("formats/heidelberg_vol/synthetic_volume") else { return };
    let mut reader = scan::open(&folder.join("test_volume.vol"), ReadOptions::default()).unwrap();
    let header = reader.header().clone();
    assert_eq!((header.bscans, header.width, header.height), (10, 50, 40));
    assert!((header.axial.unwrap().um - 3.872).abs() < 1e-9);
    for index in 0..10 {
        let bscan = reader.bscan(index).unwrap();
        assert!(bscan.intensity.iter().any(|&v| v > 0.0), "B-scan {index}");
    }
}

#[test]
fn heidelberg_export_folders() {
    let Some(folder) = data("formats/heidelberg_xml/small") else { return };
    let mut reader = scan::open(&folder.join("test_dummy.xml"), ReadOptions::default()).unwrap();
    let header = reader.header().clone();
    assert_eq!((header.format.as_ref(), header.bscans, header.eye), ("Heidelberg XML export", 10, Some(Eye::Right)));
    assert_eq!((header.pattern, header.tracks.len()), (Pattern::RasterVolume, 10));
    assert!((header.axial.unwrap().um - 3.87).abs() < 0.01 && header.axial.unwrap().from == Provenance::Header);
    for index in 0..10 {
        assert_eq!(reader.bscan(index).unwrap().width, header.width);
    }
    assert!(reader.device_boundaries(0).unwrap().iter().any(|(b, _)| *b == Boundary::Ilm));
    assert!(reader.fundus().unwrap().is_some());
    let parts = scan::parts(&folder.join("test_dummy.xml"));
    assert!(["B1.tif", "NIR1.tif"].iter().all(|name| parts.contains(&folder.join(name))));
}

#[test]
fn topcon_files() {
    let Some(folder) = data("formats/topcon_fda") else { return };
    let (header, bscan) = read(&folder.join("fda_minimized.fda")).unwrap();
    assert_eq!((header.format.as_ref(), header.bscans, header.width, header.height), ("Topcon", 1, 512, 650));
    assert!((header.axial.unwrap().um - 3.5).abs() < 1e-9 && (header.lateral.unwrap().um - 11.72).abs() < 0.01);
    // On its projection, the vessels come from the left.
    assert_eq!(header.eye, Some(Eye::Left));
    assert!(share_of_tissue(&bscan.intensity) > 0.2);
    // One of 128 B-scans is left; the file does not say which.
    let mut reader = scan::open(&folder.join("fda_minimized.fda"), ReadOptions::default()).unwrap();
    assert!(header.tracks.is_empty() && reader.device_boundaries(0).unwrap().is_empty());
    let fundus = reader.fundus().unwrap().expect("a projection");
    assert_eq!((fundus.width, fundus.height), (512, 128));
    // Its lowest row is the B-scan seen from the front.
    let columns: Vec<f64> = (0..512).map(|x| (0..650).map(|y| f64::from(bscan.intensity[y * 512 + x])).sum()).collect();
    let row = |y: usize| -> Vec<f64> { fundus.pixels[y * 512..(y + 1) * 512].iter().map(|&v| v.into()).collect() };
    let (lowest, highest) = (correlation(&columns, &row(127)), correlation(&columns, &row(0)));
    println!("correlation of the B-scan with the lowest row {lowest:.3}, with the highest {highest:.3}");
    assert!(lowest > 0.9 && highest < 0.8);
    let Some(folder) = data("formats/topcon_fds") else { return };
    let (header, _) = read(&folder.join("fds_minimized.fds")).unwrap();
    assert_eq!((header.bscans, header.width, header.height), (4, 2, 3));
    assert_eq!((header.lateral, header.places), (None, None), "of 6 mm two A-scans are left");
}

#[test]
fn spectralis_export_without_directories() {
    let Some(folder) = data("formats/heidelberg_e2e") else { return };
    let error = read(&folder.join("e2e_minimized.E2E")).unwrap_err();
    assert!(error.code().as_str() == "E-READ-TRUNCATED" && error.to_string().contains("directory"), "{error}");
}

#[test]
fn export_with_missing_images() {
    let Some(folder) = data("formats/heidelberg_export_amd_volume") else { return };
    let path = folder.join("OCT-Info.xml");
    assert!(matches!(
        scan::open(&path, ReadOptions::default()),
        Err(ReadError::Incomplete { present: 49, listed: 145 })
    ));
    let options = ReadOptions { allow_missing: true, ..ReadOptions::default() };
    let mut reader = scan::open(&path, options).unwrap();
    let header = reader.header().clone();
    assert_eq!((header.bscans, header.width, header.height, header.eye), (49, 512, 496, None));
    assert!((header.lateral.unwrap().um - 11.182).abs() < 1e-6);
    let y = |track: &BScanPosition| match track {
        BScanPosition::Line { start, .. } => start.y,
        BScanPosition::Circle { .. } => f64::NAN,
    };
    assert!(
        header.tracks.windows(2).all(|w| (y(&w[0]) - y(&w[1]) - 0.0895).abs() < 0.003),
        "every third line, upwards"
    );
    assert!(share_of_tissue(&reader.bscan(24).unwrap().intensity) > 0.3);
}

#[test]
fn images_of_all_data_sets() {
    let sets = [
        ("tian_healthy/images", "png"),
        ("duke_dme/images", "png"),
        ("yukun_guo/images", "png"),
        ("nr206/images", "png"),
        ("choroid", "png"),
        ("unlabelled/heidelberg_edi", "png"),
        ("formats/heidelberg_export_amd_volume", "tif"),
        ("formats/heidelberg_xml/small", "tif"),
    ];
    for (set, ending) in sets {
        let Some(folder) = data(set) else { continue };
        for path in files(&folder, ending).iter().take(3) {
            let (header, bscan) = read(path).unwrap();
            assert_eq!(header.axial, None, "an image alone states no spacing");
            assert!(bscan.intensity.iter().any(|&v| v > 0.2), "{}", path.display());
        }
    }
}
