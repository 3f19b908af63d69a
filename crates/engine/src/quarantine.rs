//! The quarantine folder: scans that failed, each with a note beside it.

mod place_names;

use std::{
    collections::HashMap,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use jiff::Timestamp;
use octrls_core::ErrorCode;
use octrls_fs::{
    confined::{Base, DirHandle, FolderId, create_parents, is_plain, open_parent},
    durable::{move_file, write_new},
    platform::{FileId, path_bytes, path_from_bytes},
};
use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

use self::place_names::{note_of, numbered, scan_of_note, shortened};
use super::{
    folders::QUARANTINE_FOLDER,
    intake::{
        roots::Roots,
        stamp::{FileStamp, sidecar_of},
    },
};

/// The note beside a quarantined scan.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Note<'a> {
    /// Stable code of the error.
    pub(super) code: ErrorCode,
    /// Error message.
    pub(super) reason: &'a str,
    /// Number of attempts.
    pub(super) attempts: u32,
    /// Path of the scan below the watched root; U+FFFD stands for bytes that are no UTF-8.
    path: String,
    /// The bytes of the path in hexadecimal, if it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
    /// SHA-256 of the scan, if it could be read.
    pub(super) sha256: Option<&'a str>,
    /// When it failed.
    pub(super) time: Timestamp,
    /// Size of its file then, in bytes.
    pub(super) bytes: u64,
    /// When the file was last modified, in nanoseconds since 1970.
    pub(super) modified_ns: i64,
    /// Version of octrls that wrote the note.
    pub(super) octrls: &'static str,
}

