//! Full disks, and folders without read or write permission. Tests that need more rights than they have are skipped
//! with a message.

use crate::support::missing;
use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use tempfile::TempDir;

use crate::endurance::{scans::scan, support::octrls, watcher};

/// Timeout for tests that hang; far longer than any step takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// Uid and gid of `nobody`, who is bound by permissions.
const NOBODY: u32 = 65534;

/// A small disk in memory.
pub(crate) struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None` if it cannot be mounted.
    pub(crate) fn mount(test: &str, mib: u32) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let size = format!("size={mib}m");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "octrls-test"]).arg(dir.path()).stderr(Stdio::null());
        if mount.status().is_ok_and(|status| status.success()) {
            return Some(Self(dir));
        }
        missing(test, "mount");
        None
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// A running watcher and its output lines.
pub(crate) struct Watcher(Child, Receiver<String>);

impl Watcher {
    fn start(root: &Path, out: &Path, more: &[&str]) -> Self {
        Self::of(watcher(root, out, "0.1", &["--jobs", "1"]).args(more))
    }

    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, received) = channel();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self(child, received)
    }

    /// Reads up to the line that contains `text`; returns all lines up to it.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let mut all = String::new();
        loop {
            let line = self.1.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no \"{text}\" in {all}"));
            all.push_str(&line);
            all.push('\n');
            if line.contains(text) {
                return all;
            }
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn low_space_pauses_processing_and_free_space_resumes_it() {
    let Some(disk) = SmallDisk::mount("low_space_pauses_processing_and_free_space_resumes_it", 24) else { return };
    let dir = tempfile::tempdir().unwrap();
    let (root, out) = (dir.path().join("in"), disk.path().join("out"));
    fs::create_dir(&root).unwrap();
    let mut watcher = Watcher::start(&root, &out, &["--min-free", "8"]);
    fs::write(root.join("a.png"), scan(1)).unwrap();
    watcher.wait_for("done a.png");
    let ballast = disk.path().join("ballast");
    fs::write(&ballast, vec![0; 18 << 20]).unwrap();
    fs::write(root.join("b.png"), scan(2)).unwrap();
    let lines = watcher.wait_for("E-ENGINE-DISK");
    assert!(!lines.contains("running b.png"), "{lines}");
    fs::remove_file(ballast).unwrap();
    watcher.wait_for("done b.png");
}

#[test]
fn a_disk_that_fills_up_during_a_scan_fails_no_scan() {
    let Some(disk) = SmallDisk::mount("a_disk_that_fills_up_during_a_scan_fails_no_scan", 24) else { return };
    let dir = tempfile::tempdir().unwrap();
    let (root, out) = (dir.path().join("in"), disk.path().join("out"));
    fs::create_dir(&root).unwrap();
    let mut watcher = Watcher::start(&root, &out, &["--min-free", "0", "--attempts", "1"]);
    fs::write(root.join("a.png"), scan(1)).unwrap();
    watcher.wait_for("done a.png");
    let ballast = disk.path().join("ballast");
    let fill = || {
        let mut file = fs::File::create(&ballast).unwrap();
        let block = vec![0; 4096];
        while std::io::Write::write_all(&mut file, &block).is_ok() {}
    };
    fill();
    fs::write(root.join("b.png"), scan(2)).unwrap();
    let lines = watcher.wait_for("code=E-");
    assert!(!lines.contains("quarantined"), "{lines}");
    fs::remove_file(ballast).unwrap();
    let lines = watcher.wait_for("done b.png");
    assert!(!lines.contains("quarantined"), "{lines}");
}

#[test]
fn a_read_only_results_folder_is_reported_at_the_start() {
    let Some(disk) = SmallDisk::mount("a_read_only_results_folder_is_reported_at_the_start", 8) else { return };
    let dir = tempfile::tempdir().unwrap();
    let remount = Command::new("mount").args(["-o", "remount,ro"]).arg(disk.path()).status().unwrap();
    assert!(remount.success());
    fs::write(dir.path().join("a.png"), scan(1)).unwrap();
    let mut watch = octrls();
    watch.args(["watch", "--once", "--plain", "--model", "edge", "--out"]).arg(disk.path().join("out")).arg(dir.path());
    let output = watch.assert().code(3);
    let text = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
    assert!(text.contains("E-ENGINE-OUT"), "{text}");
    assert!(dir.path().join("a.png").exists());
}

#[test]
fn an_unmounted_share_loses_and_repeats_nothing() {
    const TEST: &str = "an_unmounted_share_loses_and_repeats_nothing";
    let dir = tempfile::tempdir().unwrap();
    let (server, root, out) = (dir.path().join("server"), dir.path().join("in"), dir.path().join("out"));
    fs::create_dir(&server).unwrap();
    fs::create_dir(&root).unwrap();
    let mount = || Command::new("mount").arg("--bind").args([&server, &root]).stderr(Stdio::null()).status();
    let unmount = || assert!(Command::new("umount").arg("-l").arg(&root).status().unwrap().success());
    if !mount().is_ok_and(|status| status.success()) {
        missing(TEST, "mount");
        return;
    }
    let mut watcher = Watcher::start(&root, &out, &["--min-free", "0", "--poll", "0.2"]);
    fs::write(root.join("a.png"), scan(1)).unwrap();
    watcher.wait_for("done a.png");
    for (round, name) in ["b.png", "c.png"].into_iter().enumerate() {
        unmount();
        // The empty mount point is not the share.
        let lines = watcher.wait_for("W-WATCH-REPLACED");
        fs::write(server.join(name), scan(2 + round as u64)).unwrap();
        thread::sleep(Duration::from_millis(600));
        assert!(mount().unwrap().success());
        let lines = lines + &watcher.wait_for(&format!("done {name}"));
        assert!(!lines.contains("running a.png") && !lines.contains("vanished"), "{lines}");
        assert!(out.join("a.png/result.json").is_file(), "nothing is deleted");
    }
    drop(watcher);
    unmount();
    let listed = crate::endurance::listed(&out);
    let known: Vec<_> = listed.iter().map(|o| (o["path"].as_str().unwrap(), &o["state"], &o["attempts"])).collect();
    let (written, once) = ("written".into(), 1.into());
    assert_eq!(known, ["a.png", "b.png", "c.png"].map(|name| (name, &written, &once)));
}

#[test]
fn an_unmounted_folder_for_results_gets_nothing_beneath_it() {
    const TEST: &str = "an_unmounted_folder_for_results_gets_nothing_beneath_it";
    let dir = tempfile::tempdir().unwrap();
    let (disk, root, out) = (dir.path().join("disk"), dir.path().join("in"), dir.path().join("out"));
    for folder in [&disk, &root, &out] {
        fs::create_dir(folder).unwrap();
    }
    let mount = || Command::new("mount").arg("--bind").args([&disk, &out]).stderr(Stdio::null()).status();
    let unmount = || assert!(Command::new("umount").arg("-l").arg(&out).status().unwrap().success());
    if !mount().is_ok_and(|status| status.success()) {
        missing(TEST, "mount");
        return;
    }
    let mut watcher = Watcher::start(&root, &out, &["--min-free", "0"]);
    fs::write(root.join("a.png"), scan(1)).unwrap();
    watcher.wait_for("done a.png");
    unmount();
    watcher.wait_for("E-OUT-GONE");
    fs::write(root.join("b.png"), scan(2)).unwrap();
    fs::write(root.join("bad.png"), "no image").unwrap();
    watcher.wait_for("bad.png");
    thread::sleep(Duration::from_secs(1));
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0, "nothing is beneath the mount point");
    assert!(root.join("bad.png").is_file());
    assert!(mount().unwrap().success());
    watcher.wait_for("done b.png");
    drop(watcher);
    unmount();
    assert!(disk.join("b.png/result.json").is_file());
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
}

#[test]
fn a_watched_folder_that_loses_its_rights_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (root, out) = (dir.path().join("in"), dir.path().join("out"));
    let mode = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for folder in [&root, &out] {
        fs::create_dir(folder).unwrap();
        mode(folder, 0o777);
    }
    mode(dir.path(), 0o755);
    let mut command = watcher(&root, &out, "0.1", &["--jobs", "1", "--min-free", "0"]);
    command.uid(NOBODY).gid(NOBODY);
    if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) != 0) {
        missing("a_watched_folder_that_loses_its_rights_is_told", "root");
        return;
    }
    let mut watcher = Watcher::of(&mut command);
    watcher.wait_for("started");
    mode(&root, 0o300);
    let lines = watcher.wait_for("W-WATCH-OFFLINE");
    assert!(lines.contains("ermission denied"), "{lines}");
    fs::write(root.join("a.png"), scan(1)).unwrap();
    mode(&root, 0o777);
    watcher.wait_for("done a.png");
}

/// Runs a watcher once as `nobody`; prints a message and returns `None` if that is not possible.
fn once_as_nobody(test: &str, root: &Path, out: &Path) -> Option<(i32, String)> {
    let mut command = watcher(root, out, "0.1", &["--once", "--attempts", "1", "--min-free", "0"]);
    command.uid(NOBODY).gid(NOBODY);
    let Ok(output) = command.output() else {
        missing(test, "root");
        return None;
    };
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    Some((output.status.code().unwrap(), text))
}

#[test]
fn unreadable_files_are_reported_and_the_rest_is_processed() {
    let dir = tempfile::tempdir().unwrap();
    let (root, out) = (dir.path().join("in"), dir.path().join("out"));
    fs::create_dir(&root).unwrap();
    fs::create_dir(&out).unwrap();
    let mode = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    mode(dir.path(), 0o755);
    mode(&out, 0o777);
    for (name, rights) in [("open.png", 0o644), ("closed.png", 0o600)] {
        fs::write(root.join(name), scan(rights.into())).unwrap();
        mode(&root.join(name), rights);
    }
    fs::create_dir(root.join("secret")).unwrap();
    mode(&root.join("secret"), 0o700);
    let Some((code, text)) = once_as_nobody("unreadable_files_are_reported_and_the_rest_is_processed", &root, &out)
    else {
        return;
    };
    assert_eq!(code, 1, "{text}");
    for part in ["done open.png", "W-WATCH-UNREADABLE", "quarantined closed.png code=E-READ-IO", "E-QUARANTINE"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(root.join("closed.png").exists(), "it stays where it is");
    mode(&root.join("closed.png"), 0o644);
    let (_, text) = once_as_nobody("", &root, &out).unwrap();
    assert!(text.contains("done closed.png"), "rights that were mended suffice: {text}");
}
