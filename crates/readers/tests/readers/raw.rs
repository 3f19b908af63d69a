//! Zeiss `.img` and Bioptigen `.OCT` files, written after their public descriptions.

use octrls_core::scan::{BScanPosition, Eye, Pattern, Place, Provenance};
use octrls_readers as scan;
use octrls_readers::{ReadError, ReadOptions};

use super::{Folder, error_code};

const DEPTH: usize = 1024;

/// A cube of `width` x 1024 x `bscans` samples: the frame number in the upper bits, above a gradient along depth and
/// A-scans.
fn cube(width: usize, bscans: usize) -> Vec<u8> {
    let sample = move |frame: usize, y: usize, x: usize| (100 * frame + y / 32 + x) as u8;
    (0..bscans).flat_map(move |f| (0..DEPTH).flat_map(move |y| (0..width).map(move |x| sample(f, y, x)))).collect()
}

#[test]
fn cirrus_name_gives_the_shape() {
    let folder = Folder::new();
    let name = "P7_015_Macular Cube 20x2_3-20-2019_16-21-23_OS_sn17_cube_raw.img";
    let mut reader = scan::open(&folder.file(name, &cube(20, 2)), ReadOptions::default()).unwrap();
    let header = reader.header().clone();
    assert_eq!(
        (header.format.as_ref(), header.width, header.height, header.bscans),
        ("Zeiss Cirrus .img", 20, DEPTH, 2)
    );
    assert_eq!((header.eye, header.pattern), (Some(Eye::Left), Pattern::RasterVolume));
    let (axial, lateral) = (header.axial.unwrap(), header.lateral.unwrap());
    assert!((axial.um - 1.953_125).abs() < 1e-9 && axial.from == Provenance::Format);
    assert!((lateral.um - 300.0).abs() < 1e-9);
    assert_eq!((header.eye_from, header.pattern_from), (Some(Provenance::Name), Some(Provenance::Name)));
    // Two B-scans 3 mm apart, the first at the top, by convention.
    assert_eq!(header.places, Some(Provenance::Convention));
    let line = |y| BScanPosition::Line { start: Place { x: 0.0, y }, end: Place { x: 6.0, y } };
    assert_eq!(header.tracks, [line(1.5), line(4.5)]);
    // Rotated by 180 degrees: the last sample comes first.
    let bscan = reader.bscan(1).unwrap();
    for (x, y) in [(0, 0), (19, 0), (3, 700), (19, 1023)] {
        let stored = 100 + (DEPTH - 1 - y) / 32 + (19 - x);
        assert!((bscan.intensity[y * 20 + x] * 255.0 - stored as f32).abs() < 1e-3, "{x} {y}");
    }
    assert!(matches!(reader.bscan(2), Err(ReadError::NoSuchBScan { index: 2, count: 2 })));
}

#[test]
fn stated_spacing_wins_over_nominal() {
    let folder = Folder::new();
    let path = folder.file("X_Macular Cube 20x2_OD_cube_raw.img", &cube(20, 2));
    let options = ReadOptions { axial_um: Some(2.5), ..ReadOptions::default() };
    let header = scan::open(&path, options).unwrap().header().clone();
    assert!((header.axial.unwrap().um - 2.5).abs() < 1e-9 && header.axial.unwrap().from == Provenance::Operator);
    assert_eq!(header.lateral.unwrap().from, Provenance::Format);
    // A stated spacing may mean another square; stated positions are used.
    let options = ReadOptions { lateral_um: Some(150.0), ..ReadOptions::default() };
    let header = scan::open(&path, options).unwrap().header().clone();
    assert!(header.tracks.is_empty() && header.places.is_none());
    folder.file("X_Macular Cube 20x2_OD_cube_raw.img.toml", b"between_um = 2000\nfirst_bscan = 'inferior'");
    let header = scan::open(&path, ReadOptions::default()).unwrap().header().clone();
    assert_eq!(header.places, Some(Provenance::Sidecar));
    assert!(matches!(header.tracks[0], BScanPosition::Line { start: Place { y, .. }, .. } if (y - 3.0).abs() < 1e-9));
}

#[test]
fn high_definition_frames_are_not_mirrored() {
    let folder = Folder::new();
    let name = "X_Macular Cube 512x128_1-2-2019_1-1-1_OD_sn1_hidef_raw.img";
    let mut reader = scan::open(&folder.file(name, &cube(1024, 2)), ReadOptions::default()).unwrap();
    assert_eq!((reader.header().bscans, reader.header().lateral), (2, None));
    assert!((reader.bscan(0).unwrap().intensity[5] * 255.0 - (31 + 5) as f32).abs() < 1e-3);
}

#[test]
fn raw_files_of_unexpected_size_are_rejected() {
    let folder = Folder::new();
    let name = "X_Macular Cube 20x2_OD_cube_raw.img";
    assert_eq!(error_code(&folder.file(name, &cube(20, 2)[1..])), "E-READ-NAME");
    assert_eq!(error_code(&folder.file("disk.img", &cube(20, 2))), "E-READ-NAME");
    assert_eq!(error_code(&folder.file("X_Cube 99999999x99999999_.img", &[7; 64])), "E-READ-NAME");
}

