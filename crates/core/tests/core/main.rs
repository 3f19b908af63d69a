//! The public interface of the core: volumes with known thickness, degraded images, verdicts.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod degraded;
mod known_volumes;
mod verdict;
