//! Many files at once. `OCTRLS_CROWD` sets how many.

use std::{
    fs,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use octrls::engine::{Engine, EngineOptions, ModelFacts, ProcessError, Processor, ScanChange, ScanSummary, Totals};

use crate::{handles, memory, setting, stub::summary};

/// Leaves a result of a few bytes.
struct Marker;

impl Processor for Marker {
    fn process(
        &self,
        _: &Path,
        _: &Path,
        out: &Path,
        _: &mut dyn FnMut(ScanChange),
    ) -> Result<ScanSummary, ProcessError> {
        fs::create_dir_all(out).unwrap();
        fs::write(out.join("result.json"), "{}").unwrap();
        Ok(summary(out))
    }

    fn fingerprint(&self) -> String {
        "marker 1".into()
    }
}

/// Works through what is there; returns the totals, the time, the largest memory in KiB and the most open files.
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
fn a_crowd_of_files_takes_neither_memory_nor_handles() {
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
    let options = EngineOptions {
        stability: Duration::from_millis(200),
        workers: 2,
        until_idle: true,
        ..EngineOptions::new(root, out)
    };
    let (memory_before, handles_before) = (memory("self", "VmRSS").unwrap(), handles("self"));
    let (totals, first, most, open) = run(&options);
    assert_eq!(totals, Totals { done: count, ..Totals::default() });
    let grown = most.saturating_sub(memory_before);
    // Two kilobytes a file hold its path and its place in the queue.
    assert!(grown < 32 * 1024 + 2 * count, "{grown} KiB for {count} files");
    assert!(open < handles_before + 64, "{open} open files, {handles_before} before");
    let (totals, again, _, _) = run(&options);
    assert_eq!(totals, Totals::default(), "nothing is done twice");
    eprintln!(
        "{count} files: {:.1} s, {} MiB more memory, {open} open files ({handles_before} before); known at the next start after {:.1} s",
        first.as_secs_f64(),
        grown / 1024,
        again.as_secs_f64()
    );
}
