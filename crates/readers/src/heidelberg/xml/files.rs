//! The files of an export folder.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use crate::ReadError;

/// The files of the export, by lower-case name; names that differ only in case count as one.
pub(crate) struct ExportFiles(HashMap<String, PathBuf>);

impl ExportFiles {
    /// The files beside the XML and in the folders beside it.
    pub(crate) fn beside(xml: &Path) -> Result<Self, ReadError> {
        // The parent of a bare file name is empty.
        let folder = xml.parent().filter(|folder| !folder.as_os_str().is_empty());
        Self::in_folder(folder.unwrap_or_else(|| Path::new(".")))
    }

    /// The files in `folder` and in its folders.
    pub(crate) fn in_folder(folder: &Path) -> Result<Self, ReadError> {
        let io = |source| ReadError::Io { path: folder.to_owned(), source };
        let mut files = HashMap::new();
        let mut folders = vec![(folder.to_owned(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            for entry in std::fs::read_dir(&folder).map_err(io)? {
                let entry = entry.map_err(io)?;
                let kind = entry.file_type().map_err(io)?;
                if kind.is_dir() && depth == 0 {
                    folders.push((entry.path(), 1));
                } else if kind.is_file() {
                    // The XML's own folder comes first and takes precedence.
                    files.entry(entry.file_name().to_string_lossy().to_lowercase()).or_insert_with(|| entry.path());
                }
            }
        }
        Ok(Self(files))
    }

    /// All files, in no order.
    pub(crate) fn into_paths(self) -> Vec<PathBuf> {
        self.0.into_values().collect()
    }

    /// The file of the image `number`, which was exported to `url`.
    pub(crate) fn find(&self, url: Option<&str>, number: &str) -> Option<PathBuf> {
        file_names(url, number).iter().find_map(|n| self.0.get(n)).cloned()
    }
}

/// Possible names of an image's file, in lower case: the last part of its URL, whose folders are those of another
/// machine. Without a URL, the image's number, alone or with `-Input`, as in anonymised exports.
pub(crate) fn file_names(url: Option<&str>, number: &str) -> Vec<String> {
    match url.and_then(|u| u.rsplit(['/', '\\']).next()).filter(|n| !n.is_empty()) {
        Some(name) => vec![name.to_lowercase()],
        None => ["", "-input"]
            .iter()
            .flat_map(|suffix| ["tif", "tiff", "png", "bmp", "jpg"].map(|end| format!("{number}{suffix}.{end}")))
            .collect(),
    }
}
