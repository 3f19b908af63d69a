//! The folders of one round, and what is in them.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use octrls_fs::digest::sha256_of_file;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;
use walkdir::WalkDir;

use crate::{contents::Contents, disk::SmallDisk, groups::Group, watcher::Watcher};

/// Space for results on small disks, in MiB.
const DISKS_MIB: [u32; 4] = [2, 8, 24, 48];

pub(crate) struct World {
    // Dropped in this order: the watcher, the disk below the folders, the folders.
    pub(crate) watcher: Watcher,
    pub(crate) disk: Option<SmallDisk>,
    pub(crate) folder: TempDir,
    pub(crate) roots: Vec<PathBuf>,
    pub(crate) out: PathBuf,
    pub(crate) contents: Contents,
    /// Scans of several files.
    pub(crate) groups: Vec<Group>,
    /// Where peers have what they send.
    pub(crate) outbox: TempDir,
    /// Number of scans that peers sent.
    pub(crate) sent: u64,
    /// Whether the results lie below the first root.
    is_nested: bool,
}

impl World {
    pub(crate) fn new(program: &Path, rng: &mut ChaCha8Rng) -> Self {
        let folder = tempfile::Builder::new().prefix("octrls-attack-").tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let roots: Vec<PathBuf> = ["in", "ward-b"].into_iter().take(rng.random_range(1..=2)).map(at).collect();
        for root in &roots {
            fs::create_dir(root).expect("a root");
        }
        // What nobody may touch, also not through links.
        fs::create_dir(at("elsewhere")).expect("a folder");
        fs::write(at("elsewhere/precious.png"), "precious").expect("a file");
        let size = DISKS_MIB[rng.random_range(0..DISKS_MIB.len())];
        let disk = rng.random_bool(0.4).then(|| SmallDisk::mount(size)).flatten();
        let is_nested = disk.is_none() && rng.random_bool(0.4);
        let out = match &disk {
            Some(disk) => disk.path().join("out"),
            None if is_nested => roots[0].join("octrls-results"),
            None => at("out"),
        };
        let mut watcher = Watcher::new(program, roots.clone(), out.clone(), at("lines"));
        watcher.start();
        let outbox = tempfile::tempdir().expect("a folder");
        let (contents, groups) = (Contents::default(), Vec::new());
        Self { watcher, disk, folder, roots, out, contents, groups, outbox, sent: 0, is_nested }
    }

    pub(crate) fn elsewhere(&self) -> PathBuf {
        self.folder.path().join("elsewhere")
    }

    pub(crate) fn describe(&self) -> String {
        let (roots, disk) = (self.roots.len(), self.disk.is_some());
        format!("{roots} roots, small disk: {disk}, results below the root: {}", self.is_nested)
    }

    /// Keeps the folders of this round; returns where they are.
    pub(crate) fn keep(&mut self) -> PathBuf {
        self.folder.disable_cleanup(true);
        self.folder.path().to_owned()
    }

    /// The files in the roots that are not ours, belong to no scan of several files, and may be scans, in a fixed order.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let is_ours = |path: &Path| path.starts_with(&self.out) || self.is_grouped(path);
        let walk = |root: &PathBuf| {
            let entries = WalkDir::new(root).sort_by_file_name().into_iter();
            let entries = entries.filter_entry(|entry| !is_ours(entry.path())).filter_map(Result::ok);
            entries.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect::<Vec<_>>()
        };
        let is_hidden = |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        self.roots.iter().flat_map(walk).filter(|path| !is_hidden(path)).collect()
    }

    /// The name of the scan at `file`, which its results have too.
    pub(crate) fn name_of(&self, file: &Path) -> Option<PathBuf> {
        self.roots.iter().find_map(|root| {
            let below = file.strip_prefix(root).ok()?;
            let name = (self.roots.len() > 1).then(|| root.file_name()).flatten().unwrap_or_default();
            Some(Path::new(name).join(below))
        })
    }

    /// Lets the program finish in peace: no full disk, no killed watcher, and everything in quarantine tried again.
    pub(crate) fn settle(&mut self) {
        if let Some(disk) = &self.disk {
            disk.grow();
        }
        self.groups.iter().for_each(Group::complete);
        self.watcher.start();
        thread::sleep(Duration::from_secs(1));
        self.watcher.stop();
        self.watcher.run_once();
        // Some good scan may have been caught half written.
        self.watcher.operate(&["quarantine", "retry", "--all"]);
        self.watcher.run_once();
        // There is nothing left to do now.
        self.watcher.run_once();
        self.adopt_received();
    }
}

/// Waits between two actions: not at all, or around the window of stability, which is 400 ms.
pub(crate) fn pause(rng: &mut ChaCha8Rng) {
    thread::sleep(Duration::from_millis(match rng.random_range(0..4) {
        0 => 0,
        1 => rng.random_range(0..60),
        2 => rng.random_range(300..600),
        _ => rng.random_range(0..1500),
    }));
}

/// The files below `folder` with their digests.
pub(crate) fn digests(folder: &Path) -> Vec<(PathBuf, String)> {
    let entries = WalkDir::new(folder).sort_by_file_name().into_iter().filter_map(Result::ok);
    let files = entries.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path);
    files.filter_map(|path| sha256_of_file(&path).ok().map(|digest| (path, digest))).collect()
}
