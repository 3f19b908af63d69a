//! Whether the box's clock is to be believed where it says that results are old.
//!
//! A clock that jumps ahead by years makes everything older than it may become. So the time of the latest look is kept beside the
//! ledger; after a jump nothing is removed for some days, in which somebody may put the clock right.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use octrls_fs::durable::unfinished_file;

const FILE: &str = "calendar.json";
/// A clock that is further ahead than that of when it was looked at last has jumped, or the box was off for long.
const JUMP: SignedDuration = SignedDuration::from_hours(24 * 30);
/// Time that is left to put it right.
const PROBATION: SignedDuration = SignedDuration::from_hours(24 * 7);

/// What is kept of the clock.
#[derive(Debug)]
pub(super) struct Calendar {
    file: PathBuf,
}

/// What the latest look saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Page {
    seen: Timestamp,
    /// When the clock had jumped, if it is not believed for that; by the clock itself.
    jumped: Option<Timestamp>,
}

impl Calendar {
    /// That of the ledger in `folder`.
    pub(super) fn of(folder: &Path) -> Self {
        Self { file: folder.join(FILE) }
    }

    /// Looks at the clock; when it is not to be believed yet, the time from which it is.
    pub(super) fn look(&self) -> Option<Timestamp> {
        let page = self.read().unwrap_or(Page { seen: Timestamp::now(), jumped: None }).next(Timestamp::now());
        // A full disk is to be emptied all the same.
        let _ = self.write(page);
        page.jumped.and_then(|jumped| jumped.checked_add(PROBATION).ok())
    }

    fn read(&self) -> Option<Page> {
        serde_json::from_slice(&fs::read(&self.file).ok()?).ok()
    }

    fn write(&self, page: Page) -> io::Result<()> {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let mut file = unfinished_file(folder, ".octrls-")?;
        serde_json::to_writer(&mut file, &page)?;
        // Renamed over what is there, hence no link is followed.
        file.persist(&self.file)?;
        Ok(())
    }
}

impl Page {
    /// The page after this one.
    fn next(self, now: Timestamp) -> Self {
        let jumped = if now.duration_since(self.seen) > JUMP {
            Some(now)
        } else {
            // One that goes back behind its jump has been put right.
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

    /// The jump that is held against the clock, after it was looked at, at these times.
    fn held(times: &[&str]) -> Option<Timestamp> {
        let first = Page { seen: at(times[0]), jumped: None };
        times.iter().fold(first, |page, time| page.next(at(time))).jumped
    }

    #[test]
    fn a_clock_that_goes_on_is_believed_and_one_that_jumps_only_after_days() {
        assert_eq!(held(&["2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z", "2026-01-29T00:00:00Z"]), None);
        let jump = "2036-01-01T00:00:00Z";
        assert_eq!(held(&["2026-01-01T00:00:00Z", jump]), Some(at(jump)));
        assert_eq!(held(&["2026-01-01T00:00:00Z", jump, "2036-01-07T23:00:00Z"]), Some(at(jump)));
        assert_eq!(held(&["2026-01-01T00:00:00Z", jump, "2036-01-07T23:00:00Z", "2036-01-08T00:00:00Z"]), None);
    }

    #[test]
    fn a_clock_that_is_put_right_is_believed_at_once() {
        let right = "2026-01-01T02:00:00Z";
        assert_eq!(held(&["2026-01-01T00:00:00Z", "2036-01-01T00:00:00Z", right, "2026-01-01T03:00:00Z"]), None);
        // The other way round: it was wrong before.
        assert_eq!(held(&["1970-01-01T00:00:00Z", right]), Some(at(right)));
    }

    #[test]
    fn what_was_seen_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let calendar = Calendar::of(dir.path());
        assert_eq!(calendar.look(), None, "nothing is known of the clock yet");
        let past = Page { seen: at("2020-01-01T00:00:00Z"), jumped: None };
        calendar.write(past).unwrap();
        let until = calendar.look().expect("it jumped");
        assert_eq!(calendar.look(), Some(until), "and is not asked anew");
        fs::write(dir.path().join(FILE), "x").unwrap();
        assert_eq!(calendar.look(), None);
    }
}
