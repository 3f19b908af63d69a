#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| octrls_tui::attach::fuzzing::from_server(bytes));
