//! The log file: all events, and the messages of dependencies.
//!
//! Events keep their types until they are written, because plain lines and JSON objects need their fields. Messages of
//! dependencies come through `tracing` and become notices.

use std::{
    io,
    path::PathBuf,
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;
use jiff::Timestamp;

use octrls_core::ErrorCode;
use octrls_engine::{EngineHandle, Event, EventKind, EventSink, Level};
use octrls_tui::{json::JsonLines, plain::PlainLines};

use super::rotating_file::RotatingFile;

/// Least time between two notices that the log cannot be written.
const NOTICE_INTERVAL: Duration = Duration::from_mins(10);

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
    pub(crate) max_bytes: u64,
    /// Number of older files to keep: `FILE.1` (the latest), `FILE.2` and so on.
    pub(crate) keep: u32,
}

/// Writes all events and the messages of dependencies to a file.
pub(crate) struct Log {
    lines: Lines,
    engine: EngineHandle,
    dependencies: Receiver<Event>,
    /// Events that could not be written.
    lost: u64,
    last_notice: Option<Instant>,
}

enum Lines {
    Plain(PlainLines<RotatingFile>),
    Json(JsonLines<RotatingFile>),
}

impl Log {
    /// Appends to the file; failures become notices of `engine`.
    pub(crate) fn new(options: LogOptions, engine: EngineHandle, dependencies: Receiver<Event>) -> Self {
        let format = options.format;
        let file = RotatingFile::new(options.path, options.max_bytes, options.keep);
        let lines = match format {
            LogFormat::Plain => Lines::Plain(PlainLines::new(file)),
            LogFormat::Json => Lines::Json(JsonLines::new(file)),
        };
        Self { lines, engine, dependencies, lost: 0, last_notice: None }
    }

    fn write_line(&mut self, event: &Event) -> io::Result<()> {
        match &mut self.lines {
            Lines::Plain(lines) => lines.event(event),
            Lines::Json(lines) => lines.event(event),
        }
    }

    fn count_lost(&mut self, error: &io::Error) {
        self.lost += 1;
        if self.last_notice.is_none_or(|last| last.elapsed() >= NOTICE_INTERVAL) {
            self.last_notice = Some(Instant::now());
            self.engine.notice(Level::Warning, Some(ErrorCode::Log), format!("cannot write the log: {error}"));
        }
    }

    /// Writes `event`, and before it how many are missing.
    fn write(&mut self, event: &Event) {
        if self.lost > 0 {
            let text = match self.lost {
                1 => "1 event is missing here: the log could not be written".to_owned(),
                lost => format!("{lost} events are missing here: the log could not be written"),
            };
            let gap = EventKind::Notice { level: Level::Warning, code: Some(ErrorCode::Log), text };
            match self.write_line(&Event { at: Timestamp::now(), kind: gap }) {
                Ok(()) => (self.lost, self.last_notice) = (0, None),
                Err(error) => return self.count_lost(&error),
            }
        }
        if let Err(error) = self.write_line(event) {
            self.count_lost(&error);
        }
    }
}

impl EventSink for Log {
    fn event(&mut self, event: &Event) {
        self.tick();
        self.write(event);
    }

    fn tick(&mut self) {
        while let Ok(message) = self.dependencies.try_recv() {
            self.write(&message);
        }
    }
}
