//! Files whose names do not tell what they are.

use std::path::Path;

use image::ImageFormat;
use octrls_readers::{OpenedScan, ReadOptions, ScanFiles, group_scans, may_be_instance, may_be_scan};

use super::{
    Folder, cases,
    raster::{encode, grey_image},
    read, seeds,
};

#[test]
fn names_without_an_extension_are_judged_by_content() {
    let folder = Folder::new();
    let png = encode(&grey_image(8, 8), ImageFormat::Png);
    for (name, bytes, expected) in [
        ("scan", png.as_slice(), true),
        ("1.2.840.113619.4711", &png, true),
        ("scan.bak", &png, false),
        ("scan.txt", &png, false),
        ("scan.png", b"no picture", true),
        ("README", b"a text of some length", false),
        ("empty", b"", false),
    ] {
        assert_eq!(may_be_scan(&folder.file(name, bytes)), expected, "{name}");
    }
    assert!(may_be_scan(Path::new("/nowhere/IM000001")), "what cannot be read is reported by the reader");
    assert!(may_be_instance(Path::new("IM000001")) && !may_be_instance(Path::new("a.png")));
}

#[test]
fn a_medium_has_scans_and_a_directory() {
    let Some(cases) = cases() else { return };
    let media = cases.join("media");
    assert!(!may_be_scan(&media.join("DICOMDIR")));
    let series = media.join("DICOM/ST000001/SE000001");
    let files = ["IM000001", "IM000002"].map(|name| series.join(name));
    assert!(files.iter().all(|file| may_be_scan(file)));
    assert!(!group_scans(files).is_empty());
}

#[test]
fn what_was_looked_at_is_read_whatever_its_name_leads_to_later() {
    let folder = Folder::new();
    for (kind, bytes) in seeds::files() {
        let path = folder.file("scan", &bytes);
        let (header, bscan) = read(&path).unwrap();
        let opened = OpenedScan::open(&ScanFiles::one(&path)).unwrap();
        let mut reader = opened.reader(ReadOptions::default()).unwrap();
        // Another scan is moved away, and a link to a third planted.
        let secret = folder.file("secret", b"not a scan");
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&secret, &path).unwrap();
        assert_eq!(reader.bscan(0).unwrap(), bscan, "{kind}");
        let again = opened.reader(ReadOptions::default()).unwrap();
        assert_eq!(again.header().width, header.width, "{kind}");
        std::fs::remove_file(&path).unwrap();
    }
}
