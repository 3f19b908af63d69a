//! The latest messages for the operator.

use std::{borrow::Cow, collections::VecDeque};

use jiff::Timestamp;
use octrls_core::shown::shown;
use octrls_engine::Level;
use serde::{Deserialize, Serialize};

/// Number of kept messages.
const CAPACITY: usize = 500;

/// One message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) at: Timestamp,
    pub(crate) level: Level,
    pub(crate) text: String,
}

/// A ring of messages.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Journal {
    entries: VecDeque<Entry>,
    /// Errors since the start, including dropped messages.
    errors: u64,
}

impl Journal {
    /// Adds a message; drops the oldest one if the ring is full.
    pub(crate) fn push(&mut self, at: Timestamp, level: Level, text: String) {
        if self.entries.len() == CAPACITY {
            self.entries.pop_front();
        }
        self.errors += u64::from(level == Level::Error);
        // Messages quote names of files.
        let escaped = match shown(&text) {
            Cow::Owned(escaped) => Some(escaped),
            Cow::Borrowed(_) => None,
        };
        self.entries.push_back(Entry { at, level, text: escaped.unwrap_or(text) });
    }

    /// Messages of at least `level`, newest first.
    pub(crate) fn newest(&self, level: Level) -> impl Iterator<Item = &Entry> {
        self.entries.iter().rev().filter(move |e| e.level >= level)
    }

    /// Number of errors since the start.
    pub(crate) fn errors(&self) -> u64 {
        self.errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_forgets_the_oldest_but_counts_every_error() {
        let mut journal = Journal::default();
        for i in 0..CAPACITY + 3 {
            journal.push(Timestamp::UNIX_EPOCH, if i < 2 { Level::Error } else { Level::Info }, i.to_string());
        }
        assert_eq!(journal.newest(Level::Info).count(), CAPACITY);
        assert_eq!(journal.newest(Level::Info).next().map(|e| e.text.as_str()), Some("502"));
        assert_eq!(journal.newest(Level::Warning).count(), 0);
        assert_eq!(journal.errors(), 2);
    }
}
