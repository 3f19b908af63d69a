//! The quarantine folder: scans that failed, each with a note beside it.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use octrls_core::ErrorCode;
use octrls_fs::{
    confined::{DirHandle, create_parents, is_plain, open_parent},
    durable::{move_file, write_new},
};
use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

use super::{intake::roots::Roots, intake::stamp::sidecar_of};

/// The note beside a quarantined scan.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Note<'a> {
    /// Stable code of the error.
    pub(super) code: ErrorCode,
    /// Error message.
    pub(super) reason: &'a str,
    /// Number of attempts.
    pub(super) attempts: u32,
    /// Path of the scan below the watched root.
    pub(super) path: String,
    /// SHA-256 of the scan, if it could be read.
    pub(super) sha256: Option<&'a str>,
    /// When it failed.
    pub(super) time: Timestamp,
    /// Version of octrls that wrote the note.
    pub(super) octrls: &'static str,
}

/// Size limit of a note in bytes; a typical one has 400.
const MAX_NOTE: u64 = 1 << 20;

/// Suffix of a note's file name.
const NOTE_SUFFIX: &str = ".reason.json";

/// A scan in quarantine.
#[derive(Clone, Debug)]
pub struct Quarantined {
    /// Absolute path in the quarantine folder; if the scan was not moved, the path it would have.
    pub place: PathBuf,
    /// Original path below the root.
    pub path: PathBuf,
    /// Whether the file was moved; otherwise it is still at its original path.
    pub moved: bool,
    /// Stable code of the error.
    pub code: String,
    /// Error message.
    pub reason: String,
    /// Number of attempts.
    pub attempts: u32,
    /// SHA-256 of the scan, if it could be read.
    pub sha256: Option<String>,
    /// When it failed.
    pub time: Timestamp,
}

/// The fields read from a [`Note`].
#[derive(Deserialize)]
struct NoteRecord {
    code: String,
    reason: String,
    attempts: u32,
    path: String,
    sha256: Option<String>,
    time: Timestamp,
}

/// The folder for failed scans.
#[derive(Clone, Debug)]
pub(super) struct Quarantine {
    roots: Roots,
    folder: PathBuf,
}

impl Quarantine {
    pub(super) fn new(roots: Roots, folder: PathBuf) -> Self {
        Self { roots, folder }
    }

    /// The results folder, which contains this one.
    fn out(&self) -> &Path {
        self.folder.parent().unwrap_or(&self.folder)
    }

    /// `place` relative to the quarantine folder.
    pub(super) fn within<'a>(&self, place: &'a Path) -> &'a Path {
        place.strip_prefix(&self.folder).unwrap_or(place)
    }

    /// Lists the quarantine by place. Files without a readable note are ignored.
    pub(super) fn list(&self) -> Vec<Quarantined> {
        // A link would lead to a folder that is not ours.
        if !fs::symlink_metadata(&self.folder).is_ok_and(|found| found.is_dir()) {
            return Vec::new();
        }
        let entries = WalkDir::new(&self.folder).sort_by_file_name().into_iter().filter_map(Result::ok);
        entries.filter(|entry| entry.file_type().is_file()).filter_map(|entry| self.read(entry.path())).collect()
    }

    fn read(&self, note: &Path) -> Option<Quarantined> {
        let place = scan_of_note(note)?;
        let mut text = Vec::new();
        fs::File::open(note).ok()?.take(MAX_NOTE + 1).read_to_end(&mut text).ok()?;
        let NoteRecord { code, reason, attempts, path, sha256, time } = serde_json::from_slice(&text).ok()?;
        let below = place.strip_prefix(&self.folder).ok()?;
        // Notes cannot hold names that are not UTF-8; such a name is taken from the place. So is a name that leads
        // elsewhere, which we never write.
        let own = below.to_string_lossy() == path || !is_plain(Path::new(&path));
        let path = if own { below.to_owned() } else { path.into() };
        let moved = place.is_file();
        Some(Quarantined { place, path, moved, code, reason, attempts, sha256, time })
    }

    /// Deletes the scan at `place`, its sidecar and finally its note.
    pub(crate) fn delete(&self, place: &Path) -> io::Result<()> {
        let above = match open_parent(self.out(), place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            held => held?,
        };
        let place = above.entry(place);
        for file in [place.clone(), sidecar_of(&place), note_of(&place)] {
            match fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Moves the scan at `path` (below the root) and its sidecar to quarantine; returns its new place. The note is
    /// written first and stays even if the move fails.
    pub(super) fn move_in(&self, path: &Path, note: &Note<'_>) -> io::Result<PathBuf> {
        let (above, place) = self.reserve(path, &serde_json::to_vec_pretty(note)?)?;
        let from = self.roots.locate(path);
        let root = self.roots.root_of(path).ok_or(io::ErrorKind::NotFound)?;
        let beside = open_parent(root, &from)?;
        let (scan, to) = (beside.entry(&from), above.entry(&place));
        move_file(&scan, &to)?;
        // Only the scan must move; a sidecar left behind has no effect.
        let _ = move_file(&sidecar_of(&scan), &sidecar_of(&to));
        Ok(place)
    }

    /// Writes the note for a scan that stays at its original path.
    pub(crate) fn write_note(&self, path: &Path, note: &Note<'_>) -> io::Result<()> {
        self.reserve(path, &serde_json::to_vec_pretty(note)?).map(drop)
    }

    /// Deletes the notes of a scan that failed in place at `path`; returns whether there were any.
    pub(super) fn remove_notes(&self, path: &Path) -> io::Result<bool> {
        let (wanted, mut found) = (shortened(&self.folder.join(path)), false);
        for number in 1.. {
            let place = if number == 1 { wanted.clone() } else { numbered(&wanted, number) };
            let (reason, moved) = (note_of(&place), place.symlink_metadata().is_ok());
            let noted = fs::symlink_metadata(&reason).is_ok_and(|file| file.is_file());
            if !moved && noted {
                fs::remove_file(open_parent(self.out(), &reason)?.entry(&reason))?;
                found = true;
            } else if !noted {
                break;
            }
        }
        Ok(found)
    }

    /// Moves the scan at `place` back to `path` below the root. Never overwrites a file.
    pub(super) fn move_back(&self, place: &Path, path: &Path) -> io::Result<()> {
        let root = self.roots.root_of(path).filter(|root| root.is_dir());
        let root = root.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the watched folder is missing"))?;
        let to = self.roots.locate(path);
        let beside = create_parents(root, &to)?;
        let to = beside.entry(&to);
        if to.symlink_metadata().is_ok() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "another file has taken its original path"));
        }
        let above = open_parent(self.out(), place)?;
        let scan = above.entry(place);
        let sidecar = sidecar_of(&scan);
        if sidecar.exists() {
            move_file(&sidecar, &sidecar_of(&to))?;
        }
        move_file(&scan, &to)?;
        let _ = fs::remove_file(note_of(&scan));
        Ok(())
    }

    /// Writes the note beside the first free name for `path`, which reserves that name. Returns the folder and the
    /// place for the scan.
    fn reserve(&self, path: &Path, reason: &[u8]) -> io::Result<(DirHandle, PathBuf)> {
        let wanted = shortened(&self.folder.join(path));
        let above = create_parents(self.out(), &wanted)?;
        let mut place = wanted.clone();
        for number in 2.. {
            let free = above.entry(&place);
            if free.symlink_metadata().is_err() {
                match write_new(&note_of(&free), reason) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(error) => return Err(error),
                    Ok(()) => break,
                }
            }
            place = numbered(&wanted, number);
        }
        Ok((above, place))
    }
}

