//! Shared by plain lines and JSON lines: names of scans, and the reaction to a closed output.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
};

use crossbeam_channel::Receiver;

use super::Controls;
use octrls_engine::{Event, EventKind, ScanChange, ScanId, Totals};

/// A screen that writes line by line.
pub(crate) trait Lines {
    /// Writes the line of `event`, if it has one.
    fn write(&mut self, event: &Event) -> io::Result<()>;
}

/// Writes events until the engine has stopped.
///
/// A closed pipe drains the engine and is not an error. Any other write error drains the engine, too, and is returned
/// in the end.
pub(crate) fn run(events: &Receiver<Event>, lines: &mut dyn Lines, controls: &dyn Controls) -> io::Result<Totals> {
    let mut failure = None;
    let mut totals = Totals::default();
    for event in events {
        if let EventKind::Stopped(last) = &event.kind {
            totals = *last;
        }
        if failure.is_none()
            && let Err(error) = lines.write(&event)
        {
            controls.drain();
            failure = Some(error);
        }
        if matches!(event.kind, EventKind::Stopped(_)) {
            break;
        }
    }
    match failure {
        Some(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(totals),
    }
}

/// Paths of the scans that may still have events.
#[derive(Debug, Default)]
pub(crate) struct Names(HashMap<ScanId, String>);

impl Names {
    /// The path of scan `id` as printed, with `/` between folders, and whether the change is new: false for a repeated
    /// `Seen`.
    pub(crate) fn learn(&mut self, id: ScanId, change: &ScanChange) -> (String, bool) {
        if let ScanChange::Seen { path, .. } = change {
            let name = printed(path);
            let first = self.0.insert(id, name.clone()).is_none();
            return (name, first);
        }
        let settled = matches!(change, ScanChange::Done(_) | ScanChange::AlreadyDone | ScanChange::Vanished);
        let name = if settled { self.0.remove(&id) } else { self.0.get(&id).cloned() };
        (name.unwrap_or_else(|| format!("#{}", id.0)), true)
    }
}

/// The watched folders, separated by commas.
pub(crate) fn folders(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| printed(path)).collect::<Vec<_>>().join(", ")
}

/// A path with `/` between folders on every system.
pub fn printed(path: &Path) -> String {
    let text = path.to_string_lossy();
    if cfg!(windows) { text.replace('\\', "/") } else { text.into_owned() }
}
