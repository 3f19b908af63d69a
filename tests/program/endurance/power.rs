//! Power cuts. The results are on an ext4 image; a cut copies the image while the watcher works, without what the file
//! system has not written yet. `OCTRLS_CUTS` sets the number of cuts. Needs root, otherwise skipped.

use crate::support::missing;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::endurance::{
    Printed,
    arrivals::{files_of, name_of},
    listed, setting,
    support::result,
    watcher,
};

/// Timeout for tests that hang; far longer than any step takes.
const PATIENCE: Duration = Duration::from_mins(20);

/// Scans that arrive between two cuts.
const SCANS_PER_CUT: u64 = 4;

/// Base size of the image, and extra size for each scan: results of a series take 7 MiB, of others 312 KiB.
const IMAGE_BYTES: (u64, u64) = (64 << 20, 3 << 20);

/// A mounted image; unmounted when dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn new(image: &Path, at: &Path) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        // The file system writes on its own only every five minutes, so everything on disk was synced explicitly.
        let mut mount = Command::new("mount");
        mount.args(["-o", "loop,commit=300"]).args([image, at]).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then(|| Self(at.to_owned()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
}

/// All files below a folder with their contents.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().is_file());
    files.map(|file| (file.path().strip_prefix(folder).unwrap().into(), fs::read(file.path()).unwrap())).collect()
}

fn watch(root: &Path, out: &Path, more: &[&str]) -> Command {
    let mut command = watcher(root, out, "0.2", &["--attempts", "100", "--min-free", "0"]);
    command.args(more).stdout(Stdio::piped());
    command
}

/// Works until the power cut, which comes after `life`: counted from the start, or from the first scan that is done.
/// Returns the scans reported as done, with their results.
fn work_until_power_cut(
    (root, out): (&Path, &Path),
    (after_first, life): (bool, Duration),
    copy: impl FnOnce(),
) -> BTreeMap<String, Contents> {
    let mut child = watch(root, out, &[]).spawn().unwrap();
    let printed = Printed::by(&mut child);
    let mut lines = printed.until(if after_first { " done " } else { " started " }, PATIENCE);
    thread::sleep(life);
    signal("-STOP", child.id());
    // Reports made so far are in the pipe; the reader needs a moment to receive them.
    thread::sleep(Duration::from_millis(100));
    lines.extend(printed.rest());
    let done = lines.iter().filter_map(|line| line.split_once(" done ")?.1.split_whitespace().next());
    let reported: Vec<String> = done.map(str::to_owned).collect();
    copy();
    let results = reported.into_iter().map(|name| (name.clone(), contents(&out.join(name)))).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    printed.end();
    results
}

type Contents = BTreeMap<PathBuf, Vec<u8>>;

/// Paths of the scans that the ledger lists as written.
fn written(out: &Path) -> Vec<String> {
    let objects = listed(out).into_iter().filter(|object| object["state"] == "written");
    objects.map(|object| object["path"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn results_survive_power_cuts() {
    let cuts = setting("OCTRLS_CUTS", 3);
    let dir = tempfile::tempdir().unwrap();
    let (root, mut image) = (dir.path().join("in"), dir.path().join("image-0"));
    fs::create_dir(&root).unwrap();
    let bytes = IMAGE_BYTES.0 + cuts * SCANS_PER_CUT * IMAGE_BYTES.1;
    File::create(&image).unwrap().set_len(bytes).unwrap();
    let made = Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image).stderr(Stdio::null()).status();
    if !made.is_ok_and(|status| status.success()) {
        missing("results_survive_power_cuts", "mkfs.ext4");
        return;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let (mut scans, mut reported) = (0, 0);
    for cut in 1..=cuts {
        let Some(disk) = Mounted::new(&image, &dir.path().join(format!("disk-{cut}"))) else {
            missing("results_survive_power_cuts", "mount");
            return;
        };
        for _ in 0..SCANS_PER_CUT {
            for (name, bytes) in files_of(scans) {
                let path = root.join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
            }
            scans += 1;
        }
        let (out, after) = (disk.0.join("out"), dir.path().join(format!("image-{cut}")));
        let life = (rng.random_bool(0.5), Duration::from_millis(rng.random_range(0..1500)));
        let done = work_until_power_cut((&root, &out), life, || _ = fs::copy(&image, &after).unwrap());
        drop(disk);
        fs::remove_file(&image).unwrap();
        image = after;
        reported += done.len();
        if done.is_empty() {
            continue;
        }
        let disk = Mounted::new(&image, &dir.path().join(format!("after-{cut}"))).unwrap();
        let known = written(&disk.0.join("out"));
        for (name, before) in done {
            assert!(known.contains(&name), "cut {cut}: the ledger has lost {name}, it knows {known:?}");
            assert!(
                contents(&disk.0.join("out").join(&name)) == before,
                "cut {cut}: the results of {name} are not whole"
            );
        }
    }
    let disk = Mounted::new(&image, &dir.path().join("last")).unwrap();
    let out = disk.0.join("out");
    let rest = watch(&root, &out, &["--once"]).output().unwrap();
    assert!(rest.status.success(), "{}", String::from_utf8_lossy(&[rest.stdout, rest.stderr].concat()));
    for number in 0..scans {
        let name = name_of(number);
        assert_eq!(result(&out.join(&name))["scan"]["path"], name.as_str());
    }
    assert_eq!(written(&out).len() as u64, scans);
    eprintln!(
        "{cuts} power cuts over {scans} scans: {reported} were reported as done before a cut, and all of them were"
    );
}
