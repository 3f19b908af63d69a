//! The program and its engine under what a year in a clinic does to them. Each test has a short form that runs with all others;
//! `just torture`, `just crowd` and `just soak` run the long forms, whose figures are in `docs/reliability.md`.

#![cfg(all(feature = "app", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod bombs;
mod crowd;
mod disks;
mod power;
mod soak;
#[path = "../support/mod.rs"]
mod support;
mod torture;

use std::{fs, path::Path};

/// A length that the environment may set.
fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// A figure of `/proc/PID/status` in KiB, such as `VmRSS`; `None` once the process has ended.
fn memory(process: &str, key: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Open files of a process.
fn handles(process: &str) -> usize {
    fs::read_dir(Path::new("/proc").join(process).join("fd")).map_or(0, Iterator::count)
}
