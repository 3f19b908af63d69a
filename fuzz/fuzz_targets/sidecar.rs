#![no_main]
//! Input: the sidecar of a `.img` file with 2 x 1024 x 2 samples.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let folder = octrls_fuzz::folder();
    let name = "a_Cube 2x2_OD.img";
    std::fs::write(folder.path().join(format!("{name}.toml")), bytes).expect("a sidecar");
    octrls_fuzz::read(&folder, name, &[7; 4096]);
});
