//! DICOM files written by the tests.

use dicom_core::{
    DataElement, PrimitiveValue, Tag, VR,
    smallvec::SmallVec,
    value::{DataSetSequence, PixelFragmentSequence},
};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use image::ImageFormat;
use octrls_core::scan::{BScanPosition, Eye, Pattern, Place, Provenance};
use octrls_readers as scan;
use octrls_readers::{ReadError, ReadOptions};

use super::{
    Folder, error_code, expected_subject,
    raster::encode,
    subject,
    topcon::{self, codestream, from_hex},
};

const WIDTH: u16 = topcon::WIDTH as u16;
const HEIGHT: u16 = topcon::HEIGHT as u16;
const FRAMES: usize = 3;
pub(super) const FRAME: usize = WIDTH as usize * HEIGHT as usize;

/// A DICOM object to be written.
pub(super) struct Object(InMemDicomObject, &'static str);

pub(super) fn item(elements: impl IntoIterator<Item = DataElement<InMemDicomObject>>) -> InMemDicomObject {
    InMemDicomObject::from_element_iter(elements)
}

pub(super) fn sequence(tag: Tag, items: Vec<InMemDicomObject>) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, VR::SQ, DataSetSequence::from(items))
}

pub(super) fn floats(tag: Tag, values: &[f64]) -> DataElement<InMemDicomObject> {
    let text: Vec<String> = values.iter().map(f64::to_string).collect();
    DataElement::new(tag, VR::DS, PrimitiveValue::Strs(text.into()))
}

pub(super) fn word(tag: Tag, value: u16) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, VR::US, PrimitiveValue::from(value))
}

pub(super) fn string(tag: Tag, vr: VR, value: &str) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, vr, PrimitiveValue::from(value))
}

/// An Ophthalmic Tomography object of a right eye, without pixels.
pub(super) fn tomography(frames: usize) -> Object {
    let measures =
        sequence(tags::PIXEL_MEASURES_SEQUENCE, vec![item([floats(tags::PIXEL_SPACING, &[0.0039, 0.0117])])]);
    let direction = floats(tags::IMAGE_ORIENTATION_PATIENT, &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    let anatomy = string(tags::FRAME_LATERALITY, VR::CS, "R");
    let shared = item([
        measures,
        sequence(tags::PLANE_ORIENTATION_SEQUENCE, vec![item([direction])]),
        sequence(tags::FRAME_ANATOMY_SEQUENCE, vec![item([anatomy])]),
    ]);
    let place = |i: usize| floats(tags::IMAGE_POSITION_PATIENT, &[-2.0, 0.0, 1.0 - 0.25 * i as f64]);
    let own = |i| item([sequence(tags::PLANE_POSITION_SEQUENCE, vec![item([place(i)])])]);
    let object = item([
        string(tags::SOP_CLASS_UID, VR::UI, uids::OPHTHALMIC_TOMOGRAPHY_IMAGE_STORAGE),
        string(tags::SOP_INSTANCE_UID, VR::UI, "1.2.3.4"),
        string(tags::MODALITY, VR::CS, "OPT"),
        word(tags::ROWS, HEIGHT),
        word(tags::COLUMNS, WIDTH),
        string(tags::NUMBER_OF_FRAMES, VR::IS, &frames.to_string()),
        string(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"),
        word(tags::SAMPLES_PER_PIXEL, 1),
        word(tags::BITS_ALLOCATED, 8),
        word(tags::BITS_STORED, 8),
        word(tags::PIXEL_REPRESENTATION, 0),
        sequence(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared]),
        sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, (0..frames).map(own).collect()),
    ]);
    Object(object, uids::EXPLICIT_VR_LITTLE_ENDIAN)
}

impl Object {
    pub(super) fn with(mut self, element: DataElement<InMemDicomObject>) -> Self {
        self.0.put(element);
        self
    }

