//! A system clock that jumps. The library libfaketime (Debian package `faketime`) simulates it; without the library the
//! tests are skipped with a message.

use crate::support::missing;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::endurance::{disks::Watcher, listed, scans::scan, watcher};

/// Paths of the library on Debian and Fedora.
const LIBRARIES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
];

/// A watcher whose clock the test sets.
struct FakeClock {
    dir: TempDir,
    library: &'static str,
}

impl FakeClock {
    /// `None` if the library is missing.
    fn new(test: &str) -> Option<Self> {
        let Some(library) = LIBRARIES.into_iter().find(|path| Path::new(path).is_file()) else {
            missing(test, "libfaketime");
            return None;
        };
        let clock = Self { dir: tempfile::tempdir().unwrap(), library };
        fs::create_dir(clock.path("in")).unwrap();
        Some(clock)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Sets the offset from the true time.
    fn set(&self, offset: &str) {
        // Renamed into place, because the program may read the file at any moment.
        fs::write(self.path("next"), offset).unwrap();
        fs::rename(self.path("next"), self.path("clock")).unwrap();
    }

    fn put(&self, name: &str, seed: u64) {
        fs::write(self.path("in").join(name), scan(seed)).unwrap();
    }

    fn watcher(&self, more: &[&str]) -> Command {
        let mut command = watcher(&self.path("in"), &self.path("out"), "0.2", &["--jobs", "1", "--min-free", "0"]);
        command.args(more);
        command.env("LD_PRELOAD", self.library).env("FAKETIME_TIMESTAMP_FILE", self.path("clock"));
        // File times stay real, and waiting uses the monotonic clock.
        command.env("FAKETIME_NO_CACHE", "1").env("NO_FAKE_STAT", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        command
    }

    /// Output of a watcher that processes all files and stops.
    fn run_once(&self, more: &[&str]) -> String {
        let output = self.watcher(more).arg("--once").stdout(Stdio::piped()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}");
        text
    }
}

#[test]
fn old_results_stay_for_a_week_after_the_clock_jumped() {
    let Some(clock) = FakeClock::new("old_results_stay_for_a_week_after_the_clock_jumped") else { return };
    let (result, keep) = (clock.path("out/a.png/result.json"), ["--keep-days", "60"]);
    clock.put("a.png", 1);
    clock.set("+0d");
    clock.run_once(&keep);
    for (offset, warns) in [("+20d", false), ("+400d", true), ("+406d", true), ("+0d", false), ("+20d", false)] {
        clock.set(offset);
        let text = clock.run_once(&keep);
        assert_eq!(text.contains("code=W-CLOCK"), warns, "{offset}: {text}");
        assert!(result.exists(), "{offset}: {text}");
    }
    // After a week the clock is trusted again.
    for (offset, stays) in [("+400d", true), ("+408d", false)] {
        clock.set(offset);
        let text = clock.run_once(&keep);
        assert_eq!(result.exists(), stays, "{offset}: {text}");
    }
    assert_eq!(listed(&clock.path("out"))[0]["state"], "expired");
}

#[test]
fn a_clock_jump_loses_and_repeats_nothing() {
    let Some(clock) = FakeClock::new("a_clock_jump_loses_and_repeats_nothing") else { return };
    clock.set("+0d");
    let mut running = Watcher::of(&mut clock.watcher(&[]));
    let jumps = ["+3650d", "-3650d", "+0d", "-1d", "+400d"];
    let mut years = Vec::new();
    for (number, offset) in jumps.into_iter().enumerate() {
        clock.set(offset);
        let name = format!("{number}.png");
        clock.put(&name, number as u64);
        let lines = running.wait_for(&format!("done {name}"));
        assert!(!lines.contains("quarantined"), "{lines}");
        let line = lines.lines().last().unwrap();
        years.push(line[..4].parse::<i32>().unwrap());
    }
    assert!(years[0] - years[2] >= 9 && years[2] - years[1] >= 9, "the program sees the clock: {years:?}");
    drop(running);

    clock.set("-3650d");
    let text = clock.run_once(&[]);
    assert!(!text.contains(" running "), "{text}");
    let listed = listed(&clock.path("out"));
    assert_eq!(listed.len(), jumps.len());
    assert!(
        listed.iter().all(|o| o["state"] == "written" && o["attempts"] == 1 && o["seconds"].as_f64() >= Some(0.0)),
        "{listed:#?}"
    );
}
