//! Results are never taken for scans, wherever they come from.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

use octrls_engine::Totals;
use walkdir::WalkDir;

use crate::{engine::rig::Rig, support::missing};

/// A rig that watches the root of `other` and writes to `out`, below that root.
fn second(other: &Rig, out: &str) -> Rig {
    let mut rig = Rig::new();
    rig.options.roots.clone_from(&other.options.roots);
    rig.options.out = rig.scan(out);
    rig
}

fn files_in(folder: &Path) -> Vec<String> {
    let files = WalkDir::new(folder).sort_by_file_name().into_iter().map(Result::unwrap);
    files.filter(|e| e.file_type().is_file()).map(|e| e.path().display().to_string()).collect()
}

#[test]
fn results_of_another_engine_are_no_scans() {
    let mut first = Rig::new();
    first.options.out = first.scan("deep/results");
    first.put("a.png", "scan");
    first.put("bad.png", "bad");
    first.run_until_idle();
    let before = files_in(&first.out(""));
    let second = second(&first, "others");
    let (log, totals) = second.run_until_idle();
    assert_eq!(totals, Totals { done: 1, ..Totals::default() }, "{log:?}");
    assert!(log.contains(&"notice W-WATCH-RESULTS".to_owned()), "{log:?}");
    assert_eq!(files_in(&first.out("")), before, "nothing was moved out");
}

#[test]
fn two_engines_below_one_root_do_not_feed_each_other() {
    let mut first = Rig::new();
    first.options.out = first.scan("one");
    let second = second(&first, "two");
    let mut sessions = [first.start(), second.start()];
    for (name, text) in [("a.png", "scan"), ("ward/b.png", "scan 2"), ("ward/bad.png", "bad")] {
        first.put(name, text);
    }
    for session in &mut sessions {
        session.wait_for("done a.png");
        session.wait_for("done ward/b.png");
    }
    // Many walks.
    sleep(Duration::from_secs(1));
    for session in sessions {
        session.finish();
    }
    for rig in [&first, &second] {
        let calls = rig.calls();
        assert!(calls.iter().all(|name| ["a.png", "ward/b.png", "ward/bad.png"].contains(&name.as_str())), "{calls:?}");
    }
}

#[test]
fn copied_nested_and_moved_results_are_no_scans() {
    let rig = Rig::new();
    rig.put("ward/a.png", "scan");
    rig.run_until_idle();
    let copied = Command::new("cp").arg("-r").args([rig.out("ward"), rig.scan("copied")]).status().unwrap();
    assert!(copied.success());
    let mut session = rig.start();
    rig.put("sentinel.png", "sentinel");
    session.wait_for("done sentinel.png");
    // While the engine runs, by events.
    fs::rename(rig.out("ward/a.png"), rig.scan("moved")).unwrap();
    fs::write(rig.scan("copied/a.png/new.png"), "new").unwrap();
    rig.put("last.png", "last");
    session.wait_for("done last.png");
    session.finish();
    let mut calls = rig.calls();
    // Its results are gone from where they were, so it may have been processed again.
    calls.dedup();
    assert_eq!(calls, ["last.png", "sentinel.png", "ward/a.png"]);
}

#[test]
fn a_folder_with_results_cannot_be_watched() {
    let rig = Rig::new();
    rig.put("ward/a.png", "scan");
    rig.run_until_idle();
    for root in ["", "ward", "ward/a.png"] {
        let mut other = Rig::new();
        other.options.roots = vec![rig.out(root)];
        assert_eq!(other.start_error(), "E-ENGINE-ROOTS", "{root}");
    }
}

#[test]
fn results_that_are_mounted_into_the_root_are_no_scans() {
    let rig = Rig::new();
    rig.put("ward/a.png", "scan");
    rig.put("bad.png", "bad");
    rig.run_until_idle();
    fs::create_dir(rig.scan("bound")).unwrap();
    fs::create_dir(rig.scan("deep")).unwrap();
    let bind = |from: &Path, to: &Path| {
        let bound = Command::new("mount").arg("--bind").args([from, to]).stderr(Stdio::null()).status();
        bound.is_ok_and(|status| status.success())
    };
    if !bind(&rig.out(""), &rig.scan("bound")) {
        missing("results_that_are_mounted_into_the_root_are_no_scans", "mount");
        return;
    }
    assert!(bind(&rig.out("ward"), &rig.scan("deep")));
    let (log, totals) = rig.run_until_idle();
    let before = rig.out("quarantine/bad.png").is_file();
    for name in ["bound", "deep"] {
        assert!(Command::new("umount").arg("-l").arg(rig.scan(name)).status().unwrap().success());
    }
    assert_eq!(totals, Totals::default(), "{log:?}");
    assert!(before, "it is where it was");
}
