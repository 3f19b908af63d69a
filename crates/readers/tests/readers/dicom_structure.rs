//! DICOM files whose structure misleads parsers.

use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use octrls_readers as scan;
use octrls_readers::ReadOptions;

use super::{
    Folder,
    dicom::{FRAME, Object, item, native, sequence, string, tomography, word},
    error_code, read,
};

#[test]
fn item_outside_a_sequence_is_rejected() {
    let mut bytes = native();
    // The length of the meta information follows the preamble, `DICM` and the header of the first element.
    let length = u32::from_le_bytes([bytes[140], bytes[141], bytes[142], bytes[143]]) as usize;
    let item_end = [0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0];
    let item = [0xFE, 0xFF, 0x00, 0xE0, 0, 0, 0, 0];
    bytes.splice(144 + length..144 + length, [item_end, item].concat());
    assert_eq!(error_code(&Folder::new().file("a", &bytes)), "E-READ-MALFORMED");
}

#[test]
fn deeply_nested_sequences_are_rejected() {
    let bytes = native();
    let length = u32::from_le_bytes([bytes[140], bytes[141], bytes[142], bytes[143]]) as usize;
    let sequence = [0x08, 0x00, 0x40, 0x11, b'S', b'Q', 0, 0, 0xff, 0xff, 0xff, 0xff];
    let item = [0xfe, 0xff, 0x00, 0xe0, 0xff, 0xff, 0xff, 0xff];
    let deep = [sequence.as_slice(), &item].concat().repeat(100_000);
    let mut bytes = bytes;
    bytes.splice(144 + length..144 + length, deep);
    assert_eq!(error_code(&Folder::new().file("a", &bytes)), "E-READ-MALFORMED");
}

#[test]
fn data_set_starts_after_the_meta_information() {
    let length = u32::from_le_bytes(native()[140..144].try_into().unwrap());
    let error_of = |changes: &[(usize, &[u8])]| {
        let mut bytes = native();
        for (at, change) in changes {
            bytes[*at..at + change.len()].copy_from_slice(change);
        }
        error_code(&Folder::new().file("a", &bytes))
    };
    assert_eq!(error_of(&[]), "accepted");
    // In another group, this element is not part of the meta information, and the data set begins after it.
    let last = native().windows(4).position(|w| w == [2, 0, 0x12, 0]).unwrap();
    assert_eq!(error_of(&[(last, &[0xab, 0])]), "E-READ-MALFORMED");
    assert_eq!(error_of(&[(140, &(length + 1).to_le_bytes())]), "E-READ-MALFORMED");
    assert_eq!(error_of(&[(132, &[2, 0, 1, 0])]), "E-READ-MALFORMED");
    // An unknown value representation has a length of 32 bits.
    assert_eq!(error_of(&[(last + 4, b"ZZ"), (last + 8, &[0xff; 4])]), "E-READ-TRUNCATED");
}

#[test]
fn lengths_are_checked_after_the_pixels_of_an_icon() {
    let mut bytes = {
        let pixels = DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::from(vec![7_u8; 4]));
        let after = DataElement::new(Tag(0x7fe1, 0x1010), VR::OB, PrimitiveValue::from(vec![9_u8; 4]));
        let icon = sequence(tags::ICON_IMAGE_SEQUENCE, vec![item([pixels, after])]);
        tomography(1).with(icon).native(vec![0; FRAME]).bytes()
    };
    assert_eq!(error_code(&Folder::new().file("a", &bytes)), "accepted");
    let after = bytes.windows(4).position(|w| w == [0xe1, 0x7f, 0x10, 0x10]).unwrap();
    bytes[after + 8..after + 12].copy_from_slice(&0x4000_0000_u32.to_le_bytes());
    let error = scan::open(&Folder::new().file("a", &bytes), ReadOptions::default()).err().unwrap();
    assert!(error.to_string().contains("1073741824 bytes declared"), "found before memory is taken: {error}");
}

#[test]
fn values_of_partial_numbers_are_rejected() {
    let mut bytes = native();
    let samples = bytes.windows(6).position(|w| w == [0x28, 0, 2, 0, b'U', b'S']).unwrap();
    bytes[samples + 4..samples + 6].copy_from_slice(b"UL");
    assert_eq!(error_code(&Folder::new().file("a", &bytes)), "E-READ-MALFORMED");
}

#[test]
fn odd_number_of_8_bit_pixels_in_words_is_read() {
    let side = 7;
    let size = |tag| word(tag, side);
    let object = tomography(1).with(size(tags::ROWS)).with(size(tags::COLUMNS));
    let mut bytes = object.native(vec![51; 50]).bytes();
    let pixels = bytes.windows(6).position(|w| w == [0xe0, 0x7f, 0x10, 0, b'O', b'W']).unwrap();
    bytes[pixels + 8..pixels + 12].copy_from_slice(&49_u32.to_le_bytes());
    bytes.pop();
    let (_, bscan) = read(&Folder::new().file("a", &bytes)).unwrap();
    assert!(bscan.intensity.iter().all(|v| (v - 0.2).abs() < 1e-6));
}

#[test]
fn broken_structure_is_reported_before_other_errors() {
    let compressed = |frames| tomography(frames).compressed(uids::RLE_LOSSLESS, vec![vec![7; 90]], vec![]);
    let zeiss = string(tags::MANUFACTURER, VR::LO, "Carl Zeiss Meditec");
    let private = string(Tag(0x0407, 0x0010), VR::LO, "99CZM_NIM_INTERNAL_04");
    let cases = [
        ("E-READ-UNSUPPORTED", compressed(1).with(zeiss).with(private)),
        ("E-READ-UNSUPPORTED", compressed(1).with(string(tags::MODALITY, VR::CS, "SEG"))),
        ("E-READ-TOO-LARGE", compressed(1).with(word(tags::ROWS, 60_000))),
        ("E-READ-UNSUPPORTED", compressed(1).with(word(tags::BITS_ALLOCATED, 32))),
        // One fragment for two frames.
        ("E-READ-MALFORMED", compressed(2)),
        // Scrambled JPEG 2000.
        ("E-READ-UNSUPPORTED", tomography(1).compressed(uids::JPEG2000, vec![vec![0x5a; 64]], vec![])),
    ];
    let padded = |object: Object| {
        object.with(DataElement::new(tags::DATA_SET_TRAILING_PADDING, VR::OB, PrimitiveValue::from(vec![0_u8; 6])))
    };
    for (i, (expected, object)) in cases.into_iter().enumerate() {
        let mut bytes = padded(object).bytes();
        let code = |bytes: &[u8]| error_code(&Folder::new().file("a", bytes));
        assert_eq!(code(&bytes), expected, "case {i}");
        // Within the header of the last element, which takes 18 bytes.
        bytes.truncate(bytes.len() - 10);
        assert_eq!(code(&bytes), "E-READ-TRUNCATED", "case {i}, cut short");
    }
}

#[test]
fn compressed_pixels_in_an_uncompressed_syntax_are_missing_pixels() {
    let object = tomography(1).compressed(uids::EXPLICIT_VR_LITTLE_ENDIAN, vec![vec![7; FRAME]], vec![]);
    let folder = Folder::new();
    let path = folder.file("a", &object.bytes());
    assert_eq!(error_code(&path), "E-READ-TRUNCATED");
    scan::dicom::check_lengths(&path).unwrap();
}
