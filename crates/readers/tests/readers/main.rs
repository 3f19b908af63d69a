//! Scan readers: every format, and the ways in which a file can be broken.

#![allow(clippy::unwrap_used)]

mod broken;
mod cases;
mod composite;
mod content;
mod dicom;
mod dicom_parts;
mod dicom_series;
mod dicom_structure;
mod dicom_syntaxes;
mod dicom_text;
mod e2e;
mod heyex;
mod identity;
mod mutated;
mod raster;
mod raw;
mod real;
mod seeds;
mod sidecar;
mod topcon;
mod vol;

use std::path::{Path, PathBuf};

use octrls_core::scan::{BScan, ScanHeader};
use octrls_readers as scan;
use octrls_readers::{ReadError, ReadOptions};
use tempfile::TempDir;

/// A folder for one test's files.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// The folder of pictures and exports that once failed; it lies beside the real data and is no part of the project.
fn cases() -> Option<PathBuf> {
    let data = octrls_testing::real_data("formats")?;
    let cases = data.parent().map(|shared| shared.join("cases")).filter(|folder| folder.is_dir());
    if cases.is_none() {
        octrls_testing::missing("cases", "the folder shared/cases");
    }
    cases
}

/// Reads a scan of one B-scan completely.
fn read(path: &Path) -> Result<(ScanHeader, BScan), ReadError> {
    let mut reader = scan::open(path, ReadOptions::default())?;
    let bscan = reader.bscan(0)?;
    let header = reader.header().clone();
    // A scan is readable without these.
    let (_, found) = (reader.fundus(), reader.device_boundaries(0));
    assert!(found.into_iter().flatten().all(|(_, rows)| rows.len() == header.width));
    assert_eq!((bscan.width, bscan.height), (header.width, header.height));
    assert_eq!(bscan.intensity.len(), bscan.width * bscan.height);
    assert!(bscan.intensity.iter().all(|v| (0.0..=1.0).contains(v)));
    Ok((header, bscan))
}

/// Issuer and identifier of the patient, separated by a NUL, and the time of the scan; `None` if the file lacks one.
fn subject(path: &Path) -> Option<(String, String)> {
    let subject = scan::open(path, ReadOptions::default()).unwrap().subject().unwrap()?;
    Some((String::from_utf8(subject.identity()).unwrap(), subject.acquired.to_string()))
}

/// A subject in the form that [`subject`] returns.
fn expected_subject(issuer: &str, patient: &str, acquired: &str) -> (String, String) {
    (format!("{issuer}\0{patient}"), acquired.to_owned())
}

/// Noon of 2026-01-01 as a `FILETIME`.
const FILETIME: [u8; 8] = 134_117_424_000_000_000_u64.to_le_bytes();

/// Code of the error for a scan.
fn error_code(path: &Path) -> &'static str {
    match read(path) {
        Ok(_) => "accepted",
        Err(e) => {
            assert!(!e.to_string().is_empty());
            e.code().as_str()
        }
    }
}
