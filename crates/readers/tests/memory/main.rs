//! The most memory that decoding takes, for the worst file found for each decoder. `docs/reliability.md` has the table;
//! `OCTRLS_FULL_SIZE=1 cargo test -p octrls-readers --test memory -- --nocapture` prints it.

#![allow(clippy::unwrap_used)]

mod files;

use std::path::Path;

use octrls_readers::{ExportParts, ReadOptions, dicom, open, parts, role};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What reading may take: a fixed amount, and so many bytes for each byte of the file and for each pixel of the B-scan.
const FREE_MIB: f64 = 200.0;
const PER_BYTE: f64 = 24.0;
const PER_PIXEL: f64 = 16.0;

const MIB: f64 = 1024.0 * 1024.0;

/// Does all that a watcher does with the file at `path` before the network runs; returns the outcome and the pixels of the
/// B-scan.
fn read(path: &Path) -> (String, usize) {
    let _ = role(path);
    let _: ExportParts = parts(path);
    let _ = (dicom::check_lengths(path), dicom::identifiers(path));
    let read = || {
        let mut reader = open(path, ReadOptions::default())?;
        let bscan = reader.bscan(0)?;
        let _ = (reader.fundus(), reader.device_boundaries(0), reader.subject());
        let size = format!("{} x {}", bscan.width, bscan.height);
        Ok::<_, octrls_readers::ReadError>((size, bscan.width * bscan.height))
    };
    read().unwrap_or_else(|error| (error.code().as_str().to_owned(), 0))
}

#[test]
fn no_decoder_takes_more_than_its_budget() {
    let folder = tempfile::tempdir().unwrap();
    let mut exceeded = Vec::new();
    println!("| decoder | file | bytes | peak in MiB | outcome |\n| --- | --- | --- | --- | --- |");
    for (decoder, what, name, bytes) in files::worst() {
        let path = folder.path().join(name);
        std::fs::write(&path, &bytes).unwrap();
        let size = bytes.len();
        drop(bytes);
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage() as f64;
        let (outcome, pixels) = read(&path);
        let peak = (MEMORY.peak_usage() as f64 - before) / MIB;
        println!("| {decoder} | {what} | {size} | {peak:.0} | {outcome} |");
        if peak > FREE_MIB + (PER_BYTE * size as f64 + PER_PIXEL * pixels as f64) / MIB {
            exceeded.push(format!("{decoder}, {what}: {peak:.0} MiB for {size} bytes"));
        }
        std::fs::remove_file(path).unwrap();
    }
    assert!(exceeded.is_empty(), "{exceeded:#?}");
}
