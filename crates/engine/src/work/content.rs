//! Identity of a scan's content, independent of its name: SHA-256 of its files, of its sidecar, and of an export's images.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use octrls_fs::digest::{sha256, sha256_of_reader};
use octrls_readers::{ReadError, ScanFiles};

use super::processor::{ProcessError, with_scan_name};
use crate::intake::stamp::{Stamp, sidecar_of};

/// A key that is equal exactly for scans that must give the same result.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Content(String);

impl Content {
    /// Reads the scan in `files`, its sidecar, and the `images` of an export. Also returns the SHA-256 of the scan's file,
    /// or of each instance of a series. Fails soon after `cancelled` returns true.
    pub(crate) fn read(
        files: &ScanFiles,
        images: &[PathBuf],
        cancelled: &dyn Fn() -> bool,
    ) -> io::Result<(Self, Vec<String>)> {
        let of_file = |file: File| sha256_of_reader(Cancellable { file, cancelled });
        let digest = |path: &Path| of_file(files.within().open(path)?);
        let digests: Vec<String> = match files.instances() {
            [] => vec![digest(files.path())?],
            instances => instances.iter().map(|file| digest(file)).collect::<io::Result<_>>()?,
        };
        let mut key = files.digest(digests.clone());
        if let Some(sidecar) = files.within().open_companion(&sidecar_of(files.path()))? {
            key.push('+');
            key.push_str(&of_file(sidecar)?);
        }
        if !images.is_empty() {
            // The XML tells images apart by name.
            let mut named: Vec<String> = images
                .iter()
                .map(|file| Ok(format!("{} {}", digest(file)?, file.file_name().unwrap_or_default().display())))
                .collect::<io::Result<_>>()?;
            named.sort_unstable();
            key.push_str("+images=");
            key.push_str(&sha256(named.join("\n").as_bytes()));
        }
        Ok((Self(key), digests))
    }

    /// Key of a file that cannot be read, at `path` below the root.
    pub(crate) fn unreadable(path: &Path) -> Self {
        Self(format!("unreadable:{}", path.display()))
    }

    /// Key of a file that is too large to read, at `path` below the root.
    pub(crate) fn too_large(path: &Path, stamp: Stamp) -> Self {
        Self(format!("too-large:{}:{}:{}", stamp.scan.bytes, stamp.scan.modified_ns, path.display()))
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn of_key(key: &str) -> Self {
        Self(key.to_owned())
    }

    /// The key as stored in the ledger.
    pub(crate) fn key(&self) -> &str {
        &self.0
    }

    /// SHA-256 of the scan without its sidecar, in hexadecimal; `None` if it could not be read.
    pub(crate) fn sha256(&self) -> Option<&str> {
        (!self.0.contains(':')).then(|| self.0.split('+').next().unwrap_or_default())
    }
}

/// Digest of the content of the scan in `files`, see [`ScanFiles::digest`]. Errors call the scan `name`.
///
/// # Errors
/// [`ProcessError`] if a file cannot be read.
pub fn digest(files: &ScanFiles, name: &Path) -> Result<String, ProcessError> {
    let digest = |file: &PathBuf| files.within().open(file).and_then(sha256_of_reader);
    let of_file = |file: &PathBuf| digest(file).map_err(|source| ReadError::Io { path: file.clone(), source });
    let digests = || files.contents()?.iter().map(of_file).collect::<Result<_, _>>();
    Ok(files.digest(digests().map_err(|error| with_scan_name(error, name))?))
}

/// A file whose reading can be cancelled between two blocks.
struct Cancellable<'a> {
    file: File,
    cancelled: &'a dyn Fn() -> bool,
}

impl Read for Cancellable<'_> {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        if (self.cancelled)() { Err(io::ErrorKind::ConnectionAborted.into()) } else { self.file.read(block) }
    }
}

