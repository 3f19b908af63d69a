//! The figures as a file, for the textfile collector of Prometheus's node exporter.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::Figures;
use octrls_engine::EventSink;
use octrls_engine::{Event, EventKind, Level, Remote};
use octrls_fs::durable::unfinished_file;

/// Time between two writings.
const PERIOD: Duration = Duration::from_secs(15);
/// Time between two notices that it cannot be written.
const SILENCE: Duration = Duration::from_mins(10);

/// Writes the figures again and again; a reader sees the old ones or the new ones.
pub(crate) struct TextFile {
    path: PathBuf,
    figures: Figures,
    remote: Remote,
    written: Option<Instant>,
    told: Option<Instant>,
}

impl TextFile {
    /// Writes `figures` to `path`; `remote` is told when that fails.
    pub(crate) fn new(path: PathBuf, figures: Figures, remote: Remote) -> Self {
        Self { path, figures, remote, written: None, told: None }
    }

    fn write(&mut self) {
        self.written = Some(Instant::now());
        let text = self.figures.text().map_err(io::Error::other);
        if let Err(error) = text.and_then(|text| replace(&self.path, &text))
            && self.told.is_none_or(|told| told.elapsed() >= SILENCE)
        {
            self.told = Some(Instant::now());
            let text = format!("the file of figures cannot be written: {error}");
            self.remote.notice(Level::Warning, Some("E-METRICS"), text);
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

/// Not synced: figures from before a power cut are worth nothing.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = unfinished_file(folder, ".octrls-")?;
    file.write_all(text)?;
    file.persist(path)?;
    Ok(())
}
