//! Folders that are one volume.

use std::path::{Path, PathBuf};

use octrls_fs::within::Within;

use crate::{ReadError, dicom::series_key_within, extensions, natural_order::natural_key};

/// A folder that is one volume. The files are in natural order.
pub(crate) enum VolumeFolder {
    /// Images; none if the folder has neither images nor instances.
    Images(Vec<PathBuf>),
    /// Instances of a DICOM series.
    Instances(Vec<PathBuf>),
}

impl VolumeFolder {
    /// Lists the folder. Instances are recognised by content, under any name, and only searched for if
    /// there are no images.
    ///
    /// # Errors
    /// [`ReadError`] when a file or the folder cannot be read, or there are instances of several series.
    pub(crate) fn read(folder: &Path, within: &Within) -> Result<Self, ReadError> {
        let mut all = visible_files(folder)?;
        if all.iter().any(|path| extensions::is_image(path)) {
            all.retain(|path| extensions::is_image(path));
            return Ok(Self::Images(all));
        }
        let mut instances = Vec::new();
        let mut series = None;
        for path in all {
            let Some(key) = series_key_within(&path, within)? else { continue };
            if *series.get_or_insert_with(|| key.clone()) != key {
                let reason = "the folder has instances of several series; read each series as a scan of its own";
                return Err(ReadError::Series(reason.to_owned()));
            }
            instances.push(path);
        }
        Ok(if instances.is_empty() { Self::Images(instances) } else { Self::Instances(instances) })
    }

    /// The files, of either kind.
    pub(crate) fn into_files(self) -> Vec<PathBuf> {
        let (Self::Images(files) | Self::Instances(files)) = self;
        files
    }
}

/// The files in a folder that are not hidden, in natural order. An empty `folder`, the parent of a bare file name, is the
/// current folder.
///
/// # Errors
/// [`ReadError::Io`] when the folder cannot be read.
pub(crate) fn visible_files(folder: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let io = |source| ReadError::Io { path: folder.to_owned(), source };
    let mut found = Vec::new();
    let listed = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    for entry in std::fs::read_dir(listed).map_err(io)? {
        let name = entry.map_err(io)?.file_name();
        let path = folder.join(&name);
        let name = name.to_string_lossy();
        if !name.starts_with('.') && path.is_file() {
            found.push((natural_key(&name), path));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_of_a_bare_name_is_the_current_one() {
        // Tests run in the folder of the crate.
        let folder = Path::new("Cargo.toml").parent().unwrap();
        assert!(visible_files(folder).unwrap().contains(&PathBuf::from("Cargo.toml")));
    }
}
