//! Files whose names do not tell what they are.

use std::path::Path;

use image::ImageFormat;
use octrls_readers::{group_scans, may_be_instance, may_be_scan};

use super::{
    Folder, cases,
    raster::{encode, grey_image},
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
