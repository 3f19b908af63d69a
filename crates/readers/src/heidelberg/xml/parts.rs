//! The images that an export lists.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use super::{
    document::{self, image_number, text_at},
    files::{ExportFiles, file_names},
};

/// The images that an export lists, whether they exist or not.
#[derive(Clone, Debug, Default)]
pub struct ExportParts {
    folder: PathBuf,
    /// File names in lower case.
    names: HashSet<String>,
}

impl ExportParts {
    /// The images that the XML file `path` lists; empty if it is no export.
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
        Self { folder, names: names().unwrap_or_default() }
    }

    /// The listed images that exist.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        if self.names.is_empty() {
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
        near && name.is_some_and(|n| self.names.contains(&n))
    }
}
