#![no_main]
//! The name of the file up to a zero, then its content.

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let (name, content) = input.split_at(input.iter().position(|&b| b == 0).unwrap_or(input.len()));
    let name: String = String::from_utf8_lossy(name).chars().filter(|c| *c != '/').take(80).collect();
    octrls_fuzz::read(&octrls_fuzz::folder(), &format!("{name}.img"), content.get(1..).unwrap_or_default());
});
