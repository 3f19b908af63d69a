//! The names of scans, which only their first event has.

use std::collections::HashMap;

use octrls_engine::{ScanChange, ScanId};

use crate::display_path::display_path;

/// Paths of the scans that may still have events.
#[derive(Debug, Default)]
pub(super) struct ScanNames(HashMap<ScanId, String>);

impl ScanNames {
    /// The path of scan `id` as printed, with `/` between folders, and whether the change is new: false for a repeated
    /// `Seen`.
    pub(super) fn update(&mut self, id: ScanId, change: &ScanChange) -> (String, bool) {
        if let ScanChange::Seen { path, .. } = change {
            let name = display_path(path);
            let first = self.0.insert(id, name.clone()).is_none();
            return (name, first);
        }
        let finished = matches!(change, ScanChange::Done(_) | ScanChange::AlreadyDone | ScanChange::Vanished);
        let name = if finished { self.0.remove(&id) } else { self.0.get(&id).cloned() };
        (name.unwrap_or_else(|| format!("#{}", id.0)), true)
    }
}
