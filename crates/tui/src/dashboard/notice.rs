//! Tells a person who does not look at the screen that a scan needs attention.

use std::time::{Duration, Instant};

/// Least time between two notices.
const INTERVAL: Duration = Duration::from_secs(5);

/// How a person is told of a scan in quarantine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Notify {
    /// Not at all.
    Off,
    /// The terminal's bell.
    #[default]
    Bell,
    /// A desktop notice by OSC 9, as iTerm2, WezTerm, kitty, Windows Terminal and ConEmu show it.
    Osc9,
    /// A desktop notice by OSC 777, as foot, Ghostty, urxvt and GNOME's terminals show it.
    Osc777,
}

impl Notify {
    /// What is written to the terminal for a message.
    fn sequence(self, message: &str) -> Option<String> {
        // A control character would end the sequence.
        let message: String = message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        match self {
            Self::Off => None,
            Self::Bell => Some("\x07".to_owned()),
            Self::Osc9 => Some(format!("\x1b]9;octrls: {message}\x1b\\")),
            Self::Osc777 => Some(format!("\x1b]777;notify;octrls;{message}\x1b\\")),
        }
    }
}

/// Sends notices, not too many at once.
#[derive(Debug, Default)]
pub(super) struct Notices {
    notify: Notify,
    last: Option<Instant>,
}

impl Notices {
    pub(super) const fn new(notify: Notify) -> Self {
        Self { notify, last: None }
    }

    /// What to write to the terminal for `message` at `now`; `None` shortly after another message.
    pub(super) fn sequence(&mut self, message: &str, now: Instant) -> Option<String> {
        if self.last.is_some_and(|last| now.duration_since(last) < INTERVAL) {
            return None;
        }
        self.last = Some(now);
        self.notify.sequence(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_failures_rings_once() {
        let mut notices = Notices::new(Notify::Osc9);
        let start = Instant::now();
        assert_eq!(notices.sequence("1 scan\x07", start).as_deref(), Some("\x1b]9;octrls: 1 scan \x1b\\"));
        assert_eq!(notices.sequence("2 scans", start + Duration::from_secs(1)), None);
        assert!(notices.sequence("9 scans", start + Duration::from_secs(6)).is_some());
        assert_eq!(Notices::new(Notify::Off).sequence("x", start), None);
        assert_eq!(Notices::new(Notify::Bell).sequence("x", start).as_deref(), Some("\x07"));
    }
}
