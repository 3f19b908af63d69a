//! States the fovea of a scan by hand, or the middle of the disc of a circle.

use std::path::Path;

use octrls_core::scan::Place;
use octrls_readers::{ReadError, ReadOptions, ScanFiles, check_centre, series_of, state_centre};

use crate::{ProcessError, work::processor::with_scan_name};

/// States `centre` in the sidecar of the scan at `path`, in place of an earlier statement; `None` withdraws it. A watcher
/// of the folder then makes the results of the scan anew. Errors call the scan `name`.
///
/// # Errors
/// [`ProcessError`] if the scan cannot be read, cannot have this centre, or its sidecar cannot be written.
pub fn recentre(path: &Path, name: &Path, centre: Option<Place>, options: ReadOptions) -> Result<(), ProcessError> {
    let named = |error| with_scan_name(error, name);
    let files = if path.is_dir() { ScanFiles::one(path) } else { series_of(path).map_err(named)? };
    match centre.map(|centre| check_centre(&files, centre, options)) {
        // The places of a raw scan depend on options that only the watcher knows. It says if the centre does not fit.
        None | Some(Ok(()) | Err(ReadError::Nameless { .. })) => {}
        Some(Err(error)) => return Err(named(error)),
    }
    state_centre(&files, centre).map_err(named)
}
