//! A folder of images as one volume: one image per B-scan, in natural order of their names (2 before 10).

use crate::header::HeaderExt as _;
use std::path::{Path, PathBuf};

use super::{
    ReadError, ScanReader,
    dimensions::MAX_BSCANS,
    files::series_key,
    raster::{self, Raster},
    sidecar::Hints,
};
use octrls_core::scan::{BScan, Pattern, ScanHeader};

/// The images of a folder, each read on demand.
pub struct ImageFolder {
    header: ScanHeader,
    images: Vec<PathBuf>,
}

impl ImageFolder {
    pub(crate) fn open(images: Vec<PathBuf>, stated: &Hints) -> Result<Self, ReadError> {
        if images.len() as u64 > MAX_BSCANS {
            return Err(ReadError::Malformed(format!("too many images in one folder: {}", images.len())));
        }
        let mut header: Option<ScanHeader> = None;
        for image in &images {
            let own = open_image(image, stated)?.header().clone();
            let first = header.get_or_insert_with(|| own.clone());
            if own.bscans > 1 {
                return Err(ReadError::Unsupported("a multi-page image in a folder of B-scans".to_owned()));
            }
            if (own.width, own.height) != (first.width, first.height) {
                return Err(ReadError::Unsupported("images of different sizes in a folder of B-scans".to_owned()));
            }
        }
        let header = header.ok_or_else(|| ReadError::Unsupported("a folder without images".to_owned()))?;
        let pattern = if images.len() == 1 { header.pattern } else { Pattern::Unknown };
        let header = ScanHeader { format: "image folder".into(), bscans: images.len(), pattern, ..header };
        Ok(Self { header: header.placed(stated), images })
    }
}

impl ScanReader for ImageFolder {
    fn header(&self) -> &ScanHeader {
        &self.header
    }

    fn bscan(&mut self, index: usize) -> Result<BScan, ReadError> {
        self.header.check_index(index)?;
        let bscan = open_image(&self.images[index], &Hints::default())?.bscan(0)?;
        if (bscan.width, bscan.height) == (self.header.width, self.header.height) {
            Ok(bscan)
        } else {
            Err(ReadError::Malformed(format!("the image of B-scan {index} changed its size")))
        }
    }
}

/// The files in a folder that are not hidden, in natural order.
///
/// # Errors
/// [`ReadError::Io`] when the folder cannot be read.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let io = |source| ReadError::Io { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if !name.starts_with('.') && path.is_file() {
            found.push((natural_key(&name), path));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// The files of a folder that is one volume, in natural order.
pub(crate) enum VolumeFolder {
    /// Images; none if the folder has neither images nor instances.
    Images(Vec<PathBuf>),
    /// Instances of a DICOM series.
    Instances(Vec<PathBuf>),
}

/// Lists a folder that is one volume. Instances are recognised by content, under any name, and only searched for if
/// there are no images.
///
/// # Errors
/// [`ReadError`] when a file or the folder cannot be read, or there are instances of several series.
pub(crate) fn of_volume(folder: &Path) -> Result<VolumeFolder, ReadError> {
    let mut all = files(folder)?;
    if all.iter().any(|path| raster::has_extension(path)) {
        all.retain(|path| raster::has_extension(path));
        return Ok(VolumeFolder::Images(all));
    }
    let mut instances = Vec::new();
    let mut of = None;
    for path in all {
        let Some(key) = series_key(&path)? else { continue };
        if *of.get_or_insert_with(|| key.clone()) != key {
            let reason = "the folder has instances of several series; segment it without --volume";
            return Err(ReadError::Series(reason.to_owned()));
        }
        instances.push(path);
    }
    Ok(if instances.is_empty() { VolumeFolder::Images(instances) } else { VolumeFolder::Instances(instances) })
}

/// See [`natural_key`].
pub(crate) fn natural_key_of(path: &Path) -> NaturalKey {
    natural_key(&path.file_name().unwrap_or_default().to_string_lossy())
}

/// See [`natural_key`].
pub type NaturalKey = Vec<(String, usize, String)>;

fn open_image(path: &Path, stated: &Hints) -> Result<Raster, ReadError> {
    Raster::recognise(path, stated)
}

/// Sort key for natural order: for each number in the name, the text before it, its count of digits, and its digits
/// without leading zeros.
pub fn natural_key(name: &str) -> NaturalKey {
    let mut key = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let number = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (text, after) = rest.split_at(number);
        let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let (digits, left) = after.split_at(end);
        let digits = digits.trim_start_matches('0');
        key.push((text.to_lowercase(), digits.len(), digits.to_owned()));
        rest = left;
    }
    key
}

#[cfg(test)]
mod tests {
    use super::natural_key;

    #[test]
    fn numbers_in_names_count_as_numbers() {
        let mut names = ["b10.png", "B2.png", "b1-10.png", "b1-9.png", "b002.png", "a99.png", "c.png"];
        names.sort_by_key(|n| natural_key(n));
        assert_eq!(names, ["a99.png", "b1-9.png", "b1-10.png", "B2.png", "b002.png", "b10.png", "c.png"]);
        assert!(natural_key(&"9".repeat(5000)) > natural_key("8"));
    }
}
