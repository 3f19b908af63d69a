//! Topcon files, written chunk by chunk.

use octrls_core::{
    layer::Boundary,
    scan::{BScanPosition, Eye, Pattern, Place, Provenance},
};
use octrls_readers as scan;
use octrls_readers::{ReadError, ReadOptions};

use super::{Folder, error_code};

pub(crate) const WIDTH: u32 = 8;
pub(crate) const HEIGHT: u32 = 6;

/// A lossless JPEG 2000 codestream of 8 x 6 samples of 8 bit: 20 times the column plus 10 times the row.
const CODESTREAM: &str = "ff4fff510029000000000008000000060000000000000000000000080000000600000000000000000001070101ff52000c\
00000001000104040001ff5c00074040484850ff640025000143726561746564206279204f70656e4a5045472076657273696f6e20322e352e34\
ff90000a00000000002d0001ff93df807006a5d356a49008d682807a8c00bfc1f38381f204001bf5ba0cbf281fffd9";

pub(crate) fn from_hex(digits: &str) -> Vec<u8> {
    let digit = |c: u8| char::from(c).to_digit(16).unwrap() as u8;
    digits.as_bytes().chunks(2).map(|pair| 16 * digit(pair[0]) + digit(pair[1])).collect()
}

pub(crate) fn codestream() -> Vec<u8> {
    from_hex(CODESTREAM)
}

fn chunk(name: &str, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![name.len() as u8];
    bytes.extend(name.bytes());
    bytes.extend((content.len() as u32).to_le_bytes());
    bytes.extend(content);
    bytes
}

