//! Fuzz targets for settings, ledgers and the attach socket, which no public function accepts as bytes. Only tests and
//! `cargo fuzz` compile this module.
//!
//! Each function may reject its input with a code and a message; it panics if an invariant is broken.

use crate::cli;
use octrls_engine as engine;
use octrls_tui::attach;

/// Parses a settings file of `octrls watch`.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err((code, words)) = cli::try_settings(text) {
        assert!(code.starts_with("E-CONFIG-") && !words.is_empty());
    }
}

/// Opens a ledger, given as a file or as rows, with quarantine notes beside it; see `engine/fuzzing.rs`.
pub fn ledger(bytes: &[u8]) {
    engine::fuzzing::run(bytes);
}

/// Parses what a server of the attach socket sends to a screen.
pub fn attach_server(bytes: &[u8]) {
    attach::fuzzing::from_server(bytes);
}

/// Parses what a screen sends to the server.
pub fn attach_client(bytes: &[u8]) {
    attach::fuzzing::from_client(bytes);
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    type Target = (&'static str, fn(&[u8]), fn() -> Vec<Vec<u8>>);

    const TARGETS: [Target; 4] = [
        ("config", config, config_seeds),
        ("ledger", ledger, engine::fuzzing::seeds),
        ("attach_server", attach_server, attach::fuzzing::server_seeds),
        ("attach_client", attach_client, attach::fuzzing::client_seeds),
    ];

    fn config_seeds() -> Vec<Vec<u8>> {
        let sample = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/octrls.toml")).unwrap();
        let all = "roots = ['/in', \"/b\"]\nout = '/o'\nmodel = 'edge'\njobs = 2\npoll = 1e1\npoll_root = ['/b=3']\nstable = 0x2\n\
                   json = true\nattempts = 7\nlog_format = 'json'\n[limits]\nx.y = { z = 1 }\n";
        vec![sample, all.into()]
    }

    #[test]
    fn seeds_and_what_was_found_keep_all_promises() {
        let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/regressions");
        for (name, target, seeds) in TARGETS {
            for seed in seeds() {
                target(&seed);
            }
            for file in fs::read_dir(kept.join(name)).into_iter().flatten() {
                target(&fs::read(file.unwrap().path()).unwrap());
            }
        }
    }

    /// Like a short fuzzer run: random byte changes, truncations and repeated pieces.
    #[test]
    fn changed_seeds_keep_all_promises() {
        let rounds = std::env::var("OCTRLS_MUTATIONS").map_or(150, |text| text.parse().unwrap());
        for (name, target, seeds) in TARGETS {
            let (mut rng, seeds) = (ChaCha8Rng::seed_from_u64(5), seeds());
            for round in 0..rounds {
                let mut bytes = seeds[rng.random_range(0..seeds.len())].clone();
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
                let kept = std::panic::catch_unwind(|| target(&bytes));
                assert!(kept.is_ok(), "{name}, round {round}: {bytes:?}");
            }
        }
    }

    #[test]
    #[ignore = "writes the seed corpora of the fuzz targets"]
    fn write_fuzz_corpora() {
        for (name, _, seeds) in TARGETS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
            fs::create_dir_all(&folder).unwrap();
            for (number, seed) in seeds().into_iter().enumerate() {
                fs::write(folder.join(format!("seed-{number}")), seed).unwrap();
            }
        }
    }
}
