//! A fleet with failures of workers, watchers and server.

use std::fs;

use async_nats::jetstream::AckKind;

use crate::fleet::rig::Fleet;
use crate::support::missing;

#[test]
fn the_scan_of_a_killed_worker_goes_to_another() {
    let Some(mut fleet) = Fleet::start("a_scan_of_a_killed_worker", "") else { return };
    let names = fleet.scans(1..=3);
    let mut first = fleet.worker(&[]);
    let mut watcher = fleet.watcher(&["--once"]);
    first.wait_for_output(" running ");
    first.kill();
    let second = fleet.worker(&[]);
    assert!(watcher.wait().success(), "{}\n{}", watcher.text(), second.text());
    fleet.assert_results(&names);
    // The killed worker's scratch folder is removed.
    let left = fs::read_dir(fleet.dir.path().join("scratch")).unwrap().count();
    assert_eq!(left, 1, "the folder of the living one alone");
}

#[test]
fn the_scan_of_a_silent_worker_goes_to_another() {
    let Some(mut fleet) = Fleet::start("a_silent_worker", "") else { return };
    let names = fleet.scans(1..=1);
    let mut watcher = fleet.watcher(&["--once"]);
    let client = fleet.client();
    client.take_job();
    let worker = fleet.worker(&[]);
    assert!(watcher.wait().success(), "{}", watcher.text());
    fleet.assert_results(&names);
    assert_eq!(worker.count(" running ward-1/scan-0001.png attempt=2"), 1, "{}", worker.text());
}

#[test]
fn a_restarted_watcher_fetches_results_made_meanwhile() {
    let Some(mut fleet) = Fleet::start("a_watcher_that_is_killed", "") else { return };
    let names = fleet.scans(1..=4);
    let mut watcher = fleet.watcher(&["--attempts", "1"]);
    let client = fleet.client();
    crate::fleet::rig::until("four jobs", || client.message_counts().first().is_some_and(|(_, jobs)| *jobs == 4));
    watcher.kill();
    let worker = fleet.worker(&[]);
    crate::fleet::rig::until("four outcomes", || client.message_counts()[1].1 == 4);
    // A kill before the results arrive must not count as an attempt.
    fleet.watcher(&["--attempts", "1"]).kill();
    let mut watcher = fleet.watcher(&["--once", "--attempts", "1"]);
    assert!(watcher.wait().success(), "{}", watcher.text());
    fleet.assert_results(&names);
    assert_eq!(worker.count(" done "), 4, "none twice: {}", worker.text());
    assert!(client.message_counts().iter().all(|(_, messages)| *messages == 0));
}

#[test]
fn a_drain_leaves_jobs_in_the_queue() {
    let Some(mut fleet) = Fleet::start("a_drain_leaves", "") else { return };
    let names = fleet.scans(1..=3);
    let mut watcher = fleet.watcher(&[]);
    let client = fleet.client();
    crate::fleet::rig::until("three jobs", || client.message_counts()[0].1 == 3);
    assert!(watcher.terminate().success(), "{}", watcher.text());
    assert!(watcher.text().contains("left=3"), "{}", watcher.text());
    assert_eq!(client.message_counts()[0].1, 3);
    let worker = fleet.worker(&[]);
    assert!(fleet.watcher(&["--once"]).wait().success());
    fleet.assert_results(&names);
    assert_eq!(worker.count(" done "), 3);
}

#[test]
fn work_waits_for_an_unreachable_server_and_no_attempt_counts() {
    let Some(mut fleet) = Fleet::start("work_waits_for_a_server", "") else { return };
    fleet.stop_server();
    let names = fleet.scans(1..=3);
    let mut watcher = fleet.watcher(&["--attempts", "1"]);
    let mut worker = fleet.worker(&[]);
    watcher.wait_for_output("E-FLEET-AWAY");
    worker.wait_for_output("E-FLEET-AWAY");
    fleet.start_server();
    crate::fleet::rig::until("three results", || watcher.count(" done ") == 3);
    fleet.kill_server();
    watcher.wait_for_output("the connection is lost");
    fleet.scans(4..=5);
    fleet.start_server();
    crate::fleet::rig::until("five results", || watcher.count(" done ") == 5);
    assert!(watcher.terminate().success(), "{}", watcher.text());
    assert!(worker.terminate().success(), "{}", worker.text());
    let all: Vec<String> =
        names.into_iter().chain((4..=5).map(|n| format!("ward-{}/scan-{n:04}.png", n % 3))).collect();
    fleet.assert_results(&all);
    assert_eq!((watcher.count(" retry "), watcher.count(" quarantined ")), (0, 0), "{}", watcher.text());
    let told = watcher.count("E-FLEET-AWAY");
    assert!((1..=2).contains(&told), "once for each time: {}", watcher.text());
}

#[test]
fn a_settled_job_that_a_killed_server_restores_is_removed() {
    let Some(mut fleet) = Fleet::start("a_job_that_a_killed_server_brings_back", "") else { return };
    fleet.scans(1..=2);
    let mut watcher = fleet.watcher(&[]);
    let client = fleet.client();
    crate::fleet::rig::until("two jobs", || client.message_counts()[0].1 == 2);
    let jobs = client.jobs();
    let mut worker = fleet.worker(&[]);
    crate::fleet::rig::until("two results", || watcher.count(" done ") == 2);
    crate::fleet::rig::until("no jobs", || client.message_counts()[0].1 == 0);
    assert!(worker.terminate().success());
    // Bring back a settled job, and a job unknown to this watcher.
    let (subject, job) = jobs[0].clone();
    let unknown = format!("{}.{}", subject.rsplit_once('.').unwrap().0, "0".repeat(64));
    for subject in [subject, unknown.clone()] {
        client.publish(subject, job.clone());
    }
    fleet.kill_server();
    fleet.start_server();
    crate::fleet::rig::until("one job", || client.message_counts()[0].1 == 1);
    assert_eq!(client.jobs()[0].0, unknown);
    assert!(watcher.terminate().success(), "{}", watcher.text());
}