#[test]
fn a_renamed_export_is_read_as_the_operator_states() {
    let folder = Folder::new();
    let path = folder.file("scan 1.img", &cube(1024, 5));
    let error = scan::open(&path, ReadOptions::default()).err().unwrap();
    assert!(error.to_string().contains("may be 1024x5") && error.to_string().contains("--as cirrus:1024x5"), "{error}");
    let stated = |text: &str| ReadOptions { raw: Some(text.parse().unwrap()), ..ReadOptions::default() };
    let reader = scan::open(&path, stated("cirrus:1024x5")).unwrap();
    assert_eq!((reader.header().width, reader.header().bscans), (1024, 5));
    assert_eq!(scan::open(&path, stated("cirrus:512x128")).err().unwrap().code(), "E-READ-HINT");
    let named = folder.file("X_Macular Cube 20x2_OD_cube_raw.img", &cube(20, 2));
    let reader = scan::open(&named, stated("cirrus:1024x5")).unwrap();
    assert_eq!(reader.header().width, 20, "a name that states its scan needs no help");
    for wrong in ["cirrus", "cirrus:512", "cirrus:0x5", "topcon:512x128", "cirrus:512x128x2"] {
        assert!(wrong.parse::<scan::RawScan>().is_err(), "{wrong}");
    }
    let shown = "cirrus:512x128".parse::<scan::RawScan>().unwrap().to_string();
    assert_eq!(shown, "cirrus:512x128");
}

fn record(key: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (key.len() as u32).to_le_bytes().to_vec();
    bytes.extend(key.bytes());
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    bytes
}

const ASCANS: u32 = 7;
const SAMPLES: u32 = 5;

/// Two frames of 16-bit samples, `frame * 1000 + ascan * 10 + sample`; `edit` may change a field of the header.
pub(super) fn bioptigen(key: &str, value: u32) -> Vec<u8> {
    let fields =
        [("FRAMECOUNT", 2), ("LINECOUNT", ASCANS), ("LINELENGTH", SAMPLES), ("SAMPLEFORMAT", 2), ("SCANTYPE", 1)];
    let mut header: Vec<u8> =
        fields.iter().flat_map(|&(k, v)| record(k, &if k == key { value } else { v }.to_le_bytes())).collect();
    header.extend(record("DESCRIPTION", b"a word"));
    header.extend(record("SCANDEPTH", &0.02_f64.to_le_bytes()));
    header.extend(record("AZSCANLENGTH", &0.35_f64.to_le_bytes()));
    header.extend(0_u32.to_le_bytes());
    let mut bytes = 209_561_509_u32.to_le_bytes().to_vec();
    bytes.extend(266_u16.to_le_bytes());
    bytes.extend(record("FRAMEHEADER", &header));
    for frame in 0..2_u16 {
        let sample = |i: u16| 1000 * frame + 10 * (i / SAMPLES as u16) + i % SAMPLES as u16;
        let samples: Vec<u8> = (0..(ASCANS * SAMPLES) as u16).flat_map(|i| sample(i).to_le_bytes()).collect();
        let mut data = record("FRAMETIMESTAMP", &[0; 8]);
        data.extend(record("FRAMESAMPLES", &samples));
        data.extend(0_u32.to_le_bytes());
        bytes.extend(record("FRAMEDATA", &data));
    }
    bytes
}

#[test]
fn bioptigen_ascans_become_columns() {
    let folder = Folder::new();
    let mut reader = scan::open(&folder.file("eye_OD_V_1.OCT", &bioptigen("", 0)), ReadOptions::default()).unwrap();
    let header = reader.header().clone();
    assert_eq!((header.format.as_ref(), header.bscans, header.width, header.height), ("Bioptigen OCT", 2, 7, 5));
    assert_eq!((header.eye, header.pattern), (Some(Eye::Right), Pattern::RasterVolume));
    assert_eq!((header.eye_from, header.pattern_from), (Some(Provenance::Name), Some(Provenance::Header)));
    assert!((header.axial.unwrap().um - 4.0).abs() < 1e-9 && (header.lateral.unwrap().um - 50.0).abs() < 1e-9);
    let bscan = reader.bscan(1).unwrap();
    for (x, y) in [(0, 0), (3, 2), (6, 4)] {
        let want = (1000 + 10 * x + y) as f32 / 1064.0;
        assert!((bscan.intensity[y * 7 + x] - want).abs() < 1e-6, "{x} {y}");
    }
}

#[test]
fn contradictory_bioptigen_files_are_rejected() {
    let folder = Folder::new();
    for (key, value, code) in [
        ("", 0, "accepted"),
        ("FRAMECOUNT", 3, "E-READ-TRUNCATED"),
        ("FRAMECOUNT", 0, "E-READ-MALFORMED"),
        ("LINECOUNT", 8, "E-READ-MALFORMED"),
        ("LINECOUNT", 4_000_000, "E-READ-TOO-LARGE"),
        ("SAMPLEFORMAT", 9, "E-READ-UNSUPPORTED"),
    ] {
        assert_eq!(error_code(&folder.file("a.OCT", &bioptigen(key, value))), code, "{key} {value}");
    }
    let complete = bioptigen("", 0);
    for length in (8..complete.len() - 8).step_by(3) {
        let code = error_code(&folder.file("a.OCT", &complete[..length]));
        assert!(["E-READ-TRUNCATED", "E-READ-MALFORMED"].contains(&code), "{length}: {code}");
    }
}
