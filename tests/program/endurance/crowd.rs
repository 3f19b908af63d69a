//! Many files at once. `OCTRLS_CROWD` sets their number for the engine alone, `OCTRLS_FILES` for the whole program.

use std::{
    fs,
    ops::ControlFlow,
    path::PathBuf,
    process::Stdio,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crate::support::instance;

use instance::instance;
use octrls_engine::{
    Cancelled, Engine, EngineOptions, ModelFacts, ProcessError, Processor, ScanChange, ScanSummary, ScanTask, Totals,
};

use crate::endurance::{handles, listed, memory, scans::scan, setting, stub::summary, watcher};

/// Writes a result of a few bytes.
struct Marker;

impl Processor for Marker {
    fn process(
        &self,
        task: &ScanTask<'_>,
        _: &mut dyn FnMut(ScanChange) -> ControlFlow<Cancelled>,
    ) -> Result<ScanSummary, ProcessError> {
        fs::create_dir_all(task.out).unwrap();
        fs::write(task.out.join("result.json"), "{}").unwrap();
        Ok(summary(task.out))
    }

    fn fingerprint(&self) -> String {
        "marker 1".into()
    }
}

/// Processes all files; returns the totals, the duration, the peak memory in KiB and the maximum of open files.
fn run(options: &EngineOptions) -> (Totals, Duration, u64, usize) {
    let begun = Instant::now();
    let (engine, events) = Engine::start(options.clone(), Arc::new(Marker), ModelFacts::default()).unwrap();
    let reader = thread::spawn(move || events.iter().count());
    let waiting = thread::spawn(move || engine.join());
    let (mut most, mut open) = (0, 0);
    while !waiting.is_finished() {
        most = most.max(memory("self", "VmRSS").unwrap());
        open = open.max(handles("self"));
        thread::sleep(Duration::from_millis(20));
    }
    let totals = waiting.join().unwrap();
    reader.join().unwrap();
    (totals, begun.elapsed(), most, open)
}

#[test]
fn many_files_take_little_memory_and_few_handles() {
    let count = setting("OCTRLS_CROWD", 1000);
    let dir = tempfile::tempdir().unwrap();
    let (root, out) = (dir.path().join("in"), dir.path().join("out"));
    for number in 0..count {
        let folder = root.join(format!("{:03}", number % 100));
        if number < 100 {
            fs::create_dir_all(&folder).unwrap();
        }
        fs::write(folder.join(format!("{number}.png")), format!("scan {number}")).unwrap();
    }
    work_through(root, out, (count, count));
}

/// Processes `count` files with `scans` scans, restarts, and prints the figures.
fn work_through(root: PathBuf, out: PathBuf, (count, scans): (u64, u64)) {
    let options = EngineOptions {
        stability: Duration::from_millis(200),
        workers: 2,
        until_idle: true,
        ..EngineOptions::new(root, out)
    };
    let (memory_before, handles_before) = (memory("self", "VmRSS").unwrap(), handles("self"));
    let (totals, first, most, open) = run(&options);
    assert_eq!(totals, Totals { done: scans, ..Totals::default() });
    let grown = most.saturating_sub(memory_before);
    // 2 KiB for each file: its path and its place in the queue.
    assert!(grown < 32 * 1024 + 2 * count, "{grown} KiB for {count} files");
    assert!(open < handles_before + 64, "{open} open files, {handles_before} before");
    let (totals, again, _, _) = run(&options);
    assert_eq!(totals, Totals::default(), "nothing is done twice");
    eprintln!(
        "{count} files, {scans} scans: {:.1} s, {} MiB more memory, {open} open files ({handles_before} before); known at the next start after {:.1} s",
        first.as_secs_f64(),
        grown / 1024,
        again.as_secs_f64()
    );
}

#[test]
fn many_dicom_files_in_one_folder_are_read_once_each() {
    let count = setting("OCTRLS_FILES", 1000);
    let dir = tempfile::tempdir().unwrap();
    let (root, out) = (dir.path().join("in"), dir.path().join("out"));
    fs::create_dir(&root).unwrap();
    for number in 0..count {
        let write = |name: &str, series: &str| {
            fs::write(root.join(format!("{name}{number}.dcm")), instance(series, 1, &format!("{name} {number}")))
                .unwrap();
        };
        write("alone", &format!("1.3.{number}"));
        write("bscan", "1.2");
    }
    work_through(root, out, (2 * count, count + 1));
}

/// In every hundred files, this many copy the first scan, one is a scan of its own, and the rest are truncated images.
const COPIES: u64 = 49;

#[test]
fn the_program_processes_many_small_files() {
    let count = setting("OCTRLS_FILES", 200);
    let dir = tempfile::tempdir().unwrap();
    let (root, out) = (dir.path().join("in"), dir.path().join("out"));
    fs::create_dir(&root).unwrap();
    let first = scan(0);
    for number in 0..count {
        let bytes = match number % 100 {
            0 => scan(number / 100),
            1..=COPIES => first.clone(),
            _ => [&first[..60], &number.to_le_bytes()].concat(),
        };
        fs::write(root.join(format!("{number:05}.png")), bytes).unwrap();
    }
    let begun = Instant::now();
    let mut command = watcher(&root, &out, "0.2", &["--once", "--jobs", "2", "--min-free", "0"]);
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let (pid, mut most, mut open) = (child.id().to_string(), 0, 0);
    while child.try_wait().unwrap().is_none() {
        most = memory(&pid, "VmHWM").unwrap_or(most);
        open = open.max(handles(&pid));
        thread::sleep(Duration::from_millis(20));
    }
    let seconds = begun.elapsed().as_secs_f64();
    let found = listed(&out);
    let of = |state: &str| found.iter().filter(|object| object["state"] == state).count() as u64;
    let (scans, copies) =
        (count.div_ceil(100), (0..count).filter(|n| (1..=COPIES).contains(&(n % 100))).count() as u64);
    assert_eq!((of("written"), of("quarantined")), (scans, count - scans - copies));
    assert_eq!(found.len() as u64, count - copies, "one row for each content");
    eprintln!(
        "{count} small files for the whole program, {scans} scans, {copies} copies, the rest broken: {seconds:.1} s, at most {} MiB, \
         {open} open files",
        most / 1024
    );
    // About 60 MiB for a scan, and 2 KiB for each file: its path and its place in the queue.
    assert!(most < 256 * 1024 + 2 * count, "{most} KiB for {count} files");
    assert!(open < 64, "{open} open files");
}
