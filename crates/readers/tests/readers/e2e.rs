//! Heidelberg `.E2E` files, written directory by directory.

use octrls_core::{
    layer::Boundary,
    scan::{BScanPosition, Eye, Note, Pattern, Place, Provenance, Spacing},
};
use octrls_readers as scan;
use octrls_readers::{ReadError, ReadOptions, ScanReader};

use octrls_testing::e2e::{
    CHUNK, CONTOUR, Chunk, DIRECTORY, ENTRY, IMAGE, METADATA, WIDTH, contour, file, image, laterality, metadata,
    sample, series, volume,
};

use super::{FILETIME, Folder, error_code, expected_subject, read, subject};
fn open(bytes: &[u8], options: ReadOptions) -> Result<Box<dyn ScanReader>, ReadError> {
    scan::open(&Folder::new().file("a.E2E", bytes), options)
}

fn series_option(number: u32) -> ReadOptions {
    ReadOptions { series: Some(number), ..ReadOptions::default() }
}

#[test]
fn volume_is_read() {
    let mut reader = open(&volume(), ReadOptions::default()).unwrap();
    let header = reader.header().clone();
    assert_eq!((header.format.as_ref(), header.bscans, header.width, header.height), ("Heidelberg E2E", 3, 6, 5));
    assert_eq!((header.eye, header.pattern), (Some(Eye::Left), Pattern::RasterVolume));
    let axial = header.axial.unwrap();
    assert!((axial.um - 3.87).abs() < 1e-5 && axial.from == Provenance::Header);
    assert!(header.lateral.is_none() && header.tracks.is_empty(), "too coarse for a default length of a degree");
    for index in [2, 0, 1] {
        for (i, v) in reader.bscan(index).unwrap().intensity.into_iter().enumerate() {
            let mantissa = sample(index as i32, i as u32 % WIDTH, i as u32 / WIDTH) - (40 << 10);
            let (exponent, mantissa) = (-23 + i32::from(mantissa / 1024), f32::from(mantissa % 1024) / 1024.0);
            let want = ((1.0 + mantissa) * 2_f32.powi(exponent)).powf(0.25);
            assert!((v - want).abs() < 1e-6, "B-scan {index}, sample {i}: {v} for {want}");
        }
    }
    assert!(matches!(reader.bscan(3), Err(ReadError::NoSuchBScan { index: 3, count: 3 })));
    let rows = |row| vec![None, Some(row), Some(row), Some(row), Some(row), Some(row)];
    let expected = vec![(Boundary::Ilm, rows(1.0)), (Boundary::RpeBm, rows(3.25))];
    assert_eq!(reader.device_boundaries(1).unwrap(), expected);
    assert!(matches!(reader.device_boundaries(3), Err(ReadError::NoSuchBScan { .. })));
    assert_eq!(reader.device_signal_db(1).unwrap(), Some(28.5));
    let fundus = reader.fundus().unwrap().unwrap();
    assert_eq!((fundus.width, fundus.height, fundus.pixels), (2, 2, vec![9; 4]));
    assert!(fundus.pixel_mm.is_none() && fundus.lines.is_empty(), "how many degrees it spans is not said");
}

/// States that the fundus image of series 3 spans 30 degrees.
fn angle() -> Chunk {
    let mut content = vec![0; 59];
    content[24] = 30;
    Chunk([7, 70, 3, -1], 0xffff, 5, content)
}

/// A volume with known positions on its fundus image.
pub(super) fn with_angle() -> Vec<u8> {
    file(&[series(3, b'R', 2), vec![angle()]].concat())
}

