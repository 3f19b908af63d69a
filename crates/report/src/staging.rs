//! Folders published atomically: written in a staging place, synced, then renamed.

use std::io::Read;
use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use tempfile::TempDir;

use super::OutputError;
use octrls_fs::confined::{self, Base, DirHandle, FolderId};
use octrls_fs::durable::sync_folder;
use octrls_fs::within::Within;

/// File that marks a folder as written by octrls; written last.
pub const RESULT_FILE: &str = "result.json";

/// File in it with what persons said of the result.
pub const REVIEW_FILE: &str = "review.json";
/// Folder of the output folder for what is no result.
const STATE_FOLDER: &str = ".octrls";
/// How the names of our schemas begin in `result.json`.
const SCHEMAS: &[u8] = b"\"octrls.";
const PREFIX: &str = "result-";

/// The caller no longer wants the scan that is being processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled;

/// The staging place next to the results.
#[derive(Clone, Debug)]
pub struct Staging {
    out: PathBuf,
    folder: PathBuf,
    /// Which folder `out` is, from its first use on.
    id: Arc<OnceLock<FolderId>>,
}

/// A folder being written.
pub struct StagedFolder {
    staging: Staging,
    // DirHandle by an open handle, since its path may be replaced; errors show the path.
    folder: TempDir,
    place: PathBuf,
    itself: DirHandle,
    above: DirHandle,
}

/// A result folder that was moved out of sight and is still to be deleted.
#[derive(Debug)]
pub struct DiscardedFolder {
    was: PathBuf,
    folder: TempDir,
    /// The path of `folder` leads through this open handle.
    _staging: DirHandle,
}

impl DiscardedFolder {
    /// Deletes the folder.
    ///
    /// # Errors
    /// [`OutputError`] if something in it cannot be deleted.
    pub fn remove(self) -> Result<(), OutputError> {
        self.folder.close().map_err(|e| OutputError::io(&self.was, e))
    }
}

impl Staging {
    /// The staging place of the output folder `out`: `out/.octrls/staging`.
    #[must_use]
    pub fn of(out: &Path) -> Self {
        let id = FolderId::of(out).map_or_else(|_| OnceLock::new(), OnceLock::from);
        Self { out: out.to_owned(), folder: out.join(STATE_FOLDER).join("staging"), id: Arc::new(id) }
    }

    /// The output folder. If another takes its place, as when its disk is unmounted, nothing is written there.
    fn base(&self) -> Base<'_> {
        let id = self.id.get().copied().or_else(|| {
            let id = FolderId::of(&self.out).ok()?;
            Some(*self.id.get_or_init(|| id))
        });
        Base { folder: &self.out, id }
    }

    /// Removes leftovers of a crash. Call it only when no other process writes results there.
    ///
    /// # Errors
    /// [`OutputError`] if a leftover cannot be removed.
    pub fn clear(&self) -> Result<(), OutputError> {
        let clear = || {
            let above = confined::open_parent(self.base(), &self.folder)?;
            fs::remove_dir_all(above.entry(&self.folder))
        };
        match clear() {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(OutputError::io(&self.folder, e)),
            _ => Ok(()),
        }
    }

    /// Removes the result folder `target` atomically, and parent folders that become empty. Returns false and removes
    /// nothing if `target` was not written by octrls.
    ///
    /// # Errors
    /// [`OutputError`] if it cannot be removed, or lies outside the output folder.
    pub fn discard(&self, target: &Path) -> Result<bool, OutputError> {
        match self.take_away(target)? {
            None => Ok(false),
            Some(folder) => folder.remove().map(|()| true),
        }
    }

    /// Does the first, quick part of [`discard`](Self::discard): moves the result folder `target` out of sight. `None` if
    /// it was not written by octrls.
    ///
    /// # Errors
    /// As [`discard`](Self::discard).
    pub fn take_away(&self, target: &Path) -> Result<Option<DiscardedFolder>, OutputError> {
        let io = |e| OutputError::io(target, e);
        let above = match confined::open_parent(self.base(), target) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            held => held.map_err(io)?,
        };
        let place = above.entry(target);
        if !is_ours(&place) {
            return Ok(None);
        }
        let staging = self.hold()?;
        let folder = tempfile::Builder::new().prefix("discarded-").tempdir_in(staging.path()).map_err(io)?;
        fs::rename(place, folder.path().join("old")).map_err(io)?;
        self.prune(above, target).map_err(io)?;
        Ok(Some(DiscardedFolder { was: target.to_owned(), folder, _staging: staging }))
    }

    /// Removes the empty parent folders of `target`, upwards from `held`, its direct parent.
    fn prune(&self, mut held: DirHandle, target: &Path) -> io::Result<()> {
        for empty in target.ancestors().skip(1).take_while(|above| *above != self.out) {
            let above = confined::open_parent(self.base(), empty)?;
            // Fails if the folder is not empty.
            if fs::remove_dir(above.entry(empty)).is_err() {
                break;
            }
            held = above;
        }
        held.sync()
    }

    fn hold(&self) -> Result<DirHandle, OutputError> {
        confined::create_parents(self.base(), &self.folder.join(PREFIX)).map_err(|e| OutputError::io(&self.folder, e))
    }

    /// Creates an empty folder to write into.
    ///
    /// # Errors
    /// [`OutputError`] if it cannot be created.
    pub fn begin(&self) -> Result<StagedFolder, OutputError> {
        let above = self.hold()?;
        let io = |e| OutputError::io(&self.folder, e);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(above.path()).map_err(io)?;
        let itself = above.open_folder(name_of(folder.path())).map_err(io)?;
        let place = self.folder.join(name_of(folder.path()));
        Ok(StagedFolder { staging: self.clone(), folder, place, itself, above })
    }
}