impl<'a> Note<'a> {
    /// A note of now, about the scan at `path` below the root, whose file has the size in bytes and the modification time
    /// of `stamp`.
    pub(super) fn new(
        path: &Path,
        (code, reason): (ErrorCode, &'a str),
        attempts: u32,
        sha256: Option<&'a str>,
        FileStamp { bytes, modified_ns, .. }: FileStamp,
    ) -> Self {
        Self {
            code,
            reason,
            attempts,
            path: path.to_string_lossy().into_owned(),
            path_bytes: path.to_str().is_none().then(|| hex::encode(path_bytes(path))),
            sha256,
            time: Timestamp::now(),
            bytes,
            modified_ns,
            octrls: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// Size limit of a note in bytes; a typical one has 400.
const MAX_NOTE: u64 = 1 << 20;

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
    /// Size and modification time of its file then, if the note states them.
    stamp: Option<(u64, i64)>,
}

/// The fields read from a [`Note`].
#[derive(Deserialize)]
struct NoteRecord {
    code: String,
    reason: String,
    attempts: u32,
    path: String,
    path_bytes: Option<String>,
    sha256: Option<String>,
    time: Timestamp,
    /// Missing in notes of earlier versions.
    bytes: Option<u64>,
    modified_ns: Option<i64>,
}

/// The folder for failed scans.
#[derive(Clone, Debug)]
pub(super) struct Quarantine {
    roots: Roots,
    folder: PathBuf,
    /// Which folder the results folder is.
    id: Option<FolderId>,
    /// The places that notes reserve, by the path of the scan; read from the folder when first needed.
    places: Arc<OnceLock<Mutex<Places>>>,
}

type Places = HashMap<PathBuf, Vec<PathBuf>>;

impl Quarantine {
    /// The quarantine in the results folder `out`.
    pub(super) fn of(roots: Roots, out: &Path) -> Self {
        Self { roots, folder: out.join(QUARANTINE_FOLDER), id: FolderId::of(out).ok(), places: Arc::default() }
    }

    /// The results folder, which contains this one.
    fn out(&self) -> Base<'_> {
        Base { folder: self.folder.parent().unwrap_or(&self.folder), id: self.id }
    }

    /// Whether a scan at `path`, below the root, would be copied into quarantine and not just renamed.
    pub(super) fn copies(&self, path: &Path) -> bool {
        let device = |folder: &Path| folder.ancestors().find_map(|above| FileId::of_path(above).ok());
        let from = self.roots.locate(path);
        let (from, to) = (device(from.parent().unwrap_or(&from)), device(&self.folder));
        from.zip(to).is_some_and(|(from, to)| !from.is_on_device_of(to))
    }

    /// The scans that were moved here and that a writer has changed since, which still had them open.
    pub(super) fn changed(&self) -> Vec<Quarantined> {
        let has_changed = |quarantined: &Quarantined| {
            let now = FileStamp::take(&quarantined.place).ok().flatten();
            let (now, then) = (now.map(|now| (now.bytes, now.modified_ns)), quarantined.stamp);
            quarantined.moved && now.zip(then).is_some_and(|(now, then)| now != then)
        };
        self.list().into_iter().filter(has_changed).collect()
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
        let NoteRecord { code, reason, attempts, path, path_bytes, sha256, time, bytes, modified_ns } =
            serde_json::from_slice(&text).ok()?;
        let below = place.strip_prefix(&self.folder).ok()?;
        let exact = path_bytes.and_then(|bytes| hex::decode(bytes).ok()).map(|bytes| path_from_bytes(&bytes));
        // Notes before version 0.3 have no bytes: a name that is not UTF-8 is taken from the place. So is a name that
        // leads elsewhere, which we never write.
        let path = match exact {
            Some(exact) if is_plain(&exact) => exact,
            None if below.to_string_lossy() != path && is_plain(Path::new(&path)) => path.into(),
            _ => below.to_owned(),
        };
        let moved = place.is_file();
        Some(Quarantined { place, path, moved, code, reason, attempts, sha256, time, stamp: bytes.zip(modified_ns) })
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
        let Some(places) = self.places().remove(path) else { return Ok(false) };
        let mut found = false;
        for place in places {
            // Another process may have deleted the note, or the place may be another scan's by now.
            let note = note_of(&place);
            if !self.read(&note).is_some_and(|noted| !noted.moved && noted.path == path) {
                continue;
            }
            match open_parent(self.out(), &note).and_then(|above| fs::remove_file(above.entry(&note))) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                removed => found |= removed.is_ok(),
            }
        }
        Ok(found)
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        let read = || {
            let mut places = Places::new();
            for Quarantined { path, place, .. } in self.list() {
                places.entry(path).or_default().push(place);
            }
            Mutex::new(places)
        };
        self.places.get_or_init(read).lock().unwrap_or_else(PoisonError::into_inner)
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
        let mut places = self.places();
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
        places.entry(path.to_owned()).or_default().push(place.clone());
        Ok((above, place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: FileStamp = FileStamp { bytes: 1, modified_ns: 0, change: 0 };

    #[test]
    fn each_scan_has_its_own_note_and_can_be_moved_back() {
        let dir = tempfile::tempdir().unwrap();
        let (root, folder) = (dir.path().join("in"), dir.path().join("quarantine"));
        let quarantine = Quarantine::of(Roots::one(&root), dir.path());
        let path = Path::new("ward/a.png");
        let note = Note::new(path, (ErrorCode::ReadIo, "why"), 1, None, STAMP);
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

    #[test]
    fn a_scan_that_a_writer_goes_on_with_has_changed() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("in");
        fs::create_dir(&root).unwrap();
        let quarantine = Quarantine::of(Roots::one(&root), dir.path());
        let file = root.join("a.png");
        fs::write(&file, "half").unwrap();
        let stamp = FileStamp::take(&file).unwrap().unwrap();
        let note = Note::new(Path::new("a.png"), (ErrorCode::ReadTruncated, "why"), 1, None, stamp);
        assert!(!quarantine.copies(Path::new("a.png")));
        let mut writer = fs::File::options().append(true).open(&file).unwrap();
        quarantine.move_in(Path::new("a.png"), &note).unwrap();
        assert!(quarantine.changed().is_empty());
        std::io::Write::write_all(&mut writer, b" and the rest").unwrap();
        let [changed] = quarantine.changed().try_into().unwrap();
        quarantine.move_back(&changed.place, &changed.path).unwrap();
        assert_eq!(fs::read_to_string(file).unwrap(), "half and the rest");
        assert!(quarantine.list().is_empty());
    }

    #[test]
    fn every_name_is_known_again() {
        use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("in");
        let of = |bytes: &[u8]| PathBuf::from(OsStr::from_bytes(bytes));
        let long = |byte: &[u8], bytes: usize| of(&[byte.repeat((bytes - 4) / byte.len()), b".vol".to_vec()].concat());
        let names = [
            long(b"L", 237),
            long(b"L", 238),
            long(b"L", 244),
            long(b"L", 251),
            long(b"L", 255),
            long(b"\xe9", 255),
            long("é".as_bytes(), 254),
            of(b"x".repeat(250).as_slice()),
            of(b"a.vol"),
            of(b"a.2.vol"),
            of(b"caf\xe9.vol"),
            of(b"caf\xea.vol"),
            of(b"caf\xe9.2.vol"),
            of("caf\u{fffd}.vol".as_bytes()),
            of(b"ward\xff/caf\xe9.vol"),
            of(b"quarantine/q.vol"),
        ];
        for in_place in [true, false] {
            let quarantine = Quarantine::of(Roots::one(&root), dir.path());
            // Each fails twice, so that numbers are used as well.
            for round in 0..2 {
                for name in &names {
                    let (file, note) = (root.join(name), Note::new(name, (ErrorCode::ReadIo, "why"), 1, None, STAMP));
                    fs::create_dir_all(file.parent().unwrap()).unwrap();
                    fs::write(&file, format!("{round}")).unwrap();
                    if in_place {
                        quarantine.write_note(name, &note).unwrap();
                    } else {
                        quarantine.move_in(name, &note).unwrap();
                    }
                }
            }
            let listed = quarantine.list();
            for name in &names {
                let known = listed.iter().filter(|scan| scan.path == *name && scan.moved != in_place).count();
                assert_eq!(known, 2, "{}", name.display());
            }
            // As after a restart.
            let quarantine = Quarantine::of(Roots::one(&root), dir.path());
            for (index, name) in names.iter().enumerate() {
                if in_place {
                    assert!(quarantine.remove_notes(name).unwrap(), "{}", name.display());
                    assert!(!quarantine.remove_notes(name).unwrap());
                    assert_eq!(quarantine.list().len(), 2 * (names.len() - index - 1), "only its own are removed");
                } else {
                    assert!(!quarantine.remove_notes(name).unwrap(), "moved scans keep their notes");
                    let scan = quarantine.list().into_iter().find(|scan| scan.path == *name).unwrap();
                    quarantine.move_back(&scan.place, name).unwrap();
                    assert!(root.join(name).is_file());
                }
            }
        }
    }
}