#[test]
fn a_job_longer_than_the_servers_limit_fails() {
    let Some(fleet) = Fleet::start("a_job_that_is_longer", "max_payload: 4096") else { return };
    fs::create_dir_all(fleet.root().join("s")).unwrap();
    for (i, object) in crate::fleet::tomography::series_of(20).iter().enumerate() {
        let name = format!("s/{:02}{}.dcm", i + 1, "x".repeat(200));
        crate::fleet::tomography::write(object, &fleet.root().join(name));
    }
    let share = fleet.root();
    let mut watcher = fleet.watcher(&["--once", "--queue-share", share.to_str().unwrap()]);
    assert_eq!(watcher.wait().code(), Some(1), "{}", watcher.text());
    assert!(
        watcher.text().contains("code=E-FLEET-JOB") && watcher.text().contains("max_payload"),
        "{}",
        watcher.text()
    );
}

#[test]
fn a_job_longer_than_the_servers_limit_is_not_uploaded() {
    let Some(fleet) = Fleet::start("a_job_that_is_weighed", "max_payload: 4096") else { return };
    fs::create_dir_all(fleet.root().join("s")).unwrap();
    for (i, object) in crate::fleet::tomography::series_of(20).iter().enumerate() {
        let name = format!("s/{:02}{}.dcm", i + 1, "x".repeat(200));
        crate::fleet::tomography::write(object, &fleet.root().join(name));
    }
    let mut watcher = fleet.watcher(&["--once"]);
    assert_eq!(watcher.wait().code(), Some(1), "{}", watcher.text());
    assert!(watcher.text().contains("code=E-FLEET-JOB"), "{}", watcher.text());
    assert_eq!(fleet.client().objects("octrls-scans"), Vec::<String>::new(), "nobody would remove it");
}

#[test]
fn an_unreadable_scan_is_quarantined_with_the_reason() {
    let Some(mut fleet) = Fleet::start("a_scan_that_is_none", "") else { return };
    fleet.file("holiday.png", b"this is no image");
    let good = fleet.scans(1..=1);
    let _worker = fleet.worker(&[]);
    let mut watcher = fleet.watcher(&["--once"]);
    assert_eq!(watcher.wait().code(), Some(1));
    assert!(fleet.out().join("quarantine/holiday.png").exists());
    crate::support::result(&fleet.out().join(&good[0]));
    let text = watcher.text();
    assert!(text.contains("quarantined holiday.png code=E-READ-") && text.contains("(worker worker-1)"), "{text}");
}

#[test]
fn a_scan_that_kills_its_workers_is_quarantined() {
    let Some(mut fleet) = Fleet::start("a_scan_that_no_worker_survives", "") else { return };
    fleet.scans(1..=1);
    let mut watcher = fleet.watcher(&["--once"]);
    let client = fleet.client();
    for _ in 0..2 {
        client.take_job();
    }
    let worker = fleet.worker(&["--deliveries", "2"]);
    assert_eq!(watcher.wait().code(), Some(1));
    assert!(watcher.text().contains("code=E-FLEET-DELIVERIES"), "{}", watcher.text());
    assert!(fleet.out().join("quarantine/ward-1/scan-0001.png").exists());
    assert!(worker.text().contains("E-FLEET-DELIVERIES"), "{}", worker.text());
    // A retry by the operator starts to count anew.
    crate::support::octrls().args(["quarantine", "retry", "--out"]).arg(fleet.out()).arg("--all").assert().success();
    assert!(fleet.watcher(&["--once"]).wait().success());
}

#[test]
fn a_job_that_the_server_forgot_is_published_again() {
    const NAME: &str = "a_job_that_the_server_would_never_deliver";
    let Some(mut fleet) = Fleet::start(NAME, "") else { return };
    // This worker only creates the consumer.
    let mut worker = fleet.worker(&[]);
    worker.wait_for_output("started");
    let client = fleet.client();
    crate::fleet::rig::until("a consumer", || client.consumers() == 1);
    assert!(worker.terminate().success());
    let forgotten = fleet.scans(1..=3);
    let mut watcher = fleet.watcher(&[]);
    crate::fleet::rig::until("three jobs", || client.message_counts()[0].1 == 3);
    client.make_the_server_forget_jobs();
    let names = [forgotten, fleet.scans(4..=4)].concat();
    crate::fleet::rig::until("four jobs", || client.message_counts()[0].1 == 4);
    // A running job, so that the consumer stays active.
    let held = std::sync::Arc::new(client.take_job());
    if held.info().unwrap().stream_sequence == 1 {
        missing(NAME, "a server that loses jobs");
        return;
    }
    let alive = std::sync::Arc::clone(&held);
    let holding = client.runtime.spawn(async move {
        loop {
            alive.ack_with(AckKind::Progress).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
    });
    let worker = fleet.worker(&[]);
    crate::fleet::rig::until("three results", || watcher.count(" done ") == 3);
    holding.abort();
    client.runtime.block_on(held.ack_with(AckKind::Nak(None))).unwrap();
    crate::fleet::rig::until("four results", || watcher.count(" done ") == 4);
    assert!(watcher.terminate().success(), "{}", watcher.text());
    fleet.assert_results(&names);
    assert_eq!(worker.count(" done "), 4, "none twice: {}", worker.text());
    assert_eq!(client.message_counts()[0].1, 0, "none is left");
}
