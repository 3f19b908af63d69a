#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    octrls_fuzz::pass_caught_panics();
    let folder = octrls_fuzz::folder();
    octrls_fuzz::read(&folder, "scan", bytes);
    octrls_fuzz::read_series(&folder, bytes);
});
