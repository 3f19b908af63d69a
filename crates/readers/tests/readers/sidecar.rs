//! Sidecars and options of the operator.

use image::ImageFormat;
use octrls_core::scan::{BScanPosition, Eye, Pattern, Provenance, Spacing};
use octrls_readers as scan;
use octrls_readers::{ReadError, ReadOptions};

use super::{
    Folder, error_code,
    raster::{encode, grey_image},
    vol::Vol,
};

fn png(folder: &Folder, sidecar: Option<&str>) -> std::path::PathBuf {
    if let Some(text) = sidecar {
        folder.file("a.png.toml", text.as_bytes());
    }
    folder.file("a.png", &encode(&grey_image(8, 8), ImageFormat::Png))
}

fn by(um: f64, from: Provenance) -> Spacing {
    Spacing { um, from }
}

const HINTS: ReadOptions = ReadOptions {
    axial_um: Some(2.5),
    lateral_um: Some(6.5),
    um_per_degree: None,
    allow_missing: false,
    series: None,
    raw: None,
};

#[test]
fn the_sidecar_wins_over_the_operator() {
    let folder = Folder::new();
    let path = png(&folder, Some("axial_um = 3.87 # Spectralis\neye = \"OS\"\n"));
    let reader = scan::open(&path, HINTS).unwrap();
    let header = reader.header();
    assert_eq!(header.axial, Some(by(3.87, Provenance::Sidecar)));
    assert_eq!(header.lateral, Some(by(6.5, Provenance::Operator)));
    assert_eq!(header.eye, Some(Eye::Left));
}

#[test]
fn the_header_wins_over_both() {
    let folder = Folder::new();
    folder.file("a.vol.toml", b"axial_um = 9.0\nlateral_um = 9.0\neye = \"OD\"");
    let path = folder.file("a.vol", &Vol::default().bytes());
    let reader = scan::open(&path, HINTS).unwrap();
    assert_eq!(reader.header().axial.unwrap().from, Provenance::Header);
    assert_eq!(reader.header().lateral.unwrap().from, Provenance::Header);
    assert_eq!(reader.header().eye, Some(Eye::Left));

    let mute = Vol { axial_mm: 0.0, lateral_mm: 0.0, eye: b"  ", ..Vol::default() };
    let reader = scan::open(&folder.file("a.vol", &mute.bytes()), HINTS).unwrap();
    assert_eq!(reader.header().axial, Some(by(9.0, Provenance::Sidecar)));
    assert_eq!(reader.header().eye, Some(Eye::Right));
}

#[test]
fn no_spacing_without_sidecar_or_options() {
    let folder = Folder::new();
    let reader = scan::open(&png(&folder, None), ReadOptions::default()).unwrap();
    assert_eq!((reader.header().axial, reader.header().lateral, reader.header().eye), (None, None, None));
    let empty = png(&folder, Some("# nothing yet\n"));
    assert_eq!(error_code(&empty), "accepted");
}

#[test]
fn integer_spacings_are_accepted() {
    let folder = Folder::new();
    let reader = scan::open(&png(&folder, Some("axial_um = 4")), ReadOptions::default()).unwrap();
    assert_eq!(reader.header().axial, Some(by(4.0, Provenance::Sidecar)));
}

#[test]
fn broken_sidecar_is_an_error() {
    for text in [
        "axial_um 3.87",
        "axial_um = \"3.87\"",
        "axial_um = 0",
        "axial_um = -3.87",
        "lateral_um = nan",
        "lateral_um = inf",
        "axial_um = 1e9",
        "axial_um = 0.00387",
        "eye = \"left\"",
        "axial_mm = 0.00387",
        "axial_um = 3.87\naxial_um = 3.9",
        "\u{0}\u{1}\u{2}",
    ] {
        let folder = Folder::new();
        let path = png(&folder, Some(text));
        assert_eq!(error_code(&path), "E-READ-SIDECAR", "{text}");
        let error = scan::open(&path, ReadOptions::default()).err().unwrap();
        assert!(error.to_string().contains("a.png.toml"), "{error}");
        assert!(!error.is_transient());
    }
}

#[test]
fn sidecar_and_options_are_checked_before_the_format() {
    let folder = Folder::new();
    let path = folder.file("notes.txt", b"no scan");
    let code = |options| scan::open(&path, options).err().unwrap().code().as_str();
    assert_eq!(code(ReadOptions::default()), "E-READ-FORMAT");
    assert_eq!(code(ReadOptions { axial_um: Some(0.0), ..ReadOptions::default() }), "E-READ-HINT");
    assert_eq!(code(ReadOptions { series: Some(2), ..ReadOptions::default() }), "E-READ-NO-SERIES");
    folder.file("notes.txt.toml", b"axial_um = 0");
    assert_eq!(code(ReadOptions::default()), "E-READ-SIDECAR");
}

