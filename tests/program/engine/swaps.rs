//! Names that change hands: each content on disk has one result of its own.

use std::{
    fs::{self, File},
    path::Path,
    process::Command,
    time::{Duration, Instant, SystemTime},
};

use crate::engine::rig::{Rig, Session};

/// Asserts that each content below the root has exactly one result of its own, and that the ledger agrees.
fn assert_one_result_each(rig: &Rig, contents: &[&str]) {
    let mut results: Vec<String> = walkdir::WalkDir::new(rig.out(""))
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_name() == "result.txt")
        .map(|entry| fs::read_to_string(entry.path()).unwrap())
        .collect();
    results.sort();
    assert_eq!(results, contents, "{:?}", rig.ls());
    let (_, text) = rig.command(&["ls", "--state", "written", "--json"]);
    assert_eq!(text.lines().count(), contents.len(), "{text}");
    for line in text.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(rig.out(entry["result"].as_str().unwrap()).join("result.json").is_file(), "{line}");
    }
}

fn exchange(rig: &Rig, one: &str, other: &str) {
    let aside = rig.scan(".aside");
    fs::rename(rig.scan(one), &aside).unwrap();
    fs::rename(rig.scan(other), rig.scan(one)).unwrap();
    fs::rename(aside, rig.scan(other)).unwrap();
}

#[test]
fn two_scans_that_swap_names_keep_a_result_each() {
    for _ in 0..5 {
        let rig = Rig::new();
        rig.put("a.png", "first");
        rig.put("b.png", "second scan");
        rig.run_until_idle();
        for _ in 0..5 {
            exchange(&rig, "a.png", "b.png");
            let (log, totals) = rig.run_until_idle();
            assert_eq!(totals.left, 0, "{log:?}");
            assert_one_result_each(&rig, &["first", "second scan"]);
        }
    }
}

/// The one that finishes first must not remove what the other has just put under the earlier name.
#[test]
fn a_swap_during_processing_loses_no_result() {
    let rig = Rig::new();
    rig.put("a.png", "gate a");
    rig.put("b.png", "gate bb");
    let mut session = rig.start();
    for _ in 0..2 {
        rig.open_gate();
    }
    session.wait_for("done a.png");
    session.wait_for("done b.png");
    for _ in 0..4 {
        session.clear_log();
        exchange(&rig, "a.png", "b.png");
        for change in ["running a.png 1", "running b.png 1"] {
            session.wait_for(change);
        }
        for _ in 0..2 {
            rig.open_gate();
        }
        for change in ["done a.png", "done b.png"] {
            session.wait_for(change);
        }
        assert_one_result_each(&rig, &["gate a", "gate bb"]);
    }
    session.finish();
}

#[test]
fn a_scan_renamed_onto_a_known_name_and_its_successor_keep_a_result_each() {
    let rig = Rig::new();
    rig.put("latest.png", "visit 1");
    rig.run_until_idle();
    for visit in 2..5 {
        fs::rename(rig.scan("latest.png"), rig.scan("prev.png")).unwrap();
        rig.put("latest.png", &format!("visit {visit} with more words").repeat(visit));
        rig.run_until_idle();
        let words = [rig.scan("prev.png"), rig.scan("latest.png")].map(|path| fs::read_to_string(path).unwrap());
        let mut words = words.each_ref().map(String::as_str);
        words.sort_unstable();
        assert_one_result_each(&rig, &words);
    }
}

/// While it runs, an engine does not wait for the next walk.
#[test]
fn a_copy_gets_the_result_that_its_original_lost() {
    let mut rig = Rig::new();
    rig.options.rescan = Duration::from_hours(1);
    let mut session = rig.start();
    rig.put("a.png", "scan");
    session.wait_for("done a.png");
    rig.put("copy.png", "scan");
    session.wait_for("already done copy.png");
    session.clear_log();
    rig.put("a.png", "another scan");
    session.wait_for("done a.png");
    session.wait_for("done copy.png");
    session.finish();
    assert_one_result_each(&rig, &["another scan", "scan"]);
}

#[test]
fn a_result_that_was_published_for_a_changed_file_is_removed() {
    let rig = Rig::new();
    rig.put("known.png", "known");
    let mut session = rig.start();
    session.wait_for("done known.png");
    rig.put("a.png", "gate");
    session.wait_for("running a.png 1");
    // Known content takes the name meanwhile.
    rig.put("a.png", "known");
    rig.open_gate();
    session.wait_for("already done a.png");
    session.finish();
    assert_one_result_each(&rig, &["known"]);
}

fn modified(path: &Path) -> SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

/// As `rsync -t` and programs that restore times do it.
#[test]
fn other_content_of_the_same_size_and_time_is_noticed() {
    for in_place in [false, true] {
        let rig = Rig::new();
        rig.put("a.png", "content 1");
        let time = modified(&rig.scan("a.png"));
        let mut session = rig.start();
        session.wait_for("done a.png");
        session.clear_log();
        let place = if in_place { rig.scan("a.png") } else { rig.scan(".a.png.new") };
        fs::write(&place, "content 2").unwrap();
        File::options().write(true).open(&place).unwrap().set_modified(time).unwrap();
        if !in_place {
            fs::rename(&place, rig.scan("a.png")).unwrap();
        }
        assert_eq!(modified(&rig.scan("a.png")), time);
        session.wait_for("done a.png");
        session.finish();
        assert_one_result_each(&rig, &["content 2"]);
        // Also while no engine runs.
        fs::write(rig.scan("a.png"), "content 3").unwrap();
        File::options().write(true).open(rig.scan("a.png")).unwrap().set_modified(time).unwrap();
        rig.run_until_idle();
        assert_one_result_each(&rig, &["content 3"]);
        let calls = rig.calls().len();
        rig.run_until_idle();
        assert_eq!(rig.calls().len(), calls);
    }
}

#[test]
fn random_renames_leave_one_result_for_each_content() {
    let start = Instant::now();
    let rig = Rig::new();
    let contents: Vec<String> = (0..6).map(|n| format!("content {n} {}", "x".repeat(n))).collect();
    for (n, content) in contents.iter().enumerate() {
        rig.put(&format!("{n}.png"), content);
    }
    let mut random = 7_u64;
    let mut session = Some(rig.start());
    for _ in 0..40 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (one, other) = ((random >> 33) % 6, (random >> 40) % 6);
        exchange_if(&rig, one, other);
        std::thread::sleep(Duration::from_millis(random >> 58));
        if random >> 60 == 0 {
            session.take().map(Session::finish);
            session = Some(rig.start());
        }
        assert!(start.elapsed() < Duration::from_mins(2));
    }
    session.take().map(Session::finish);
    rig.run_until_idle();
    let contents: Vec<&str> = contents.iter().map(String::as_str).collect();
    assert_one_result_each(&rig, &contents);
}

fn exchange_if(rig: &Rig, one: u64, other: u64) {
    if one != other {
        exchange(rig, &format!("{one}.png"), &format!("{other}.png"));
    }
}

#[test]
fn a_file_that_only_gets_new_rights_is_not_processed_again() {
    let rig = Rig::new();
    rig.put("a.png", "scan");
    rig.run_until_idle();
    assert!(Command::new("chmod").arg("600").arg(rig.scan("a.png")).status().unwrap().success());
    rig.run_until_idle();
    assert_eq!(rig.calls(), ["a.png"], "it was only read");
}
