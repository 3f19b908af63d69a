//! A log file with size limit and rotation.

use octrls_core::ErrorCode;
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use jiff::Timestamp;

use octrls_engine::EventSink;
use octrls_engine::{EngineHandle, Event, EventKind, Level};
use octrls_tui::{json::JsonLines, plain::PlainLines};

/// Code of the notice that the log cannot be written.
const CODE: ErrorCode = ErrorCode::Log;
/// Least time between two such notices.
const SILENCE: Duration = Duration::from_mins(10);

/// Format of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// One text line for each change.
    #[default]
    Plain,
    /// One JSON object for each event.
    Json,
}

/// Settings of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogOptions {
    pub(crate) path: PathBuf,
    pub(crate) format: LogFormat,
    /// Size limit of a file in bytes; then a new one begins.
    pub(crate) most_bytes: u64,
    /// Number of older files to keep: `FILE.1` (the latest), `FILE.2` and so on.
    pub(crate) keep: u32,
}

/// Writes all events to a file.
pub(crate) struct Log {
    lines: Lines,
    remote: EngineHandle,
    /// Events that could not be written.
    lost: u64,
    told: Option<Instant>,
}

enum Lines {
    Plain(PlainLines<Rotating>),
    Json(JsonLines<Rotating>),
}

impl Log {
    /// Appends to the file; failures become notices of `remote`.
    pub(crate) fn new(options: LogOptions, remote: EngineHandle) -> Self {
        let format = options.format;
        let file = Rotating { options, open: None, line: Vec::new() };
        let lines = match format {
            LogFormat::Plain => Lines::Plain(PlainLines::new(file)),
            LogFormat::Json => Lines::Json(JsonLines::new(file)),
        };
        Self { lines, remote, lost: 0, told: None }
    }

    fn write(&mut self, event: &Event) -> io::Result<()> {
        match &mut self.lines {
            Lines::Plain(lines) => lines.write_event(event),
            Lines::Json(lines) => lines.write_event(event),
        }
    }

    fn lose(&mut self, error: &io::Error) {
        self.lost += 1;
        if self.told.is_none_or(|told| told.elapsed() >= SILENCE) {
            self.told = Some(Instant::now());
            self.remote.notice(Level::Warning, Some(CODE), format!("cannot write the log: {error}"));
        }
    }
}

impl EventSink for Log {
    fn event(&mut self, event: &Event) {
        if self.lost > 0 {
            let text = format!("{} events are missing here: the log could not be written", self.lost);
            let gap = EventKind::Notice { level: Level::Warning, code: Some(CODE), text };
            match self.write(&Event { at: Timestamp::now(), kind: gap }) {
                Ok(()) => (self.lost, self.told) = (0, None),
                Err(error) => return self.lose(&error),
            }
        }
        if let Err(error) = self.write(event) {
            self.lose(&error);
        }
    }
}

/// A rotating file. All bytes between two flushes go into the same file.
#[derive(Debug)]
struct Rotating {
    options: LogOptions,
    open: Option<(File, u64)>,
    line: Vec<u8>,
}

impl Rotating {
    /// Opens the file, rotating if it lacks room for `more` bytes.
    fn ready(&mut self, more: u64) -> io::Result<&mut (File, u64)> {
        let path = &self.options.path;
        let mut current = match self.open.take() {
            Some(current) => current,
            None => opened(path)?,
        };
        if current.1 > 0 && current.1 + more > self.options.most_bytes {
            drop(current);
            rotate(path, self.options.keep)?;
            current = opened(path)?;
        }
        Ok(self.open.insert(current))
    }

    fn put(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        let (file, bytes) = self.ready(line.len() as u64)?;
        let written = file.write_all(&line);
        if written.is_ok() {
            *bytes += line.len() as u64;
        } else {
            // Remove a partial line: the next one would continue it.
            let _ = file.set_len(*bytes);
            self.open = None;
        }
        written
    }
}

fn opened(path: &Path) -> io::Result<(File, u64)> {
    let file = File::options().create(true).append(true).open(path)?;
    let bytes = file.metadata()?.len();
    Ok((file, bytes))
}

/// Renames each file to the next older name; the oldest is overwritten.
fn rotate(path: &Path, keep: u32) -> io::Result<()> {
    if keep == 0 {
        return fs::remove_file(path);
    }
    for age in (0..keep).rev() {
        match fs::rename(aged(path, age), aged(path, age + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The name of the log file of that age; 0 is the current file.
fn aged(path: &Path, age: u32) -> PathBuf {
    if age == 0 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{age}"));
    name.into()
}

impl Write for Rotating {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.put()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rotating(path: &Path, most_bytes: u64, keep: u32) -> Rotating {
        let options = LogOptions { path: path.to_owned(), format: LogFormat::Plain, most_bytes, keep };
        Rotating { options, open: None, line: Vec::new() }
    }

    fn write(file: &mut Rotating, line: &str) -> io::Result<()> {
        // In two writes, as formatting does.
        file.write_all(&line.as_bytes()[..2])?;
        file.write_all(&line.as_bytes()[2..])?;
        file.flush()
    }

    fn read(path: &Path, age: u32) -> Option<String> {
        fs::read_to_string(aged(path, age)).ok()
    }

    #[test]
    fn files_make_place_and_no_line_is_torn() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut file = rotating(&path, 8, 2);
        for line in ["aaa\n", "bbb\n", "ccc\n", "ddd\n", "eeeeeeeeee\n", "f f\n"] {
            write(&mut file, line).unwrap();
        }
        let kept = [0, 1, 2, 3].map(|age| read(&path, age));
        let expected = [Some("f f\n"), Some("eeeeeeeeee\n"), Some("ccc\nddd\n"), None];
        assert_eq!(kept, expected.map(|text| text.map(str::to_owned)));
    }

    #[test]
    fn a_log_is_continued_and_may_keep_nothing_old() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        fs::write(&path, "old\n").unwrap();
        let mut file = rotating(&path, 8, 0);
        write(&mut file, "new\n").unwrap();
        assert_eq!(read(&path, 0).as_deref(), Some("old\nnew\n"));
        write(&mut file, "end\n").unwrap();
        assert_eq!((read(&path, 0).as_deref(), read(&path, 1)), (Some("end\n"), None));
    }

    #[test]
    fn a_folder_that_comes_back_is_written_to_again() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("logs");
        let mut file = rotating(&folder.join("log"), 100, 1);
        assert!(write(&mut file, "lost\n").is_err());
        fs::create_dir(&folder).unwrap();
        write(&mut file, "there\n").unwrap();
        assert_eq!(read(&folder.join("log"), 0).as_deref(), Some("there\n"));
    }
}
