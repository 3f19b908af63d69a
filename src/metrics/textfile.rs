//! The metrics as a file, for the textfile collector of Prometheus's node exporter.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use octrls_core::ErrorCode;
use octrls_engine::{EngineHandle, Event, EventKind, EventSink, Level};
use octrls_fs::durable::unfinished_file;

use super::Metrics;

/// Time between two updates of the file.
const PERIOD: Duration = Duration::from_secs(15);
/// Least time between two notices that the file cannot be written.
const NOTICE_INTERVAL: Duration = Duration::from_mins(10);

/// Writes the metrics to a file at intervals. Each update replaces the file atomically.
pub(crate) struct TextFile {
    path: PathBuf,
    metrics: Metrics,
    engine: EngineHandle,
    written: Option<Instant>,
    last_notice: Option<Instant>,
}

impl TextFile {
    /// Writes `metrics` to `path`; failures become notices of `engine`.
    pub(crate) fn new(path: PathBuf, metrics: Metrics, engine: EngineHandle) -> Self {
        Self { path, metrics, engine, written: None, last_notice: None }
    }

    fn write(&mut self) {
        self.written = Some(Instant::now());
        let text = self.metrics.text().map_err(io::Error::other);
        if let Err(error) = text.and_then(|text| replace(&self.path, &text))
            && self.last_notice.is_none_or(|last_notice| last_notice.elapsed() >= NOTICE_INTERVAL)
        {
            self.last_notice = Some(Instant::now());
            let text = format!("cannot write the metrics file: {error}");
            self.engine.notice(Level::Warning, Some(ErrorCode::Metrics), text);
        }
    }
}

impl EventSink for TextFile {
    fn event(&mut self, event: &Event) {
        if matches!(event.kind, EventKind::Stopped(_)) {
            self.write();
        }
    }

    fn tick(&mut self) {
        if self.written.is_none_or(|at| at.elapsed() >= PERIOD) {
            self.write();
        }
    }
}

/// Replaces the file without a sync: metrics from before a power cut are useless.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = unfinished_file(folder, ".octrls-")?;
    file.write_all(text)?;
    file.persist(path)?;
    Ok(())
}
