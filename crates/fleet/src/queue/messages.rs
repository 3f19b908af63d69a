//! Messages in the queue: jobs, outcomes and signals.

use std::{
    io::{self, Read},
    path::PathBuf,
    sync::Arc,
};

use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use octrls_core::{ErrorCode, scan::BScan, serde_path};
use octrls_engine::{ScanChange, ScanSummary, SegmenterOptions, validate};
use octrls_report::EarlierResult;
use serde::{Deserialize, Serialize};

/// Most components of a path below the shared folder.
pub(crate) const MAX_PATH_DEPTH: usize = 128;
/// Longest signal, uncompressed, in bytes.
const MAX_SIGNAL: u64 = 64 << 20;
/// Longest job or outcome, in bytes.
const MAX_MESSAGE: usize = 1 << 20;

/// A scan to process.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    /// The watcher's program version.
    pub(crate) octrls: String,
    /// Name of the scan in results.
    #[serde(with = "serde_path")]
    pub(crate) name: PathBuf,
    /// Total size of all its files.
    pub(crate) bytes: u64,
    /// SHA-256 of its content.
    pub(crate) content: String,
    /// Identifies model and settings; the worker's must be equal.
    pub(crate) fingerprint: String,
    pub(crate) options: SegmenterOptions,
    /// Time limit in seconds.
    pub(crate) seconds: Option<f64>,
    pub(crate) source: ScanSource,
    /// File names of the instances of a DICOM series, all in one folder.
    #[serde(default, with = "serde_path::list")]
    pub(crate) instances: Vec<PathBuf>,
    /// The result that the new one replaces.
    #[serde(default)]
    pub(crate) earlier: EarlierResult,
}

/// Where the worker finds the scan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum ScanSource {
    /// An archive in the object store; its first file is the scan.
    Object(String),
    /// A path below the shared folder.
    Shared(#[serde(with = "serde_path")] PathBuf),
}

/// The outcome of a job.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Name of the worker.
    pub(crate) worker: String,
    pub(crate) ending: JobEnding,
}

/// How a job ended.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum JobEnding {
    /// The results are an archive in the object store.
    Done { summary: Box<ScanSummary>, object: String },
    /// The job has no results.
    Failed { code: ErrorCode, reason: String, transient: bool },
}

/// A worker's message about a running job.
#[derive(Debug)]
pub(crate) enum Signal {
    /// Heartbeat.
    Alive,
    /// A change of the scan, for the watcher's screens.
    Change(ScanChange),
}

/// An encoded signal. Pixels of a B-scan have 8 bits, which is enough for display.
#[derive(Serialize, Deserialize)]
enum EncodedSignal {
    Alive,
    Change(ScanChange, Vec<u8>),
}

/// Encodes a job or an outcome as JSON, which is readable with the queue's own tools.
pub(crate) fn encode_json(message: &impl Serialize) -> io::Result<Vec<u8>> {
    serde_json::to_vec(message).map_err(io::Error::other)
}

/// The first `most` characters of untrusted text, without control characters.
pub(crate) fn printable(text: &str, most: usize) -> String {
    text.chars().take(most).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Decodes a job or an outcome.
pub(crate) fn decode_json<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    if bytes.len() > MAX_MESSAGE {
        return Err(format!("{} bytes, the limit is {MAX_MESSAGE}", bytes.len()));
    }
    serde_json::from_slice(bytes).map_err(|e| e.to_string())
}

impl Signal {
    /// Encodes the signal.
    pub(crate) fn encode(self) -> io::Result<Vec<u8>> {
        let encoded = match self {
            Self::Alive => EncodedSignal::Alive,
            Self::Change(ScanChange::BScan(segmented)) => {
                let pixels = segmented.bscan.intensity.iter().map(|v| (255.0 * v).round() as u8).collect();
                let mut bare = Arc::unwrap_or_clone(segmented);
                bare.bscan.intensity = Vec::new();
                EncodedSignal::Change(ScanChange::BScan(Arc::new(bare)), pixels)
            }
            Self::Change(change) => EncodedSignal::Change(change, Vec::new()),
        };
        postcard::to_io(&encoded, ZlibEncoder::new(Vec::new(), Compression::fast())).map_err(io::Error::other)?.finish()
    }

    /// Decodes a signal; `None` if it is invalid.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut content = Vec::new();
        ZlibDecoder::new(bytes).take(MAX_SIGNAL).read_to_end(&mut content).ok()?;
        let change = match postcard::from_bytes(&content).ok()? {
            EncodedSignal::Alive => return Some(Self::Alive),
            EncodedSignal::Change(ScanChange::BScan(mut segmented), pixels) => {
                let BScan { width, height, .. } = segmented.bscan;
                if width.checked_mul(height) != Some(pixels.len()) {
                    return None;
                }
                Arc::make_mut(&mut segmented).bscan.intensity =
                    pixels.into_iter().map(|v| f32::from(v) / 255.0).collect();
                ScanChange::BScan(segmented)
            }
            EncodedSignal::Change(change @ ScanChange::Opened(_), _) => change,
            // All other changes are the watcher's to decide.
            EncodedSignal::Change(..) => return None,
        };
        validate::change(&change).then_some(Self::Change(change))
    }
}

#[cfg(test)]
mod tests {
    use octrls_core::{layer::EzConvention, measure::reference::ReferenceTable};
    use octrls_readers::ReadOptions;

    use super::*;

    #[test]
    fn settings_survive_encoding() {
        let options = SegmenterOptions {
            read: ReadOptions { axial_um: Some(3.87), ..ReadOptions::default() },
            ez: EzConvention::BandAlone,
            reference: Some(Arc::new(ReferenceTable::shipped().unwrap())),
            ..SegmenterOptions::default()
        };
        let decoded: SegmenterOptions = decode_json(&encode_json(&options).unwrap()).unwrap();
        assert_eq!(format!("{options:?}"), format!("{decoded:?}"));
    }

    #[test]
    fn invalid_signals_are_dropped() {
        assert!(matches!(Signal::decode(&Signal::Alive.encode().unwrap()), Some(Signal::Alive)));
        let vanished = Signal::Change(ScanChange::Vanished).encode().unwrap();
        assert!(Signal::decode(&vanished).is_none(), "that is not for a worker to say");
        assert!(Signal::decode(b"").is_none());
        assert!(Signal::decode(&[0x78; 100]).is_none());
    }
}
