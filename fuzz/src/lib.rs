//! Helpers that fuzz targets share: they open files of any content as scans and read them.

use std::{path::Path, sync::Once};

use octrls_readers::{OpenedScan, ReadError, ReadOptions, ScanFiles, open, parts, series_key};
use tempfile::TempDir;

/// Maximum B-scans to read from one scan.
const MAX_BSCANS: usize = 8;
/// Maximum pixels of a B-scan to decode; larger ones are slow without being wrong.
const MAX_PIXELS: usize = 1 << 20;

/// A folder for the files of one input, in memory if possible.
///
/// # Panics
/// If it cannot be created.
#[must_use]
pub fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    folder.expect("a temporary folder")
}

/// Writes `bytes` to the file `name` in `folder` and reads it as a scan. The reader may return an error.
///
/// # Panics
/// If the reader returns an invalid scan or an error without code or text.
pub fn read(folder: &TempDir, name: &str, bytes: &[u8]) {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("a file in the temporary folder");
    for options in [
        ReadOptions::default(),
        ReadOptions {
            allow_missing: true,
            series: Some(1),
            um_per_degree: Some(293.3),
            raw: "cirrus:2x1".parse().ok(),
            ..ReadOptions::default()
        },
    ] {
        if let Err(error) = read_with(&path, options) {
            check_error(&error);
        }
    }
    let _ = (parts(&path), series_key(&path));
}

/// Opens a DICOM series of two instances that both hold `bytes`.
///
/// # Panics
/// If the reader returns an error without code or text.
pub fn read_series(folder: &TempDir, bytes: &[u8]) {
    let files = ["1.dcm", "2.dcm"].map(|name| folder.path().join(name));
    for file in &files {
        std::fs::write(file, bytes).expect("a file in the temporary folder");
    }
    let series = ScanFiles::series(files.to_vec()).expect("two files");
    if let Err(error) = OpenedScan::open(&series).and_then(|scan| scan.reader(ReadOptions::default())) {
        check_error(&error);
    }
}

fn check_error(error: &ReadError) {
    assert!(!error.to_string().is_empty() && error.code().as_str().starts_with("E-READ-"));
}

fn read_with(path: &Path, options: ReadOptions) -> Result<(), ReadError> {
    let mut reader = open(path, options)?;
    let header = reader.header().clone();
    assert!(header.bscans > 0 && [0, header.bscans].contains(&header.tracks.len()));
    if header.width * header.height > MAX_PIXELS {
        return Ok(());
    }
    let fundus = reader.fundus()?;
    assert!(fundus.is_none_or(|f| f.pixels.len() == f.width * f.height && [0, header.bscans].contains(&f.lines.len())));
    for index in 0..header.bscans.min(MAX_BSCANS) {
        let bscan = reader.bscan(index)?;
        assert_eq!((bscan.width, bscan.height), (header.width, header.height));
        assert_eq!(bscan.intensity.len(), bscan.width * bscan.height);
        assert!(bscan.intensity.iter().all(|v| (0.0..=1.0).contains(v)));
        for (_, rows) in reader.device_boundaries(index)? {
            assert_eq!(rows.len(), header.width);
        }
    }
    assert!(reader.bscan(header.bscans).is_err());
    Ok(())
}

/// Ignores panics of the DICOM parser and of the JPEG-LS decoder, which the reader catches. Any other ends the run.
pub fn pass_caught_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let abort = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let caught = |file: &str| ["/dicom-parser-", "/pure_jpegls-"].iter().any(|name| file.contains(name));
            if info.location().is_none_or(|at| !caught(at.file())) {
                abort(info);
            }
        }));
    });
}