fn file(kind: [u8; 3], eye: u8, images: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"FOCT".to_vec();
    bytes.extend(kind);
    bytes.extend([1_u32, 1001].map(u32::to_le_bytes).concat());
    let mut scan = vec![0; 61];
    for (at, value) in [(12, 4.0_f64), (20, 4.0), (28, 3.5)] {
        scan[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
    let mut capture = vec![0; 118];
    capture[0] = eye;
    bytes.extend(chunk("@PATIENT_INFO_02", &[7; 615]));
    bytes.extend(chunk("@CAPTURE_INFO_02", &capture));
    for (name, content) in images {
        bytes.extend(chunk(name, content));
    }
    bytes.extend(chunk("@PARAM_SCAN_04", &scan));
    bytes.push(0);
    bytes
}

/// A `.fda` of `count` equal B-scans.
pub(crate) fn fda(count: u32) -> Vec<u8> {
    file(*b"FDA", 1, &[("@IMG_JPEG", jpegs(count, 2))])
}

fn jpegs(count: u32, mode: u8) -> Vec<u8> {
    let mut images = vec![mode];
    images.extend([829_u32, 3071, WIDTH, HEIGHT, count].map(u32::to_le_bytes).concat());
    images.extend([2, 10, 0, 0]);
    for _ in 0..count {
        images.extend((codestream().len() as u32).to_le_bytes());
        images.extend(codestream());
    }
    images
}

/// An en-face image of the volume, with six rows.
fn projection() -> Vec<u8> {
    let mut bytes = [WIDTH, HEIGHT, 8, 0x0100_0002, codestream().len() as u32].map(u32::to_le_bytes).concat();
    bytes.extend(codestream());
    bytes
}

/// Registered samples of 8 x 24, one B-scan for each first row of the retina.
fn retinas(first_rows: &[usize]) -> Vec<u8> {
    const DEPTH: usize = 24;
    let mut bytes = vec![2];
    bytes.extend([WIDTH, DEPTH as u32, 16, first_rows.len() as u32].map(u32::to_le_bytes).concat());
    bytes.push(0);
    bytes.extend([0, 0, 0, 0, (2 * WIDTH as usize * DEPTH * first_rows.len()) as u32].map(u32::to_le_bytes).concat());
    for &first in first_rows {
        let row = |y: usize| [if y >= first { 900_u16 } else { 100 }; WIDTH as usize];
        bytes.extend((0..DEPTH).flat_map(row).flat_map(u16::to_le_bytes));
    }
    bytes
}

/// The scanner's boundary `name`, at these distances from the bottom, one per B-scan; the first A-scan has none.
fn contour(name: &str, distances: &[u16]) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.resize(22, 0);
    let size = 2 * WIDTH * distances.len() as u32;
    bytes.extend([WIDTH, distances.len() as u32, size].map(u32::to_le_bytes).concat());
    let row = |&d: &u16| std::iter::once(u16::MAX).chain(std::iter::repeat_n(d, WIDTH as usize - 1));
    bytes.extend(distances.iter().flat_map(row).flat_map(u16::to_le_bytes));
    bytes
}

/// A volume with an en-face image and a boundary of the scanner.
pub(crate) fn with_pictures() -> Vec<u8> {
    let images = [
        ("@IMG_MOT_COMP_03", retinas(&[6, 8, 10, 15])),
        ("@IMG_PROJECTION", projection()),
        ("@CONTOUR_INFO", contour("RETINA_1", &[17, 15, 13, 8])),
    ];
    file(*b"FDS", 0, &images)
}

#[test]
fn complete_volume_has_conventional_positions_and_upright_fundus() {
    let folder = Folder::new();
    let open = |images: &[(&str, Vec<u8>)]| {
        scan::open(&folder.file("a.fda", &file(*b"FDA", 1, images)), ReadOptions::default()).unwrap()
    };
    let mut reader = open(&[("@IMG_JPEG", jpegs(6, 2)), ("@IMG_PROJECTION", projection())]);
    let header = reader.header().clone();
    assert_eq!((header.places, header.pattern_from), (Some(Provenance::Convention), Some(Provenance::Header)));
    // Six B-scans over 4 mm, the first at the bottom.
    let y = |i: usize| 4.0 - (i as f64 + 0.5) * 4.0 / 6.0;
    for (i, track) in header.tracks.iter().enumerate() {
        let BScanPosition::Line { start, end } = *track else { panic!("{track:?}") };
        let (left, right) = (Place { x: 0.0, y: y(i) }, Place { x: 4.0, y: y(i) });
        assert!(start.distance(left) < 1e-9 && end.distance(right) < 1e-9, "{i}: {track:?}");
    }
    let fundus = reader.fundus().unwrap().unwrap();
    assert_eq!((fundus.width, fundus.height, fundus.lines.len()), (8, 6, 6));
    assert_eq!((fundus.pixels[0], fundus.pixels[5 * 8 + 3]), (50, 60), "its last row is the uppermost");
    assert_eq!(fundus.lines[0], [[0.0, 5.5], [8.0, 5.5]], "the first B-scan lies on the lowest row");

    // Positions are unknown for part of a volume, vertical B-scans, a star and a circle.
    for (count, mode) in [(3, 2), (6, 6), (6, 3), (6, 1)] {
        let reader = open(&[("@IMG_JPEG", jpegs(count, mode)), ("@IMG_PROJECTION", projection())]);
        assert!(reader.header().tracks.is_empty() && reader.header().places.is_none(), "{count} of mode {mode}");
    }
    folder.file("a.fda.toml", b"between_um = 500\nfirst_bscan = 'superior'");
    let reader = open(&[("@IMG_JPEG", jpegs(6, 2)), ("@IMG_PROJECTION", projection())]);
    assert_eq!(reader.header().places, Some(Provenance::Sidecar), "a sidecar comes before a convention");
}

#[test]
fn device_boundaries_belong_to_the_bscan_they_fit() {
    let folder = Folder::new();
    let first_rows = [6, 8, 10, 15];
    let distances: Vec<u16> = first_rows.iter().map(|&row| 23 - row as u16).collect();
    let turned: Vec<u16> = distances.iter().rev().copied().collect();
    for order in [distances, turned] {
        let below: Vec<u16> = order.iter().map(|d| d - 4).collect();
        let images = [
            ("@IMG_MOT_COMP_03", retinas(&first_rows)),
            ("@CONTOUR_INFO", contour("RETINA_1", &order)),
            ("@CONTOUR_INFO", contour("RETINA_2", &order)),
            ("@CONTOUR_INFO", contour("RETINA_4", &below)),
            // With another number of B-scans.
            ("@CONTOUR_INFO", contour("MULTILAYERS_2", &order[1..])),
        ];
        let path = folder.file("a.fds", &file(*b"FDS", 0, &images));
        let mut reader = scan::open(&path, ReadOptions::default()).unwrap();
        for index in [2, 0, 3, 1] {
            let found = reader.device_boundaries(index).unwrap();
            let names: Vec<Boundary> = found.iter().map(|(b, _)| *b).collect();
            assert_eq!(names, [Boundary::Ilm, Boundary::RpeBm]);
            let row = first_rows[index] as f32;
            assert_eq!((found[0].1[0], found[0].1[1], found[1].1[7]), (None, Some(row), Some(row + 4.0)), "{index}");
        }
        assert!(reader.device_boundaries(4).is_err());
    }
}

/// A `.fds` of two B-scans of 16-bit samples, as acquired and as registered.
pub(crate) fn fds() -> Vec<u8> {
    let samples = |first: u16| (0..2 * WIDTH * HEIGHT).flat_map(move |i| (first + i as u16).to_le_bytes());
    let bytes = 2 * 2 * WIDTH * HEIGHT;
    let mut raw = vec![0];
    raw.extend([WIDTH, HEIGHT, 16, 2].map(u32::to_le_bytes).concat());
    raw.push(0);
    let mut registered = raw.clone();
    raw.extend(bytes.to_le_bytes());
    raw.extend(samples(5000));
    registered.extend([0_u32, 0, 0, 0, bytes].map(u32::to_le_bytes).concat());
    registered.extend(samples(0));
    file(*b"FDS", 0, &[("@IMG_SCAN_03", raw), ("@IMG_MOT_COMP_03", registered)])
}

#[test]
fn codestreams_are_bscans() {
    let folder = Folder::new();
    let mut reader = scan::open(&folder.file("a.fda", &fda(3)), ReadOptions::default()).unwrap();
    let header = reader.header().clone();
    assert_eq!((header.format.as_ref(), header.bscans, header.width, header.height), ("Topcon", 3, 8, 6));
    assert_eq!((header.eye, header.pattern), (Some(Eye::Left), Pattern::RasterVolume));
    let (axial, lateral) = (header.axial.unwrap(), header.lateral.unwrap());
    assert!((axial.um - 3.5).abs() < 1e-9 && (lateral.um - 500.0).abs() < 1e-9);
    assert_eq!(axial.from, Provenance::Header);
    let bscan = reader.bscan(2).unwrap();
    for (i, v) in bscan.intensity.iter().enumerate() {
        let want = (20 * (i % 8) + 10 * (i / 8)) as f32 / 255.0;
        assert!((v - want).abs() < 1e-6, "sample {i}: {v} for {want}");
    }
    assert!(matches!(reader.bscan(3), Err(ReadError::NoSuchBScan { index: 3, count: 3 })));
}

#[test]
fn registered_samples_take_precedence() {
    let folder = Folder::new();
    let mut reader = scan::open(&folder.file("a.fds", &fds()), ReadOptions::default()).unwrap();
    assert_eq!((reader.header().bscans, reader.header().eye), (2, Some(Eye::Right)));
    let first = reader.bscan(0).unwrap().intensity;
    assert!(first[0].abs() < 1e-6 && (first[47] - 1.0).abs() < 1e-6 && (first[12] - 12.0 / 47.0).abs() < 1e-6);
}

#[test]
fn truncated_files_are_rejected() {
    let folder = Folder::new();
    for (complete, step) in [(fda(1), 1), (fds(), 7)] {
        for length in (16..complete.len()).step_by(step) {
            let code = error_code(&folder.file("a", &complete[..length]));
            assert!(["E-READ-TRUNCATED", "E-READ-UNSUPPORTED"].contains(&code), "{length} bytes: {code}");
        }
    }
}

#[test]
fn codestream_of_another_size_is_rejected() {
    let mut bytes = fda(1);
    let size = bytes.windows(4).position(|w| w == [0xff, 0x4f, 0xff, 0x51]).unwrap() + 8;
    bytes[size..size + 8].copy_from_slice(&[30_000_u32, 2000].map(u32::to_be_bytes).concat());
    let start = std::time::Instant::now();
    assert_eq!(error_code(&Folder::new().file("a", &bytes)), "E-READ-MALFORMED");
    assert!(start.elapsed().as_secs() < 2, "60 million pixels were decoded");
}

#[test]
fn contradictory_files_are_rejected() {
    let folder = Folder::new();
    let at = |bytes: &[u8], name: &[u8]| bytes.windows(name.len()).position(|w| w == name).unwrap() + name.len() + 4;
    let changed = |mut bytes: Vec<u8>, name: &str, offset: usize, value: u32| {
        let place = at(&bytes, name.as_bytes()) + offset;
        bytes[place..place + 4].copy_from_slice(&value.to_le_bytes());
        error_code(&folder.file("a", &bytes))
    };
    assert_eq!(changed(fda(1), "@IMG_JPEG", 9, 8), "accepted");
    assert_eq!(changed(fda(1), "@IMG_JPEG", 9, 9), "E-READ-MALFORMED");
    assert_eq!(changed(fda(1), "@IMG_JPEG", 9, 1_000_000), "E-READ-TOO-LARGE");
    assert_eq!(changed(fda(1), "@IMG_JPEG", 17, 0), "E-READ-MALFORMED");
    assert_eq!(changed(fda(1), "@IMG_JPEG", 17, u32::MAX), "E-READ-TRUNCATED");
    assert_eq!(changed(fda(1), "@IMG_JPEG", 25, u32::MAX), "E-READ-TRUNCATED");
    assert_eq!(changed(fda(1), "@IMG_JPEG", 29, 0x1234_5678), "E-READ-MALFORMED");
    assert_eq!(changed(fds(), "@IMG_MOT_COMP_03", 13, 3), "E-READ-MALFORMED");
    assert_eq!(changed(fds(), "@IMG_MOT_COMP_03", 9, 8), "E-READ-UNSUPPORTED");
    assert_eq!(changed(fds(), "@PARAM_SCAN_04", 12, 0), "accepted");
}

#[test]
fn subject_has_patient_time_and_model() {
    let of = |patient: &[u8], time: [u16; 6]| {
        let mut bytes = b"FOCTFDA".to_vec();
        bytes.extend([1_u32, 1001].map(u32::to_le_bytes).concat());
        let mut model = b"3DOCT-1000".to_vec();
        model.resize(100, 0);
        let mut person = patient.to_vec();
        person.resize(615, 0);
        let mut capture = vec![0; 106];
        capture.extend(time.map(u16::to_le_bytes).concat());
        for (name, content) in [
            ("@HW_INFO_03", model),
            ("@PATIENT_INFO_02", person),
            ("@CAPTURE_INFO_02", capture),
            ("@IMG_JPEG", jpegs(1, 0)),
        ] {
            bytes.extend(chunk(name, &content));
        }
        bytes.push(0);
        super::subject(&Folder::new().file("a.fda", &bytes))
    };
    let visit = super::expected_subject("", "P-7", "2026-01-31T10:15:09");
    assert_eq!(of(b"P-7", [2026, 1, 31, 10, 15, 9]), Some(visit));
    assert_eq!(of(b"", [2026, 1, 31, 10, 15, 9]), None);
    assert_eq!(of(b"P-7", [0; 6]), None);
}

#[test]
fn a_real_file_states_who_and_when() {
    let Some(data) = octrls_testing::real_data("formats/topcon_fda") else { return };
    let path = data.join("formats/topcon_fda/fda_minimized.fda");
    assert_eq!(super::subject(&path), Some(super::expected_subject("", "1", "2010-07-09T09:23:36")));
}
