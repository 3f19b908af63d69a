//! Printing paths, counts and results.

use std::{
    borrow::Cow,
    io,
    path::{Path, PathBuf},
};

/// A path as it is printed, with `/` on every system.
pub(crate) fn display_path(path: &Path) -> String {
    octrls_tui::printed(path)
}

/// Paths as they are printed in a sentence.
pub(crate) fn display_paths(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| display_path(path)).collect::<Vec<_>>().join(", ")
}

/// Text that is safe to print on a terminal: quoted and escaped if it has control characters, as file names may.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_control) { format!("{text:?}").into() } else { text.into() }
}

/// A count with its noun, such as `1 result` or `2 results`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Turns a closed pipe into success: the reader wants no more output.
pub(crate) fn allow_closed_pipe(printed: io::Result<()>) -> anyhow::Result<()> {
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Explains why plain lines appear instead of the dashboard: some terminals do not report their cursor position.
pub(crate) fn warn_no_dashboard(error: &io::Error) {
    eprintln!("octrls: this terminal cannot show the dashboard ({error}); printing lines instead");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_the_right_number() {
        assert_eq!([0, 1, 2].map(|n| counted(n, "scan")), ["0 scans", "1 scan", "2 scans"]);
    }
}
