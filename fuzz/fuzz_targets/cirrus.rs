#![no_main]
//! Input: the file name up to a zero byte, then the content.

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let (name, content) = input.split_at(input.iter().position(|&b| b == 0).unwrap_or(input.len()));
    let name: String = String::from_utf8_lossy(name).chars().filter(|c| *c != '/').take(80).collect();
    octrls_fuzz::read(&octrls_fuzz::folder(), &format!("{name}.img"), content.get(1..).unwrap_or_default());
});
