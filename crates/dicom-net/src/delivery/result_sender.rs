//! Sends the DICOM files of a result folder, each once.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
};

use octrls_engine::QUARANTINE_FOLDER;
use octrls_report::RESULT_FILE;
use walkdir::WalkDir;

use super::record::DeliveryRecord;
use crate::{Destination, NodeError, SendOptions, SendOutcome, send, store_by_web};

/// Sends result folders to one node or service and records what it received.
#[derive(Clone, Debug)]
pub struct ResultSender {
    /// Where to send.
    pub target: Destination,
    /// Our title, retries and time limits.
    pub options: SendOptions,
}

impl ResultSender {
    /// Sends the undelivered DICOM files of `folder` and records those that the target accepts.
    ///
    /// # Errors
    /// [`NodeError`] if no association could be made, or the delivery cannot be recorded.
    pub fn deliver(&self, folder: &Path) -> Result<Vec<SendOutcome>, NodeError> {
        let todo = self.undelivered(folder);
        if todo.is_empty() {
            return Ok(Vec::new());
        }
        let files: Vec<PathBuf> = todo.iter().map(|(path, _)| path.clone()).collect();
        let outcomes = match &self.target {
            Destination::Node(target) => send(target, &files, &self.options)?,
            Destination::Web(address) => store_by_web(address, &files, &self.options)?,
        };
        let sent = todo.into_iter().zip(&outcomes).filter(|(_, outcome)| outcome.result.is_ok());
        let sent: Vec<String> = sent.map(|((_, instance), _)| instance).collect();
        if !sent.is_empty() {
            let mut record = DeliveryRecord::read(folder);
            record.add(&self.target, sent);
            record.write(folder).map_err(|e| NodeError::File(format!("cannot record the delivery: {e}")))?;
        }
        Ok(outcomes)
    }

    /// Whether all DICOM files of `folder` are delivered to the target.
    #[must_use]
    pub fn is_complete(&self, folder: &Path) -> bool {
        self.undelivered(folder).is_empty()
    }

    /// DICOM files of `folder` not yet delivered to the target, each with its SOP instance UID.
    fn undelivered(&self, folder: &Path) -> Vec<(PathBuf, String)> {
        DeliveryRecord::read(folder).undelivered(folder, &self.target)
    }

    /// Result folders below `out` with undelivered files.
    pub(super) fn backlog(&self, out: &Path) -> VecDeque<PathBuf> {
        let is_internal = |name: &str| name.starts_with('.') || name == QUARANTINE_FOLDER;
        WalkDir::new(out)
            .min_depth(1)
            .sort_by_file_name()
            .into_iter()
            .filter_entry(|entry| entry.file_type().is_dir() && !is_internal(&entry.file_name().to_string_lossy()))
            .filter_map(|entry| Some(entry.ok()?.into_path()))
            .filter(|folder| folder.join(RESULT_FILE).is_file() && !self.undelivered(folder).is_empty())
            .collect()
    }
}
