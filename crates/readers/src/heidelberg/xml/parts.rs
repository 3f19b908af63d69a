//! The images that an export lists.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use super::{
    document::{self, image_number, text_at},
    files::{ExportFiles, file_names},
};
use crate::extensions::is_image;

/// The images that an export lists, whether they exist or not.
#[derive(Clone, Debug)]
pub struct ExportParts {
    folder: PathBuf,
    /// File names in lower case; `None` if the XML cannot be read, so that any image may be one.
    names: Option<HashSet<String>>,
}

impl ExportParts {
    /// No images.
    pub(crate) fn none() -> Self {
        Self { folder: PathBuf::new(), names: Some(HashSet::new()) }
    }

    /// The images that the XML file `path` of an export lists. If it is broken, or still being written, all images beside
    /// it: none of them is a scan of its own.
    pub(crate) fn of(path: &Path) -> Self {
        let names = || {
            let text = document::read_text(path).ok()?;
            let document = document::parse(&text).ok()?;
            let images = document.descendants().filter(|n| n.has_tag_name("Image"));
            let of_image = |image| {
                let number = image_number(image).unwrap_or_default();
                file_names(text_at(image, &["ImageData", "ExamURL"]), number)
            };
            Some(images.flat_map(of_image).collect())
        };
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Self { folder, names: names() }
    }

    /// The listed images that exist.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        if self.names.as_ref().is_some_and(HashSet::is_empty) {
            return Vec::new();
        }
        // An unreadable folder counts as empty.
        let present = ExportFiles::in_folder(&self.folder).map(ExportFiles::into_paths).unwrap_or_default();
        present.into_iter().filter(|path| self.contains(path)).collect()
    }

    /// Whether the export lists the file at `path`: by name, beside the XML or in a folder beside it.
    #[must_use]
    pub fn contains(&self, path: &Path) -> bool {
        let near = path.ancestors().skip(1).take(2).any(|folder| folder == self.folder);
        let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase());
        let listed = |name: String| match &self.names {
            Some(names) => names.contains(&name),
            None => is_image(path),
        };
        near && name.is_some_and(listed)
    }
}