impl StagedFolder {
    /// A path through the open handle, valid even if the folder is renamed.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.itself.path()
    }

    /// Path of the folder in the output folder.
    pub(super) fn place(&self) -> &Path {
        &self.place
    }

    /// Creates a file; the caller must sync it.
    pub(super) fn create(&self, name: &str) -> Result<(PathBuf, File), OutputError> {
        let shown = self.place.join(name);
        match File::create_new(self.itself.join(name)) {
            Ok(file) => Ok((shown, file)),
            Err(e) => Err(OutputError::io(&shown, e)),
        }
    }

    /// Writes one file and syncs it.
    pub(super) fn write(&self, name: &str, content: &[u8]) -> Result<(), OutputError> {
        let (path, mut file) = self.create(name)?;
        file.write_all(content).and_then(|()| file.sync_all()).map_err(|e| OutputError::io(&path, e))
    }

    /// Writes the file `name`, a path below the folder, from `content`, and syncs it.
    ///
    /// # Errors
    /// Errors of reading `content` as they are; an [`OutputError`], wrapped, if the file exists or cannot be written.
    pub fn receive(&self, name: &Path, content: &mut dyn Read) -> io::Result<()> {
        let path = self.itself.join(name);
        let failed = |error| io::Error::other(OutputError::io(&self.place.join(name), error));
        fs::create_dir_all(path.parent().unwrap_or(&path)).map_err(failed)?;
        let mut file = File::create_new(&path).map_err(failed)?;
        let mut block = vec![0; 1 << 16];
        loop {
            match content.read(&mut block)? {
                0 => return file.sync_all().map_err(failed),
                read => file.write_all(&block[..read]).map_err(failed)?,
            }
        }
    }

    /// Syncs all folders below.
    ///
    /// # Errors
    /// [`OutputError`] if that fails.
    pub fn sync_below(&self) -> Result<(), OutputError> {
        let io = |e| OutputError::io(&self.place, e);
        for entry in fs::read_dir(self.path()).map_err(io)?.flatten().filter(|entry| entry.path().is_dir()) {
            sync_folder(&entry.path()).map_err(io)?;
        }
        Ok(())
    }

    /// Renames the folder to `target`, replacing earlier results. `last_call` runs right before, when everything is on
    /// disk; if it cancels, nothing is published and nothing is left behind.
    ///
    /// # Errors
    /// [`OutputError::Cancelled`] if `last_call` cancels, [`OutputError::Foreign`] if `target` was not written by octrls,
    /// [`OutputError::Outside`] if it lies outside the output folder.
    pub fn publish(
        self,
        target: &Path,
        last_call: &mut dyn FnMut() -> ControlFlow<Cancelled>,
    ) -> Result<(), OutputError> {
        let io = |e| OutputError::io(target, e);
        let above = confined::create_parents(self.staging.base(), target).map_err(io)?;
        let place = above.entry(target);
        self.itself.sync().map_err(io)?;

        let old = tempfile::Builder::new().prefix("replaced-").tempdir_in(self.above.path()).map_err(io)?;
        if let ControlFlow::Break(Cancelled) = last_call() {
            return Err(OutputError::Cancelled);
        }
        if fs::symlink_metadata(&place).is_ok() {
            if !is_ours(&place) {
                return Err(OutputError::Foreign { path: target.to_owned() });
            }
            fs::rename(&place, old.path().join("old")).map_err(io)?;
        }
        fs::rename(self.folder.path(), place).map_err(io)?;
        // The folder was moved, so the guard must not remove it.
        let _moved = self.folder.keep();
        above.sync().map_err(io)
    }
}

