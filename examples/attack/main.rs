//! An attack on the real program from outside: random interleavings of writers, renames, swaps, kills, operators'
//! commands, full and pulled disks, hostile files, and peers of any kind. After each round, one invariant must hold:
//!
//! **Each content on disk has exactly one whole result of its own, nothing of ours was taken for a scan, nothing went
//! where it must not, nothing identifies a patient.**
//!
//! ```text
//! cargo run --example attack -- target/debug/octrls --minutes 120 --seed 1
//! ```
//!
//! Every round has its own seed, which a finding names. What the seed fixes is the order of the actions; the program and
//! the disk still run at their own pace, so a round may need several runs to show the same again.

mod actions;
mod check;
mod contents;
mod disk;
mod groups;
mod peers;
#[path = "../../tests/program/support/scans.rs"]
mod scans;
mod senders;
#[path = "../../tests/program/dicom_results/scan.rs"]
#[allow(dead_code)]
mod tomography;
mod watcher;
mod world;

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use world::{World, pause};

struct Arguments {
    program: PathBuf,
    seed: u64,
    limit: Duration,
    /// Keep the folders of a round with a finding.
    keep: bool,
    /// Print every action.
    verbose: bool,
}

fn arguments() -> Option<Arguments> {
    let mut given = std::env::args().skip(1);
    let mut arguments = Arguments {
        program: given.next()?.into(),
        seed: 1,
        limit: Duration::from_mins(10),
        keep: false,
        verbose: false,
    };
    while let Some(option) = given.next() {
        match option.as_str() {
            "--keep" => arguments.keep = true,
            "--verbose" => arguments.verbose = true,
            "--seed" => arguments.seed = given.next()?.parse().ok()?,
            "--minutes" => arguments.limit = Duration::from_mins(given.next()?.parse().ok()?),
            _ => return None,
        }
    }
    Some(arguments)
}

fn main() -> ExitCode {
    let Some(arguments) = arguments() else {
        eprintln!("attack PROGRAM [--seed N] [--minutes N] [--keep] [--verbose]");
        return ExitCode::from(2);
    };
    let start = Instant::now();
    let (mut rounds, mut actions, mut findings) = (0_u64, 0, 0);
    while start.elapsed() < arguments.limit {
        let seed = arguments.seed + rounds;
        rounds += 1;
        let (done, found) = round(&arguments, seed);
        actions += done;
        findings += found;
    }
    println!(
        "{rounds} rounds, {actions} actions, {findings} findings in {:.0} min",
        start.elapsed().as_secs_f64() / 60.0
    );
    ExitCode::from(u8::from(findings > 0))
}

/// One round: a fresh world, random actions, and the invariant. Returns the numbers of actions and findings.
fn round(arguments: &Arguments, seed: u64) -> (usize, usize) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut world = World::new(&arguments.program, &mut rng);
    let count = rng.random_range(20..70);
    let mut log = Vec::new();
    for _ in 0..count {
        log.push(world.act(&mut rng));
        pause(&mut rng);
    }
    world.settle();
    let found = check::findings(&world);
    println!("seed {seed}: {count} actions, {} scans, {} findings", world.contents.len(), found.len());
    if arguments.verbose || !found.is_empty() {
        println!("  actions: {}", log.join("; "));
        println!("  world: {}", world.describe());
        for finding in &found {
            println!("  FINDING {finding}");
        }
        if arguments.keep && !found.is_empty() {
            println!("  kept in {}", world.keep().display());
        }
    }
    (count, found.len())
}
