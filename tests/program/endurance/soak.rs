//! Scans that arrive at random for `OCTRLS_SOAK_MINUTES` minutes, at 80 % of the watcher's capacity.
//!
//! The capacity is measured continuously. With one worker, the service time of a scan runs from when it is queued, or
//! from when the previous scan is done if that is later, until it is done. The time to the next arrival follows the
//! mean of the latest service times, so that the load stays constant even if other programs slow the computer down. The
//! test prints the actual load.

use std::{
    collections::{HashMap, VecDeque},
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::endurance::{handles, memory, scans::scan, setting};

/// Scans that arrive at once at the start, to measure the capacity.
const BATCH: u64 = 12;
/// Number of latest scans whose mean service time sets the pace.
const LATEST: usize = 100;
const PATIENCE: Duration = Duration::from_mins(2);
const LOAD: f64 = 0.8;
/// Seconds a file must stay unchanged.
const WINDOW: &str = "0.5";

struct Watcher {
    child: Child,
    /// Events `queued` and `done`: event, scan and time.
    events: Receiver<(String, String, Instant)>,
}

impl Watcher {
    fn start(root: &Path, out: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_octrls"));
        command.args(["watch", "--json", "--model", "edge", "--jobs", "1", "--stable", WINDOW, "--min-free", "0"]);
        command.arg("--out").arg(out).arg(root).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, events) = channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let event: Value = serde_json::from_str(&line).unwrap();
                let text = |key: &str| event[key].as_str().map(str::to_owned);
                if let (Some(word), Some(path)) = (text("event"), text("path"))
                    && ["queued", "done"].contains(&word.as_str())
                {
                    let _ = sender.send((word, path, Instant::now()));
                }
            }
        });
        Self { child, events }
    }

    fn resources(&self) -> Resources {
        let pid = self.child.id().to_string();
        Resources { kib: memory(&pid, "VmRSS").unwrap(), most: memory(&pid, "VmHWM").unwrap(), open: handles(&pid) }
    }
}

/// Resources used by the watcher.
struct Resources {
    kib: u64,
    most: u64,
    open: usize,
}

/// Scans under way, and times of those that are done.
#[derive(Default)]
struct Tally {
    arrived: HashMap<String, Instant>,
    queued: HashMap<String, Instant>,
    last_done: Option<Instant>,
    /// From arrival to results, in seconds.
    latencies: Vec<f64>,
    /// Total service time in seconds.
    service: f64,
    latest: VecDeque<f64>,
}

impl Tally {
    fn add_scan(&mut self, root: &Path, name: &str, bytes: &[u8]) {
        let part = root.join(format!("{name}.part"));
        fs::write(&part, bytes).unwrap();
        fs::rename(part, root.join(name)).unwrap();
        self.arrived.insert(name.to_owned(), Instant::now());
    }

    fn record(&mut self, (word, name, at): (String, String, Instant)) {
        if word == "queued" {
            self.queued.insert(name, at);
            return;
        }
        let start = self.queued.remove(&name).into_iter().chain(self.last_done).max().unwrap();
        let seconds = at.saturating_duration_since(start).as_secs_f64();
        self.last_done = Some(at);
        self.service += seconds;
        self.latest.push_back(seconds);
        if self.latest.len() > LATEST {
            self.latest.pop_front();
        }
        let arrived = self.arrived.remove(&name).unwrap();
        self.latencies.push(at.saturating_duration_since(arrived).as_secs_f64());
    }

    /// Records events until `end`.
    fn record_until(&mut self, end: Instant, watcher: &Watcher) {
        while let Ok(event) = watcher.events.recv_timeout(end.saturating_duration_since(Instant::now())) {
            self.record(event);
        }
    }

    /// Records events until all scans are done.
    fn finish(&mut self, watcher: &Watcher) {
        while !self.arrived.is_empty() {
            self.record(watcher.events.recv_timeout(PATIENCE).unwrap());
        }
    }

    fn mean_service(&self) -> f64 {
        self.latest.iter().sum::<f64>() / self.latest.len() as f64
    }
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
    let mut tally = Tally::default();
    for number in 0..BATCH {
        tally.add_scan(&root, &format!("batch-{number}.png"), &scan(number));
    }
    tally.finish(&watcher);

    let soak = Duration::from_secs((60 * minutes).max(8));
    let before = watcher.resources();
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let start = Instant::now();
    let (mut number, mut next, mut told) = (BATCH, start, start);
    let mut tally = Tally { latest: tally.latest, ..Tally::default() };
    while start.elapsed() < soak {
        tally.add_scan(&root, &format!("soak-{number}.png"), &scan(number));
        number += 1;
        let pause = -(1.0 - rng.random::<f64>()).ln() * tally.mean_service() / LOAD;
        next += Duration::from_secs_f64(pause);
        tally.record_until(next, &watcher);
        if told.elapsed() > Duration::from_mins(5) {
            told = Instant::now();
            let (now, minute) = (watcher.resources(), start.elapsed().as_secs() / 60);
            let service = tally.mean_service();
            eprintln!(
                "minute {minute}: {number} scans, {service:.2} s in service, {} MiB, {} open files",
                now.kib / 1024,
                now.open
            );
        }
    }
    tally.finish(&watcher);
    let (after, seconds) = (watcher.resources(), start.elapsed().as_secs_f64());
    watcher.child.kill().unwrap();
    watcher.child.wait().unwrap();

    let count = tally.latencies.len();
    tally.latencies.sort_by(f64::total_cmp);
    let [p50, p95, p99, longest] = [0.5, 0.95, 0.99, 1.0].map(|share| percentile(&tally.latencies, share));
    eprintln!(
        "{count} scans in {seconds:.0} s, {:.2} s each in service, load {:.2}: from arrival to results p50 {p50:.2} s, \
         p95 {p95:.2} s, p99 {p99:.2} s, at most {longest:.2} s (of which {WINDOW} s the window); memory {} MiB, then {} MiB, at \
         most {} MiB; open files {}, then {}",
        tally.service / count as f64,
        tally.service / seconds,
        before.kib / 1024,
        after.kib / 1024,
        after.most / 1024,
        before.open,
        after.open,
    );
    assert_eq!(count as u64, number - BATCH, "each scan has its result");
    assert!(after.kib < before.kib + 128 * 1024, "{} KiB before, {} KiB after", before.kib, after.kib);
    assert!(after.open <= before.open + 8, "{} open files before, {} after", before.open, after.open);
}
