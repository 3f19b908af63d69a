//! Headings of `--help` that several groups of options share. They are also the sections of a settings file.

pub(crate) const FOLDERS: &str = "Folders and results";
pub(crate) const SCANS: &str = "Scans";
pub(crate) const SCREEN: &str = "Screen";
pub(crate) const SERVICE: &str = "Service";
pub(crate) const RETENTION: &str = "Retention and limits";
pub(crate) const RESULTS: &str = "Results";
pub(crate) const FOLLOW_UP: &str = "Follow-up";
pub(crate) const DICOM_NETWORK: &str = "DICOM network";
pub(crate) const QUEUE: &str = "Queue";
pub(crate) const WORKER: &str = "Worker";
pub(crate) const LIMITS: &str = "Limits";
pub(crate) const MODEL: &str = "Model";
