//! Commands that read and change the ledger, with and without a running engine.

use std::fs;

use octrls_engine::Totals;
use serde_json::Value;

use crate::engine::{rig::Rig, support::octrls};

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn ls_lists_the_state_of_each_scan() {
    let rig = Rig::new();
    rig.put("a.png", "scan");
    rig.put("b.png", "bad");
    rig.run_until_idle();
    assert_eq!(rig.ls(), ["written a.png", "quarantined b.png"]);
    let (ok, text) = rig.command(&["ls", "--state", "quarantined", "--json"]);
    let [given_up] = objects(&text).try_into().unwrap();
    assert!(ok);
    assert_eq!((&given_up["code"], &given_up["attempts"]), (&"E-READ-FORMAT".into(), &1.into()));
    let (_, text) = rig.command(&["ls", "--state", "written", "--json"]);
    let [done] = objects(&text).try_into().unwrap();
    assert_eq!((&done["result"], &done["bytes"], &done["code"]), (&"a.png".into(), &4.into(), &Value::Null));
    for digest in ["sha256", "config_sha256"] {
        assert_eq!(done[digest].as_str().map(str::len), Some(64), "{digest}");
    }
    let time = |key: &str| done[key].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(time("queued") <= time("started") && time("started") <= time("finished"), "{done:#}");
    assert!(done["seconds"].as_f64().unwrap() >= 0.0);

    let (_, text) = rig.command(&["ls"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["STATE", "VERDICT", "FINISHED", "TIME", "SCAN"]);
    assert!(lines[1].starts_with("done ") && lines[2].contains("E-READ-FORMAT: as the scan asks"), "{text}");
    assert_eq!(lines[1].find("a.png"), lines[0].find("SCAN"), "{text}");
    assert_eq!(rig.command(&["ls", "ward"]).1.lines().count(), 1, "the header alone");
    let (ok, text) = rig.command(&["ls", "--state", "asleep"]);
    assert!(!ok && text.contains("queued, retry, running, interrupted, done, delivered, quarantined"), "{text}");

    let (_, text) = rig.command(&["ls", "--format", "csv"]);
    let mut table = csv::Reader::from_reader(text.as_bytes());
    let columns = table.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    let cell = |row: usize, name: &str| &rows[row][columns.iter().position(|column| column == name).unwrap()];
    assert_eq!([cell(0, "state"), cell(0, "path"), cell(0, "bytes")], ["done", "a.png", "4"]);
    assert_eq!([cell(1, "state"), cell(1, "code")], ["quarantined", "E-READ-FORMAT"]);
}

#[test]
fn commands_fail_without_a_ledger() {
    let rig = Rig::new();
    for command in [&["ls"][..], &["redo", "--all"], &["quarantine", "list"], &["quarantine", "retry", "--all"]] {
        let output = octrls().args(command).arg("--out").arg(rig.beside("nowhere")).assert().code(3);
        let text = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
        assert!(text.contains("E-LEDGER-MISSING"), "{command:?}: {text}");
    }
    assert!(!rig.beside("nowhere").exists());
}

#[test]
fn redo_works_while_an_engine_runs() {
    let mut rig = Rig::new();
    // No walk may find the file; only the request may.
    rig.options.rescan = std::time::Duration::from_hours(1);
    let mut session = rig.start();
    rig.put("ward/a.png", "scan");
    session.wait_for("done ward/a.png");
    rig.put("ward/copy.png", "scan");
    session.wait_for("already done ward/copy.png");
    session.clear_log();
    let (ok, text) = rig.command(&["redo", rig.scan("ward/a.png").to_str().unwrap()]);
    assert!(ok && text == "ward/a.png  will be processed again\n", "{text}");
    session.wait_for("done ward/a.png");
    let (log, totals) = session.finish();
    assert_eq!(totals, Totals { done: 2, already_done: 1, ..Totals::default() }, "{log:?}");
    assert_eq!(rig.ls(), ["written ward/a.png"]);
    assert!(!rig.out("ward/copy.png").exists(), "one result, whatever it is called");

    let (ok, text) = rig.command(&["redo", "ward/c.png"]);
    assert!(!ok && text.contains("ward/c.png  is not in the ledger"), "{text}");
}

#[test]
fn redo_works_before_the_next_start() {
    let rig = Rig::new();
    for name in ["a.png", "b.png"] {
        rig.put(name, name);
    }
    rig.run_until_idle();
    assert!(rig.command(&["redo", "a.png"]).0);
    assert_eq!(rig.ls(), ["hashed a.png", "written b.png"]);
    assert!(rig.out("a.png").exists(), "results stay until there are new ones");
    rig.run_until_idle();
    assert_eq!(rig.calls(), ["a.png", "a.png", "b.png"]);
    assert_eq!(rig.command(&["redo", "--all"]), (true, "2 scans will be processed again\n".into()));
    rig.run_until_idle();
    assert_eq!(rig.calls(), ["a.png", "a.png", "a.png", "b.png", "b.png"]);

    fs::remove_file(rig.scan("a.png")).unwrap();
    let (ok, text) = rig.command(&["redo", "a.png"]);
    assert!(!ok && text.contains("a.png  is no longer in the watched folders"), "{text}");
    assert_eq!(rig.ls(), ["written a.png", "written b.png"]);
}

#[test]
fn json_output_states_the_outcome_of_each_request() {
    let rig = Rig::new();
    rig.put("a.png", "gate");
    rig.put("b.png", "bad");
    let mut session = rig.start();
    session.wait_for("running a.png 1");
    session.wait_for("quarantined b.png E-READ-FORMAT");
    let outcomes = |command: &[&str]| {
        let (ok, text) = rig.command(&[command, &["--json"]].concat());
        (ok, objects(&text))
    };
    let expected = |path: &str, outcome: &str| serde_json::json!({ "path": path, "outcome": outcome });
    assert_eq!(
        outcomes(&["redo", "a.png", "c.png"]),
        (false, vec![expected("a.png", "running"), expected("c.png", "unknown")])
    );
    let (ok, dropped) = outcomes(&["quarantine", "drop", "b.png", "c.png"]);
    assert!(!ok);
    assert_eq!(dropped[0]["outcome"], "failed");
    assert_eq!((&dropped[0]["place"], &dropped[0]["code"]), (&"c.png".into(), &"E-QUARANTINE-NONE".into()));
    assert_eq!(dropped[1], serde_json::json!({ "place": "b.png", "outcome": "removed" }));
    rig.open_gate();
    session.wait_for("done a.png");
    session.clear_log();
    rig.open_gate();
    assert_eq!(outcomes(&["redo", "a.png"]), (true, vec![expected("a.png", "asked")]));
    session.wait_for("done a.png");
    session.finish();
    assert_eq!(outcomes(&["redo", "--all"]), (true, vec![serde_json::json!({ "asked": 1 })]));
    fs::remove_file(rig.scan("a.png")).unwrap();
    assert_eq!(outcomes(&["redo", "a.png"]), (false, vec![expected("a.png", "gone")]));
    assert_eq!(outcomes(&["quarantine", "retry", "--all"]), (true, Vec::new()));
    assert_eq!(outcomes(&["redo", "--failed"]), (true, Vec::new()));
}

#[test]
fn redo_from_a_copy_removes_the_earlier_results() {
    let rig = Rig::new();
    rig.put("a.png", "the same");
    rig.run_until_idle();
    rig.put("b.png", "the same");
    rig.run_until_idle();
    fs::remove_file(rig.scan("a.png")).unwrap();
    assert!(rig.command(&["redo", "b.png"]).0);
    rig.run_until_idle();
    assert_eq!(rig.result("b.png"), "the same");
    assert!(!rig.out("a.png").exists(), "one result for each content");
}

#[test]
fn redo_rejects_a_running_scan() {
    let rig = Rig::new();
    rig.put("a.png", "gate");
    let mut session = rig.start();
    session.wait_for("running a.png 1");
    let (ok, text) = rig.command(&["redo", "a.png"]);
    assert!(!ok && text.contains("a.png  is running"), "{text}");
    rig.open_gate();
    session.wait_for("done a.png");
    session.finish();
    assert_eq!(rig.ls(), ["written a.png"]);
}

#[test]
fn quarantine_can_be_listed_retried_and_dropped() {
    let rig = Rig::new();
    for name in ["ward/a.png", "b.png", "c.png"] {
        rig.put(name, &format!("bad {name}"));
    }
    rig.put("b.png.toml", "axial_um = 3.87");
    let mut session = rig.start();
    for name in ["ward/a.png", "b.png", "c.png"] {
        session.wait_for(&format!("quarantined {name} E-READ-FORMAT"));
    }
    let (ok, text) = rig.command(&["quarantine", "list", "--json"]);
    let listed = objects(&text);
    assert!(ok);
    let places: Vec<_> = listed.iter().map(|o| o["place"].as_str().unwrap()).collect();
    assert_eq!(places, ["b.png", "c.png", "ward/a.png"]);
    assert!(listed.iter().all(|o| o["moved"] == true && o["code"] == "E-READ-FORMAT"), "{text}");

    let (ok, text) = rig.command(&["quarantine", "drop", "b.png", "nothing.png"]);
    assert!(!ok && text.contains("b.png  is deleted") && text.contains("E-QUARANTINE-NONE"), "{text}");
    for name in ["b.png", "b.png.toml", "b.png.reason.json"] {
        assert!(!rig.out(&format!("quarantine/{name}")).exists(), "{name}");
    }
    assert_eq!(rig.ls(), ["quarantined c.png", "quarantined ward/a.png"]);

    // The test repairs the quarantined file by replacing its content.
    fs::write(rig.out("quarantine/ward/a.png"), "mended").unwrap();
    assert_eq!(rig.command(&["quarantine", "retry", "ward/a.png"]).1, "ward/a.png  will be processed again\n");
    session.wait_for("done ward/a.png");
    session.clear_log();
    assert!(rig.command(&["redo", "--failed"]).0);
    session.wait_for("quarantined c.png E-READ-FORMAT");
    session.finish();
    assert_eq!(rig.result("ward/a.png"), "mended");
    assert!(rig.out("quarantine/c.png").exists());
}

#[test]
fn a_scan_that_was_not_moved_is_retried_in_place() {
    let rig = Rig::new();
    fs::create_dir_all(rig.out("quarantine/a.png")).unwrap();
    rig.put("a.png", "bad");
    // A folder already has the file's name in quarantine, so the next free name is used.
    rig.run_until_idle();
    assert_eq!(objects(&rig.command(&["quarantine", "list", "--json"]).1)[0]["place"], "a.2.png");
    assert!(rig.command(&["redo", "a.png"]).0);
    assert!(rig.scan("a.png").exists());
    let (_, totals) = rig.run_until_idle();
    assert_eq!(totals, Totals { quarantined: 1, ..Totals::default() });
}

#[test]
fn export_works_while_an_engine_runs() {
    let rig = Rig::new();
    for name in ["a.png", "ward/b.png"] {
        rig.put(name, name);
    }
    let mut session = rig.start();
    session.wait_for("done a.png");
    session.wait_for("done ward/b.png");
    let export = |target: &str| {
        let output = octrls().args(["export", "--json", target]).arg(rig.out("")).assert().success();
        String::from_utf8(output.get_output().stdout.clone()).unwrap()
    };
    let lines = objects(&export("-"));
    assert_eq!(lines.len(), 2);
    assert!(lines[0]["folder"].as_str().unwrap().ends_with("a.png") && lines[0]["result"].is_object(), "{lines:?}");
    let file = rig.beside("all.jsonl");
    assert_eq!(export(file.to_str().unwrap()), "exported 2 results\n");
    assert_eq!(objects(&fs::read_to_string(&file).unwrap()), lines);
    session.finish();
    octrls().args(["export", "--json", "-"]).arg(rig.beside("in")).assert().code(3);
}

#[test]
fn the_audit_lists_who_asked_for_what() {
    let rig = Rig::new();
    rig.put("a.png", "scan");
    rig.put("b.png", "bad");
    rig.run_until_idle();
    assert_eq!(rig.command(&["audit", "--json"]), (true, String::new()));
    assert!(rig.command(&["redo", "a.png"]).0);
    assert!(rig.command(&["quarantine", "retry", "--all"]).0);
    let (ok, text) = rig.command(&["audit", "--json"]);
    let entries = objects(&text);
    let of = |key: &str| entries.iter().map(|entry| entry[key].as_str().unwrap_or_default()).collect::<Vec<_>>();
    assert!(ok && entries.iter().all(|entry| entry["intact"] == true), "{text}");
    assert_eq!((of("action"), of("subject")), (vec!["redo", "release"], vec!["a.png", "b.png"]));
    assert!(of("who").iter().all(|who| who.contains('@')), "{text}");
    assert_eq!(objects(&rig.command(&["audit", "--json", "--action", "redo"]).1).len(), 1);
    assert!(!rig.command(&["audit", "--action", "nonsense"]).0);
}

#[test]
fn a_scan_of_a_watcher_that_died_is_interrupted() {
    let rig = Rig::new();
    rig.put("a.png", "scan");
    rig.run_until_idle();
    // As a kill leaves it.
    let db = rusqlite::Connection::open(rig.out(".octrls/ledger.sqlite")).unwrap();
    db.execute("UPDATE scans SET state = 'running'", []).unwrap();
    let (_, text) = rig.command(&["ls"]);
    assert!(text.lines().nth(1).unwrap().starts_with("interrupted "), "{text}");
    let (_, text) = rig.command(&["ls", "--state", "interrupted", "--json"]);
    let [found] = objects(&text).try_into().unwrap();
    assert_eq!((&found["state"], &found["interrupted"]), (&"running".into(), &true.into()));
    let _lock = octrls_engine::lock_results(&rig.out("")).unwrap();
    let (_, text) = rig.command(&["ls"]);
    assert!(text.lines().nth(1).unwrap().starts_with("running "), "{text}");
}

#[test]
fn a_name_that_is_no_text_is_found_as_it_is_printed() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
    let rig = Rig::new();
    let name = OsStr::from_bytes(b"caf\xe9.png");
    let put = |content: &str| fs::write(rig.scan("x").with_file_name(name), content).unwrap();
    put("bad");
    rig.run_until_idle();
    let (ok, text) = rig.command(&["quarantine", "retry", "caf\u{fffd}.png"]);
    assert!(ok && text.contains("will be processed again"), "{text}");
    assert!(rig.scan("x").with_file_name(name).is_file());
    put("scan");
    rig.run_until_idle();
    let (ok, text) = rig.command(&["redo", "caf\u{fffd}.png"]);
    assert!(ok && text.contains("will be processed again"), "{text}");
    // Two names that look the same are not guessed.
    fs::write(rig.scan("x").with_file_name(OsStr::from_bytes(b"caf\xea.png")), "other").unwrap();
    rig.run_until_idle();
    assert!(!rig.command(&["redo", "caf\u{fffd}.png"]).0);
}

#[test]
fn scans_in_a_folder_called_quarantine_have_results_of_their_own() {
    let rig = Rig::new();
    rig.put("quarantine/a.png", "scan");
    rig.put("quarantine/b.png", "bad");
    rig.run_until_idle();
    assert!(rig.out("quarantine (scans)/a.png").is_dir());
    assert!(rig.out("quarantine/quarantine/b.png").is_file());
    let (_, text) = rig.command(&["quarantine", "list", "--json"]);
    let [failed] = objects(&text).try_into().unwrap();
    assert_eq!(failed["path"], "quarantine/b.png");
    assert_eq!(rig.ls(), ["written quarantine/a.png", "quarantined quarantine/b.png"]);
    rig.run_until_idle();
    assert_eq!(rig.calls(), ["quarantine/a.png", "quarantine/b.png"], "recognised");
}