    pub(super) fn native(self, pixels: Vec<u8>) -> Self {
        self.with(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::from(pixels)))
    }

    pub(super) fn compressed(mut self, syntax: &'static str, fragments: Vec<Vec<u8>>, offsets: Vec<u32>) -> Self {
        let even = |mut f: Vec<u8>| {
            f.resize(f.len().next_multiple_of(2), 0);
            f
        };
        let fragments: SmallVec<[Vec<u8>; 2]> = fragments.into_iter().map(even).collect();
        let pixels = PixelFragmentSequence::new(offsets, fragments);
        self.0.put(DataElement::new(tags::PIXEL_DATA, VR::OB, pixels));
        self.1 = syntax;
        self
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        let meta = FileMetaTableBuilder::new().transfer_syntax(self.1);
        let mut bytes = Vec::new();
        self.0.with_meta(meta).unwrap().write_all(&mut bytes).unwrap();
        bytes
    }
}

fn grey(frame: usize, i: usize) -> u8 {
    (frame * 60 + i) as u8
}

/// Three frames of uncompressed 8-bit pixels.
pub(super) fn native() -> Vec<u8> {
    tomography(FRAMES).native((0..FRAMES).flat_map(|f| (0..FRAME).map(move |i| grey(f, i))).collect()).bytes()
}

/// A frame of one RLE segment at byte 64: a run of 48 literal bytes, 20 times the column plus 10 times the row.
fn rle_frame() -> Vec<u8> {
    let mut rle = [1_u32, 64].map(u32::to_le_bytes).concat();
    rle.resize(64, 0);
    rle.push(FRAME as u8 - 1);
    rle.extend((0..FRAME).map(|i| (20 * (i % 8) + 10 * (i / 8)) as u8));
    rle
}

fn jpeg_frame(width: u32, height: u32) -> Vec<u8> {
    let picture = image::GrayImage::from_fn(width, height, |x, y| image::Luma([(20 * x + 10 * y) as u8]));
    encode(&picture.into(), ImageFormat::Jpeg)
}

/// JPEG-LS frames as DCMTK 3.6.7 writes them, of 20 times the column plus 10 times the row: 8 bit; 16 times as much in
/// 12 of 16 bit; 8 bit with an error of up to 3. The first two have fill bytes before the end marker.
const JPEG_LS: [&str; 3] = [
    "ffd8fff7000b080006000801011100ffda0008010100000000801c01c01ca9322f8202144398a0447776661599555b11b6db676da49180ffffd9",
    "ffd8fff7000b100006000801011100fff8000d01ffff0012004301140040ffda0008010100000000b3fe7fcfb9ed3ca774eb502a053ecf33ace33\
6a8150334cc9304b92c4aa9f53e4a126491224811ecf33c4711a4611645112ceb3a4410e4310a42106ce0ffffd9",
    "ffd8fff7000b080006000801011100ffda00080101000300008ccfaf54922448892492491248892489252b24ffd9",
];

/// One JPEG-LS frame.
pub(super) fn jpeg_ls() -> Vec<u8> {
    tomography(1).compressed(uids::JPEGLS_LOSSLESS, vec![from_hex(JPEG_LS[0])], vec![]).bytes()
}

/// One RLE frame.
pub(super) fn rle() -> Vec<u8> {
    tomography(1).compressed(uids::RLE_LOSSLESS, vec![rle_frame()], vec![]).bytes()
}

/// One JPEG frame.
pub(super) fn jpeg() -> Vec<u8> {
    tomography(1).compressed(uids::JPEG_BASELINE8_BIT, vec![jpeg_frame(WIDTH.into(), HEIGHT.into())], vec![]).bytes()
}

/// Two JPEG 2000 frames.
pub(super) fn jpeg_2000() -> Vec<u8> {
    tomography(2).compressed(uids::JPEG2000_LOSSLESS, vec![codestream(), codestream()], vec![]).bytes()
}

fn code(object: Object) -> &'static str {
    error_code(&Folder::new().file("a.dcm", &object.bytes()))
}

