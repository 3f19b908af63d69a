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

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command},
    sync::mpsc::{Receiver, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

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

/// What a watcher prints, read as it comes, so that it never waits for its reader.
struct Printed {
    lines: Receiver<String>,
    reader: JoinHandle<()>,
}

impl Printed {
    /// Of a process whose standard output is a pipe.
    fn by(child: &mut Child) -> Self {
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        let reader = thread::spawn(move || {
            for line in output.map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { lines, reader }
    }

    /// Waits for a line with `word`, at most for `patience` or to the end of the process; returns the lines up to it.
    fn until(&self, word: &str, patience: Duration) -> Vec<String> {
        let (start, mut lines) = (Instant::now(), Vec::new());
        while let Ok(line) = self.lines.recv_timeout(patience.saturating_sub(start.elapsed())) {
            let is_last = line.contains(word);
            lines.push(line);
            if is_last {
                break;
            }
        }
        lines
    }

    /// The lines that have come since.
    fn rest(&self) -> Vec<String> {
        self.lines.try_iter().collect()
    }

    /// Waits for the end of a process that was killed.
    fn end(self) {
        self.reader.join().unwrap();
    }
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
