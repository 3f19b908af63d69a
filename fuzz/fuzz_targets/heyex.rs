#![no_main]
//! Input: the XML of an export, placed beside images that it may list.

/// A bitmap of 4 x 3 grey pixels.
fn bitmap() -> Vec<u8> {
    const HEADERS: u32 = 14 + 40;
    let mut bytes = b"BM".to_vec();
    let words = |values: &[u32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    bytes.extend(words(&[HEADERS + 36, 0, HEADERS, 40, 4, 3, 24 << 16 | 1, 0, 36, 0, 0, 0, 0]));
    bytes.extend((0..36).map(|i| i / 3 * 20));
    bytes
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let folder = octrls_fuzz::folder();
    for number in 0..3 {
        std::fs::write(folder.path().join(format!("{number}.bmp")), bitmap()).expect("an image");
    }
    octrls_fuzz::read(&folder, "scan.xml", bytes);
});
