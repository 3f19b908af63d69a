//! The fundus image that frames refer to, in a file beside the scan.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use super::{errors::catch_panic, locations::ScaledLocations, meta::Meta, object::OpenObject};
use crate::{FundusImage, ReadError};

/// Maximum files beside a scan to search for its fundus image.
const MAX_FILES: usize = 256;

/// Reads the image from a file beside `scan`, the scan's own files; `None` if there is none.
pub(crate) fn read(scaled: &ScaledLocations, scan: &[PathBuf]) -> Result<Option<FundusImage>, ReadError> {
    let ScaledLocations { locations, pixel_mm } = scaled;
    let Some(file) = file_beside(locations.instance(), scan) else { return Ok(None) };
    let image = catch_panic(|| OpenObject::open(&file)?.into_frames())?;
    let image = image.decode(0)?;
    let (pixels, pixel_mm) = (FundusImage::grey(&image), pixel_mm.map(|mm| [mm, mm]));
    Ok(Some(FundusImage { width: image.width, height: image.height, pixels, pixel_mm, lines: locations.points() }))
}

/// The file beside `scan` that holds the SOP instance `instance`.
fn file_beside(instance: &str, scan: &[PathBuf]) -> Option<PathBuf> {
    let folder = scan.first()?.parent()?;
    let own: HashSet<&Path> = scan.iter().map(PathBuf::as_path).collect();
    let is_it = |file: &Path| !own.contains(file) && Meta::of_file(file).is_ok_and(|meta| meta.instance == instance);
    // Receivers, including ours, name files this way.
    let likely = folder.join(format!("{instance}.dcm"));
    if is_it(&likely) {
        return Some(likely);
    }
    let files = std::fs::read_dir(folder).ok()?.take(MAX_FILES + own.len()).filter_map(Result::ok);
    files.filter(|e| e.file_type().is_ok_and(|t| t.is_file())).map(|e| e.path()).find(|file| is_it(file))
}