#[cfg(test)]
mod tests {
    use octrls_fs::within::{NotBeneath, Within};

    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn the_sidecar_is_part_of_the_content() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a.png"), dir.path().join("b.png"));
        std::fs::write(&a, "abc").unwrap();
        std::fs::write(&b, "abc").unwrap();
        let read = |path: &Path| Content::read(&path.into(), &[], &|| false).unwrap().0;
        assert_eq!(read(&a), read(&b));
        assert_eq!(read(&a).sha256(), Some(ABC));
        std::fs::write(dir.path().join("b.png.toml"), "axial_um = 3.87").unwrap();
        assert_ne!(read(&a), read(&b));
        assert_eq!(read(&b).sha256(), Some(ABC));
        Content::read(&ScanFiles::one(&a), &[], &|| true).unwrap_err();
    }

    #[test]
    fn the_images_of_an_export_are_part_of_its_content() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for (name, text) in [("e.xml", "abc"), ("1.tif", "one"), ("2.tif", "two")] {
            std::fs::write(at(name), text).unwrap();
        }
        let read = |images: &[&str]| {
            let images: Vec<PathBuf> = images.iter().map(|name| at(name)).collect();
            Content::read(&ScanFiles::one(at("e.xml")), &images, &|| false).unwrap().0
        };
        let both = read(&["1.tif", "2.tif"]);
        assert_eq!(both.sha256(), Some(ABC));
        assert!(both != read(&["1.tif"]) && both == read(&["2.tif", "1.tif"]) && read(&[]).key() == ABC);
        std::fs::write(at("1.tif"), "two").unwrap();
        std::fs::write(at("2.tif"), "one").unwrap();
        assert_ne!(read(&["1.tif", "2.tif"]), both, "each has its own name");
    }

    #[test]
    fn a_link_planted_after_a_look_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("in")).unwrap();
        std::fs::write(at("secret"), "abc").unwrap();
        let files = ScanFiles::one(at("in/a.png")).opened_within(&Within::folder(&at("in")));
        let plant = |name: &str| std::os::unix::fs::symlink(at("secret"), at(name)).unwrap();
        std::fs::write(at("in/a.png"), "abc").unwrap();
        let plain = Content::read(&files, &[], &|| false).unwrap().0;
        plant("in/a.png.toml");
        assert_eq!(Content::read(&files, &[], &|| false).unwrap().0, plain, "a sidecar that is a link is none");
        plant("in/1.tif");
        assert!(NotBeneath::is_cause_of(&Content::read(&files, &[at("in/1.tif")], &|| false).unwrap_err()));
        std::fs::remove_file(at("in/a.png")).unwrap();
        plant("in/a.png");
        assert!(NotBeneath::is_cause_of(&Content::read(&files, &[], &|| false).unwrap_err()));
        assert_eq!(digest(&files, Path::new("a.png")).unwrap_err().code, "E-READ-IO");
    }

    #[test]
    fn the_names_of_a_series_do_not_matter() {
        let dir = tempfile::tempdir().unwrap();
        let series = |files: &[(&str, &str)]| {
            let write = |(name, text): &(&str, &str)| {
                let path = dir.path().join(name);
                std::fs::write(&path, text).unwrap();
                path
            };
            let files = ScanFiles::series(files.iter().map(write).collect()).unwrap();
            Content::read(&files, &[], &|| false).unwrap().0
        };
        let both = series(&[("1.dcm", "abc"), ("2.dcm", "def")]);
        assert_eq!(both, series(&[("3.dcm", "def"), ("4.dcm", "abc")]));
        assert_ne!(both, series(&[("1.dcm", "abc"), ("2.dcm", "deg")]));
        assert_ne!(both, series(&[("1.dcm", "abc"), ("2.dcm", "def"), ("3.dcm", "def")]));
        assert_eq!(series(&[("1.dcm", "abc")]).sha256(), Some(ABC));
        assert!(both.sha256().is_some_and(|digest| digest != ABC));
    }
}
