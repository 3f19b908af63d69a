//! The kinds of screens, and which one fits the output.

use std::{
    env,
    io::{self, IsTerminal},
};

/// A kind of screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScreenKind {
    /// Panels on a terminal.
    Dashboard,
    /// One line per state change.
    Plain,
    /// One JSON object per event.
    Json,
}

impl ScreenKind {
    /// The screen to start: `requested` if possible, otherwise the dashboard on a capable terminal, otherwise plain
    /// lines.
    #[must_use]
    pub fn select(requested: Option<Self>) -> Self {
        let is_terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
        Self::select_for(requested, is_terminal, env::var("TERM").ok().as_deref())
    }

    /// `is_terminal`: whether input and output are a terminal. `term`: the variable `TERM`.
    fn select_for(requested: Option<Self>, is_terminal: bool, term: Option<&str>) -> Self {
        // Windows consoles have no TERM.
        let is_capable = is_terminal && term != Some("dumb") && (cfg!(windows) || term.is_some_and(|t| !t.is_empty()));
        match requested {
            Some(kind @ (Self::Plain | Self::Json)) => kind,
            Some(Self::Dashboard) | None if is_capable => Self::Dashboard,
            Some(Self::Dashboard) | None => Self::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dashboard_needs_a_terminal_that_can_move_its_cursor() {
        let check = |requested, is_terminal, term, expected| {
            assert_eq!(ScreenKind::select_for(requested, is_terminal, term), expected);
        };
        check(None, true, Some("xterm-256color"), ScreenKind::Dashboard);
        check(None, false, Some("xterm-256color"), ScreenKind::Plain);
        check(None, true, Some("dumb"), ScreenKind::Plain);
        check(Some(ScreenKind::Dashboard), false, Some("xterm"), ScreenKind::Plain);
        check(Some(ScreenKind::Plain), true, Some("xterm"), ScreenKind::Plain);
        check(Some(ScreenKind::Json), true, Some("xterm"), ScreenKind::Json);
    }
}
