//! A system clock that jumps. The library libfaketime (Debian's package `faketime`) makes the program see such a clock; where it
//! is absent, the test is skipped, and says so.

use std::{fs, path::Path, process::Stdio};

use crate::{disks::Watcher, listed, torture::scan, watcher};

/// Where Debian and Fedora have the library.
const LIBRARIES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
];

#[test]
fn a_clock_that_jumps_loses_nothing_and_repeats_nothing() {
    let Some(library) = LIBRARIES.into_iter().find(|path| Path::new(path).is_file()) else {
        eprintln!("a_clock_that_jumps_loses_nothing_and_repeats_nothing: skipped, there is no libfaketime");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let (root, out, clock) = (dir.path().join("in"), dir.path().join("out"), dir.path().join("clock"));
    fs::create_dir(&root).unwrap();
    let under_clock = |more: &[&str]| {
        let mut command = watcher(&root, &out, "0.2", &["--jobs", "1", "--min-free", "0"]);
        command.args(more);
        command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", &clock).env("FAKETIME_NO_CACHE", "1");
        // Files keep the times that the system gives them, and waiting goes by a clock that nobody sets.
        command.env("NO_FAKE_STAT", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        command
    };
    // Replaced, since the program may read it at any moment.
    let set = |offset: &str| {
        fs::write(dir.path().join("next"), offset).unwrap();
        fs::rename(dir.path().join("next"), &clock).unwrap();
    };
    set("+0d");
    let mut running = Watcher::of(&mut under_clock(&[]));
    let jumps = ["+3650d", "-3650d", "+0d", "-1d", "+400d"];
    let mut years = Vec::new();
    for (number, offset) in jumps.into_iter().enumerate() {
        set(offset);
        let name = format!("{number}.png");
        fs::write(root.join(&name), scan(number as u64)).unwrap();
        let lines = running.until(&format!("done {name}"));
        assert!(!lines.contains("quarantined"), "{lines}");
        let line = lines.lines().last().unwrap();
        years.push(line[..4].parse::<i32>().unwrap());
    }
    assert!(years[0] - years[2] >= 9 && years[2] - years[1] >= 9, "the program sees the clock: {years:?}");
    drop(running);

    set("-3650d");
    let again = under_clock(&["--once"]).stdout(Stdio::piped()).output().unwrap();
    let text = String::from_utf8_lossy(&again.stdout).into_owned();
    assert!(again.status.success() && !text.contains(" running "), "{text}");
    let listed = listed(&out);
    assert_eq!(listed.len(), jumps.len());
    assert!(
        listed.iter().all(|o| o["state"] == "written" && o["attempts"] == 1 && o["seconds"].as_f64() >= Some(0.0)),
        "{listed:#?}"
    );
}
