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
