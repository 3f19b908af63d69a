//! The core from outside: volumes with known thickness, spoilt images, verdicts.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod degraded;
mod known_volumes;
mod verdict;