#[test]
fn binary_or_huge_sidecar_is_an_error() {
    let folder = Folder::new();
    let path = png(&folder, None);
    folder.file("a.png.toml", &[0xff, 0xfe, 0x00, 0x80]);
    assert_eq!(error_code(&path), "E-READ-SIDECAR");
    folder.file("a.png.toml", "# much\n".repeat(20_000).as_bytes());
    assert_eq!(error_code(&path), "E-READ-SIDECAR");
}

#[test]
fn operator_spacing_must_be_plausible() {
    let folder = Folder::new();
    let path = png(&folder, None);
    for um in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9, 0.003_87] {
        for hints in [
            ReadOptions { axial_um: Some(um), lateral_um: None, ..ReadOptions::default() },
            ReadOptions { axial_um: None, lateral_um: Some(um), ..ReadOptions::default() },
        ] {
            let error = scan::open(&path, hints).err().unwrap();
            assert!(matches!(error, ReadError::Hint(_)), "{um}: {error}");
            assert_eq!(error.code().as_str(), "E-READ-HINT");
        }
    }
}

#[test]
fn deeply_nested_values_are_an_error() {
    let folder = Folder::new();
    for text in [
        format!("axial_um = {}", "[".repeat(60_000)),
        format!("axial_um = {}", "{a=".repeat(20_000)),
        "a.".repeat(30_000),
    ] {
        assert_eq!(error_code(&png(&folder, Some(&text))), "E-READ-SIDECAR");
    }
}

#[test]
fn sidecar_layout_places_the_images_of_a_folder() {
    let folder = Folder::new();
    let volume = &folder.0.path().join("volume");
    std::fs::create_dir(volume).unwrap();
    for i in 0..3 {
        folder.file(&format!("volume/b{i}.png"), &encode(&grey_image(8, 8), ImageFormat::Png));
    }
    let sidecar = volume.with_added_extension("toml");
    let open = |text: &str| {
        std::fs::write(&sidecar, text).unwrap();
        scan::open(volume, ReadOptions::default()).map(|reader| reader.header().clone())
    };
    let stated = "axial_um = 3.9\nlateral_um = 500.0\nbetween_um = 250.0\nfirst_bscan = ";
    let rows = |end: &str| {
        let header = open(&format!("{stated}\"{end}\"")).unwrap();
        assert_eq!((header.pattern, header.places), (Pattern::RasterVolume, Some(Provenance::Sidecar)));
        [0, 1, 2].map(|i| match header.tracks[i] {
            BScanPosition::Line { start, end } => [start.x, start.y, end.x, end.y],
            BScanPosition::Circle { .. } => panic!("a circle"),
        })
    };
    assert_eq!(rows("superior"), [[0.0, 0.125, 4.0, 0.125], [0.0, 0.375, 4.0, 0.375], [0.0, 0.625, 4.0, 0.625]]);
    assert_eq!(rows("inferior"), [[0.0, 0.625, 4.0, 0.625], [0.0, 0.375, 4.0, 0.375], [0.0, 0.125, 4.0, 0.125]]);
    let unplaced = open("between_um = 250.0\nfirst_bscan = \"superior\"").unwrap();
    assert_eq!((unplaced.places, unplaced.tracks.len()), (None, 0), "the length of a B-scan is unknown");
    for broken in [
        "between_um = 250.0",
        "first_bscan = \"superior\"",
        "between_um = 0.0\nfirst_bscan = \"superior\"",
        "between_um = nan\nfirst_bscan = \"superior\"",
        "between_um = 250.0\nfirst_bscan = \"left\"",
    ] {
        assert_eq!(open(broken).unwrap_err().code(), "E-READ-SIDECAR", "{broken}");
    }
    let plain = folder.file("a.png.toml", format!("{stated}\"superior\"").as_bytes()).with_extension("");
    std::fs::copy(volume.join("b0.png"), &plain).unwrap();
    assert_eq!(scan::open(&plain, ReadOptions::default()).unwrap().header().places, None, "one B-scan is no volume");
}

#[test]
fn positions_in_the_file_win_over_the_sidecar() {
    let folder = Folder::new();
    folder.file("a.vol.toml", b"between_um = 999.0\nfirst_bscan = \"inferior\"");
    let reader = scan::open(&folder.file("a.vol", &Vol::default().bytes()), ReadOptions::default()).unwrap();
    assert_eq!(reader.header().places, Some(Provenance::Header));
}

#[test]
fn a_name_of_the_greatest_length_has_no_sidecar() {
    let folder = Folder::new();
    let path = folder.file(&format!("{}.png", "n".repeat(251)), &encode(&grey_image(8, 8), ImageFormat::Png));
    assert_eq!(path.file_name().unwrap().len(), 255);
    assert!(scan::open(&path, ReadOptions::default()).is_ok());
}
