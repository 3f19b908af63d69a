//! Commands that read and change the ledger, with and without a running engine.

use std::fs;

use octrls_engine::Totals;
use serde_json::Value;

use crate::engine::{rig::Rig, support::octrls};

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn ls_tells_what_became_of_each_scan() {
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
    assert!(text.starts_with("done         20") && text.contains("E-READ-FORMAT: as it was told"), "{text}");
    assert_eq!(rig.command(&["ls", "ward"]).1, "");
    let (ok, text) = rig.command(&["ls", "--state", "asleep"]);
    assert!(!ok && text.contains("queued, running, done, delivered, quarantined"), "{text}");
}

#[test]
fn without_a_ledger_the_commands_say_so() {
    let rig = Rig::new();
    for command in [&["ls"][..], &["redo", "--all"], &["quarantine", "list"], &["quarantine", "retry", "--all"]] {
        let output = octrls().args(command).arg("--out").arg(rig.beside("nowhere")).assert().code(3);
        let text = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
        assert!(text.contains("E-LEDGER-MISSING"), "{command:?}: {text}");
    }
    assert!(!rig.beside("nowhere").exists());
}

#[test]
fn a_scan_is_redone_by_a_running_engine() {
    let mut rig = Rig::new();
    // No walk may find the file; only the request may.
    rig.options.rescan = std::time::Duration::from_hours(1);
    let mut session = rig.start();
    rig.put("ward/a.png", "scan");
    session.until("done ward/a.png");
    rig.put("ward/copy.png", "scan");
    session.until("already done ward/copy.png");
    session.forget();
    let (ok, text) = rig.command(&["redo", rig.scan("ward/a.png").to_str().unwrap()]);
    assert!(ok && text == "ward/a.png  will be processed again\n", "{text}");
    session.until("done ward/a.png");
    let (log, totals) = session.finish();
    assert_eq!(totals, Totals { done: 2, already_done: 1, ..Totals::default() }, "{log:?}");
    assert_eq!(rig.ls(), ["written ward/a.png"]);
    assert!(!rig.out("ward/copy.png").exists(), "one result, whatever it is called");

    let (ok, text) = rig.command(&["redo", "ward/c.png"]);
    assert!(!ok && text.contains("ward/c.png  is not in the ledger"), "{text}");
}

#[test]
fn a_scan_is_redone_at_the_next_start() {
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
fn programs_are_told_what_became_of_each_wish() {
    let rig = Rig::new();
    rig.put("a.png", "gate");
    rig.put("b.png", "bad");
    let mut session = rig.start();
    session.until("running a.png 1");
    session.until("quarantined b.png E-READ-FORMAT");
    let told = |command: &[&str]| {
        let (ok, text) = rig.command(&[command, &["--json"]].concat());
        (ok, objects(&text))
    };
    let wish = |path: &str, outcome: &str| serde_json::json!({ "path": path, "outcome": outcome });
    assert_eq!(told(&["redo", "a.png", "c.png"]), (false, vec![wish("a.png", "running"), wish("c.png", "unknown")]));
    let (ok, dropped) = told(&["quarantine", "drop", "b.png", "c.png"]);
    assert!(!ok);
    assert_eq!(dropped[0]["outcome"], "failed");
    assert_eq!((&dropped[0]["place"], &dropped[0]["code"]), (&"c.png".into(), &"E-QUARANTINE-NONE".into()));
    assert_eq!(dropped[1], serde_json::json!({ "place": "b.png", "outcome": "removed" }));
    rig.open_gate();
    session.until("done a.png");
    session.forget();
    rig.open_gate();
    assert_eq!(told(&["redo", "a.png"]), (true, vec![wish("a.png", "asked")]));
    session.until("done a.png");
    session.finish();
    assert_eq!(told(&["redo", "--all"]), (true, vec![serde_json::json!({ "asked": 1 })]));
    fs::remove_file(rig.scan("a.png")).unwrap();
    assert_eq!(told(&["redo", "a.png"]), (false, vec![wish("a.png", "gone")]));
    assert_eq!(told(&["quarantine", "retry", "--all"]), (true, Vec::new()));
    assert_eq!(told(&["redo", "--failed"]), (true, Vec::new()));
}

#[test]
fn redone_from_a_copy_the_earlier_results_go() {
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
fn a_scan_that_is_being_worked_on_is_not_redone() {
    let rig = Rig::new();
    rig.put("a.png", "gate");
    let mut session = rig.start();
    session.until("running a.png 1");
    let (ok, text) = rig.command(&["redo", "a.png"]);
    assert!(!ok && text.contains("a.png  is running"), "{text}");
    rig.open_gate();
    session.until("done a.png");
    session.finish();
    assert_eq!(rig.ls(), ["written a.png"]);
}

#[test]
fn quarantine_is_listed_sent_back_and_thrown_away() {
    let rig = Rig::new();
    for name in ["ward/a.png", "b.png", "c.png"] {
        rig.put(name, &format!("bad {name}"));
    }
    rig.put("b.png.toml", "axial_um = 3.87");
    let mut session = rig.start();
    for name in ["ward/a.png", "b.png", "c.png"] {
        session.until(&format!("quarantined {name} E-READ-FORMAT"));
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
    session.until("done ward/a.png");
    session.forget();
    assert!(rig.command(&["redo", "--failed"]).0);
    session.until("quarantined c.png E-READ-FORMAT");
    session.finish();
    assert_eq!(rig.result("ward/a.png"), "mended");
    assert!(rig.out("quarantine/c.png").exists());
}

#[test]
fn what_could_not_be_moved_is_listed_and_tried_again_in_place() {
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
fn results_are_exported_while_an_engine_runs() {
    let rig = Rig::new();
    for name in ["a.png", "ward/b.png"] {
        rig.put(name, name);
    }
    let mut session = rig.start();
    session.until("done a.png");
    session.until("done ward/b.png");
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
