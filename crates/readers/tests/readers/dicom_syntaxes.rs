//! Transfer syntaxes, fragments and stored bits of DICOM pixels.

use std::io::Write as _;

use dicom_core::{DataElement, PrimitiveValue, VR, smallvec::SmallVec};
use dicom_dictionary_std::{tags, uids};
use flate2::{Compression, write::DeflateEncoder};
use octrls_readers as scan;
use octrls_readers::{ReadError, ReadOptions};

use super::{
    Folder,
    dicom::{FRAME, Object, floats, native, string, tomography, word},
    topcon::codestream,
};

const ENCAPSULATED_UNCOMPRESSED: &str = "1.2.840.10008.1.2.1.98";
const DEFLATED_FRAMES: &str = "1.2.840.10008.1.2.8.1";

/// Start of the data set.
fn start(bytes: &[u8]) -> usize {
    144 + u32::from_le_bytes(bytes[140..144].try_into().unwrap()) as usize
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The file `explicit` with another transfer syntax, which is longer by `suffix`, and another data set.
fn recoded(explicit: &[u8], suffix: &str, data_set: &[u8]) -> Vec<u8> {
    let mut meta = explicit[..start(explicit)].to_vec();
    let uid = b"1.2.840.10008.1.2.1\0";
    let at = meta.windows(uid.len()).position(|w| w == uid).unwrap();
    let longer = format!("1.2.840.10008.1.2.1{suffix}");
    let longer = if longer.len() % 2 == 0 { longer } else { format!("{longer}\0") };
    let more = (longer.len() - uid.len()) as u8;
    meta.splice(at..at + uid.len(), longer.bytes());
    meta[at - 2] += more;
    meta[140] += more;
    [&meta[..], data_set].concat()
}

fn intensities(bytes: &[u8]) -> Result<Vec<Vec<f32>>, ReadError> {
    let folder = Folder::new();
    let mut reader = scan::open(&folder.file("a.dcm", bytes), ReadOptions::default())?;
    (0..reader.header().bscans).map(|i| Ok(reader.bscan(i)?.intensity)).collect()
}

#[track_caller]
fn assert_near(found: &[f32], expected: impl Fn(usize) -> f32) {
    for (i, v) in found.iter().enumerate() {
        assert!((v - expected(i)).abs() < 1e-5, "sample {i}: {v} for {}", expected(i));
    }
}

#[test]
fn deflated_data_sets_are_inflated() {
    let explicit = native();
    let data_set = &explicit[start(&explicit)..];
    let deflated = recoded(&explicit, ".99", &deflate(data_set));
    assert_eq!(intensities(&deflated).unwrap(), intensities(&explicit).unwrap());
    let folder = Folder::new();
    let path = folder.file("a.dcm", &deflated);
    scan::dicom::check_lengths(&path).unwrap();
    let uids = (uids::OPHTHALMIC_TOMOGRAPHY_IMAGE_STORAGE.to_owned(), "1.2.3.4".to_owned());
    assert_eq!(scan::dicom::identifiers(&path).unwrap(), uids);
    let meta = deflated.len() - deflate(data_set).len();
    for length in (meta..deflated.len()).step_by(7) {
        assert!(intensities(&deflated[..length]).is_err(), "{length} of {}", deflated.len());
    }
    let bomb = recoded(&explicit, ".99", &deflate(&vec![0; 200 << 20]));
    assert_eq!(intensities(&bomb).unwrap_err().code().as_str(), "E-READ-MALFORMED");
}

#[test]
fn single_instances_in_a_deflated_series_are_recognised() {
    let explicit =
        tomography(1).with(string(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3")).native(vec![9; FRAME]).bytes();
    let folder = Folder::new();
    let files = ["1.dcm", "2.dcm"]
        .map(|name| folder.file(name, &recoded(&explicit, ".99", &deflate(&explicit[start(&explicit)..]))));
    assert_eq!(scan::group_scans(files).len(), 1);
}

#[test]
fn frames_in_fragments_of_their_own() {
    let frame = |f: u8| (0..FRAME as u8).map(move |i| 40 * f + i + 60).collect::<Vec<u8>>();
    let object = tomography(2).native([frame(0), frame(1)].concat()).bytes();
    let expected = intensities(&object).unwrap();
    let plain = tomography(2).compressed(ENCAPSULATED_UNCOMPRESSED, vec![frame(0), frame(1)], vec![]).bytes();
    assert_eq!(intensities(&plain).unwrap(), expected);
    let short = tomography(2).compressed(ENCAPSULATED_UNCOMPRESSED, vec![frame(0), vec![1; 20]], vec![]).bytes();
    assert_eq!(intensities(&short).unwrap_err().code().as_str(), "E-READ-TRUNCATED");
    let deflated = vec![deflate(&frame(0)), deflate(&frame(1))];
    let deflated = tomography(2).compressed(DEFLATED_FRAMES, deflated, vec![]).bytes();
    assert_eq!(intensities(&deflated).unwrap(), expected);
}

#[test]
fn jpeg_2000_in_several_fragments() {
    let stream = codestream();
    let halves = || {
        let (a, b) = stream.split_at(100);
        [a.to_vec(), b.to_vec()]
    };
    let fragments: Vec<Vec<u8>> = (0..3).flat_map(|_| halves()).collect();
    let whole = tomography(3).compressed(uids::JPEG2000_LOSSLESS, vec![stream.clone(); 3], vec![]).bytes();
    let expected = intensities(&whole).unwrap();
    let unlisted = tomography(3).compressed(uids::JPEG2000_LOSSLESS, fragments.clone(), vec![]).bytes();
    assert_eq!(intensities(&unlisted).unwrap(), expected);
    let length: usize = halves().map(|half| half.len().next_multiple_of(2) + 8).iter().sum();
    let listed = |offsets: [u64; 3]| {
        let table = PrimitiveValue::U64(SmallVec::from_slice(&offsets));
        let table = DataElement::new(tags::EXTENDED_OFFSET_TABLE, VR::OV, table);
        tomography(3).with(table).compressed(uids::JPEG2000_LOSSLESS, fragments.clone(), vec![]).bytes()
    };
    assert_eq!(intensities(&listed([0, 1, 2].map(|i| (i * length) as u64))).unwrap(), expected);
    assert_eq!(intensities(&listed([0, 3, 5])).unwrap_err().code().as_str(), "E-READ-MALFORMED");
    let two = fragments[..4].to_vec();
    let missing = tomography(3).compressed(uids::JPEG2000_LOSSLESS, two, vec![]).bytes();
    assert_eq!(intensities(&missing).unwrap_err().code().as_str(), "E-READ-MALFORMED");
}

#[test]
fn pixels_that_cannot_be_decoded_are_refused_by_name_when_opened() {
    // A start, a frame header of 12 bits of the extended process, a scan and an end.
    let header =
        [&[0xff, 0xd8, 0xff, 0xc1, 0, 11, 12, 0, 6, 0, 8, 1, 1, 0x11, 0][..], &[0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]];
    let twelve = [header.concat(), vec![0x55, 0xff, 0xd9]].concat();
    let cases = [
        (uids::JPEG_EXTENDED12_BIT, twelve, "12 bits"),
        ("1.2.840.10008.1.2.4.201", vec![1; 20], "High-Throughput JPEG 2000"),
        ("1.2.840.10008.1.2.4.202", vec![1; 20], "1.2.840.10008.1.2.4.202"),
        ("1.2.840.10008.1.2.4.110", vec![1; 20], "JPEG XL"),
    ];
    for (syntax, frame, name) in cases {
        let object = tomography(1).with(word(tags::BITS_ALLOCATED, 16)).with(word(tags::BITS_STORED, 12));
        let path = Folder::new();
        let path = (path.file("a.dcm", &object.compressed(syntax, vec![frame], vec![]).bytes()), path);
        let error = scan::open(&path.0, ReadOptions::default()).err().unwrap_or_else(|| panic!("{syntax}"));
        assert_eq!(error.code().as_str(), "E-READ-UNSUPPORTED", "{syntax}");
        assert!(error.to_string().contains(name) && error.to_string().contains("JPEG 2000"), "{error}");
    }
}

fn words(values: impl IntoIterator<Item = u16>) -> Vec<u8> {
    values.into_iter().flat_map(u16::to_le_bytes).collect()
}

fn deep(stored: u16, high: u16) -> Object {
    let object = tomography(1).with(word(tags::BITS_ALLOCATED, 16)).with(word(tags::BITS_STORED, stored));
    object.with(word(tags::HIGH_BIT, high))
}

#[test]
fn only_the_stored_bits_of_a_sample_count() {
    let value = |i: usize| 87 * i as u16;
    // 12 bits with an overlay above, and 12 bits at the upper end with noise below.
    let above = deep(12, 11).native(words((0..FRAME).map(|i| value(i) | 0xa000))).bytes();
    let below = deep(12, 15).native(words((0..FRAME).map(|i| value(i) << 4 | (i as u16 & 0xf)))).bytes();
    for object in [above, below] {
        assert_near(&intensities(&object).unwrap()[0], |i| f32::from(value(i)) / 4095.0);
    }
    // -2048 to 2041, with the sign also in the unused bits, or not.
    let signed = |mask: u16| {
        let sample = move |i: usize| ((87 * i as i16) - 2048) as u16 & mask;
        deep(12, 11).with(word(tags::PIXEL_REPRESENTATION, 1)).native(words((0..FRAME).map(sample))).bytes()
    };
    for object in [signed(0xffff), signed(0x0fff)] {
        assert_near(&intensities(&object).unwrap()[0], |i| f32::from(value(i)) / 4095.0);
    }
}

#[test]
fn values_that_fill_a_small_part_of_their_bits_are_shown_by_their_range() {
    let small = deep(16, 15).native(words((0..FRAME as u16).map(|i| 2 * i))).bytes();
    let last = 2.0 * (FRAME - 1) as f32;
    assert_near(&intensities(&small).unwrap()[0], |i| 2.0 * i as f32 / last);
    // All frames by the range of all.
    let frames = words((0..2 * FRAME as u16).map(|i| 2 * i));
    let two =
        tomography(2).with(word(tags::BITS_ALLOCATED, 16)).with(word(tags::BITS_STORED, 16)).native(frames).bytes();
    let found = intensities(&two).unwrap();
    let last = 2.0 * (2 * FRAME - 1) as f32;
    assert_near(&found[0], |i| 2.0 * i as f32 / last);
    assert_near(&found[1], |i| 2.0 * (FRAME + i) as f32 / last);
}

#[test]
fn inverse_pixels_become_what_they_show() {
    let pixels = || (0..FRAME as u8).map(|i| 255 - 5 * i).collect::<Vec<u8>>();
    let shape = string(tags::PRESENTATION_LUT_SHAPE, VR::CS, "INVERSE");
    let slope = [floats(tags::RESCALE_SLOPE, &[-1.0]), floats(tags::RESCALE_INTERCEPT, &[255.0])];
    let rescaled = slope.into_iter().fold(tomography(1), Object::with);
    for object in [tomography(1).with(shape), rescaled] {
        assert_near(&intensities(&object.native(pixels()).bytes()).unwrap()[0], |i| 5.0 * i as f32 / 255.0);
    }
}
