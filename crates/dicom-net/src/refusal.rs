//! Reasons to refuse an instance, each with its DIMSE status.

use std::io;

/// Why an instance is not stored.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// Its SOP class is not that of the presentation context.
    #[error("SOP class differs from the presentation context")]
    ClassMismatch,
    /// Its SOP instance UID is invalid.
    #[error("invalid SOP instance UID")]
    InvalidUid,
    /// The request is neither C-STORE nor C-ECHO.
    #[error("operation not supported")]
    UnsupportedOperation,
    /// Its file cannot be written.
    // Only the kind: the full text may contain a path, and folder names may identify a patient.
    #[error("cannot store the instance: {kind}", kind = .0.kind())]
    Storage(io::Error),
    /// Its data set exceeds the size limit.
    #[error("data set exceeds the size limit")]
    TooLarge,
    /// Its data set has another class or UID than the command.
    #[error("data set does not match the command")]
    DataSetMismatch,
    /// Its data set is missing or invalid.
    #[error("cannot read the data set")]
    Unreadable,
}

impl Refusal {
    /// The status of the response (PS3.4, table B.2-1; PS3.7, annex C).
    pub(super) const fn status(&self) -> u16 {
        match self {
            Self::ClassMismatch => 0x0122,
            Self::InvalidUid => 0x0117,
            Self::UnsupportedOperation => 0x0211,
            Self::Storage(_) | Self::TooLarge => 0xa700,
            Self::DataSetMismatch => 0xa900,
            Self::Unreadable => 0xc000,
        }
    }
}
