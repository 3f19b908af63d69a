//! Fuzz targets as ordinary tests: their seeds, kept regressions and random changes of both.

use std::{fs, panic};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::project;

/// A fuzz target: its name, the function that takes the input, and its seeds.
pub type Target = (&'static str, fn(&[u8]), fn() -> Vec<Vec<u8>>);

/// Feeds each target its seeds, the regressions in `fuzz/regressions/NAME`, and changed seeds: changed bytes, cuts,
/// repeated pieces. `OCTRLS_MUTATIONS` sets the number of changed seeds a target.
///
/// # Panics
/// If a target panics.
pub fn assert_never_panics(targets: &[Target]) {
    let rounds =
        std::env::var("OCTRLS_MUTATIONS").map_or(150, |text| text.parse().expect("OCTRLS_MUTATIONS: a number"));
    for (name, target, seeds) in targets {
        let seeds = seeds();
        for seed in &seeds {
            target(seed);
        }
        for file in fs::read_dir(project().join("fuzz/regressions").join(name)).into_iter().flatten() {
            target(&fs::read(file.expect("an entry").path()).expect("a regression"));
        }
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for round in 0..rounds {
            let bytes = changed(seeds[rng.random_range(0..seeds.len())].clone(), &mut rng);
            let result = panic::catch_unwind(|| target(&bytes));
            assert!(result.is_ok(), "{name}, round {round}: {bytes:?}");
        }
    }
}

fn changed(mut bytes: Vec<u8>, rng: &mut ChaCha8Rng) -> Vec<u8> {
    for _ in 0..rng.random_range(1..6) {
        let at = rng.random_range(0..bytes.len());
        match rng.random_range(0..4) {
            0 => bytes[at] = rng.random(),
            1 => bytes[at] ^= 1 << rng.random_range(0..8_u32),
            2 => bytes.truncate(at.max(1)),
            _ => {
                let piece = bytes[at..bytes.len().min(at + 16)].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

/// Writes the seeds of each target to `fuzz/corpus/NAME`, where `cargo fuzz` finds them.
///
/// # Panics
/// If a file cannot be written.
pub fn write_corpora(targets: &[Target]) {
    for (name, _, seeds) in targets {
        let folder = project().join("fuzz/corpus").join(name);
        fs::create_dir_all(&folder).expect("a folder");
        for (number, seed) in seeds().into_iter().enumerate() {
            fs::write(folder.join(format!("seed-{number}")), seed).expect("a seed");
        }
    }
}