#[test]
fn volume_has_spacing_eye_and_positions() {
    let folder = Folder::new();
    let mut reader = scan::open(&folder.file("scan", &native()), ReadOptions::default()).unwrap();
    let header = reader.header().clone();
    assert_eq!((header.format.as_ref(), header.bscans, header.eye), ("DICOM OPT", FRAMES, Some(Eye::Right)));
    assert_eq!((header.width, header.height), (WIDTH.into(), HEIGHT.into()));
    assert_eq!(header.pattern, Pattern::RasterVolume);
    assert!((header.axial.unwrap().um - 3.9).abs() < 1e-9 && (header.lateral.unwrap().um - 11.7).abs() < 1e-9);
    let BScanPosition::Line { start, end } = header.tracks[2] else { panic!("no line") };
    // The position is the centre of the first pixel; down is towards the feet.
    let (left, right) = (Place { x: -2.00585, y: -0.5 }, Place { x: -2.00585 + 8.0 * 0.0117, y: -0.5 });
    assert!(start.distance(left) < 1e-9 && end.distance(right) < 1e-9, "{start:?} {end:?}");
    for frame in [2, 0] {
        let bscan = reader.bscan(frame).unwrap();
        assert!(bscan.intensity.iter().enumerate().all(|(i, v)| (v * 255.0 - f32::from(grey(frame, i))).abs() < 1e-3));
    }
    assert!(matches!(reader.bscan(3), Err(ReadError::NoSuchBScan { index: 3, count: 3 })));
}

fn first(object: Object) -> Vec<f32> {
    let folder = Folder::new();
    let mut reader = scan::open(&folder.file("a.dcm", &object.bytes()), ReadOptions::default()).unwrap();
    reader.bscan(reader.header().bscans - 1).unwrap().intensity
}

