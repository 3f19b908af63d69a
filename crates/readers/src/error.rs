//! Errors of reading a scan.

use std::path::PathBuf;

use octrls_core::ErrorCode;

/// Error of reading a scan. Each kind has a stable [`code`](ReadError::code).
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be opened or read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Error from the operating system.
        source: std::io::Error,
    },
    /// The content is in no format that this build reads.
    #[error(
        "not a scan of a known format (DICOM, PNG, TIFF, JPEG, BMP, Heidelberg .E2E, .vol or XML export, Topcon .fda or .fds, Zeiss .img, Bioptigen .OCT)"
    )]
    UnknownFormat,
    /// The file is empty.
    #[error("the file is empty")]
    Empty,
    /// The file ends before its declared content.
    #[error("the file is cut short: {0}")]
    Truncated(String),
    /// The content contradicts its format.
    #[error("the file is broken: {0}")]
    Malformed(String),
    /// The format is known, but not this variant of it.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// A picture of several panels, in which no single one is clearly the B-scan.
    #[error("a picture of several panels, not a B-scan: {0}; export or crop the B-scan alone")]
    Composite(String),
    /// A raw export without a header, whose name does not state its size.
    #[error(
        "a raw file of {bytes} bytes whose name does not state its scan; if it is from a Zeiss Cirrus, {}",
        sizes_in_words(.sizes)
    )]
    Nameless {
        /// Size of the file.
        bytes: u64,
        /// A-scans and B-scans that would fit it.
        sizes: Vec<(u64, u64)>,
    },
    /// The frame exceeds the size limits.
    #[error("a frame of {width} x {height} pixels exceeds the size limit")]
    TooLarge {
        /// Declared A-scans.
        width: u64,
        /// Declared samples.
        height: u64,
    },
    /// Decoding would take more memory than one scan may.
    #[error(
        "decoding takes {} MiB of memory; one scan may take {} MiB, a quarter of the memory",
        bytes.div_ceil(1 << 20),
        limit >> 20
    )]
    TooMuchMemory {
        /// Memory needed.
        bytes: u64,
        /// Memory that one scan may take.
        limit: u64,
    },
    /// The sidecar file beside the scan is broken.
    #[error("invalid sidecar {path}: {reason}", path = path.display())]
    Sidecar {
        /// The sidecar.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Images that an export lists, or parts of a DICOM concatenation, are missing, perhaps only for now.
    #[error("only {present} of {listed} images or parts are present")]
    Incomplete {
        /// Images or parts present.
        present: usize,
        /// Images or parts listed.
        listed: usize,
    },
    /// The instances of a DICOM series contradict each other or lack the data to order them.
    #[error("cannot assemble the DICOM series: {0}")]
    Series(String),
    /// The file has no such series.
    #[error("series {number} does not exist; the file has {count}")]
    NoSuchSeries {
        /// Requested number, 1 for the first.
        number: u32,
        /// Series in the file.
        count: usize,
    },
    /// The operator stated an implausible spacing or centre.
    #[error("implausible value: {0}")]
    Hint(String),
    /// The scan has no such B-scan.
    #[error("B-scan {index} does not exist; the scan has {count}")]
    NoSuchBScan {
        /// Requested index, 0-based.
        index: usize,
        /// B-scans in the scan.
        count: usize,
    },
}

impl ReadError {
    /// Code that stays the same across versions, for scripts and quarantine notes.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Io { .. } => ErrorCode::ReadIo,
            Self::UnknownFormat => ErrorCode::ReadFormat,
            Self::Empty => ErrorCode::ReadEmpty,
            Self::Truncated(_) => ErrorCode::ReadTruncated,
            Self::Malformed(_) => ErrorCode::ReadMalformed,
            Self::Unsupported(_) => ErrorCode::ReadUnsupported,
            Self::Composite(_) => ErrorCode::ReadComposite,
            Self::Nameless { .. } => ErrorCode::ReadName,
            Self::TooLarge { .. } | Self::TooMuchMemory { .. } => ErrorCode::ReadTooLarge,
            Self::Sidecar { .. } => ErrorCode::ReadSidecar,
            Self::Incomplete { .. } => ErrorCode::ReadIncomplete,
            Self::Series(_) => ErrorCode::ReadSeries,
            Self::NoSuchSeries { .. } => ErrorCode::ReadNoSeries,
            Self::Hint(_) => ErrorCode::ReadHint,
            Self::NoSuchBScan { .. } => ErrorCode::ReadNoBscan,
        }
    }

    /// Whether a retry may succeed: the file system was at fault, or more files may still arrive.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::Incomplete { .. })
    }
}

fn sizes_in_words(sizes: &[(u64, u64)]) -> String {
    let sizes: Vec<String> = sizes.iter().map(|(ascans, bscans)| format!("{ascans}x{bscans}")).collect();
    match sizes.as_slice() {
        [] => "it has none of its usual sizes; state its A-scans and B-scans, as in --as cirrus:512x128".to_owned(),
        [one] => format!("it may be {one}; give it its name back, or say so with --as cirrus:{one}"),
        several => format!(
            "it may be {}; give it its name back, or say which, as in --as cirrus:{}",
            several.join(" or "),
            several[0]
        ),
    }
}
