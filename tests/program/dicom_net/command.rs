//! The commands `receive`, `send` and `watch`: arguments, effects, exit codes.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use assert_cmd::cargo::cargo_bin;
use dicom_dictionary_std::uids;

use crate::dicom_net::rig::{BackgroundProcess, OPT, Rig, file, free_port, until};
use crate::dicom_results::scan;

pub(crate) fn octrls() -> Command {
    let mut command = Command::new(cargo_bin("octrls"));
    command.env("NO_COLOR", "1").env("TERM", "dumb");
    command
}

/// Starts a listening command; returns it and its address.
pub(crate) fn listening(command: &mut Command, word: &str) -> (BackgroundProcess, String) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = loop {
        let line = lines.next().expect("it listens").unwrap();
        if let Some((_, rest)) = line.split_once(word) {
            break rest.split_whitespace().next().unwrap().to_owned();
        }
    };
    // Keep reading the pipe: a full one would block the command.
    std::thread::spawn(move || lines.for_each(drop));
    (BackgroundProcess::of(child), address)
}

pub(crate) fn terminate(beside: BackgroundProcess) -> bool {
    assert!(Command::new("kill").arg(beside.id().to_string()).output().unwrap().status.success());
    beside.ended()
}

#[test]
fn received_files_can_be_sent() {
    let dir = tempfile::tempdir().unwrap();
    let (inbox, outbox) = (dir.path().join("in"), dir.path().join("out"));
    fs::create_dir_all(outbox.join("deep")).unwrap();
    fs::write(outbox.join("a.dcm"), file(OPT, "1.2.3", uids::EXPLICIT_VR_LITTLE_ENDIAN, 1)).unwrap();
    fs::write(outbox.join("deep/no-ending"), file(OPT, "1.2.4", uids::JPEG2000, 2)).unwrap();
    fs::write(outbox.join("note.txt"), "not DICOM").unwrap();
    let (receiver, address) = listening(octrls().args(["receive", "--listen", "127.0.0.1:0"]).arg(&inbox), " at=");
    let target = format!("OCTRLS@{address}");

    assert!(octrls().args(["send", "--echo", &target]).output().unwrap().status.success());
    let sent = octrls().args(["send", &target]).arg(&outbox).output().unwrap();
    let text = String::from_utf8_lossy(&sent.stdout).into_owned();
    assert!(sent.status.success() && text.contains("2 of 2 files sent"), "{text}");
    assert!(inbox.join("1.2.3.dcm").is_file() && inbox.join("1.2.4.dcm").is_file());

    let some = octrls().args(["send", &target]).arg(&outbox).arg(outbox.join("note.txt")).output().unwrap();
    assert_eq!(some.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&some.stderr).contains("E-NODE-FILE"));
    let stranger = octrls().args(["send", "--echo", &format!("PACS@{address}")]).output().unwrap();
    assert_eq!(stranger.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&stranger.stderr).contains("E-NODE-REJECTED"));
    assert!(terminate(receiver), "a signal ends it in good order");
}

#[test]
fn invalid_arguments_are_rejected() {
    let dir = tempfile::tempdir().unwrap();
    let code = |arguments: &[&str]| octrls().args(arguments).arg(dir.path()).output().unwrap().status.code();
    assert_eq!(code(&["receive", "--listen", "0.0.0.0:0"]), Some(3), "all machines, no titles");
    assert_eq!(code(&["receive", "--ae-title", "SEVENTEEN_LETTERS"]), Some(2));
    assert_eq!(code(&["send", "no-target"]), Some(2));
    assert_eq!(code(&["send", "PACS@127.0.0.1:9"]), Some(3), "an empty folder");
    assert_eq!(code(&["watch", "--receive-allow-ae", "A"]), Some(2), "without --receive");
    assert_eq!(code(&["watch", "--once", "--receive", "127.0.0.1:0"]), Some(2), "it would never come to an end");
}

#[test]
fn a_watcher_processes_received_scans() {
    let dir = tempfile::tempdir().unwrap();
    let (root, path) = (dir.path().join("in"), dir.path().join("a.dcm"));
    fs::create_dir(&root).unwrap();
    fs::write(&path, file(OPT, "1.2.3", uids::EXPLICIT_VR_LITTLE_ENDIAN, 1)).unwrap();
    let mut watch = octrls();
    watch.args(["watch", "--plain", "--stable", "0.2", "--receive", "127.0.0.1:0", "--receive-ae-title", "OCT"]);
    let (watcher, address) = listening(watch.arg(&root), " at=");
    assert!(octrls().args(["send", &format!("OCT@{address}")]).arg(&path).output().unwrap().status.success());
    until(|| root.join("octrls-results/1.2.3.dcm/result.json").is_file().then_some(()));
    assert!(terminate(watcher));
}

#[test]
fn a_series_received_instance_by_instance_is_one_scan() {
    let dir = tempfile::tempdir().unwrap();
    let (root, export) = (dir.path().join("in"), dir.path().join("export"));
    for folder in [&root, &export] {
        fs::create_dir(folder).unwrap();
    }
    for (i, object) in scan::series().iter().enumerate().rev() {
        scan::write(object, &export.join(format!("IM{i}")));
    }
    let mut watch = octrls();
    watch.args(["watch", "--plain", "--model", "edge", "--stable", "0.2", "--receive", "127.0.0.1:0"]);
    let (watcher, address) = listening(watch.arg(&root), " at=");
    let target = format!("OCTRLS@{address}");
    for i in [1, 2, 0] {
        let sent = octrls().args(["send", &target]).arg(export.join(format!("IM{i}"))).output().unwrap();
        assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
    }
    let results = root.join("octrls-results");
    let record = results.join(format!("{}.dcm/result.json", scan::instance_uid(0)));
    let bscans = || {
        let record: serde_json::Value = serde_json::from_slice(&fs::read(&record).ok()?).ok()?;
        (record["scan"]["bscans"] == scan::FRAMES).then_some(())
    };
    until(bscans);
    // Results of instances that were processed before the rest of their series arrived are removed.
    let others = || {
        let names = fs::read_dir(&results).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        (names.filter(|name| !name.starts_with('.') && name != "quarantine").count() == 1).then_some(())
    };
    until(others);
    assert!(terminate(watcher));
}

#[test]
fn undelivered_results_are_delivered_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let (root, out) = (dir.path().join("in"), dir.path().join("out"));
    fs::create_dir_all(&root).unwrap();
    fs::create_dir_all(out.join("scan.png")).unwrap();
    fs::write(out.join("scan.png/result.json"), "{}").unwrap();
    fs::write(out.join("scan.png/report.dcm"), file(OPT, "1.2.3", uids::EXPLICIT_VR_LITTLE_ENDIAN, 1)).unwrap();
    let watch = |target: &str| {
        let mut command = octrls();
        command.args(["watch", "--once", "--plain", "--send-to", target, "--out"]).arg(&out).arg(&root);
        command.output().unwrap()
    };
    let nobody = watch(&format!("PACS@127.0.0.1:{}", free_port()));
    assert_eq!(nobody.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("results not delivered: 1"));

    let rig = Rig::new();
    let delivered = watch(&rig.target().to_string());
    assert!(delivered.status.success(), "{}", String::from_utf8_lossy(&delivered.stderr));
    assert_eq!(rig.received(), ["1.2.3.dcm"]);
    assert!(out.join("scan.png/delivered.json").is_file());
}
