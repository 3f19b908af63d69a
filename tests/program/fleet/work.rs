//! A fleet without failures.

use std::fs;

use crate::fleet::rig::{Fleet, files_below};

#[test]
fn two_workers_share_the_scans_and_leave_nothing_in_the_queue() {
    let Some(mut fleet) = Fleet::start("two_workers", "") else { return };
    let names = fleet.scans(1..=8);
    let (mut one, mut two) = (fleet.worker(&[]), fleet.worker(&[]));
    let mut watcher = fleet.watcher(&["--once", "--json"]);
    assert!(watcher.wait().success(), "{}", watcher.text());
    fleet.assert_results(&names);
    // The workers' events reach the watcher.
    let text = watcher.text();
    for event in ["queued", "running", "opened", "bscan", "done"] {
        assert!(text.contains(&format!("\"event\":\"{event}\"")), "{event}: {text}");
    }
    assert!(text.contains("W-FLEET-FOLLOW-UP"), "{text}");
    // Nothing remains in the queue or on the workers' disks.
    let client = fleet.client();
    assert!(client.message_counts().iter().all(|(_, messages)| *messages == 0), "{:?}", client.message_counts());
    assert_eq!((client.objects("octrls-scans"), client.objects("octrls-results")), (Vec::new(), Vec::new()));
    for worker in [&mut one, &mut two] {
        assert!(worker.terminate().success(), "{}", worker.text());
        assert!(worker.text().contains("stopped "), "{}", worker.text());
    }
    assert_eq!(one.count(" done ") + two.count(" done "), 8);
    assert!(files_below(&fleet.dir.path().join("scratch")).is_empty());
}

#[test]
fn results_equal_those_of_a_watcher_without_a_queue() {
    let Some(mut fleet) = Fleet::start("results_are_those", "") else { return };
    let names = fleet.scans(1..=1);
    fleet.file("ward-1/scan-0001.png.toml", b"axial_um = 3.5\neye = \"OS\"");
    let _worker = fleet.worker(&[]);
    assert!(fleet.watcher(&["--once", "--lateral-um", "11.5"]).wait().success());
    let alone = tempfile::tempdir().unwrap();
    let mut command = crate::support::octrls();
    command.args(["watch", "--plain", "--model", "edge", "--stable", "0.2", "--once", "--no-follow-up"]);
    command.args(["--lateral-um", "11.5", "--out"]).arg(alone.path()).arg(fleet.root()).assert().success();
    let files = |out: &std::path::Path| {
        let folder = out.join(&names[0]);
        let mut files: Vec<_> =
            files_below(&folder).iter().map(|p| p.strip_prefix(&folder).unwrap().to_owned()).collect();
        files.sort();
        files
    };
    assert_eq!(files(&fleet.out()), files(alone.path()));
    for file in ["boundaries.csv", "thickness.csv", "uncertainty.csv", "mask.png", "overlay.png"] {
        let bytes = |out: &std::path::Path| fs::read(out.join(&names[0]).join(file)).unwrap();
        assert!(bytes(&fleet.out()) == bytes(alone.path()), "{file}");
    }
    // With the same settings, a local watcher does not recompute a fleet's results.
    let mut command = crate::support::octrls();
    command.args(["watch", "--plain", "--model", "edge", "--stable", "0.2", "--once", "--no-follow-up"]);
    let output = command.args(["--lateral-um", "11.5", "--out"]).arg(fleet.out()).arg(fleet.root()).assert().success();
    assert!(!String::from_utf8_lossy(&output.get_output().stdout).contains(" running "));
}

#[test]
fn equal_contents_are_processed_once() {
    let Some(mut fleet) = Fleet::start("the_same_content", "") else { return };
    let scan = crate::fleet::scans::scan(1);
    for name in ["a.png", "b.png", "deep/c.png"] {
        fleet.file(name, &scan);
    }
    let worker = fleet.worker(&[]);
    let mut watcher = fleet.watcher(&["--once"]);
    assert!(watcher.wait().success());
    assert_eq!((worker.count(" done "), watcher.count(" done "), watcher.count(" known ")), (1, 1, 2));
}

#[test]
fn scans_on_shared_storage_are_not_sent() {
    let Some(mut fleet) = Fleet::start("scans_on_shared_storage", "") else { return };
    let names = fleet.scans(1..=2);
    // The workers mount the storage at another path.
    let elsewhere = fleet.dir.path().join("mounted");
    std::os::unix::fs::symlink(fleet.root(), &elsewhere).unwrap();
    let worker = fleet.worker(&["--queue-share", elsewhere.to_str().unwrap()]);
    let root = fleet.root();
    // The scans must not pass through the object store.
    let client = fleet.client();
    let mut watcher = fleet.watcher(&["--once", "--queue-share", root.to_str().unwrap()]);
    assert!(watcher.wait().success(), "{}\n{}", watcher.text(), worker.text());
    fleet.assert_results(&names);
    let sent = client.runtime.block_on(async {
        client.jetstream.get_stream("OBJ_octrls-scans").await.unwrap().cached_info().state.last_sequence
    });
    assert_eq!(sent, 0, "no scan was ever in the store");
}

#[test]
fn a_worker_with_another_model_takes_no_jobs() {
    let Some(mut fleet) = Fleet::start("a_worker_with_another_model", "") else { return };
    let names = fleet.scans(1..=2);
    let other = fleet.worker(&["--model", "unet-640"]);
    let mut watcher = fleet.watcher(&["--once"]);
    other.wait_for_output("started");
    watcher.wait_for_output("queued");
    let right = fleet.worker(&[]);
    assert!(watcher.wait().success());
    fleet.assert_results(&names);
    assert_eq!((other.count(" running "), right.count(" done ")), (0, 2));
}

#[test]
fn a_dicom_series_is_sent_as_one_scan() {
    for shared in [false, true] {
        let Some(mut fleet) = Fleet::start("a_dicom_series", "") else { return };
        fs::create_dir_all(fleet.root().join("s")).unwrap();
        for (i, object) in crate::fleet::tomography::series().iter().enumerate() {
            crate::fleet::tomography::write(object, &fleet.root().join(format!("s/IM{}.dcm", i + 1)));
        }
        let root = fleet.root();
        let share = ["--queue-share", root.to_str().unwrap()];
        let more: &[&str] = if shared { &share } else { &[] };
        let worker = fleet.worker(more);
        let mut watcher = fleet.watcher(&[&["--once"], more].concat());
        assert!(watcher.wait().success(), "{}\n{}", watcher.text(), worker.text());
        let record = crate::support::result(&fleet.out().join("s/IM1.dcm"));
        assert_eq!((&record["scan"]["bscans"], &record["scan"]["format"]), (&3.into(), &"DICOM OPT series".into()));
        let states: Vec<_> = fleet.ledger_entries().iter().map(|object| object["path"].clone()).collect();
        assert_eq!(states, ["s/IM1.dcm"]);
    }
}