#[test]
fn grey_encodings_become_intensity() {
    let words = (0..FRAME).flat_map(|i| (i as u16 * 80).to_le_bytes()).collect();
    let deep = tomography(1).with(word(tags::BITS_ALLOCATED, 16)).with(word(tags::BITS_STORED, 12)).native(words);
    assert!(first(deep).iter().enumerate().all(|(i, v)| (v - i as f32 * 80.0 / 4095.0).abs() < 1e-6));

    let inverse = string(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME1");
    let inverse = tomography(1).with(inverse).native((0..FRAME as u8).map(|i| 5 * i).collect());
    assert!(first(inverse).iter().enumerate().all(|(i, v)| (v - (1.0 - 5.0 * i as f32 / 255.0)).abs() < 1e-6));

    let colour = |planar: u16| {
        let rgb = string(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB");
        let object = tomography(1).with(rgb).with(word(tags::SAMPLES_PER_PIXEL, 3));
        let at = |c: usize, i: usize| [200_u8, 100, i as u8][c];
        let pixels = match planar {
            0 => (0..FRAME).flat_map(|i| (0..3).map(move |c| at(c, i))).collect(),
            _ => (0..3).flat_map(|c| (0..FRAME).map(move |i| at(c, i))).collect(),
        };
        first(object.with(word(tags::PLANAR_CONFIGURATION, planar)).native(pixels))
    };
    for planar in [0, 1] {
        let want = |i: usize| (0.299 * 200.0 + 0.587 * 100.0 + 0.114 * i as f32) / 255.0;
        assert!(colour(planar).iter().enumerate().all(|(i, v)| (v - want(i)).abs() < 1e-5), "{planar}");
    }
}

#[test]
fn compressed_frames_are_decoded() {
    let gradient = |i: usize| (20 * (i % 8) + 10 * (i / 8)) as f32 / 255.0;
    let assert_pixels = |object: Object, tolerance: f32, name: &str| {
        for (i, v) in first(object).into_iter().enumerate() {
            assert!((v - gradient(i)).abs() <= tolerance, "{name}, pixel {i}: {v} for {}", gradient(i));
        }
    };
    let twice = |bytes: Vec<u8>| vec![bytes.clone(), bytes];
    assert_pixels(tomography(2).compressed(uids::JPEG2000_LOSSLESS, twice(codestream()), vec![]), 1e-6, "JPEG 2000");

    assert_pixels(tomography(2).compressed(uids::RLE_LOSSLESS, twice(rle_frame()), vec![]), 1e-6, "RLE");

    let jpeg = jpeg_frame(WIDTH.into(), HEIGHT.into());
    assert_pixels(tomography(2).compressed(uids::JPEG_BASELINE8_BIT, twice(jpeg.clone()), vec![]), 0.03, "JPEG");

    let [grey, deep, near] = JPEG_LS.map(from_hex);
    assert_pixels(tomography(2).compressed(uids::JPEGLS_LOSSLESS, twice(grey.clone()), vec![]), 1e-6, "JPEG-LS");
    assert_pixels(
        tomography(1).compressed(uids::JPEGLS_NEAR_LOSSLESS, vec![near], vec![]),
        3.01 / 255.0,
        "near-lossless",
    );
    let words = tomography(1).with(word(tags::BITS_ALLOCATED, 16)).with(word(tags::BITS_STORED, 12));
    let deep = first(words.compressed(uids::JPEGLS_LOSSLESS, vec![deep], vec![]));
    assert!(deep.iter().enumerate().all(|(i, v)| (v - gradient(i) * 255.0 * 16.0 / 4095.0).abs() < 1e-6));

    // One frame in two fragments, joined by the offset table.
    let half = jpeg.len() / 4 * 2;
    let parts = vec![jpeg.clone(), jpeg[..half].to_vec(), jpeg[half..].to_vec()];
    let second = jpeg.len().next_multiple_of(2) as u32 + 8;
    assert_pixels(tomography(2).compressed(uids::JPEG_BASELINE8_BIT, parts, vec![0, second]), 0.03, "JPEG in parts");
}

#[test]
fn elements_after_compressed_pixels_are_no_fragments() {
    let padding = DataElement::new(tags::DATA_SET_TRAILING_PADDING, VR::OB, PrimitiveValue::from(vec![0_u8; 6]));
    let object = tomography(1).with(padding).compressed(uids::JPEG2000_LOSSLESS, vec![codestream()], vec![]);
    assert!((first(object)[9] - 30.0 / 255.0).abs() < 1e-6);
}

#[test]
fn inverse_grey_and_colour_survive_compression() {
    let inverse = string(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME1");
    let inverse = tomography(1).with(inverse).compressed(uids::JPEG2000_LOSSLESS, vec![codestream()], vec![]);
    assert!((first(inverse)[9] - (1.0 - 30.0 / 255.0)).abs() < 1e-6);

    let red = image::RgbImage::from_pixel(WIDTH.into(), HEIGHT.into(), image::Rgb([200, 0, 0]));
    let colours = tomography(1)
        .with(string(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "YBR_FULL_422"))
        .with(word(tags::SAMPLES_PER_PIXEL, 3))
        .with(word(tags::PLANAR_CONFIGURATION, 0))
        .compressed(uids::JPEG_BASELINE8_BIT, vec![encode(&red.into(), ImageFormat::Jpeg)], vec![]);
    assert!((first(colours)[9] - 0.299 * 200.0 / 255.0).abs() < 0.02);
}

#[test]
fn lines_through_a_common_centre_are_radial() {
    let own = |i: usize| {
        let (sin, cos) = (std::f64::consts::PI * i as f64 / 3.0).sin_cos();
        let half = 3.5 * 0.0117;
        let place = floats(tags::IMAGE_POSITION_PATIENT, &[-half * cos, 0.0, -half * sin]);
        let direction = floats(tags::IMAGE_ORIENTATION_PATIENT, &[cos, 0.0, sin, 0.0, 1.0, 0.0]);
        item([
            sequence(tags::PLANE_POSITION_SEQUENCE, vec![item([place])]),
            sequence(tags::PLANE_ORIENTATION_SEQUENCE, vec![item([direction])]),
        ])
    };
    let object = tomography(3)
        .with(sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, (0..3).map(own).collect()))
        .native(vec![7; 3 * FRAME]);
    let reader = scan::open(&Folder::new().file("a.dcm", &object.bytes()), ReadOptions::default()).unwrap();
    assert_eq!(reader.header().pattern, Pattern::Radial);
}

/// Frames on the image 1.2.99 through these points, pairs of row and column.
pub(super) fn located(points: &[Vec<f32>], orientation: &str) -> Object {
    let own = |points: &Vec<f32>| {
        let coordinates = PrimitiveValue::F32(points.iter().copied().collect());
        item([sequence(
            tags::OPHTHALMIC_FRAME_LOCATION_SEQUENCE,
            vec![item([
                string(tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, "1.2.99"),
                DataElement::new(tags::REFERENCE_COORDINATES, VR::FL, coordinates),
                string(tags::OPHTHALMIC_IMAGE_ORIENTATION, VR::CS, orientation),
            ])],
        )])
    };
    let frames = points.iter().map(own).collect();
    tomography(points.len()).with(sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, frames)).native(vec![
        7;
        points.len()
            * FRAME
    ])
}

/// Two frames along lines on another image.
pub(super) fn on_fundus() -> Vec<u8> {
    located(&[vec![1.0, 2.0, 1.0, 6.0], vec![2.0, 2.0, 2.0, 6.0]], "LINEAR").bytes()
}

#[test]
fn frame_locations_give_scale_and_fundus_image() {
    let folder = Folder::new();
    // Lines of 8 A-scans of 11.7 um, 4 pixels long: 23.4 um per pixel.
    let lines: Vec<Vec<f32>> = (0..3).map(|i| vec![10.0 - 2.0 * i as f32, 20.0, 10.0 - 2.0 * i as f32, 24.0]).collect();
    let path = folder.file("a.dcm", &located(&lines, "LINEAR").bytes());
    let mut reader = scan::open(&path, ReadOptions::default()).unwrap();
    let header = reader.header().clone();
    assert_eq!((header.pattern, header.places), (Pattern::RasterVolume, Some(Provenance::Header)));
    let BScanPosition::Line { start, end } = header.tracks[1] else { panic!("no line") };
    let place = |column: f64, row: f64| Place { x: column * 0.0234, y: row * 0.0234 };
    assert!(start.distance(place(20.0, 8.0)) < 1e-9 && end.distance(place(24.0, 8.0)) < 1e-9, "{start:?} {end:?}");
    assert!(reader.fundus().unwrap().is_none(), "the image is not there");

    for name in ["1.2.99.dcm", "a photograph"] {
        let photograph = tomography(1)
            .with(string(tags::SOP_INSTANCE_UID, VR::UI, "1.2.99"))
            .with(string(tags::SOP_CLASS_UID, VR::UI, uids::OPHTHALMIC_PHOTOGRAPHY8_BIT_IMAGE_STORAGE))
            .native((0..FRAME as u8).map(|i| 5 * i).collect());
        let image = folder.file(name, &photograph.bytes());
        let fundus = reader.fundus().unwrap().expect(name);
        assert_eq!((fundus.width, fundus.height, fundus.pixels[9]), (WIDTH.into(), HEIGHT.into(), 45));
        assert!(fundus.pixel_mm.is_some_and(|[x, y]| (x - 0.0234).abs() < 1e-9 && (y - 0.0234).abs() < 1e-9));
        assert_eq!(fundus.lines[2], [[20.0, 6.0], [24.0, 6.0]]);
        std::fs::remove_file(image).unwrap();
    }
}

#[test]
fn closed_curve_is_a_circle() {
    let folder = Folder::new();
    // From the right upwards, so counter-clockwise, with a radius of 1 pixel for 8 A-scans of 11.7 um.
    let round = |squeezed: f32| {
        let point = |i: usize| {
            let (sin, cos) = (std::f32::consts::TAU * i as f32 / 32.0).sin_cos();
            [50.0 - squeezed * sin, 40.0 + cos]
        };
        vec![(0..32).flat_map(point).collect()]
    };
    let path = folder.file("a.dcm", &located(&round(1.0), "NONLINEAR").bytes());
    let header = scan::open(&path, ReadOptions::default()).unwrap().header().clone();
    assert_eq!((header.pattern, header.eye), (Pattern::Circle, Some(Eye::Right)));
    let [BScanPosition::Circle { centre, start, clockwise }] = header.tracks[..] else { panic!("{:?}", header.tracks) };
    let around = std::f64::consts::TAU * centre.distance(start);
    assert!((around / (8.0 * 0.0117) - 1.0).abs() < 1e-3 && !clockwise);
    assert!(start.x > centre.x && (start.y - centre.y).abs() < 1e-6);
    // An ellipse, an incomplete line and an unknown kind.
    for (points, kind) in
        [(round(0.5), "NONLINEAR"), (vec![vec![1.0, 2.0, 3.0]], "LINEAR"), (vec![vec![1.0, 2.0]], "ELSEWHERE")]
    {
        let path = folder.file("b.dcm", &located(&points, kind).bytes());
        let header = scan::open(&path, ReadOptions::default()).unwrap().header().clone();
        assert!(header.tracks.is_empty() && header.places.is_none(), "{kind}");
    }
}

#[test]
fn screenshot_has_no_spacing() {
    let object = tomography(1)
        .with(string(tags::SOP_CLASS_UID, VR::UI, uids::SECONDARY_CAPTURE_IMAGE_STORAGE))
        .with(sequence(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![]))
        .with(floats(tags::PIXEL_SPACING, &[0.2, 0.2]))
        .with(string(tags::LATERALITY, VR::CS, "L"))
        .native(vec![9; FRAME]);
    let folder = Folder::new();
    let reader = scan::open(&folder.file("a.dcm", &object.bytes()), ReadOptions::default()).unwrap();
    let header = reader.header();
    assert_eq!((header.format.as_ref(), header.axial, header.lateral), ("DICOM", None, None));
    assert_eq!((header.eye, header.tracks.len()), (Some(Eye::Left), 0));
}

#[test]
fn obfuscated_zeiss_files_are_rejected() {
    let scrambled = tomography(1).compressed(uids::JPEG2000, vec![vec![0x5a; 64]], vec![]);
    let private = tomography(1).with(string(tags::MANUFACTURER, VR::LO, "Carl Zeiss Meditec")).with(string(
        Tag(0x0407, 0x0010),
        VR::LO,
        "99CZM_NIM_INTERNAL_04",
    ));
    for object in [scrambled, private] {
        let error = scan::open(&Folder::new().file("a.dcm", &object.bytes()), ReadOptions::default()).err();
        let error = error.expect("a refusal");
        assert_eq!(error.code().as_str(), "E-READ-UNSUPPORTED");
        assert!(error.to_string().contains("Zeiss"), "{error}");
    }
}

#[test]
fn unreadable_objects_are_rejected_with_a_code() {
    let one = || tomography(1);
    let pixels = || vec![0; FRAME];
    let cases = [
        (one().compressed(uids::JPEGLS_LOSSLESS, vec![vec![1; 50]], vec![]), "E-READ-TRUNCATED"),
        (one().compressed(uids::JPEGLS_LOSSLESS, vec![from_hex(JPEG_LS[1])], vec![]), "E-READ-MALFORMED"),
        (one().compressed(uids::JPEGLS_LOSSLESS, vec![from_hex(&JPEG_LS[0][..80])], vec![]), "E-READ-TRUNCATED"),
        (
            one().with(word(tags::ROWS, 8000)).compressed(uids::JPEGLS_LOSSLESS, vec![from_hex(JPEG_LS[0])], vec![]),
            "E-READ-MALFORMED",
        ),
        (one().native(vec![0; FRAME - 2]), "E-READ-TRUNCATED"),
        (one(), "E-READ-TRUNCATED"),
        (tomography(0).native(pixels()), "E-READ-MALFORMED"),
        (one().with(string(tags::NUMBER_OF_FRAMES, VR::IS, "99999")).native(pixels()), "E-READ-MALFORMED"),
        (one().with(word(tags::ROWS, 60_000)).native(pixels()), "E-READ-TOO-LARGE"),
        (one().with(word(tags::ROWS, 20_000)).native(pixels()), "E-READ-TRUNCATED"),
        (one().with(word(tags::BITS_ALLOCATED, 32)).native(pixels()), "E-READ-UNSUPPORTED"),
        (one().with(word(tags::HIGH_BIT, 8)).native(pixels()), "E-READ-UNSUPPORTED"),
        (one().with(word(tags::BITS_STORED, 6)).with(word(tags::HIGH_BIT, 4)).native(pixels()), "E-READ-UNSUPPORTED"),
        (one().with(word(tags::SAMPLES_PER_PIXEL, 2)).native(pixels()), "E-READ-UNSUPPORTED"),
        (one().compressed(uids::RLE_LOSSLESS, vec![vec![7; 90]], vec![]), "E-READ-MALFORMED"),
        (one().compressed(uids::JPEG_BASELINE8_BIT, vec![vec![7; 90]], vec![]), "E-READ-MALFORMED"),
        (one().compressed(uids::RLE_LOSSLESS, vec![rle_frame()[..110].to_vec()], vec![]), "E-READ-MALFORMED"),
        (one().compressed(uids::JPEG_BASELINE8_BIT, vec![jpeg_frame(100, 100)], vec![]), "E-READ-MALFORMED"),
        (
            one().compressed(uids::JPEG_BASELINE8_BIT, vec![jpeg_frame(8, 6)[..150].to_vec()], vec![]),
            "E-READ-MALFORMED",
        ),
        (tomography(2).compressed(uids::JPEG2000, vec![codestream()], vec![]), "E-READ-MALFORMED"),
        (one().compressed(uids::JPEG2000, vec![], vec![]).native(codestream()), "E-READ-MALFORMED"),
    ];
    for (i, (object, expected)) in cases.into_iter().enumerate() {
        assert_eq!(code(object), expected, "case {i}");
    }
}

#[test]
fn truncated_files_are_rejected() {
    let folder = Folder::new();
    for complete in [native(), jpeg_2000(), rle(), jpeg(), jpeg_ls()] {
        for length in (132..complete.len() - 1).step_by(5) {
            let code = error_code(&folder.file("a", &complete[..length]));
            assert!(code != "accepted", "{length} of {} bytes", complete.len());
        }
    }
}

#[test]
fn subject_needs_patient_and_acquisition_time() {
    let folder = Folder::new();
    let of = |elements: Vec<DataElement<InMemDicomObject>>| {
        let pixels = vec![0; FRAMES * FRAME];
        let object = elements.into_iter().fold(tomography(FRAMES).native(pixels), Object::with);
        subject(&folder.file("a.dcm", &object.bytes()))
    };
    let patient = || string(tags::PATIENT_ID, VR::LO, "P-1");
    let issuer = string(tags::ISSUER_OF_PATIENT_ID, VR::LO, "site");
    let acquired = |value| string(tags::ACQUISITION_DATE_TIME, VR::DT, value);
    let study = || string(tags::STUDY_DATE, VR::DA, "20260102");
    let zoned = acquired("20260103101500.5+0100");
    assert_eq!(
        of(vec![patient(), issuer, zoned, study()]),
        Some(expected_subject("site", "P-1", "2026-01-03T10:15:00"))
    );
    assert_eq!(of(vec![patient(), study()]), Some(expected_subject("", "P-1", "2026-01-02T00:00:00")));
    let time = string(tags::STUDY_TIME, VR::TM, "0930");
    assert_eq!(
        of(vec![patient(), acquired("2026"), study(), time]),
        Some(expected_subject("", "P-1", "2026-01-02T09:30:00"))
    );
    assert_eq!(of(vec![study()]), None);
    assert_eq!(of(vec![patient()]), None);
}