#[test]
fn degrees_become_millimetres_if_their_length_is_stated() {
    let folder = Folder::new();
    let mut chunks = series(3, b'L', 3);
    chunks.push(angle());
    // Edits come last and win: lines of two degrees, half a degree apart, the first 1 degree above the centre.
    let line = |i: i32| metadata([7, 70, 3, 2 * i], [-1.0, 0.5 * i as f32 - 1.0, 1.0, 0.5 * i as f32 - 1.0], 3, 1);
    chunks.extend((0..3).map(line));
    let path = folder.file("a.E2E", &file(&chunks));
    let mut reader = scan::open(&path, ReadOptions::default()).unwrap();
    // Nobody states the length of a degree: that of any eye.
    let header = reader.header().clone();
    let lateral = header.lateral.unwrap();
    assert!((lateral.um - 293.0 / 3.0).abs() < 1e-6 && lateral.from == Provenance::Default);
    assert_eq!((header.places, header.tracks.len()), (Some(Provenance::Default), 3));
    assert_eq!(header.notes, [Note::DefaultDegree { um: 293 }]);
    let stated = ReadOptions { lateral_um: Some(11.0), ..ReadOptions::default() };
    let header = scan::open(&path, stated).unwrap().header().clone();
    assert_eq!((header.lateral.unwrap().from, header.places), (Provenance::Operator, None), "a statement wins");
    let fundus = reader.fundus().unwrap().unwrap();
    assert!(fundus.lines.len() == 3);
    // 30 degrees across 2 pixels.
    let near = |found: [f32; 2], x: f32, y: f32| (found[0] - x).abs() < 1e-5 && (found[1] - y).abs() < 1e-5;
    assert!(near(fundus.lines[0][0], 14.0 / 15.0, 14.0 / 15.0) && near(fundus.lines[0][1], 16.0 / 15.0, 14.0 / 15.0));

    let options = ReadOptions { um_per_degree: Some(300.0), ..ReadOptions::default() };
    let mut reader = scan::open(&path, options).unwrap();
    let header = reader.header().clone();
    assert_eq!((header.places, header.tracks.len()), (Some(Provenance::Operator), 3));
    let lateral = header.lateral.unwrap();
    assert!((lateral.um - 100.0).abs() < 1e-6 && lateral.from == Provenance::Operator);
    let BScanPosition::Line { start, end } = header.tracks[2] else { panic!("{:?}", header.tracks) };
    // The image's corner is 15 degrees away.
    let (left, right) = (Place { x: 4.2, y: 4.5 }, Place { x: 4.8, y: 4.5 });
    assert!(start.distance(left) < 1e-9 && end.distance(right) < 1e-9, "{start:?} {end:?}");
    assert_eq!(reader.fundus().unwrap().unwrap().pixel_mm, Some([4.5, 4.5]));

    folder.file("a.E2E.toml", b"um_per_degree = 250.0");
    let header = scan::open(&path, options).unwrap().header().clone();
    assert!(header.places == Some(Provenance::Sidecar) && (header.lateral.unwrap().um - 250.0 / 3.0).abs() < 1e-6);
    folder.file("a.E2E.toml", b"um_per_degree = 11.0");
    assert_eq!(error_code(&path), "E-READ-SIDECAR");
    let options = ReadOptions { um_per_degree: Some(1000.0), ..ReadOptions::default() };
    folder.file("a.E2E.toml", b"");
    assert_eq!(scan::open(&path, options).err().unwrap().code(), "E-READ-HINT");
}

