#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| octrls_readers::fuzzing::intensity(bytes));
