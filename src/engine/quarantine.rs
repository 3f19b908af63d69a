//! The quarantine folder: scans that cannot be processed, each with the reason beside it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::Serialize;

use super::stamp::sidecar_of;
use crate::durable::{move_file, write_new};

/// What is written beside a quarantined scan.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Note<'a> {
    /// Stable code of the error.
    pub(super) code: &'static str,
    /// The error in words.
    pub(super) reason: &'a str,
    /// Attempts that were made.
    pub(super) attempts: u32,
    /// Where the scan lay below the watched root.
    pub(super) path: String,
    /// SHA-256 of the scan, where it could be read.
    pub(super) sha256: Option<&'a str>,
    /// When it was given up.
    pub(super) time: Timestamp,
    /// Version of octrls that gave it up.
    pub(super) octrls: &'static str,
}

/// The folder that scans are moved to.
#[derive(Clone, Debug)]
pub(super) struct Quarantine {
    root: PathBuf,
    folder: PathBuf,
}

impl Quarantine {
    pub(super) fn new(root: &Path, folder: PathBuf) -> Self {
        Self { root: root.to_owned(), folder }
    }

    /// Moves the scan at `path` below the root here, with its sidecar, and returns where it lies. The reason is
    /// written first and stays even if the scan cannot be moved.
    pub(super) fn put(&self, path: &Path, note: &Note<'_>) -> io::Result<PathBuf> {
        let place = self.reserve(path, &serde_json::to_vec_pretty(note)?)?;
        let scan = self.root.join(path);
        move_file(&scan, &place)?;
        // The scan alone decides; a sidecar that cannot follow is without effect where it is.
        let _ = move_file(&sidecar_of(&scan), &sidecar_of(&place));
        Ok(place)
    }

    /// Moves a scan that lies at `place` back to `path` below the root. Nothing there is overwritten.
    pub(super) fn put_back(&self, place: &Path, path: &Path) -> io::Result<()> {
        let scan = self.root.join(path);
        if scan.try_exists()? {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "another file lies there now"));
        }
        if let Some(folder) = scan.parent() {
            fs::create_dir_all(folder)?;
        }
        let sidecar = sidecar_of(place);
        if sidecar.exists() {
            move_file(&sidecar, &sidecar_of(&scan))?;
        }
        move_file(place, &scan)?;
        let _ = fs::remove_file(reason_of(place));
        Ok(())
    }

    /// Writes the reason beside the first free name for `path`, which takes that name.
    fn reserve(&self, path: &Path, reason: &[u8]) -> io::Result<PathBuf> {
        let wanted = self.folder.join(path);
        if let Some(folder) = wanted.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut place = wanted.clone();
        for number in 2.. {
            if !place.try_exists()? {
                match write_new(&reason_of(&place), reason) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(error) => return Err(error),
                    Ok(()) => break,
                }
            }
            place = numbered(&wanted, number);
        }
        Ok(place)
    }
}

/// The file with the reason for the scan at `place`.
fn reason_of(place: &Path) -> PathBuf {
    let mut name = place.as_os_str().to_owned();
    name.push(".reason.json");
    name.into()
}

/// `scan.2.png` for `scan.png`: the ending stays, so that the file still opens.
fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!(".{number}"));
    if let Some(ending) = path.extension() {
        name.push(".");
        name.push(ending);
    }
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scan_lies_beside_its_own_reason_and_can_go_back() {
        let dir = tempfile::tempdir().unwrap();
        let (root, folder) = (dir.path().join("in"), dir.path().join("quarantine"));
        let quarantine = Quarantine::new(&root, folder.clone());
        let path = Path::new("ward/a.png");
        let note = Note {
            code: "E-X",
            reason: "why",
            attempts: 1,
            path: path.display().to_string(),
            sha256: None,
            time: Timestamp::UNIX_EPOCH,
            octrls: "0",
        };
        for (content, expected) in [("1", "ward/a.png"), ("2", "ward/a.2.png"), ("3", "ward/a.3.png")] {
            fs::create_dir_all(root.join("ward")).unwrap();
            fs::write(root.join(path), content).unwrap();
            fs::write(root.join("ward/a.png.toml"), content).unwrap();
            let place = quarantine.put(path, &note).unwrap();
            assert_eq!(place, folder.join(expected));
            assert_eq!(fs::read_to_string(&place).unwrap(), content);
            assert_eq!(fs::read_to_string(sidecar_of(&place)).unwrap(), content);
            assert!(fs::read_to_string(reason_of(&place)).unwrap().contains("E-X"));
            assert!(!root.join(path).exists());
        }
        quarantine.put_back(&folder.join("ward/a.2.png"), path).unwrap();
        assert_eq!(fs::read_to_string(root.join("ward/a.png.toml")).unwrap(), "2");
        assert!(!reason_of(&folder.join("ward/a.2.png")).exists());
        quarantine.put_back(&folder.join("ward/a.3.png"), path).unwrap_err();
        assert_eq!(fs::read_to_string(root.join(path)).unwrap(), "2");
    }
}