#[test]
fn circle_has_its_centre_in_degrees() {
    let owner = [7, 70, 3, 0];
    let mut circle = metadata(owner, [9.0, 1.0, 9.0, 1.0], 0, 2);
    for (at, value) in [(76, 10.0_f32), (80, 1.0)] {
        circle.3[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    let path = Folder::new();
    let path = path.file("a.E2E", &file(&[image(owner, 0), laterality([7, 70, 3, -1], 1, b'R'), circle]));
    let options = ReadOptions { um_per_degree: Some(300.0), ..ReadOptions::default() };
    let header = scan::open(&path, options).unwrap().header().clone();
    let [BScanPosition::Circle { centre, start, clockwise }] = header.tracks[..] else { panic!("{:?}", header.tracks) };
    assert!((centre.distance(start) - 0.3).abs() < 1e-6 && clockwise, "from the temple of a right eye");
    assert!((header.lateral.unwrap().um - std::f64::consts::TAU * 300.0 / 6.0).abs() < 1e-4);
}

#[test]
fn single_bscans_are_read() {
    let circle = |kind| {
        let owner = [1, 2, 3, 2];
        let chunks = [image(owner, 0), metadata(owner, [1.0, 2.0, 3.0, 4.0], 0, kind)];
        open(&file(&chunks), ReadOptions::default()).unwrap().header().clone()
    };
    for (kind, pattern) in [(1, Pattern::Line), (2, Pattern::Circle), (9, Pattern::Unknown)] {
        let header = circle(kind);
        assert_eq!((header.bscans, header.pattern, header.eye), (1, pattern, None));
    }
    let header = open(&file(&[image([1, 2, 3, 0], 0)]), ReadOptions::default()).unwrap().header().clone();
    assert_eq!((header.pattern, header.axial), (Pattern::Unknown, None));
}

#[test]
fn bscans_through_a_common_centre_are_radial() {
    let star = [0.0_f32, 0.6, 1.2].into_iter().zip([0, 2, 4]).flat_map(|(turn, slice)| {
        let (sin, cos) = turn.sin_cos();
        let owner = [1, 2, 3, slice];
        [image(owner, 0), metadata(owner, [-5.0 * cos, -5.0 * sin, 5.0 * cos, 5.0 * sin], 3, 1)]
    });
    let reader = open(&file(&star.collect::<Vec<_>>()), ReadOptions::default()).unwrap();
    assert_eq!(reader.header().pattern, Pattern::Radial);
}

#[test]
fn several_series_are_not_mixed() {
    let both = file(&[series(3, b'R', 2), series(1, b'L', 3)].concat());
    let Err(error) = open(&both, ReadOptions::default()) else { panic!("one of two was taken") };
    assert_eq!(error.code().as_str(), "E-READ-UNSUPPORTED");
    let text = error.to_string();
    assert!(text.contains("2 series (1: OD, 2 B-scans; 2: OS, 3 B-scans)") && text.contains("choose one"), "{text}");
    for (number, bscans, eye) in [(1, 2, Eye::Right), (2, 3, Eye::Left)] {
        let reader = open(&both, series_option(number)).unwrap();
        assert_eq!((reader.header().bscans, reader.header().eye), (bscans, Some(eye)));
    }
    for number in [0, 3, u32::MAX] {
        let error = open(&both, series_option(number)).err().unwrap();
        assert!(
            matches!(error, ReadError::NoSuchSeries { count: 2, .. }) && error.code().as_str() == "E-READ-NO-SERIES"
        );
    }
    assert_eq!(open(&volume(), series_option(1)).unwrap().header().bscans, 3);
    // A file of another format counts as one series.
    let other = super::topcon::fda(1);
    assert!(open(&other, series_option(1)).is_ok());
    assert!(matches!(open(&other, series_option(2)), Err(ReadError::NoSuchSeries { number: 2, count: 1 })));
    let many: Vec<Chunk> = (0..20).map(|n| image([1, 1, n, 0], 0)).collect();
    let text = open(&file(&many), ReadOptions::default()).err().unwrap().to_string();
    assert!(text.contains("16: eye not stated") && text.contains("4 more") && !text.contains("17:"), "{text}");
}

#[test]
fn last_edit_of_a_chunk_counts() {
    let slice = [7, 70, 3, 2];
    let mut chunks = series(3, b'L', 3);
    chunks.extend([image(slice, 5), contour(slice, 0, 2.5)]);
    chunks.extend([0xffff, 0].map(|part| laterality([7, 70, 3, -1], part, b'R')));
    let mut reader = open(&file(&chunks), ReadOptions::default()).unwrap();
    assert_eq!((reader.header().bscans, reader.header().eye), (3, Some(Eye::Right)));
    assert_eq!(reader.device_boundaries(1).unwrap()[0].1[1], Some(2.5));
    let (edited, first) = (reader.bscan(1).unwrap(), reader.bscan(0).unwrap());
    assert!(edited.intensity[0] > 1.5 * first.intensity[0]);
}

#[test]
fn eyes_are_not_guessed() {
    let opened = |letters: [u8; 2]| {
        let mut chunks = series(3, letters[0], 1);
        chunks.push(laterality([7, 70, 3, -1], 1, letters[1]));
        // Another series does not count.
        chunks.push(laterality([7, 70, 4, -1], 1, b'R'));
        open(&file(&chunks), ReadOptions::default()).unwrap()
    };
    let eye = |letters| opened(letters).header().eye;
    let notes = |letters| opened(letters).header().notes.clone();
    assert_eq!(eye(*b"LL"), Some(Eye::Left));
    assert_eq!(eye(*b"L?"), Some(Eye::Left));
    assert_eq!(eye(*b"LR"), None);
    assert_eq!(eye([0, 0xff]), None);
    assert_eq!(notes(*b"LR"), [Note::EyeContradictory]);
    assert_eq!((notes(*b"LL"), notes([0, 0xff])), (vec![], vec![]));
}

#[test]
fn part_of_a_larger_export_is_read() {
    let mut bytes = b"E2EMultipleVolumeFile".to_vec();
    bytes.resize(64, 0);
    bytes.extend(volume());
    assert_eq!(open(&bytes, ReadOptions::default()).unwrap().header().bscans, 3);
    bytes[64] = 0;
    assert_eq!(open(&bytes, ReadOptions::default()).err().unwrap().code(), "E-READ-MALFORMED");
}

#[test]
fn missing_bscans_are_reported() {
    let mut chunks = series(3, b'L', 3);
    chunks.retain(|chunk| chunk.0[3] != 2);
    let bytes = file(&chunks);
    assert!(matches!(open(&bytes, ReadOptions::default()), Err(ReadError::Incomplete { present: 2, listed: 3 })));
    let options = ReadOptions { allow_missing: true, ..ReadOptions::default() };
    assert_eq!(open(&bytes, options).unwrap().header().bscans, 2);
    let mut chunks = series(3, b'L', 3);
    chunks.push(image([7, 70, 3, 6], 0));
    chunks.push(metadata([7, 70, 3, 6], [0.0; 4], 3, 1));
    assert_eq!(open(&file(&chunks), ReadOptions::default()).err().unwrap().code(), "E-READ-MALFORMED");
}

/// Offset of the content of the chunk of `kind` that follows `skipped` others.
fn content(bytes: &[u8], kind: u32, skipped: usize) -> usize {
    let chunks = bytes.windows(7).enumerate().filter(|(_, w)| *w == b"MDbData").map(|(at, _)| at);
    chunks.filter(|at| bytes[at + 52..at + 56] == kind.to_le_bytes()).nth(skipped).unwrap() + CHUNK
}

/// Code of the error for `bytes` after these `changes`.
fn changed(mut bytes: Vec<u8>, changes: &[(usize, u32)]) -> &'static str {
    for (at, value) in changes {
        bytes[*at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    error_code(&Folder::new().file("a.E2E", &bytes))
}

#[test]
fn broken_directories_are_rejected() {
    let bytes = volume();
    let main = |value| changed(volume(), &[(36 + 40, value)]);
    let last = u32::from_le_bytes(bytes[76..80].try_into().unwrap());
    let first = 36 + DIRECTORY;
    assert_eq!(main(bytes.len() as u32), "E-READ-TRUNCATED");
    assert_eq!(main(u32::MAX), "E-READ-TRUNCATED");
    assert_eq!(main(50), "E-READ-MALFORMED");
    assert_eq!(main(0), "E-READ-UNSUPPORTED");
    assert_eq!(changed(volume(), &[(first + 44, last)]), "E-READ-MALFORMED", "a circle of directories");
    assert_eq!(changed(volume(), &[(first + 44, first as u32)]), "E-READ-MALFORMED");
    assert_eq!(changed(volume(), &[(first + 44, u32::MAX)]), "E-READ-TRUNCATED");
    assert_eq!(changed(volume(), &[(first + 36, u32::MAX)]), "E-READ-MALFORMED");
    assert_eq!(changed(volume(), &[(first + 36, 10_000)]), "E-READ-TRUNCATED");
    assert_eq!(changed(volume(), &[(36, 0)]), "E-READ-MALFORMED");
}

#[test]
fn chunks_that_differ_from_their_entry_are_rejected() {
    let entry = 36 + 2 * DIRECTORY + 4 * ENTRY;
    let chunk = content(&volume(), IMAGE, 1) - CHUNK;
    assert_eq!(volume()[entry + 4..entry + 8], (chunk as u32).to_le_bytes(), "the first B-scan");
    assert_eq!(changed(volume(), &[(entry + 4, u32::MAX)]), "E-READ-TRUNCATED");
    assert_eq!(changed(volume(), &[(entry + 4, chunk as u32 + 1)]), "E-READ-MALFORMED");
    assert_eq!(changed(volume(), &[(entry + 8, u32::MAX)]), "E-READ-TRUNCATED");
    assert_eq!(changed(volume(), &[(entry + 8, 79)]), "E-READ-MALFORMED");
    assert_eq!(changed(volume(), &[(entry + 8, 0)]), "E-READ-INCOMPLETE", "an entry without a chunk");
    for at in [0, 24, 32, 36, 40, 44, 48, 52] {
        assert_eq!(changed(volume(), &[(chunk + at, 0x1234_5678)]), "E-READ-MALFORMED", "header, byte {at}");
    }
}

#[test]
fn wrong_declared_sizes_are_rejected() {
    let image = content(&volume(), IMAGE, 1);
    let at = |changes: &[(usize, u32)]| {
        changed(volume(), &changes.iter().map(|(at, v)| (image + at, *v)).collect::<Vec<_>>())
    };
    assert_eq!(at(&[]), "accepted");
    assert_eq!(at(&[(8, u32::MAX)]), "accepted", "a count that other tools leave stale");
    assert_eq!(at(&[(0, 79)]), "E-READ-MALFORMED");
    assert_eq!(at(&[(12, 6)]), "E-READ-MALFORMED");
    assert_eq!(at(&[(12, 0)]), "E-READ-MALFORMED");
    assert_eq!(at(&[(12, u32::MAX), (16, u32::MAX)]), "E-READ-TOO-LARGE");
    assert_eq!(at(&[(12, 30_000), (16, 30_000)]), "E-READ-TOO-LARGE");
    assert_eq!(at(&[(12, 30_000)]), "E-READ-MALFORMED");
    assert_eq!(at(&[(12, 6), (16, 5)]), "E-READ-UNSUPPORTED", "of another size than the others");
    for kind in [0x0201_0101, 0x0201_0201, 0] {
        assert_eq!(at(&[(4, kind)]), "E-READ-UNSUPPORTED", "{kind:#x}");
    }
}

#[test]
fn metadata_of_another_image_is_ignored() {
    let place = content(&volume(), METADATA, 0);
    let with = |at, value: u32| {
        let mut bytes = volume();
        bytes[place + at..place + at + 4].copy_from_slice(&value.to_le_bytes());
        let reader = open(&bytes, ReadOptions { axial_um: Some(2.0), ..ReadOptions::default() }).unwrap();
        reader.header().axial
    };
    let stated = Some(Spacing { um: 2.0, from: Provenance::Operator });
    assert_ne!(with(12, 0), stated);
    assert_eq!(with(4, 7), stated, "of another size");
    for mm in [0.0, -0.00387, f32::NAN, f32::INFINITY, 1e9, 0.0039] {
        assert_eq!(with(36, mm.to_bits()), stated, "{mm} mm");
    }
}

#[test]
fn boundaries_are_checked() {
    let boundaries = |changes: &[(usize, u32)]| {
        let mut bytes = volume();
        let place = content(&bytes, CONTOUR, 0);
        for (at, value) in changes {
            bytes[place + at..place + at + 4].copy_from_slice(&value.to_le_bytes());
        }
        open(&bytes, ReadOptions::default()).unwrap().device_boundaries(0)
    };
    let count = |changes: &[(usize, u32)]| boundaries(changes).unwrap().len();
    assert_eq!((count(&[]), count(&[(4, u32::MAX)]), count(&[(4, 1)]), count(&[(12, 5)])), (2, 1, 1, 1));
    for length in [7, u32::MAX] {
        assert_eq!(boundaries(&[(12, length)]).unwrap_err().code(), "E-READ-MALFORMED");
    }
    let odd = [0.0, -1.0, f32::NAN, 5.5, 5.0].map(f32::to_bits);
    let rows = boundaries(&[(40, odd[0]), (44, odd[1]), (48, odd[2]), (52, odd[3]), (56, odd[4])]).unwrap();
    assert_eq!(rows[0].1, [None, None, None, None, None, Some(5.0)]);
}

#[test]
fn truncated_files_are_rejected() {
    let folder = Folder::new();
    let complete = volume();
    for length in (5..complete.len()).step_by(7) {
        assert_eq!(error_code(&folder.file("a.E2E", &complete[..length])), "E-READ-TRUNCATED", "{length} bytes");
    }
}

#[test]
fn databases_without_scans_are_rejected() {
    assert_eq!(error_code(&Folder::new().file("a.pdb", &file(&[]))), "E-READ-UNSUPPORTED");
    let fundus_only = &series(3, b'L', 1)[..4];
    assert_eq!(error_code(&Folder::new().file("a.sdb", &file(fundus_only))), "E-READ-UNSUPPORTED");
    assert!(read(&Folder::new().file("a.e2e", &file(&series(3, b'L', 1)))).is_ok());
}

#[test]
fn subject_has_patient_and_time_of_the_first_bscan() {
    let folder = Folder::new();
    let of = |patient: &[u8], time: [u8; 8]| {
        let mut chunks = series(1, b'L', 2);
        for Chunk(owner, _, kind, content) in &mut chunks {
            match (*kind, owner[3]) {
                (9, _) => {
                    content[102..].fill(0);
                    content[102..102 + patient.len()].copy_from_slice(patient);
                }
                (METADATA, 0) => content[88..96].copy_from_slice(&time),
                _ => {}
            }
        }
        chunks.push(Chunk([8, -1, -1, -1], 0xffff, 9, vec![b'y'; 131]));
        subject(&folder.file("a.e2e", &file(&chunks)))
    };
    assert_eq!(of(b"P-1", FILETIME), Some(expected_subject("", "P-1", "2026-01-01T12:00:00")));
    assert_eq!(of(b"P-1", [0; 8]), None);
    assert_eq!(of(b"", FILETIME), None);
}
