//! Scans that arrive one after the other for as long as `OCTRLS_SOAK_MINUTES` says, at four fifths of what the box can do.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{handles, memory, setting, torture::scan};

/// Scans that keep every worker busy for a while.
const BATCH: u64 = 12;
const PATIENCE: Duration = Duration::from_mins(2);
const LOAD: f64 = 0.8;
/// Window in which a file must stand still, in seconds.
const WINDOW: &str = "0.5";

struct Watcher {
    child: Child,
    done: Receiver<(String, Instant)>,
}

impl Watcher {
    fn start(root: &Path, out: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_octrls"));
        command.args(["watch", "--json", "--model", "edge", "--stable", WINDOW, "--min-free", "0"]);
        command.arg("--out").arg(out).arg(root).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, done) = channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let event: Value = serde_json::from_str(&line).unwrap();
                if event["event"] == "done" {
                    let path = event["path"].as_str().unwrap().to_owned();
                    let _ = sender.send((path, Instant::now()));
                }
            }
        });
        Self { child, done }
    }

    fn pid(&self) -> String {
        self.child.id().to_string()
    }
}

fn arrive(root: &Path, name: &str, bytes: &[u8]) -> Instant {
    let part = root.join(format!("{name}.part"));
    fs::write(&part, bytes).unwrap();
    fs::rename(part, root.join(name)).unwrap();
    Instant::now()
}

fn percentile(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

#[test]
fn latency_and_memory_stay_under_steady_load() {
    let minutes = setting("OCTRLS_SOAK_MINUTES", 0);
    let dir = tempfile::tempdir().unwrap();
    let (root, out) = (dir.path().join("in"), dir.path().join("out"));
    fs::create_dir(&root).unwrap();
    let mut watcher = Watcher::start(&root, &out);

    // What the box can do.
    let scans: Vec<Vec<u8>> = (0..BATCH).map(scan).collect();
    let begun = Instant::now();
    for (number, bytes) in scans.iter().enumerate() {
        arrive(&root, &format!("batch-{number}.png"), bytes);
    }
    for _ in 0..BATCH {
        watcher.done.recv_timeout(PATIENCE).unwrap();
    }
    let window: f64 = WINDOW.parse().unwrap();
    let each = (begun.elapsed().as_secs_f64() - window).max(0.01) / BATCH as f64;
    let every = Duration::from_secs_f64(each / LOAD);

    let soak = Duration::from_secs((60 * minutes).max(8));
    let (memory_before, handles_before) = (memory(&watcher.pid(), "VmRSS").unwrap(), handles(&watcher.pid()));
    let (mut arrived, mut latencies) = (HashMap::new(), Vec::new());
    let begun = Instant::now();
    let mut number = BATCH;
    while begun.elapsed() < soak {
        let name = format!("soak-{number}.png");
        let bytes = scan(number);
        arrived.insert(name.clone(), arrive(&root, &name, &bytes));
        number += 1;
        let next = begun + every * (number - BATCH) as u32;
        while let Ok((name, at)) = watcher.done.recv_timeout(next.saturating_duration_since(Instant::now())) {
            latencies.push((at - arrived.remove(&name).unwrap()).as_secs_f64());
        }
    }
    while !arrived.is_empty() {
        let (name, at) = watcher.done.recv_timeout(PATIENCE).unwrap();
        latencies.push((at - arrived.remove(&name).unwrap()).as_secs_f64());
    }
    let (memory_after, handles_after) = (memory(&watcher.pid(), "VmRSS").unwrap(), handles(&watcher.pid()));
    let most = memory(&watcher.pid(), "VmHWM").unwrap();
    watcher.child.kill().unwrap();
    watcher.child.wait().unwrap();
    latencies.sort_by(f64::total_cmp);
    let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|share| percentile(&latencies, share));
    eprintln!(
        "{} scans in {:.0} s, one every {:.2} s: from arrival to results p50 {p50:.2} s, p95 {p95:.2} s, p99 {p99:.2} s \
         (of which {WINDOW} s the window); memory {} MiB, then {} MiB, at most {} MiB; open files {handles_before}, then {handles_after}",
        latencies.len(),
        begun.elapsed().as_secs_f64(),
        every.as_secs_f64(),
        memory_before / 1024,
        memory_after / 1024,
        most / 1024,
    );
    assert!(memory_after < memory_before + 128 * 1024, "{memory_before} KiB before, {memory_after} KiB after");
    assert!(handles_after <= handles_before + 8, "{handles_before} open files before, {handles_after} after");
}
