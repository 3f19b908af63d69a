//! The watched folder and that of the results.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::Finding;
use octrls_fs::{durable::unfinished_file, mounts::Mount};

/// Free space below which results soon find no place, in bytes.
const LITTLE: u64 = 2 << 30;
/// Free space below which they find none, in bytes.
const NONE_LEFT: u64 = 200 << 20;
/// Watches of the operating system that are enough for any tree of a clinic.
const MANY_WATCHES: u64 = 8192;

/// Where a watcher is to work.
pub(crate) struct Folders {
    pub(crate) root: PathBuf,
    pub(crate) out: PathBuf,
    /// Whether it looks again and again instead of waiting to be told.
    pub(crate) polls: bool,
}

/// Looks at the watched folder.
pub(crate) fn watched(folders: &Folders) -> Vec<Finding> {
    const CHECK: &str = "watched";
    let shown = folders.root.display();
    let real = fs::canonicalize(&folders.root).and_then(|real| fs::read_dir(&real).map(|_| real));
    let real = match real {
        Ok(real) => real,
        Err(error) => {
            let advice = match error.kind() {
                io::ErrorKind::NotFound => format!("make the folder or mount the share: {shown}"),
                io::ErrorKind::PermissionDenied => "let the user that runs octrls read it and enter it".to_owned(),
                _ => "name a folder".to_owned(),
            };
            return vec![Finding::problem(CHECK, format!("{shown} cannot be read: {error}"), advice)];
        }
    };
    let mount = Mount::of(&real);
    let mut found = vec![match &mount {
        Some(mount) if mount.read_only || !is_writable(&real) => Finding::warning(
            CHECK,
            format!("{shown} can be read, not written"),
            "scans that cannot be read stay where they are instead of going to quarantine; octrls works otherwise",
        ),
        _ => Finding::ok(CHECK, format!("{shown} can be read and written")),
    }];
    found.push(match mount {
        Some(mount) if mount.is_share() => {
            Finding::ok("share", format!("a network share ({}), which is looked at again and again", mount.kind))
        }
        Some(mount) => Finding::ok("share", format!("a local file system ({})", mount.kind)),
        None => Finding::ok("share", "this system does not say what kind of file system it is"),
    });
    if !folders.polls {
        found.extend(watches());
    }
    found
}

/// Whether the system has enough watches for a deep tree.
fn watches() -> Option<Finding> {
    let most: u64 = fs::read_to_string("/proc/sys/fs/inotify/max_user_watches").ok()?.trim().parse().ok()?;
    (most < MANY_WATCHES).then(|| {
        Finding::warning(
            "watches",
            format!("a user may watch {most} folders"),
            "sysctl fs.inotify.max_user_watches=65536, or --poll 10",
        )
    })
}

/// Looks at the folder of the results.
pub(crate) fn results(folders: &Folders) -> Vec<Finding> {
    const CHECK: &str = "results";
    let shown = folders.out.display();
    // The nearest folder that is there; the others are made at the start.
    let Some(there) = folders.out.ancestors().find(|folder| folder.is_dir()) else {
        let folder = Path::new(".").display();
        return vec![Finding::problem(CHECK, format!("{shown} is nowhere below {folder}"), "name a folder")];
    };
    let tried = unfinished_file(there, ".octrls-").and_then(tempfile::NamedTempFile::close);
    let mut found = vec![match tried {
        Ok(()) if there == folders.out => Finding::ok(CHECK, format!("{shown} can be written")),
        Ok(()) => Finding::ok(CHECK, format!("{shown} can be made")),
        Err(error) => Finding::problem(
            CHECK,
            format!("{} cannot be written: {error}", there.display()),
            "let the user that runs octrls write it; in the systemd unit, name it in ReadWritePaths=",
        ),
    }];
    if let Some(mount) = fs::canonicalize(there).ok().as_deref().and_then(Mount::of)
        && mount.is_share()
    {
        found.push(Finding::problem(
            "ledger",
            format!("{shown} is on a network share ({}), which cannot carry the ledger", mount.kind),
            "choose a folder on a local disk, and share it from there",
        ));
    }
    found.extend(disk(there));
    found
}

fn disk(folder: &Path) -> Option<Finding> {
    const CHECK: &str = "disk";
    let free = fs4::available_space(folder).ok()?;
    let text = format!("{:.1} GiB free for results", free as f64 / f64::from(1 << 30));
    let advice = "move old results away, or choose a larger disk";
    Some(match free {
        0..NONE_LEFT => Finding::problem(CHECK, text, advice),
        NONE_LEFT..LITTLE => Finding::warning(CHECK, text, advice),
        _ => Finding::ok(CHECK, text),
    })
}

fn is_writable(folder: &Path) -> bool {
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Grade;

    fn folders(root: &Path) -> Folders {
        Folders { root: root.to_owned(), out: root.join("not/yet/there"), polls: false }
    }

    #[test]
    fn folders_that_are_fine_are_left_as_they_were() {
        let dir = tempfile::tempdir().unwrap();
        let found: Vec<Finding> =
            watched(&folders(dir.path())).into_iter().chain(results(&folders(dir.path()))).collect();
        let grade = |check| found.iter().find(|f| f.check == check).map(|f| f.grade);
        assert_eq!((grade("watched"), grade("results")), (Some(Grade::Ok), Some(Grade::Ok)), "{found:?}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_problem_with_advice() {
        let dir = tempfile::tempdir().unwrap();
        let found = watched(&folders(&dir.path().join("gone")));
        assert_eq!((found.len(), found[0].grade), (1, Grade::Problem));
        assert!(found[0].advice.as_ref().unwrap().contains("mount the share"));
        fs::write(dir.path().join("file"), "").unwrap();
        assert_eq!(watched(&folders(&dir.path().join("file")))[0].grade, Grade::Problem);
    }
}