fn name_of(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}

/// Whether `folder` holds results of octrls: its state folder, or a result of ours. Whoever mounts, copies or nests it
/// elsewhere changes nothing about this.
#[must_use]
pub fn holds_results(folder: &Path) -> bool {
    /// Every `result.json` of ours begins with its schema.
    const START: u64 = 256;
    if fs::symlink_metadata(folder.join(STATE_FOLDER)).is_ok_and(|found| found.is_dir()) {
        return true;
    }
    // Whoever can write to a watched folder may plant a link or a pipe there.
    let Ok(Some(record)) = Within::folder(folder).open_companion(&folder.join(RESULT_FILE)) else { return false };
    let mut start = Vec::new();
    record.take(START).read_to_end(&mut start).is_ok() && start.windows(SCHEMAS.len()).any(|window| window == SCHEMAS)
}

/// Whether `target` is a real folder, not a link, with octrls results.
fn is_ours(target: &Path) -> bool {
    fs::symlink_metadata(target).is_ok_and(|found| found.is_dir()) && target.join(RESULT_FILE).is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTINUE: ControlFlow<Cancelled> = ControlFlow::Continue(());

    fn stage(out: &Path, content: &str) -> StagedFolder {
        let folder = Staging::of(out).begin().expect("staging");
        folder.write("a.csv", content.as_bytes()).expect("write");
        folder.write(RESULT_FILE, b"{}").expect("write");
        folder
    }

    #[test]
    fn a_folder_appears_whole_and_replaces_its_predecessor() {
        let out = tempfile::tempdir().expect("tempdir");
        let target = out.path().join("deep/scan.png");
        stage(out.path(), "first").publish(&target, &mut || CONTINUE).expect("publish");
        stage(out.path(), "second").publish(&target, &mut || CONTINUE).expect("publish again");
        assert_eq!(fs::read_to_string(target.join("a.csv")).expect("read"), "second");
        let left = fs::read_dir(out.path().join(".octrls/staging")).expect("staging").count();
        assert_eq!(left, 0, "nothing is left in staging");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_link_that_is_planted_at_the_last_moment_leads_nowhere() {
        let dir = tempfile::tempdir().expect("tempdir");
        let at = |name: &str| dir.path().join(name);
        stage(&at("elsewhere"), "precious").publish(&at("elsewhere/scan.png"), &mut || CONTINUE).expect("publish");
        let folder = stage(&at("out"), "new");
        let mut plant = || {
            fs::rename(at("out/ward"), at("out/moved")).expect("rename");
            std::os::unix::fs::symlink(at("elsewhere"), at("out/ward")).expect("link");
            // Replace the staging place as well.
            fs::rename(at("out/.octrls/staging"), at("out/.octrls/was")).expect("rename");
            std::os::unix::fs::symlink(at("elsewhere"), at("out/.octrls/staging")).expect("link");
            CONTINUE
        };
        folder.publish(&at("out/ward/scan.png"), &mut plant).expect("publish");
        assert_eq!(fs::read_to_string(at("elsewhere/scan.png/a.csv")).expect("read"), "precious");
        assert_eq!(fs::read_to_string(at("out/moved/scan.png/a.csv")).expect("read"), "new");
        assert_eq!(fs::read_dir(at("out/.octrls/was")).expect("staging").count(), 0);
    }

    #[test]
    fn nothing_is_written_where_another_folder_took_the_place_of_the_output() {
        let dir = tempfile::tempdir().expect("tempdir");
        let (out, away) = (dir.path().join("out"), dir.path().join("away"));
        fs::create_dir(&out).expect("mkdir");
        let staging = Staging::of(&out);
        let target = out.join("ward/scan.png");
        let folder = staging.begin().expect("staging");
        folder.write(RESULT_FILE, b"{}").expect("write");
        fs::rename(&out, &away).expect("rename");
        let gone = |error: OutputError| assert_eq!(error.code(), "E-OUT-GONE", "{error}");
        for place in ["missing", "another"] {
            gone(staging.begin().err().expect(place));
            gone(staging.discard(&target).expect_err(place));
            if place == "missing" {
                fs::create_dir(&out).expect("mkdir");
            }
        }
        gone(folder.publish(&target, &mut || CONTINUE).expect_err("refused"));
        assert_eq!(fs::read_dir(&out).expect("read").count(), 0);
        fs::remove_dir(&out).expect("rmdir");
        fs::rename(&away, &out).expect("rename");
        let folder = staging.begin().expect("staging");
        folder.write(RESULT_FILE, b"{}").expect("write");
        folder.publish(&target, &mut || CONTINUE).expect("it is back");
    }

    #[test]
    fn an_abandoned_folder_leaves_nothing() {
        let out = tempfile::tempdir().expect("tempdir");
        drop(stage(out.path(), "x"));
        assert_eq!(fs::read_dir(out.path().join(".octrls/staging")).expect("staging").count(), 0);
    }

    #[test]
    fn a_cancelled_folder_leaves_the_earlier_results() {
        let out = tempfile::tempdir().expect("tempdir");
        let target = out.path().join("scan.png");
        stage(out.path(), "first").publish(&target, &mut || CONTINUE).expect("publish");
        let cancelled = stage(out.path(), "second").publish(&target, &mut || ControlFlow::Break(Cancelled));
        assert!(matches!(cancelled, Err(OutputError::Cancelled)));
        assert_eq!(fs::read_to_string(target.join("a.csv")).expect("read"), "first");
        assert_eq!(fs::read_dir(out.path().join(".octrls/staging")).expect("staging").count(), 0);
    }

    #[test]
    fn what_others_wrote_is_left_alone() {
        let out = tempfile::tempdir().expect("tempdir");
        let target = out.path().join("scan.png");
        fs::create_dir(&target).expect("mkdir");
        fs::write(target.join("precious.txt"), "x").expect("write");
        let refused = stage(out.path(), "x").publish(&target, &mut || CONTINUE);
        assert_eq!(refused.expect_err("refused").code(), "E-OUT-FOREIGN");
        assert!(target.join("precious.txt").is_file());
    }

    #[test]
    fn only_our_own_folders_are_discarded() {
        let out = tempfile::tempdir().expect("tempdir");
        let staging = Staging::of(out.path());
        let (ours, foreign) = (out.path().join("ward/deep/scan.png"), out.path().join("ward/notes"));
        stage(out.path(), "x").publish(&ours, &mut || CONTINUE).expect("publish");
        fs::create_dir(&foreign).expect("mkdir");
        fs::write(foreign.join("precious.txt"), "x").expect("write");
        assert!(!staging.discard(&foreign).expect("discard"));
        assert!(!staging.discard(&out.path().join("nothing")).expect("discard"));
        assert!(staging.discard(&ours).expect("discard"));
        assert!(!out.path().join("ward/deep").exists(), "empty parent folders are removed too");
        assert!(foreign.join("precious.txt").is_file());
        assert_eq!(fs::read_dir(out.path().join(".octrls/staging")).expect("staging").count(), 0);
    }

    #[test]
    fn folders_of_ours_are_known_by_their_content() {
        let dir = tempfile::tempdir().expect("tempdir");
        let at = |name: &str| dir.path().join(name);
        for folder in ["out/.octrls", "result", "series", "theirs", "empty"] {
            fs::create_dir_all(at(folder)).expect("mkdir");
        }
        for (folder, text) in [
            ("result", "{\n  \"schema\": \"octrls.result/2\","),
            ("series", "{\"schema\":\"octrls.series/1\"}"),
            ("theirs", "{\"schema\": \"other/1\", \"result\": 1}"),
        ] {
            fs::write(at(folder).join(RESULT_FILE), text).expect("write");
        }
        for folder in ["linked", "pipe"] {
            fs::create_dir(at(folder)).unwrap();
        }
        std::os::unix::fs::symlink(at("result").join(RESULT_FILE), at("linked").join(RESULT_FILE)).unwrap();
        let pipe = std::process::Command::new("mkfifo").arg(at("pipe").join(RESULT_FILE)).status().unwrap();
        assert!(pipe.success());
        let ours = |name: &str| holds_results(&at(name));
        assert_eq!(
            ["out", "result", "series", "theirs", "empty", "none", "linked", "pipe"].map(ours),
            [true, true, true, false, false, false, false, false]
        );
    }

    #[test]
    fn leftovers_of_a_crash_are_cleared() {
        let out = tempfile::tempdir().expect("tempdir");
        let kept = stage(out.path(), "x").folder.keep();
        Staging::of(out.path()).clear().expect("clear");
        assert!(!kept.exists());
        Staging::of(out.path()).clear().expect("clear nothing");
    }
}
