//! The input of a job: a scan, its files and its key.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
};

use octrls_engine::{ProcessError, ScanTask};
use octrls_fs::digest::{sha256, sha256_of_reader};
use octrls_readers::{ReadError, ScanFiles, may_have_parts, parts_within};
use octrls_report::EarlierResult;

use super::state::WatcherState;
use crate::queue::{archive::ArchiveEntry, names::JobAddress};

/// The input of a job.
pub(super) struct JobInput {
    /// All files to send, the scan first.
    pub(super) entries: Vec<ArchiveEntry>,
    /// Total size of all entries.
    pub(super) bytes: u64,
    /// SHA-256 of the scan's content.
    pub(super) sha256: String,
    pub(super) address: JobAddress,
    /// Path of the scan below the shared folder, if it lies there.
    pub(super) shared_path: Option<PathBuf>,
    /// File names of all instances of a series, including the scan's own.
    pub(super) instances: Vec<PathBuf>,
    /// The result that the new one replaces.
    pub(super) earlier: EarlierResult,
}

impl JobInput {
    /// Collects the files of the scan in `task` and computes the job's key.
    pub(super) fn new(state: &WatcherState, task: &ScanTask<'_>) -> Result<Self, ProcessError> {
        let ScanTask { files, name, sha256: content, .. } = *task;
        let unreadable = |source| ReadError::Io { path: name.to_owned(), source };
        let entries = entries_of(files).map_err(unreadable)?;
        let key = key_of(&state.fingerprint, task, &entries).map_err(unreadable)?;
        let address = JobAddress { watcher: state.name.clone(), key };
        let shared_path = state.share.as_ref().and_then(|share| files.path().strip_prefix(share).ok());
        let instances = files.instances().iter().filter_map(|file| Some(file.file_name()?.into())).collect();
        let bytes = entries.iter().map(|entry| fs::symlink_metadata(&entry.path).map_or(0, |m| m.len())).sum();
        let (sha256, shared_path) = (content.to_owned(), shared_path.map(Path::to_owned));
        let earlier = task.earlier.clone();
        Ok(Self { entries, bytes, sha256, address, shared_path, instances, earlier })
    }
}

/// The key of the job for `task`: SHA-256 of model and settings, and of names and contents of all `entries`.
fn key_of(fingerprint: &str, task: &ScanTask<'_>, entries: &[ArchiveEntry]) -> io::Result<String> {
    let mut text = format!("{fingerprint}\n{}\n{}\n", hex_of(task.name), task.sha256);
    // The engine has read the instances of a series already.
    let known: HashMap<&PathBuf, &String> = task.files.instances().iter().zip(task.digests).collect();
    for ArchiveEntry { name, path, within } in &entries[1..] {
        let digest = match known.get(path) {
            Some(&digest) => digest.clone(),
            None => sha256_of_reader(within.open(path)?)?,
        };
        text.extend([&hex_of(name), " ", &digest, "\n"]);
    }
    Ok(sha256(text.as_bytes()))
}

fn hex_of(path: &Path) -> String {
    hex::encode(path.as_os_str().as_encoded_bytes())
}

/// All files of a scan, the scan's own first: sidecar, images of an export, other instances of a series. Names are
/// relative to the scan's folder.
fn entries_of(files: &ScanFiles) -> io::Result<Vec<ArchiveEntry>> {
    let scan = files.path();
    let folder = scan.parent().unwrap_or(Path::new("."));
    let entry = |path: &Path| {
        let name = path.strip_prefix(folder).map_err(io::Error::other)?.to_owned();
        Ok::<_, io::Error>(ArchiveEntry { name, path: path.to_owned(), within: files.within().clone() })
    };
    let mut entries = vec![entry(scan)?];
    let sidecar = scan.with_added_extension("toml");
    if files.within().open_companion(&sidecar)?.is_some() {
        entries.push(entry(&sidecar)?);
    }
    for instance in files.instances().iter().filter(|file| *file != scan) {
        entries.push(entry(instance)?);
    }
    if may_have_parts(scan) {
        let mut seen: HashSet<PathBuf> = entries.iter().map(|entry| entry.path.clone()).collect();
        for image in parts_within(scan, files.within()).files() {
            if seen.insert(image.clone()) {
                entries.push(entry(&image)?);
            }
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_include_images_sidecars_and_instances() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("a.png", "x");
        write("a.png.toml", "axial_um = 3.87");
        write("b.png", "x");
        let image = |name: &str| format!("<Image><ImageData><ExamURL>D:\\x\\{name}</ExamURL></ImageData></Image>");
        write("e.xml", &format!("<HEDX><BODY><Series>{}{}</Series></BODY></HEDX>", image("1.tif"), image("2.tif")));
        // All images are in one folder, so that a file of a listed name elsewhere is none of them.
        for name in ["deep/1.tif", "deep/2.tif", "other/2.tif"] {
            write(name, "x");
        }
        let names = |scan: &ScanFiles| {
            let entries = entries_of(scan).unwrap();
            entries.iter().map(|entry| entry.name.to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        let at = |name: &str| dir.path().join(name);
        assert_eq!(names(&ScanFiles::one(at("a.png"))), ["a.png", "a.png.toml"]);
        assert_eq!(names(&ScanFiles::one(at("b.png"))), ["b.png"]);
        assert_eq!(names(&ScanFiles::one(at("e.xml"))), ["e.xml", "deep/1.tif", "deep/2.tif"]);
        write("s1.dcm.toml", "axial_um = 3.87");
        let series = ScanFiles::series(["s10.dcm", "s2.dcm", "s1.dcm"].map(at).to_vec()).unwrap();
        for name in ["s1.dcm", "s2.dcm", "s10.dcm"] {
            write(name, "x");
        }
        assert_eq!(names(&series), ["s1.dcm", "s1.dcm.toml", "s2.dcm", "s10.dcm"]);
    }

    #[test]
    fn the_key_covers_the_name_and_content_of_each_file() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [("1.dcm", "1"), ("1.dcm.toml", "axial_um = 3.87"), ("2.dcm", "2"), ("3.dcm", "3")] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let files = ["1.dcm", "2.dcm", "3.dcm"].map(|name| dir.path().join(name));
        let series = ScanFiles::series(files.to_vec()).unwrap();
        let of = |text: &str| sha256(text.as_bytes());
        let key = |digests: &[String]| {
            let (name, out, earlier) = (Path::new("s"), Path::new("out"), &EarlierResult::default());
            let task = ScanTask { files: &series, name, sha256: "abc", digests, out, earlier };
            key_of("model", &task, &entries_of(&series).unwrap()).unwrap()
        };
        // In hexadecimal: "s", "1.dcm.toml", "2.dcm" and "3.dcm".
        let (sidecar, second, third) = (of("axial_um = 3.87"), of("2"), of("3"));
        let text = format!("model\n73\nabc\n312e64636d2e746f6d6c {sidecar}\n322e64636d {second}\n332e64636d {third}\n");
        assert_eq!(key(&["1", "2", "3"].map(of)), of(&text));
        assert_eq!(key(&[]), of(&text), "unknown digests are computed");
        assert_ne!(key(&["1", "3", "2"].map(of)), of(&text));
        assert_ne!(key(&["1", "2", "4"].map(of)), of(&text), "known files are not read again");
    }
}
