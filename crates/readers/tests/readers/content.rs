//! Files whose names do not tell what they are.

use std::path::Path;

use image::ImageFormat;
use octrls_fs::within::{NotBeneath, Within};
use octrls_readers::{
    OpenedScan, ReadError, ReadOptions, ScanFiles, ScanReader, group_scans, may_be_instance, may_be_scan, parts,
    parts_within, role_and_identity,
};

use super::{
    Folder, cases,
    dicom_series::{instance, write_series},
    heyex::{self, Export, export},
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

/// Puts a link to a copy elsewhere in the place of `path`; returns the folder of the copy.
fn plant_link(path: &Path) -> Folder {
    let elsewhere = Folder::new();
    let copy = elsewhere.file("copy", &std::fs::read(path).unwrap());
    std::fs::remove_file(path).unwrap();
    std::os::unix::fs::symlink(copy, path).unwrap();
    elsewhere
}

/// Opens a scan of a watched folder.
fn open_in(folder: &Folder, files: &ScanFiles) -> Result<Box<dyn ScanReader>, ReadError> {
    OpenedScan::open(&files.clone().opened_within(&Within::folder(folder.0.path())))?.reader(ReadOptions::default())
}

#[track_caller]
fn assert_refuses_link<T>(result: Result<T, ReadError>, what: &str) {
    assert!(matches!(result, Err(ReadError::Io { source, .. }) if NotBeneath::is_cause_of(&source)), "{what}");
}

#[test]
fn a_link_planted_between_the_look_and_the_first_opening_is_not_followed() {
    for (kind, bytes) in seeds::files() {
        let folder = Folder::new();
        let path = folder.file("scan", &bytes);
        let files = ScanFiles::one(&path);
        open_in(&folder, &files).unwrap();
        let _elsewhere = plant_link(&path);
        read(&path).unwrap_or_else(|error| panic!("{kind}: a person may name a link: {error}"));
        assert_refuses_link(open_in(&folder, &files), kind);
        assert_refuses_link(role_and_identity(&path, &Within::folder(folder.0.path())), kind);
    }
}

#[test]
fn a_link_planted_in_place_of_a_folder_is_not_followed() {
    let (folder, elsewhere) = (Folder::new(), Folder::new());
    let ward = folder.0.path().join("ward");
    std::fs::create_dir(&ward).unwrap();
    let path = folder.file("ward/a.png", &encode(&grey_image(8, 8), ImageFormat::Png));
    open_in(&folder, &ScanFiles::one(&path)).unwrap();
    std::fs::rename(&ward, elsewhere.0.path().join("ward")).unwrap();
    std::os::unix::fs::symlink(elsewhere.0.path().join("ward"), &ward).unwrap();
    read(&path).unwrap();
    assert_refuses_link(open_in(&folder, &ScanFiles::one(&path)), "a folder");
}

#[test]
fn a_link_planted_in_place_of_another_file_of_the_scan_is_not_followed() {
    let folder = Folder::new();
    let path = folder.file("a.png", &encode(&grey_image(8, 8), ImageFormat::Png));
    let sidecar = folder.file("a.png.toml", b"axial_um = 3.0");
    let axial = || open_in(&folder, &ScanFiles::one(&path)).unwrap().header().axial;
    assert!(axial().is_some());
    let _elsewhere = plant_link(&sidecar);
    assert!(sidecar.is_file() && axial().is_none(), "a sidecar that is a link is none");

    let folder = Folder::new();
    let series = write_series(&folder, (1..=3).map(instance));
    let mut reader = open_in(&folder, &series).unwrap();
    reader.bscan(1).unwrap();
    let _elsewhere = plant_link(&series.instances()[1]);
    assert_refuses_link(reader.bscan(1), "an instance, after the series was opened");
    assert_refuses_link(open_in(&folder, &series), "an instance");

    let Export { folder, xml } = export(&heyex::text());
    let mut reader = open_in(&folder, &ScanFiles::one(&xml)).unwrap();
    reader.bscan(0).unwrap();
    let _elsewhere = plant_link(&xml.with_file_name("B1.tif"));
    assert_refuses_link(reader.bscan(0), "an image of an export");
    let _elsewhere = plant_link(&xml.with_file_name("nir1.tif"));
    assert_refuses_link(reader.fundus(), "the fundus image of an export");
    let within = Within::folder(folder.0.path());
    assert!(!parts_within(&xml, &within).is_empty());
    let _elsewhere = plant_link(&xml);
    assert!(parts_within(&xml, &within).is_empty() && !parts(&xml).is_empty());
}
