//! Too few file descriptors, and a ledger without space.

use std::{
    fs,
    process::{Command, Stdio},
};

use crate::endurance::{disks::SmallDisk, listed, scans::scan, watcher};

/// Runs `command` in a shell that may have `files` open files.
fn limited(command: &Command, files: u32) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("ulimit -n {files} && exec \"$@\"")).arg("sh").arg(command.get_program());
    shell.args(command.get_args()).stdin(Stdio::null());
    shell
}

#[test]
fn without_file_descriptors_scans_wait() {
    let dir = tempfile::tempdir().unwrap();
    let (root, out) = (dir.path().join("in"), dir.path().join("out"));
    fs::create_dir(&root).unwrap();
    for number in 0..6 {
        fs::write(root.join(format!("{number}.png")), scan(number)).unwrap();
    }
    // Fewer and fewer, down to where it cannot start at all.
    let mut has_waited = false;
    for files in [30, 26, 24, 22, 20, 18, 16, 14, 12] {
        let run = limited(&watcher(&root, &out, "0.1", &["--once", "--jobs", "2"]), files).output().unwrap();
        let text = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
        assert!(!text.contains("quarantined "), "{files}: {text}");
        assert!(
            run.status.success() || run.status.code() == Some(1) || run.status.code() == Some(3),
            "{files}: {text}"
        );
        assert!(!out.join("quarantine").exists(), "{files}");
        // Too few are told, or already missing when they are counted.
        if run.status.code() != Some(3) {
            assert!(text.contains("E-RESOURCES text=\""), "{text}");
        }
        has_waited |= text.contains("scans wait");
        if run.status.success() {
            // Everything again, with fewer.
            fs::remove_dir_all(&out).unwrap();
        }
    }
    assert!(has_waited, "one of the limits is low enough");
    let run = watcher(&root, &out, "0.1", &["--once"]).stdout(Stdio::null()).status().unwrap();
    assert!(run.success());
    assert!(listed(&out).iter().all(|entry| entry["state"] == "written" && entry["attempts"] == 1));
}

#[test]
fn a_ledger_without_space_ends_a_single_run() {
    let Some(disk) = SmallDisk::mount("a_ledger_without_space", 8) else { return };
    let dir = tempfile::tempdir().unwrap();
    let (root, out) = (dir.path().join("in"), disk.path().join("out"));
    fs::create_dir(&root).unwrap();
    let once = ["--once", "--min-free", "0", "--no-follow-up"];
    let run = watcher(&root, &out, "0.1", &once).stdout(Stdio::null()).status().unwrap();
    assert!(run.success());
    fs::write(root.join("a.png"), scan(1)).unwrap();
    // Not one block is left, for results or ledger.
    let _ = fs::write(disk.path().join("filler"), vec![0; 16 << 20]);
    let run = watcher(&root, &out, "0.1", &once).output().unwrap();
    let text = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
    assert!(matches!(run.status.code(), Some(1 | 3)), "{text}");
    assert!(!text.contains("quarantined "), "{text}");
    fs::remove_file(disk.path().join("filler")).unwrap();
    let run = watcher(&root, &out, "0.1", &once).stdout(Stdio::null()).status().unwrap();
    assert!(run.success());
    assert!(out.join("a.png/result.json").is_file());
}
