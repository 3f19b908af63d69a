//! Printing paths, counts and results.
//!
//! A name may hold anything, so nothing with a name in it reaches a terminal but through [`line`], [`error_line`] or
//! [`escaped`].

use std::{
    borrow::Cow,
    fmt,
    io::{self, Write, stdout},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{RecvTimeoutError, bounded};
use jiff::{Timestamp, tz::TimeZone};

use octrls_core::{
    ErrorCode,
    shown::{is_unsafe, shown},
};

/// How long an output that nobody reads may hold off the end of the program.
const OUTPUT_PATIENCE: Duration = Duration::from_secs(3);
/// Poll interval while waiting for an output.
const TICK: Duration = Duration::from_millis(50);

/// Prints one line to standard output, with control characters escaped.
///
/// # Errors
/// The system's error, except for a closed pipe: the reader wants no more.
pub(crate) fn line(text: fmt::Arguments<'_>) -> io::Result<()> {
    match writeln!(stdout(), "{}", shown(&text.to_string())) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// Prints one line to standard error, with control characters escaped. Does not wait long for a reader.
pub(crate) fn error_line(text: fmt::Arguments<'_>) {
    let text = shown(&text.to_string()).into_owned();
    let (printed, is_printed) = bounded(1);
    let print = move || {
        eprintln!("{text}");
        let _ = printed.send(());
    };
    if thread::Builder::new().spawn(print).is_ok() {
        let _ = is_printed.recv_timeout(OUTPUT_PATIENCE);
    }
}

/// Prints that something failed with the file at `path`, which is named once.
pub(crate) fn file_error_line(path: &Path, code: ErrorCode, error: &dyn fmt::Display) {
    let (name, text) = (path.display().to_string(), error.to_string());
    if text.contains(&name) {
        error_line(format_args!("{code}: {text}"));
    } else {
        error_line(format_args!("{name}  {code}: {text}"));
    }
}

/// Runs `screen`, which writes lines to the output that it is given, until it ends. A reader who stands still does not
/// hold off the end: when `has_ended` says that there is nothing more to show, and the output takes nothing for three
/// seconds, this returns `None` and leaves the rest.
///
/// # Errors
/// Those of `screen`, and of starting its thread.
pub(crate) fn run_screen<T: Send + 'static>(
    screen: impl FnOnce(Progress) -> io::Result<T> + Send + 'static,
    has_ended: impl Fn() -> bool,
) -> io::Result<Option<T>> {
    let (progress, (result, ended)) = (Progress::default(), bounded(1));
    let output = progress.clone();
    thread::Builder::new().name("octrls-screen".to_owned()).spawn(move || {
        let _ = result.send(screen(output));
    })?;
    let mut still_since: Option<(u64, Instant)> = None;
    loop {
        match ended.recv_timeout(TICK) {
            Ok(result) => return result.map(Some),
            Err(RecvTimeoutError::Disconnected) => return Err(io::Error::other("the screen ended unexpectedly")),
            Err(RecvTimeoutError::Timeout) => {}
        }
        let written = progress.0.load(Ordering::Relaxed);
        match still_since {
            _ if !has_ended() => {}
            Some((before, since)) if before == written => {
                if since.elapsed() >= OUTPUT_PATIENCE {
                    return Ok(None);
                }
            }
            _ => still_since = Some((written, Instant::now())),
        }
    }
}

/// Standard output that counts what it took.
#[derive(Clone, Default)]
pub(crate) struct Progress(Arc<AtomicU64>);

impl Write for Progress {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = stdout().write(bytes)?;
        self.0.fetch_add(1 + written as u64, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        stdout().flush()?;
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// A path as JSON has it, with `/` on every system.
pub(crate) fn display_path(path: &Path) -> String {
    octrls_tui::display_path(path)
}

/// Paths as they are printed in a sentence.
pub(crate) fn display_paths(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| display_path(path)).collect::<Vec<_>>().join(", ")
}

/// A name that is safe to print on a terminal: in quotes and escaped if it has control characters.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if text.contains(is_unsafe) {
        format!("\"{}\"", shown(&text.replace('\\', "\\\\").replace('"', "\\\""))).into()
    } else {
        text.into()
    }
}

/// Whether the name `typed` is what [`display_path`] or [`escaped`] made of `path`.
pub(crate) fn is_shown_as(path: &Path, typed: &Path) -> bool {
    let (name, typed) = (display_path(path), display_path(typed));
    name == typed || escaped(&name) == typed || shown(&name) == typed
}

/// A time in the time zone of this machine, as tables for people show it.
pub(crate) fn local_time(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
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
    error_line(format_args!("octrls: this terminal cannot show the dashboard ({error}); printing lines instead"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_the_right_number() {
        assert_eq!([0, 1, 2].map(|n| counted(n, "scan")), ["0 scans", "1 scan", "2 scans"]);
    }

    #[test]
    fn names_with_control_characters_are_quoted_and_escaped() {
        for (name, expected) in
            [("a b.png", "a b.png"), ("a\nb.png", "\"a\\nb.png\""), ("\u{202e}\"x\\", "\"\\u{202e}\\\"x\\\\\"")]
        {
            assert_eq!(escaped(name), expected);
        }
    }
}