/// The note for the scan at `place`.
fn note_of(place: &Path) -> PathBuf {
    let mut name = place.as_os_str().to_owned();
    name.push(NOTE_SUFFIX);
    name.into()
}

/// The scan that the note at `note` belongs to.
fn scan_of_note(note: &Path) -> Option<PathBuf> {
    let is_note = note.as_os_str().as_encoded_bytes().ends_with(NOTE_SUFFIX.as_bytes());
    // Removes one extension at a time, so that other dots in the name stay.
    is_note.then(|| note.with_extension("").with_extension(""))
}

/// Longest name for which a note, a sidecar and a number still fit into a name of 255 bytes.
const MAX_NAME: usize = 255 - NOTE_SUFFIX.len() - ".99999".len();

/// `path` with a name that leaves room for the note's; a long one loses the end of its stem.
fn shortened(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default();
    if name.len() <= MAX_NAME {
        return path.to_owned();
    }
    let extension = path.extension().filter(|e| e.len() < 20).map(|e| format!(".{}", e.to_string_lossy()));
    let extension = extension.unwrap_or_default();
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut end = MAX_NAME.saturating_sub(extension.len()).min(stem.len());
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    path.with_file_name(format!("{}{extension}", &stem[..end]))
}

/// `scan.2.png` for `scan.png`: the extension stays, so that the file still opens.
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
    fn each_scan_has_its_own_note_and_can_be_moved_back() {
        let dir = tempfile::tempdir().unwrap();
        let (root, folder) = (dir.path().join("in"), dir.path().join("quarantine"));
        let quarantine = Quarantine::new(Roots::one(&root), folder.clone());
        let path = Path::new("ward/a.png");
        let note = Note {
            code: ErrorCode::ReadIo,
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
            let place = quarantine.move_in(path, &note).unwrap();
            assert_eq!(place, folder.join(expected));
            assert_eq!(fs::read_to_string(&place).unwrap(), content);
            assert_eq!(fs::read_to_string(sidecar_of(&place)).unwrap(), content);
            assert!(fs::read_to_string(note_of(&place)).unwrap().contains("E-READ-IO"));
            assert!(!root.join(path).exists());
        }
        let listed = quarantine.list();
        let places: Vec<_> = listed.iter().map(|q| q.place.strip_prefix(&folder).unwrap().to_str().unwrap()).collect();
        assert_eq!(places, ["ward/a.2.png", "ward/a.3.png", "ward/a.png"]);
        assert!(listed.iter().all(|q| q.path == path && q.moved && q.code == "E-READ-IO" && q.attempts == 1));

        quarantine.move_back(&folder.join("ward/a.2.png"), path).unwrap();
        assert_eq!(fs::read_to_string(root.join("ward/a.png.toml")).unwrap(), "2");
        assert!(!note_of(&folder.join("ward/a.2.png")).exists());
        quarantine.move_back(&folder.join("ward/a.3.png"), path).unwrap_err();
        assert_eq!(fs::read_to_string(root.join(path)).unwrap(), "2");
        quarantine.delete(&folder.join("ward/a.3.png")).unwrap();
        assert_eq!(quarantine.list().len(), 1);
    }
}
