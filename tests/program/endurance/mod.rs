//! Endurance tests: the program under a year's worth of clinic trouble. Each test has a short form in the normal test
//! run; `just torture`, `just crowd` and `just soak` run the long forms, whose figures are in `docs/reliability.md`.

mod arrivals;
mod bombs;
mod clock;
mod crowd;
mod disks;
mod limits;
mod power;
mod soak;
mod torture;

use std::{fs, path::Path, process::Command};

use crate::{
    dicom_results::scan as tomography,
    support::{self, scans, stub},
};

/// A watcher from `root` to `out` for files that stay unchanged for `stable` seconds.
fn watcher(root: &Path, out: &Path, stable: &str, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_octrls"));
    command
        .args(["watch", "--plain", "--model", "edge", "--stable", stable])
        .args(more)
        .arg("--out")
        .arg(out)
        .arg(root);
    command
}

/// The ledger entry of each scan.
fn listed(out: &Path) -> Vec<serde_json::Value> {
    let output = support::octrls().args(["ls", "--json", "--out"]).arg(out).assert().success();
    let text = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A length of the run, which an environment variable may set.
fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
}

/// A value of `/proc/PID/status` in KiB, such as `VmRSS`; `None` if the process has ended.
fn memory(process: &str, key: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Number of open files of a process.
fn handles(process: &str) -> usize {
    fs::read_dir(Path::new("/proc").join(process).join("fd")).map_or(0, Iterator::count)
}
