//! Text of DICOM files in all character sets, compared with dcmtk.

use std::{path::Path, process::Command};

use dicom_core::{PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use octrls_readers as scan;
use octrls_readers::ReadOptions;

use super::{
    Folder,
    dicom::{FRAME, item, sequence, string, tomography},
};

/// Character sets and names of PS3.5, annexes H to K, and of other repertoires; `#` is the escape character.
const NAMES: [(&str, &[u8], &str); 12] = [
    (
        "\\ISO 2022 IR 87",
        b"Yamada^Tarou=#$B;3ED#(B^#$BB@O:#(B=#$B$d$^$@#(B^#$B$?$m$&#(B",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ),
    (
        "ISO 2022 IR 13\\ISO 2022 IR 87",
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=#$B;3ED#(J^#$BB@O:#(J=#$B$d$^$@#(J^#$B$?$m$&#(J",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    ),
    (
        "\\ISO 2022 IR 149",
        b"Hong^Gildong=#$)C\xfb\xf3^#$)C\xd1\xce\xd4\xd7=#$)C\xc8\xab^#$)C\xb1\xe6\xb5\xbf",
        "Hong^Gildong=洪^吉洞=홍^길동",
    ),
    ("ISO_IR 192", "Wang^XiaoDong=王^小東=".as_bytes(), "Wang^XiaoDong=王^小東="),
    ("GB18030", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", "Wang^XiaoDong=王^小东="),
    ("GBK", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", "Wang^XiaoDong=王^小东="),
    ("\\ISO 2022 IR 58", b"Zhang^XiaoDong=#$)A\xd5\xc5^#$)A\xd0\xa1\xb6\xab=", "Zhang^XiaoDong=张^小东="),
    ("ISO_IR 100", b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
    ("ISO_IR 144", b"\xbb\xee\xda\x63\x65\xdc\xd1\xe3\xe0\xd3", "Люкceмбург"),
    ("ISO 2022 IR 100\\ISO 2022 IR 144", b"J\xe9r\xf4me=#-L\xbb\xee\xda^\xe9", "Jérôme=Люк^é"),
    ("ISO_IR 126", b"\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "Διονυσιος"),
    ("ISO_IR 166", b"\xb9\xd2\xc1", "นาม"),
];

/// A file whose patient has this name, written as these bytes.
fn file(sets: &str, name: &[u8]) -> Vec<u8> {
    let name: Vec<u8> = name.iter().map(|&b| if b == b'#' { 0x1b } else { b }).collect();
    let (sets_mark, name_mark) = ("Y".repeat(sets.len()), "X".repeat(name.len()));
    let object = tomography(1).with(string(tags::SPECIFIC_CHARACTER_SET, VR::CS, &sets_mark)).with(string(
        tags::PATIENT_NAME,
        VR::PN,
        &name_mark,
    ));
    let mut bytes = object.native(vec![9; FRAME]).bytes();
    for (mark, value) in [(sets_mark.as_bytes(), sets.as_bytes()), (name_mark.as_bytes(), &name)] {
        let at = bytes.windows(mark.len()).position(|w| w == mark).unwrap();
        bytes[at..at + value.len()].copy_from_slice(value);
    }
    bytes
}

fn name(path: &Path) -> String {
    let reader = scan::open(path, ReadOptions::default()).unwrap();
    let subject = &reader.dicom_origin().unwrap().subject;
    subject.get(tags::PATIENT_NAME).unwrap().to_str().unwrap().trim_end().to_owned()
}

#[test]
fn names_are_those_of_the_standard() {
    let folder = Folder::new();
    for (sets, bytes, expected) in NAMES {
        assert_eq!(name(&folder.file("a.dcm", &file(sets, bytes))), expected, "{sets}");
    }
}

#[test]
fn names_are_those_that_dcmtk_converts() {
    const TEST: &str = "names_are_those_that_dcmtk_converts";
    let folder = Folder::new();
    if Command::new("dcmconv").arg("--version").output().is_err() {
        return octrls_testing::missing(TEST, "dcmtk");
    }
    let mut compared = 0;
    for (sets, bytes, expected) in NAMES {
        let from = folder.file("a.dcm", &file(sets, bytes));
        let to = folder.0.path().join("b.dcm");
        let converted = Command::new("dcmconv").arg("--convert-to-utf8").args([&from, &to]).output().unwrap();
        let message = String::from_utf8_lossy(&converted.stderr);
        // It depends on the library that dcmtk was built with.
        if message.contains("is not supported by the utilized character set conversion library") {
            continue;
        }
        assert!(converted.status.success(), "{sets}: {message}");
        compared += 1;
        assert_eq!((name(&to).as_str(), name(&from).as_str()), (expected, expected), "{sets}");
        std::fs::remove_file(to).unwrap();
    }
    assert!(compared >= 5, "only {compared}");
}

#[test]
fn an_item_may_have_character_sets_of_its_own() {
    let folder = Folder::new();
    // The item names another set, and its end restores that of the data set.
    let sets = string(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 144");
    let other = item([sets, string(tags::CODE_MEANING, VR::LO, "other")]);
    let object = tomography(1)
        .with(string(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 100"))
        .with(sequence(tags::ANATOMIC_REGION_SEQUENCE, vec![other]))
        .with(string(tags::PATIENT_NAME, VR::PN, "XX"));
    let mut bytes = object.native(vec![9; FRAME]).bytes();
    let at = bytes.windows(2).position(|w| w == b"XX").unwrap();
    bytes[at..at + 2].copy_from_slice(b"\xe9\xe8");
    assert_eq!(name(&folder.file("a.dcm", &bytes)), "éè");
}

#[test]
fn texts_that_would_take_all_memory_are_refused_and_private_ones_skipped() {
    let folder = Folder::new();
    let code =
        |object: super::dicom::Object| super::error_code(&folder.file("a.dcm", &object.native(vec![9; FRAME]).bytes()));
    let long =
        |tag, vr, bytes: usize| dicom_core::DataElement::new(tag, vr, PrimitiveValue::from("a\\".repeat(bytes / 2)));
    assert_eq!(code(tomography(1).with(long(tags::IMAGE_COMMENTS, VR::UT, 20 << 20))), "accepted");
    assert_eq!(code(tomography(1).with(long(dicom_core::Tag(0x0009, 0x1001), VR::UT, 20 << 20))), "accepted");
    // Items without content, each of eight bytes in the file.
    let one = tomography(1).native(vec![9; FRAME]).bytes();
    let start = 144 + u32::from_le_bytes(one[140..144].try_into().unwrap()) as usize;
    let crowd = |items: usize| {
        let head = b"\x08\0\x18\x22SQ\0\0\xff\xff\xff\xff";
        let item = b"\xfe\xff\0\xe0\0\0\0\0";
        let end = b"\xfe\xff\xdd\xe0\0\0\0\0";
        [&one[..start], head, &item.repeat(items), end, &one[start..]].concat()
    };
    assert_eq!(super::error_code(&folder.file("a.dcm", &crowd(1000))), "accepted");
    assert_eq!(super::error_code(&folder.file("a.dcm", &crowd(2_200_000))), "E-READ-MALFORMED");
}
