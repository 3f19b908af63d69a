//! Checks of the watched folder and the results folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use octrls_fs::{
    durable::unfinished_file,
    mounts::Mount,
    platform::{self, is_writable},
};

use super::Finding;

/// Free space for results below which the check warns, in bytes.
const LOW_SPACE: u64 = 2 << 30;
/// Free space for results below which the check reports a problem, in bytes.
const CRITICAL_SPACE: u64 = 200 << 20;
/// inotify watches that are enough for the folder tree of any clinic.
const ENOUGH_WATCHES: u64 = 8192;

/// The folders of a watcher.
pub(crate) struct Folders {
    pub(crate) root: PathBuf,
    pub(crate) out: PathBuf,
    /// Whether it polls instead of using file system events.
    pub(crate) polls: bool,
}

/// Checks the watched folder.
pub(crate) fn watched(folders: &Folders) -> Vec<Finding> {
    const CHECK: &str = "watched";
    let shown = folders.root.display();
    let real = fs::canonicalize(&folders.root).and_then(|real| fs::read_dir(&real).map(|_| real));
    let real = match real {
        Ok(real) => real,
        Err(error) => {
            let advice = match error.kind() {
                io::ErrorKind::NotFound => format!("create the folder or mount the share: {shown}"),
                io::ErrorKind::PermissionDenied => "give the user of octrls permission to read and enter it".to_owned(),
                _ => "choose a folder".to_owned(),
            };
            return vec![Finding::problem(CHECK, format!("cannot read {shown}: {error}"), advice)];
        }
    };
    let mount = Mount::of(&real);
    let mut found = vec![match &mount {
        Some(mount) if mount.read_only || !is_writable(&real) => Finding::warning(
            CHECK,
            format!("{shown} is read-only"),
            "octrls works, but failed scans stay there instead of moving to quarantine",
        ),
        _ => Finding::ok(CHECK, format!("{shown} is readable and writable")),
    }];
    found.push(match mount {
        Some(mount) if mount.is_share() => {
            Finding::ok("share", format!("network share ({}), polled for changes", mount.kind))
        }
        Some(mount) => Finding::ok("share", format!("local file system ({})", mount.kind)),
        None => Finding::ok("share", "unknown type of file system"),
    });
    if !folders.polls {
        found.extend(inotify_watches());
    }
    found
}

/// Warns when the system allows too few inotify watches for a deep folder tree.
fn inotify_watches() -> Option<Finding> {
    let limit = platform::max_watched_folders()?;
    (limit < ENOUGH_WATCHES).then(|| {
        Finding::warning(
            "watches",
            format!("the system can watch at most {limit} folders per user"),
            "run sysctl fs.inotify.max_user_watches=65536, or use --poll 10",
        )
    })
}

/// Checks the results folder.
pub(crate) fn results(folders: &Folders) -> Vec<Finding> {
    const CHECK: &str = "results";
    let shown = folders.out.display();
    // Only the nearest existing folder can be checked; the watcher creates the missing ones.
    let Some(existing) = folders.out.ancestors().find(|folder| folder.is_dir()) else {
        return vec![Finding::problem(
            CHECK,
            format!("no folder above {shown} exists"),
            "create the folder, or choose another with --out",
        )];
    };
    let write_test = unfinished_file(existing, ".octrls-").and_then(tempfile::NamedTempFile::close);
    let contains_root =
        || Some(fs::canonicalize(&folders.root).ok()?.starts_with(fs::canonicalize(&folders.out).ok()?));
    let mut found = vec![match write_test {
        Ok(()) if contains_root() == Some(true) => Finding::problem(
            CHECK,
            format!("{shown} is or contains the watched folder"),
            "choose another folder with --out",
        ),
        Ok(()) if existing == folders.out => Finding::ok(CHECK, format!("{shown} is writable")),
        Ok(()) => Finding::ok(CHECK, format!("{shown} does not exist yet and can be created")),
        Err(error) => Finding::problem(
            CHECK,
            format!("cannot write to {}: {error}", existing.display()),
            "give the user of octrls permission to write; in the systemd unit, add the folder to ReadWritePaths=",
        ),
    }];
    if let Some(mount) = fs::canonicalize(existing).ok().as_deref().and_then(Mount::of)
        && mount.is_share()
    {
        found.push(Finding::problem(
            "ledger",
            format!("{shown} is on a network share ({}), where the ledger cannot work", mount.kind),
            "choose a folder on a local disk and share it from there",
        ));
    }
    found.extend(free_space(existing));
    found
}

fn free_space(folder: &Path) -> Option<Finding> {
    const CHECK: &str = "disk";
    let free = fs4::available_space(folder).ok()?;
    let text = format!("{:.1} GiB free for results", free as f64 / f64::from(1 << 30));
    let advice = "move old results to another disk, or use a larger one";
    Some(match free {
        0..CRITICAL_SPACE => Finding::problem(CHECK, text, advice),
        CRITICAL_SPACE..LOW_SPACE => Finding::warning(CHECK, text, advice),
        _ => Finding::ok(CHECK, text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Grade;

    fn folders(root: &Path) -> Folders {
        Folders { root: root.to_owned(), out: root.join("not/yet/there"), polls: false }
    }

    #[test]
    fn checks_leave_good_folders_unchanged() {
        let dir = tempfile::tempdir().unwrap();
        let found: Vec<Finding> =
            watched(&folders(dir.path())).into_iter().chain(results(&folders(dir.path()))).collect();
        let grade = |check| found.iter().find(|f| f.check == check).map(|f| f.grade);
        assert_eq!((grade("watched"), grade("results")), (Some(Grade::Ok), Some(Grade::Ok)), "{found:?}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn results_must_not_contain_the_watched_folder() {
        let dir = tempfile::tempdir().unwrap();
        let same = Folders { out: dir.path().to_owned(), ..folders(dir.path()) };
        assert_eq!(results(&same)[0].grade, Grade::Problem);
    }

    #[test]
    fn a_missing_folder_is_a_problem_with_advice() {
        let dir = tempfile::tempdir().unwrap();
        let found = watched(&folders(&dir.path().join("gone")));
        assert_eq!((found.len(), found[0].grade), (1, Grade::Problem));
        assert!(found[0].advice.as_ref().unwrap().contains("mount the share"));
        fs::write(dir.path().join("file"), "").unwrap();
        assert_eq!(watched(&folders(&dir.path().join("file")))[0].grade, Grade::Problem);
    }
}
