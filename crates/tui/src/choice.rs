//! Chooses the screen that fits the output.

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

/// The screen to start: `asked` if possible, otherwise the dashboard on a capable terminal, otherwise plain lines.
#[must_use]
pub fn choose(asked: Option<ScreenKind>) -> ScreenKind {
    let terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
    choose_for(asked, terminal, env::var("TERM").ok().as_deref())
}

/// [`choose`] with the facts given: whether input and output are a `terminal`, and its `TERM`.
#[must_use]
pub fn choose_for(asked: Option<ScreenKind>, terminal: bool, term: Option<&str>) -> ScreenKind {
    // Windows consoles have no TERM.
    let able = terminal && term != Some("dumb") && (cfg!(windows) || term.is_some_and(|t| !t.is_empty()));
    match asked {
        Some(kind @ (ScreenKind::Plain | ScreenKind::Json)) => kind,
        Some(ScreenKind::Dashboard) | None if able => ScreenKind::Dashboard,
        Some(ScreenKind::Dashboard) | None => ScreenKind::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dashboard_needs_a_terminal_that_can_move_its_cursor() {
        let check = |asked, terminal, term, expected| assert_eq!(choose_for(asked, terminal, term), expected);
        check(None, true, Some("xterm-256color"), ScreenKind::Dashboard);
        check(None, false, Some("xterm-256color"), ScreenKind::Plain);
        check(None, true, Some("dumb"), ScreenKind::Plain);
        check(Some(ScreenKind::Dashboard), false, Some("xterm"), ScreenKind::Plain);
        check(Some(ScreenKind::Plain), true, Some("xterm"), ScreenKind::Plain);
        check(Some(ScreenKind::Json), true, Some("xterm"), ScreenKind::Json);
    }
}
