//! Pictures of several panels, made from real scans where these are available.

use std::path::{Path, PathBuf};

use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};
use image::{DynamicImage, GrayImage, ImageFormat, Luma};
use octrls_core::{
    phantom::{Phantom, PhantomOptions},
    scan::{BScan, Crop, Note},
};
use octrls_readers as scan;
use octrls_readers::ReadOptions;
use octrls_testing::pictures;

use super::{
    Folder,
    dicom::{string, tomography, word},
    raster::encode,
};

/// Sets of ordinary scans.
const SETS: [&str; 11] = [
    "duke_dme",
    "tian_healthy",
    "yukun_guo",
    "kermany_lesions",
    "ird_spectralis",
    "nr206",
    "sjtu_srf",
    "unlabelled",
    "bioptigen_avg",
    "choroid",
    "zeiss_onh",
];

/// The images below `folder`, without labels.
fn images(folder: &Path, found: &mut Vec<PathBuf>) {
    let label = |name: &str| ["lesions", "other", "fluid"].contains(&name) || name.starts_with("masks");
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !label(&name) {
            images(&path, found);
        } else if path.extension().is_some_and(|e| ["png", "tif", "tiff", "jpg"].iter().any(|known| e == *known)) {
            found.push(path);
        }
    }
}

#[test]
fn no_ordinary_scan_is_cropped() {
    let mut seen = 0;
    for set in SETS {
        let Some(data) = octrls_testing::real_data(set) else { return };
        let mut paths = Vec::new();
        images(&data.join(set), &mut paths);
        for path in paths {
            let reader =
                scan::open(&path, ReadOptions::default()).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            assert_eq!(reader.crop(), None, "{}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 600, "{seen} scans");
}

/// An 8-bit picture of one grey.
fn canvas(width: usize, height: usize, grey: u8) -> GrayImage {
    GrayImage::from_pixel(width as u32, height as u32, Luma([grey]))
}

fn put(canvas: &mut GrayImage, pixels: &[u8], width: usize, (left, top): (usize, usize)) {
    for (i, &v) in pixels.iter().enumerate() {
        canvas.put_pixel((left + i % width) as u32, (top + i / width) as u32, Luma([v]));
    }
}

fn grey(bscan: &BScan) -> Vec<u8> {
    bscan.intensity.iter().map(|v| (v * 255.0).round() as u8).collect()
}

/// Every second pixel of every second row.
fn halved(pixels: &[u8], width: usize) -> (Vec<u8>, usize) {
    let rows = pixels.chunks_exact(width).step_by(2);
    (rows.flat_map(|row| row.iter().step_by(2).copied()).collect(), width.div_ceil(2))
}

#[test]
fn real_bscans_are_found_beside_their_fundus_images() {
    let Some(data) = octrls_testing::real_data("formats/heidelberg_vol/edi_lines") else { return };
    let folder = Folder::new();
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(data.join("formats/heidelberg_vol/edi_lines")).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "vol"));
    paths.sort();
    assert_eq!(paths.len(), 6);
    for path in paths {
        let mut reader = scan::open(&path, ReadOptions::default()).unwrap();
        let (bscan, fundus) = (reader.bscan(0).unwrap(), reader.fundus().unwrap().unwrap());
        let (slo, side) = halved(&fundus.pixels, fundus.width);
        let (width, height) = (bscan.width, bscan.height);
        // Gap, its grey, margin around, its grey, whether the fundus is on the right.
        for (gap, between, margin, around, right) in [
            (0, 0, 0, 0, false),
            (18, 0, 0, 0, false),
            (5, 255, 0, 0, false),
            (0, 0, 0, 0, true),
            (12, 200, 30, 200, false),
            (8, 60, 24, 60, true),
            (10, 0, 20, 240, false),
            (2, 0, 20, 240, true),
            (3, 0, 30, 200, true),
        ] {
            let mut picture = canvas(side + gap + width + 2 * margin, height + 2 * margin, around);
            put(&mut picture, &vec![between; (side + gap + width) * height], side + gap + width, (margin, margin));
            let (slo_left, left) = if right { (margin + width + gap, margin) } else { (margin, margin + side + gap) };
            put(&mut picture, &slo, side, (slo_left, margin));
            put(&mut picture, &grey(&bscan), width, (left, margin));
            for format in [ImageFormat::Png, ImageFormat::Jpeg] {
                let path = folder.file("composite", &encode(&DynamicImage::from(picture.clone()), format));
                let reader = scan::open(&path, ReadOptions::default()).unwrap();
                let Some(Crop { left: found, width: wide, top, height: high }) = reader.crop() else {
                    panic!("{} gap {gap} margin {margin} right {right} {format:?}: not cropped", path.display());
                };
                // A-scans without data at the sides of a B-scan count as a gap; one of these scans has 18.
                let near = |a: usize, b: usize| a.abs_diff(b) <= 20;
                assert!(
                    near(found, left) && near(found + wide, left + width) && near(top, margin) && high + 12 > height,
                    "gap {gap} margin {margin} right {right} {format:?}: {:?}",
                    reader.crop()
                );
                assert_eq!((reader.header().width, reader.header().height), (wide, high));
                assert_eq!(reader.header().notes, [Note::PanelOfPicture(reader.crop().unwrap())]);
            }
        }
    }
}

#[test]
fn the_exports_of_a_viewer_give_the_bscan_alone() {
    let Some(cases) = super::cases() else { return };
    for (file, left, width) in [("heyex_slo_beside_bscan.png", 514, 750), ("heyex_caption_strip.png", 496, 768)] {
        let mut reader = scan::open(&cases.join(file), ReadOptions::default()).unwrap();
        let crop = reader.crop().unwrap();
        assert!(crop.left == left && crop.width.abs_diff(width) <= 4 && crop.top == 0, "{file}: {crop:?}");
        assert!(crop.height <= 496 && crop.height > 480, "{file}: {crop:?}");
        let bscan = reader.bscan(0).unwrap();
        assert_eq!((bscan.width, bscan.height), (crop.width, crop.height));
    }
    for file in ["white_strip_below.png", "white_strip_reference.png", "macular_hole.png", "serous_ped.png"] {
        assert_eq!(scan::open(&cases.join(file), ReadOptions::default()).unwrap().crop(), None, "{file}");
    }
}

/// A fundus image beside a B-scan, as a viewer shows them, and the B-scan's first column.
fn window() -> (GrayImage, usize) {
    let bscan = Phantom::generate(&PhantomOptions::spectralis(), 1).bscan;
    let (side, gap) = (bscan.height, 4);
    let slo: Vec<u8> = pictures::fundus(side).into_iter().map(|v| (v * 255.0) as u8).collect();
    let mut window = canvas(side + gap + bscan.width, side, 0);
    put(&mut window, &slo, side, (0, 0));
    put(&mut window, &grey(&bscan), bscan.width, (side + gap, 0));
    (window, side + gap)
}

#[test]
fn a_secondary_capture_of_a_viewer_gives_the_bscan_alone() {
    let (window, left) = window();
    let (width, height) = (window.width() as u16, window.height() as u16);
    let object = |class: &str, frames: usize, pixels: Vec<u8>| {
        let object = tomography(1)
            .with(string(tags::SOP_CLASS_UID, VR::UI, class))
            .with(string(tags::MODALITY, VR::CS, "OT"))
            .with(string(tags::NUMBER_OF_FRAMES, VR::IS, &frames.to_string()))
            .with(word(tags::COLUMNS, width))
            .with(word(tags::ROWS, height));
        object.native(pixels).bytes()
    };
    let capture = uids::MULTI_FRAME_GRAYSCALE_BYTE_SECONDARY_CAPTURE_IMAGE_STORAGE;
    let folder = Folder::new();
    let open = |bytes: &[u8]| scan::open(&folder.file("a.dcm", bytes), ReadOptions::default()).unwrap();
    let mut reader = open(&object(capture, 1, window.to_vec()));
    let crop = reader.crop().unwrap();
    assert!(crop.left.abs_diff(left) <= 2 && crop.left + crop.width == window.width() as usize, "{crop:?}");
    let header = reader.header().clone();
    assert_eq!((header.width, header.height, header.tracks.len()), (crop.width, crop.height, 0));
    assert_eq!(header.notes, [Note::PanelOfPicture(crop)]);
    assert!(reader.dicom_origin().unwrap().planes.is_none());
    assert_eq!(reader.bscan(0).unwrap().width, crop.width);
    // Another layout in a later frame.
    let mirrored = image::imageops::flip_horizontal(&window);
    let mut reader = open(&object(capture, 2, [window.to_vec(), mirrored.to_vec()].concat()));
    assert_eq!(reader.bscan(0).unwrap().width, crop.width);
    assert_eq!(reader.bscan(1).unwrap_err().code().as_str(), "E-READ-COMPOSITE");
    // What a scanner writes is never cut.
    let scanner = open(&object(uids::OPHTHALMIC_TOMOGRAPHY_IMAGE_STORAGE, 1, window.to_vec()));
    assert_eq!((scanner.crop(), scanner.header().width), (None, window.width() as usize));
}
