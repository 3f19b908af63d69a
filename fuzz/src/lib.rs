//! What the targets share: files of any content, opened as scans and read.

use std::{path::Path, sync::Once};

use octrls_readers as scan;
use octrls_readers::ReadOptions;
use tempfile::TempDir;

/// Most B-scans that are read of one scan.
const MAX_BSCANS: usize = 8;
/// Largest B-scan whose pixels are read: larger ones take their time, which is no fault.
const MAX_PIXELS: usize = 1 << 20;

/// A folder for one input's files, in memory where the system has such a place.
#[must_use]
pub fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    folder.expect("a temporary folder")
}

/// Opens the file `name` of `folder`, which holds `bytes`, and reads it; it may be refused, with words.
///
/// # Panics
/// Where the reader breaks its promises.
pub fn read(folder: &TempDir, name: &str, bytes: &[u8]) {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("a file in the temporary folder");
    for options in [
        ReadOptions::default(),
        ReadOptions { allow_missing: true, series: Some(1), um_per_degree: Some(293.3), ..ReadOptions::default() },
    ] {
        if let Err(error) = read_with(&path, options) {
            assert!(!error.to_string().is_empty() && error.code().starts_with("E-READ-"));
        }
    }
    let _ = (scan::parts(&path), scan::series_key(&path));
}

/// Opens a DICOM series of two instances that both hold `bytes`.
///
/// # Panics
/// Where the reader breaks its promises.
pub fn read_series(folder: &TempDir, bytes: &[u8]) {
    let files = ["1.dcm", "2.dcm"].map(|name| folder.path().join(name));
    for file in &files {
        std::fs::write(file, bytes).expect("a file in the temporary folder");
    }
    let series = scan::ScanFiles::series(files.to_vec()).expect("two files");
    if let Err(error) = scan::OpenedScan::open(&series).and_then(|scan| scan.reader(ReadOptions::default())) {
        assert!(!error.to_string().is_empty() && error.code().starts_with("E-READ-"));
    }
}

fn read_with(path: &Path, options: ReadOptions) -> Result<(), scan::ReadError> {
    let mut reader = scan::open(path, options)?;
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

/// Lets panics of the DICOM parser and the JPEG-LS decoder go on to the reader, which catches them; any other ends the run.
pub fn pass_caught_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let end = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let caught = |file: &str| ["/dicom-parser-", "/pure_jpegls-"].iter().any(|name| file.contains(name));
            if info.location().is_none_or(|at| !caught(at.file())) {
                end(info);
            }
        }));
    });
}
