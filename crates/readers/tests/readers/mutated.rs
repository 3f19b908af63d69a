//! Corrupted bytes: a reader must return a scan or an error.

use proptest::prelude::*;

use super::{Folder, read, seeds};

/// Codes that content alone can cause.
const CONTENT: [&str; 7] = [
    "E-READ-FORMAT",
    "E-READ-EMPTY",
    "E-READ-TRUNCATED",
    "E-READ-MALFORMED",
    "E-READ-UNSUPPORTED",
    "E-READ-TOO-LARGE",
    "E-READ-INCOMPLETE",
];

/// Number of samples.
const SAMPLES: usize = 19;

fn samples() -> Vec<Vec<u8>> {
    seeds::files().into_iter().map(|(_, bytes)| bytes).collect()
}

fn assert_scan_or_content_error(bytes: &[u8]) {
    let folder = Folder::new();
    if let Err(error) = read(&folder.file("scan", bytes)) {
        assert!(CONTENT.contains(&error.code().as_str()), "{}: {error}", error.code().as_str());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..4000)) {
        assert_scan_or_content_error(&bytes);
    }

    #[test]
    fn random_bytes_after_a_valid_start(
        sample in 0usize..SAMPLES, keep in 1usize..80, rest in prop::collection::vec(any::<u8>(), 0..3000),
    ) {
        let mut bytes = samples().swap_remove(sample);
        bytes.truncate(keep);
        bytes.extend(rest);
        assert_scan_or_content_error(&bytes);
    }

    #[test]
    fn changed_bytes(sample in 0usize..SAMPLES, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)) {
        let mut bytes = samples().swap_remove(sample);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        assert_scan_or_content_error(&bytes);
    }

    #[test]
    fn changed_headers(sample in 0usize..SAMPLES, changes in prop::collection::vec((0usize..110, any::<u8>()), 1..6)) {
        let mut bytes = samples().swap_remove(sample);
        for (at, value) in changes {
            let at = at.min(bytes.len() - 1);
            bytes[at] = value;
        }
        assert_scan_or_content_error(&bytes);
    }

    #[test]
    fn removed_or_repeated_pieces(sample in 0usize..SAMPLES, from in any::<prop::sample::Index>(), len in 1usize..200, double: bool) {
        let mut bytes = samples().swap_remove(sample);
        let from = from.index(bytes.len());
        let to = (from + len).min(bytes.len());
        if double {
            let piece = bytes[from..to].to_vec();
            bytes.splice(from..from, piece);
        } else {
            bytes.drain(from..to);
        }
        assert_scan_or_content_error(&bytes);
    }
}
