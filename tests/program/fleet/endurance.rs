//! A fleet whose workers are killed again and again.
//!
//! `OCTRLS_FLEET_SCANS` sets the length; `just fleet` runs the long form.

use std::{
    thread,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::fleet::rig::{Fleet, PATIENCE};

#[test]
fn every_scan_has_one_result_when_workers_are_killed() {
    let scans = std::env::var("OCTRLS_FLEET_SCANS").map_or(24, |text| text.parse().unwrap());
    let Some(mut fleet) = Fleet::start("every_scan_has_one_result", "") else { return };
    let names = fleet.scans(0..scans);
    let started = Instant::now();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    // The default of five deliveries is too few: kills may hit the same scan again and again.
    let start = |fleet: &mut Fleet| fleet.worker(&["--deliveries", "1000"]);
    let mut workers: Vec<_> = (0..3).map(|_| start(&mut fleet)).collect();
    let mut watcher = fleet.watcher(&["--once"]);
    let (mut kills, mut restarts, mut redelivered) = (0, 0_u32, 0);
    while watcher.is_alive() {
        assert!(started.elapsed() < PATIENCE * 3, "{}", watcher.text());
        thread::sleep(Duration::from_millis(rng.random_range(1500..4000)));
        let number = rng.random_range(0..workers.len());
        workers[number].kill();
        redelivered += redeliveries(&workers[number].text());
        kills += 1;
        workers[number] = start(&mut fleet);
        if restarts == 0 && watcher.count(" done ") as u64 >= scans / 3 {
            restarts += 1;
            fleet.kill_server();
            thread::sleep(Duration::from_secs(1));
            fleet.start_server();
        }
    }
    assert!(watcher.wait().success(), "{}", watcher.text());
    let seconds = started.elapsed().as_secs_f64();
    fleet.assert_results(&names);
    assert_eq!(restarts, 1);
    assert_eq!(watcher.count(" done ") as u64, scans);
    let client = fleet.client();
    // A killed server may forget that it removed a job, so jobs or outcomes may remain.
    let [(_, jobs), (_, strays), ..] = client.message_counts()[..] else { panic!("two streams") };
    redelivered += workers.iter().map(|worker| redeliveries(&worker.text())).sum::<usize>();
    eprintln!(
        "{scans} scans, {kills} workers killed, the server {restarts} times: {redelivered} deliveries again, \
         {jobs} jobs and {strays} outcomes for nobody, {seconds:.0} s"
    );
}

/// Number of redeliveries in a worker's log.
fn redeliveries(log: &str) -> usize {
    log.lines().filter(|line| line.contains(" running ") && !line.ends_with("attempt=1")).count()
}
