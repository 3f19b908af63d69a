//! Why a scan could not be read.

use std::path::PathBuf;

/// Why a scan could not be read. Each kind has a stable [`code`](ReadError::code).
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be opened or read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The content is of no format that this build reads.
    #[error(
        "not a scan of a known format (DICOM, PNG, TIFF, JPEG, BMP, Heidelberg .E2E, .vol or XML export, Topcon .fda or .fds, Zeiss .img, Bioptigen .OCT)"
    )]
    UnknownFormat,
    /// The file holds nothing.
    #[error("the file is empty")]
    Empty,
    /// The file ends before its declared content does.
    #[error("the file is cut short: {0}")]
    Truncated(String),
    /// The content contradicts its format.
    #[error("the file is broken: {0}")]
    Malformed(String),
    /// The format is known, this variant of it is not supported.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// A frame larger than the limits.
    #[error("a frame of {width} x {height} pixels is larger than a scan can be")]
    TooLarge {
        /// Declared A-scans.
        width: u64,
        /// Declared samples.
        height: u64,
    },
    /// The sidecar file beside the scan is broken.
    #[error("the sidecar {path} is broken: {reason}", path = path.display())]
    Sidecar {
        /// The sidecar.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Images that an export folder lists are not there, or not yet.
    #[error("{there} of {listed} images of the export are there")]
    Incomplete {
        /// Images that are there.
        there: usize,
        /// Images that are listed.
        listed: usize,
    },
    /// The instances of a DICOM series contradict each other, or do not say enough to be put together.
    #[error("the DICOM series cannot be put together: {0}")]
    Series(String),
    /// A series that the file does not hold was asked for.
    #[error("series {number} was asked for, the file holds {count}")]
    NoSuchSeries {
        /// Number asked for, 1 for the first.
        number: u32,
        /// Series in the file.
        count: usize,
    },
    /// A spacing stated by the operator is none that a scanner can have.
    #[error("the stated spacing is wrong: {0}")]
    Hint(String),
    /// A B-scan that the scan does not have was asked for.
    #[error("B-scan {index} was asked for, the scan has {count}")]
    NoSuchBScan {
        /// 0-based index asked for.
        index: usize,
        /// B-scans in the scan.
        count: usize,
    },
}

impl ReadError {
    /// A code that stays the same across versions, for scripts and quarantine notes.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "E-READ-IO",
            Self::UnknownFormat => "E-READ-FORMAT",
            Self::Empty => "E-READ-EMPTY",
            Self::Truncated(_) => "E-READ-TRUNCATED",
            Self::Malformed(_) => "E-READ-MALFORMED",
            Self::Unsupported(_) => "E-READ-UNSUPPORTED",
            Self::TooLarge { .. } => "E-READ-TOO-LARGE",
            Self::Sidecar { .. } => "E-READ-SIDECAR",
            Self::Incomplete { .. } => "E-READ-INCOMPLETE",
            Self::Series(_) => "E-READ-SERIES",
            Self::NoSuchSeries { .. } => "E-READ-NO-SERIES",
            Self::Hint(_) => "E-READ-HINT",
            Self::NoSuchBScan { .. } => "E-READ-NO-BSCAN",
        }
    }

    /// Whether another try may succeed: where the file system, not the file, was at fault, or more is still to come.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::Incomplete { .. })
    }
}
