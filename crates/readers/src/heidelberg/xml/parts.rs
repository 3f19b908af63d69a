//! The images that an export lists.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use roxmltree::Document;

use super::{
    document::{self, image_number, text_at},
    files::{ExportFiles, file_names},
};
use crate::{ReadError, extensions::is_image, sized_file::SizedFile, xml};

/// The images that an export lists, whether they exist or not.
#[derive(Clone, Debug)]
pub struct ExportParts {
    xml: PathBuf,
    /// File names in lower case; `None` if the XML cannot be read, so that any image may be one.
    names: Option<HashSet<String>>,
    listed: usize,
}

impl ExportParts {
    /// No images.
    pub(crate) fn none() -> Self {
        Self { xml: PathBuf::new(), names: Some(HashSet::new()), listed: 0 }
    }

    /// The images that the XML `file` of an export lists. If it is broken, or still being written, all images beside
    /// it: none of them is a scan of its own.
    pub(crate) fn of(file: &SizedFile) -> Self {
        let listed = || {
            let text = document::read_text(file)?;
            Ok::<_, ReadError>(listed_names(&xml::parse(&text)?))
        };
        let (names, listed) = match listed() {
            Ok((names, listed)) => (Some(names), listed),
            Err(_) => (None, 0),
        };
        Self { xml: file.path().to_owned(), names, listed }
    }

    /// Number of listed images.
    #[must_use]
    pub const fn listed(&self) -> usize {
        self.listed
    }

    /// Whether the export is known to list no image.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.as_ref().is_some_and(HashSet::is_empty)
    }

    /// The listed images that exist: all beside the XML, or all in one folder beside it.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        if self.is_empty() {
            return Vec::new();
        }
        let none = HashSet::new();
        // An unreadable folder counts as empty.
        let Ok(present) = ExportFiles::beside(&self.xml, self.names.as_ref().unwrap_or(&none)) else {
            return Vec::new();
        };
        match &self.names {
            Some(names) => present.named(names),
            None => present.images(),
        }
    }

    /// Whether a file with the name of `path` could be one of the images: it is listed, and the file would be beside the
    /// XML or in a folder beside it. Only [`holds`](Self::holds) tells whether it is.
    #[must_use]
    pub fn contains(&self, path: &Path) -> bool {
        let Some(folder) = self.xml.parent() else { return false };
        let near = path.ancestors().skip(1).take(2).any(|above| above == folder);
        let name = || path.file_name().map(|n| n.to_string_lossy().to_lowercase());
        let listed = |name: String| match &self.names {
            Some(names) => names.contains(&name),
            // Only beside the XML: nothing else says that a file is an image of it.
            None => is_image(path) && path.parent() == Some(folder),
        };
        near && name().is_some_and(listed)
    }

    /// Whether the file at `path` is an image of the export.
    #[must_use]
    pub fn holds(&self, path: &Path) -> bool {
        self.contains(path) && self.files().iter().any(|file| file == path)
    }
}

/// The possible names of the images that `document` lists, in lower case, and the number of these images.
pub(super) fn listed_names(document: &Document<'_>) -> (HashSet<String>, usize) {
    let images = document.descendants().filter(|n| n.has_tag_name("Image"));
    let of_image = |image| {
        let number = image_number(image).unwrap_or_default();
        file_names(text_at(image, &["ImageData", "ExamURL"]), number)
    };
    let (mut names, mut listed) = (HashSet::new(), 0);
    for image in images {
        names.extend(of_image(image));
        listed += 1;
    }
    (names, listed)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use octrls_fs::within::Within;

    use super::*;

    fn export(folder: &Path, names: &[&str]) -> ExportParts {
        let image = |name: &&str| format!("<Image><ImageData><ExamURL>c:\\x\\{name}</ExamURL></ImageData></Image>");
        let images: String = names.iter().map(image).collect();
        let xml = folder.join("e.xml");
        fs::write(&xml, format!("<HEDX><Series>{images}</Series></HEDX>")).unwrap();
        ExportParts::of(&SizedFile::open(&xml, &Within::anywhere()).unwrap())
    }

    #[test]
    fn all_images_are_in_one_folder() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for folder in ["a", "b"] {
            fs::create_dir(at(folder)).unwrap();
        }
        for name in ["a/2.tif", "b/1.TIF", "b/2.tif", "b/other.tif"] {
            fs::write(at(name), "x").unwrap();
        }
        let parts = export(dir.path(), &["1.tif", "2.tif"]);
        assert_eq!((parts.files(), parts.listed()), (vec![at("a/2.tif")], 2));
        fs::remove_file(at("a/2.tif")).unwrap();
        assert_eq!(parts.files(), [at("b/1.TIF"), at("b/2.tif")]);
        assert!(parts.holds(&at("b/1.TIF")) && !parts.holds(&at("b/other.tif")));
        // The XML's own folder comes first, and then a file of that name elsewhere is a scan of its own.
        fs::write(at("2.tif"), "x").unwrap();
        assert_eq!(parts.files(), [at("2.tif")]);
        assert!(parts.contains(&at("b/1.TIF")) && !parts.holds(&at("b/1.TIF")));
    }

    #[test]
    fn a_broken_xml_has_the_images_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("a")).unwrap();
        for name in ["1.tif", "a/1.tif", "notes.txt"] {
            fs::write(at(name), "x").unwrap();
        }
        fs::write(at("e.xml"), "<HEDX><Series><Image>").unwrap();
        let parts = ExportParts::of(&SizedFile::open(&at("e.xml"), &Within::anywhere()).unwrap());
        assert_eq!(parts.files(), [at("1.tif")]);
        assert!(parts.holds(&at("1.tif")) && !parts.holds(&at("a/1.tif")));
    }
}
