//! The files of an export folder.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
};

use crate::{ReadError, extensions::is_image};

/// The files of the export, by lower-case name; names that differ only in case count as one.
pub(crate) struct ExportFiles(HashMap<String, PathBuf>);

impl ExportFiles {
    /// The files that may be the images that the XML at `xml` lists as `names`: those beside the XML or, if none of them
    /// is listed, those in the first folder beside it with a listed one. A file of a listed name in any other folder is a
    /// scan of its own.
    pub(crate) fn beside(xml: &Path, names: &HashSet<String>) -> Result<Self, ReadError> {
        // The parent of a bare file name is empty.
        let folder = xml.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let (own, mut folders) = read(folder)?;
        if own.keys().any(|name| names.contains(name)) {
            return Ok(Self(own));
        }
        folders.sort();
        for folder in folders {
            // A folder of others may be closed to us.
            let Ok((files, _)) = read(&folder) else { continue };
            if files.keys().any(|name| names.contains(name)) {
                return Ok(Self(files));
            }
        }
        Ok(Self(own))
    }

    /// The file of the image `number`, which was exported to `url`.
    pub(crate) fn find(&self, url: Option<&str>, number: &str) -> Option<PathBuf> {
        file_names(url, number).iter().find_map(|n| self.0.get(n)).cloned()
    }

    /// The images among the files, in the order of their paths.
    pub(crate) fn images(self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = self.0.into_values().filter(|path| is_image(path)).collect();
        files.sort();
        files
    }

    /// The files with one of `names`, in the order of their paths.
    pub(crate) fn named(self, names: &HashSet<String>) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> =
            self.0.into_iter().filter(|(name, _)| names.contains(name)).map(|(_, path)| path).collect();
        files.sort();
        files
    }
}

/// The files in `folder`, by lower-case name, and the folders in it.
fn read(folder: &Path) -> Result<(HashMap<String, PathBuf>, Vec<PathBuf>), ReadError> {
    let io = |source| ReadError::Io { path: folder.to_owned(), source };
    let (mut files, mut folders) = (HashMap::new(), Vec::new());
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let kind = entry.file_type().map_err(io)?;
        if kind.is_dir() {
            folders.push(entry.path());
        } else if kind.is_file() {
            let found = files.entry(entry.file_name().to_string_lossy().to_lowercase());
            // The same file each time, whatever the order of the folder.
            found
                .and_modify(|path: &mut PathBuf| *path = entry.path().min(path.clone()))
                .or_insert_with(|| entry.path());
        }
    }
    Ok((files, folders))
}

/// Possible names of an image's file, in lower case: the last part of its URL, whose folders are those of another
/// machine. Without a URL, the image's number, alone or with `-Input`, as in anonymised exports.
pub(crate) fn file_names(url: Option<&str>, number: &str) -> Vec<String> {
    match url.and_then(|u| u.rsplit(['/', '\\']).next()).filter(|n| !n.is_empty()) {
        Some(name) => {
            let decoded = percent_decoded(name).to_lowercase();
            let name = name.to_lowercase();
            if decoded == name { vec![name] } else { vec![name, decoded] }
        }
        None => ["", "-input"]
            .iter()
            .flat_map(|suffix| ["tif", "tiff", "png", "bmp", "jpg"].map(|end| format!("{number}{suffix}.{end}")))
            .collect(),
    }
}

/// `name` with `%20` and the like replaced by the bytes that they stand for; unchanged if these are no UTF-8.
fn percent_decoded(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        let code = code.filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        if let Some(Ok(byte)) = code.map(|hex| u8::from_str_radix(hex, 16)) {
            bytes.push(byte);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_as_written_and_percent_decoded() {
        assert_eq!(file_names(Some("\\\\host\\x\\A%20%c3%a9.TIF"), ""), ["a%20%c3%a9.tif", "a \u{e9}.tif"]);
        assert_eq!(file_names(Some("file:///x/50%.tif"), ""), ["50%.tif"]);
        assert_eq!(file_names(Some("%zz%2"), ""), ["%zz%2"]);
    }
}
