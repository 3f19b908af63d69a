//! The whole program, killed repeatedly while scans arrive: each scan must end with one complete result.
//!
//! `OCTRLS_KILLS` and `OCTRLS_SCANS` set the length; `just torture` runs the long form.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::endurance::{
    Printed,
    arrivals::{digest_of, files_of, name_of},
    listed, setting,
    support::result,
    watcher,
};

/// Timeout for tests that hang; far longer than any step takes.
const PATIENCE: Duration = Duration::from_mins(20);

/// Lets a file arrive: written in pieces, renamed into place, or rewritten after half a window.
fn arrive(path: &Path, bytes: &[u8], rng: &mut ChaCha8Rng) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    match rng.random_range(0..3) {
        0 => {
            let mut file = fs::File::create(path).unwrap();
            for part in bytes.chunks(bytes.len() / 3 + 1) {
                file.write_all(part).unwrap();
                thread::sleep(Duration::from_millis(rng.random_range(0..40)));
            }
        }
        1 => {
            let part = path.with_added_extension("part");
            fs::write(&part, bytes).unwrap();
            fs::rename(part, path).unwrap();
        }
        _ => {
            fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
            thread::sleep(Duration::from_millis(rng.random_range(0..60)));
            fs::write(path, bytes).unwrap();
        }
    }
}

fn start(root: &Path, out: &Path, more: &[&str]) -> Child {
    // A kill counts as an attempt, since it looks like a scan that crashes the program.
    let mut command = watcher(root, out, "0.5", &["--attempts", "100", "--min-free", "0"]);
    command.args(more).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    entries.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
}

#[test]
fn repeated_kills_leave_one_complete_result_for_each_scan() {
    let (kills, scans) = (setting("OCTRLS_KILLS", 12), setting("OCTRLS_SCANS", 8));
    let dir = tempfile::tempdir().unwrap();
    let (root, out) = (dir.path().join("in"), dir.path().join("out"));
    fs::create_dir(&root).unwrap();
    let all_arrived = Arc::new(AtomicBool::new(false));
    let writer = {
        let (root, all_arrived) = (root.clone(), Arc::clone(&all_arrived));
        thread::spawn(move || {
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            // The arrivals take about as long as the kills.
            let pause = 2000 * kills / scans;
            for number in 0..scans {
                for (name, bytes) in files_of(number) {
                    arrive(&root.join(name), &bytes, &mut rng);
                }
                thread::sleep(Duration::from_millis(rng.random_range(0..=pause)));
            }
            all_arrived.store(true, Ordering::SeqCst);
        })
    };

    let begun = Instant::now();
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for _ in 0..kills {
        let mut child = start(&root, &out, &[]);
        let printed = Printed::by(&mut child);
        // Some are killed before the ledger is open, most while they work. A busy machine starts slowly.
        if rng.random_bool(0.75) {
            printed.until(" started ", PATIENCE);
        }
        thread::sleep(Duration::from_millis(rng.random_range(20..2200)));
        child.kill().unwrap();
        child.wait().unwrap();
        printed.end();
    }
    writer.join().unwrap();
    let before = files_below(&out).iter().filter(|path| path.ends_with("result.json")).count();
    let mut last = start(&root, &out, &["--once"]);
    Printed::by(&mut last).end();
    let status = last.wait().unwrap();
    assert!(status.success() && begun.elapsed() < PATIENCE);

    let mut contents = BTreeMap::new();
    for number in 0..scans {
        let name = name_of(number);
        let folder = out.join(&name);
        let record = result(&folder);
        assert_eq!(record["scan"]["path"], name.as_str());
        for file in record["files"].as_array().unwrap() {
            let length = fs::metadata(folder.join(file.as_str().unwrap())).unwrap().len();
            assert!(length > 0, "{name}: {file}");
        }
        let digest = record["scan"]["sha256"].as_str().unwrap().to_owned();
        assert_eq!(digest, digest_of(&root, number), "{name}");
        contents.insert(digest, name);
    }
    assert_eq!(contents.len() as u64, scans, "no scan twice");
    let files = files_below(&out);
    let results = files.iter().filter(|path| path.ends_with("result.json")).count();
    assert_eq!(results as u64, scans, "no result too much");
    let ours = |path: &PathBuf| {
        let below = path.strip_prefix(&out).unwrap();
        !below.starts_with(".octrls") && below.to_string_lossy().contains(".octrls")
    };
    assert!(!files.iter().any(ours), "no unfinished file is left: {files:?}");
    assert!(files_below(&out.join(".octrls")).iter().all(|path| !path.starts_with(out.join(".octrls/staging"))));
    assert!(!out.join("quarantine").exists() || files_below(&out.join("quarantine")).is_empty());
    let states: Vec<_> = listed(&out).iter().map(|object| object["state"].clone()).collect();
    assert!(states.len() as u64 == scans && states.iter().all(|state| state == "written"), "{states:?}");
    eprintln!(
        "{kills} kills over {scans} scans in {:.0} s; {before} were done before the last start",
        begun.elapsed().as_secs_f64()
    );
}
