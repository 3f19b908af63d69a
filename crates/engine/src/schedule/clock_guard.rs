//! Guards the removal of old results against a wrong system clock.
//!
//! If the clock jumps ahead by years, every result looks too old. The time of the last check is therefore stored beside
//! the ledger. After a jump nothing is removed for some days, so that someone can correct the clock.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use octrls_fs::durable::unfinished_file;

const FILE: &str = "calendar.json";
/// If the clock advances further than this between two checks, it jumped or the computer was off for long.
const JUMP: SignedDuration = SignedDuration::from_hours(24 * 30);
/// Time to correct the clock before it is trusted again.
const PROBATION: SignedDuration = SignedDuration::from_hours(24 * 7);

/// The stored state of the clock.
#[derive(Debug)]
pub(crate) struct ClockGuard {
    file: PathBuf,
}

/// Result of the last check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ClockState {
    seen: Timestamp,
    /// When the clock jumped, by its own time; `None` if it is trusted.
    jumped: Option<Timestamp>,
}

impl ClockGuard {
    /// The clock state beside the ledger in `folder`.
    pub(crate) fn of(folder: &Path) -> Self {
        Self { file: folder.join(FILE) }
    }

    /// Checks the clock. Returns the time from which it is trusted, or `None` if it is trusted now.
    pub(crate) fn suspended_until(&self) -> Option<Timestamp> {
        let state =
            self.read().unwrap_or(ClockState { seen: Timestamp::now(), jumped: None }).after_check(Timestamp::now());
        // If the disk is full, old results must still be removed.
        let _ = self.write(state);
        state.jumped.and_then(|jumped| jumped.checked_add(PROBATION).ok())
    }

    fn read(&self) -> Option<ClockState> {
        serde_json::from_slice(&fs::read(&self.file).ok()?).ok()
    }

    fn write(&self, state: ClockState) -> io::Result<()> {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let mut file = unfinished_file(folder, ".octrls-")?;
        serde_json::to_writer(&mut file, &state)?;
        // Renaming over the file follows no link.
        file.persist(&self.file)?;
        Ok(())
    }
}

impl ClockState {
    /// The state after a check at `now`.
    fn after_check(self, now: Timestamp) -> Self {
        let jumped = if now.duration_since(self.seen) > JUMP {
            Some(now)
        } else {
            // A clock that goes back to before its jump was corrected.
            self.jumped.filter(|&jumped| now >= jumped && now.duration_since(jumped) < PROBATION)
        };
        Self { seen: now, jumped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// The jump that counts against the clock after checks at these times.
    fn jump_after(times: &[&str]) -> Option<Timestamp> {
        let first = ClockState { seen: at(times[0]), jumped: None };
        times.iter().fold(first, |state, time| state.after_check(at(time))).jumped
    }

    #[test]
    fn a_steady_clock_is_trusted_and_one_that_jumps_only_after_days() {
        assert_eq!(jump_after(&["2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z", "2026-01-29T00:00:00Z"]), None);
        let jump = "2036-01-01T00:00:00Z";
        assert_eq!(jump_after(&["2026-01-01T00:00:00Z", jump]), Some(at(jump)));
        assert_eq!(jump_after(&["2026-01-01T00:00:00Z", jump, "2036-01-07T23:00:00Z"]), Some(at(jump)));
        assert_eq!(jump_after(&["2026-01-01T00:00:00Z", jump, "2036-01-07T23:00:00Z", "2036-01-08T00:00:00Z"]), None);
    }

    #[test]
    fn a_corrected_clock_is_trusted_at_once() {
        let right = "2026-01-01T02:00:00Z";
        assert_eq!(jump_after(&["2026-01-01T00:00:00Z", "2036-01-01T00:00:00Z", right, "2026-01-01T03:00:00Z"]), None);
        // The other way round: the clock was wrong before.
        assert_eq!(jump_after(&["1970-01-01T00:00:00Z", right]), Some(at(right)));
    }

    #[test]
    fn the_last_check_is_stored() {
        let dir = tempfile::tempdir().unwrap();
        let guard = ClockGuard::of(dir.path());
        assert_eq!(guard.suspended_until(), None, "nothing is known of the clock yet");
        let past = ClockState { seen: at("2020-01-01T00:00:00Z"), jumped: None };
        guard.write(past).unwrap();
        let until = guard.suspended_until().expect("it jumped");
        assert_eq!(guard.suspended_until(), Some(until), "and is not asked anew");
        fs::write(dir.path().join(FILE), "x").unwrap();
        assert_eq!(guard.suspended_until(), None);
    }
}
