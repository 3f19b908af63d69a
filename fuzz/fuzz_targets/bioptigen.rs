#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| octrls_fuzz::read(&octrls_fuzz::folder(), "scan", bytes));
