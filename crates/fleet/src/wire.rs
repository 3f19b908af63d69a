//! Messages in the queue and their subjects.

use octrls_core::ErrorCode;
use std::{
    io::{self, Read},
    path::PathBuf,
    sync::Arc,
};

use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use serde::{Deserialize, Serialize};

use super::QueueName;
use octrls_core::{scan::BScan, serde_path};
use octrls_engine::{ScanChange, ScanSummary, SegmenterOptions, validate};

/// Most components of a path below the shared folder.
pub(super) const DEEPEST: usize = 128;
/// Version of the messages. It is part of the subjects, so that versions never mix.
const VERSION: u32 = 1;
/// Leading hexadecimal digits of a model's hash in a subject.
const MODEL_DIGITS: usize = 16;
/// Longest signal, uncompressed, in bytes.
const LONGEST_SIGNAL: u64 = 64 << 20;
/// Longest job or outcome, in bytes.
const LONGEST_MESSAGE: usize = 1 << 20;

/// Names of a queue's streams, stores and subjects.
#[derive(Clone, Debug)]
pub(super) struct Names(String);

/// Identifies a job: its watcher and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// The watcher's name: [`Address::WATCHER_DIGITS`] hexadecimal digits.
    pub(super) watcher: String,
    /// SHA-256 of all inputs of the result, in hexadecimal.
    pub(super) key: String,
}

/// A scan to process.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Job {
    /// The watcher's program version.
    pub(super) octrls: String,
    /// Name of the scan in results.
    #[serde(with = "serde_path")]
    pub(super) name: PathBuf,
    /// Total size of all its files.
    pub(super) bytes: u64,
    /// SHA-256 of its content.
    pub(super) content: String,
    /// Identifies model and settings; the worker's must be equal.
    pub(super) fingerprint: String,
    pub(super) options: SegmenterOptions,
    /// Time limit in seconds.
    pub(super) seconds: Option<f64>,
    pub(super) source: Source,
    /// File names of the instances of a DICOM series, all in one folder.
    #[serde(default, with = "serde_path::list")]
    pub(super) instances: Vec<PathBuf>,
}

/// Where the worker finds the scan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Source {
    /// An archive in the object store; its first file is the scan.
    Object(String),
    /// A path below the shared folder.
    Shared(#[serde(with = "serde_path")] PathBuf),
}

/// The outcome of a job.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// Name of the worker.
    pub(super) worker: String,
    pub(super) ending: Ending,
}

/// How a job ended.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Ending {
    /// The results are an archive in the object store.
    Done { summary: Box<ScanSummary>, object: String },
    /// The job has no results.
    Failed { code: ErrorCode, reason: String, transient: bool },
}

/// A worker's message about a running job.
#[derive(Debug)]
pub(super) enum Signal {
    /// Heartbeat.
    Alive,
    /// A change of the scan, for the watcher's screens.
    Change(ScanChange),
}

/// An encoded signal. Pixels of a B-scan have 8 bits, which is enough for display.
#[derive(Serialize, Deserialize)]
enum Packed {
    Alive,
    Change(ScanChange, Vec<u8>),
}

impl Names {
    pub(super) fn of(queue: &QueueName) -> Self {
        Self(queue.to_string())
    }

    pub(super) fn job_stream(&self) -> String {
        format!("{}-jobs", self.0)
    }

    pub(super) fn outcome_stream(&self) -> String {
        format!("{}-outcomes", self.0)
    }

    pub(super) fn scan_store(&self) -> String {
        format!("{}-scans", self.0)
    }

    pub(super) fn result_store(&self) -> String {
        format!("{}-results", self.0)
    }

    /// The consumer that all workers with this model share.
    pub(super) fn consumer(model: &str) -> String {
        format!("v{VERSION}-{}", digits(model))
    }

    pub(super) fn all_jobs(&self) -> String {
        format!("{}.jobs.>", self.0)
    }

    pub(super) fn all_outcomes(&self) -> String {
        format!("{}.outcomes.>", self.0)
    }

    pub(super) fn jobs_of(&self, model: &str) -> String {
        format!("{}.jobs.{VERSION}.{}.>", self.0, digits(model))
    }

    /// Subjects of one watcher's jobs for workers with `model`.
    pub(super) fn jobs_for(&self, model: &str, watcher: &str) -> String {
        format!("{}.jobs.{VERSION}.{}.{watcher}.*", self.0, digits(model))
    }

    pub(super) fn job(&self, model: &str, Address { watcher, key }: &Address) -> String {
        format!("{}.jobs.{VERSION}.{}.{watcher}.{key}", self.0, digits(model))
    }

    pub(super) fn outcome(&self, Address { watcher, key }: &Address) -> String {
        format!("{}.outcomes.{watcher}.{key}", self.0)
    }

    pub(super) fn signal(&self, Address { watcher, key }: &Address) -> String {
        format!("{}.signals.{watcher}.{key}", self.0)
    }

    /// Subjects of all outcomes and signals for a watcher.
    pub(super) fn mail_for(&self, watcher: &str) -> [String; 2] {
        [format!("{}.outcomes.{watcher}.*", self.0), format!("{}.signals.{watcher}.*", self.0)]
    }
}

fn digits(model: &str) -> &str {
    model.get(..MODEL_DIGITS).unwrap_or(model)
}

impl Address {
    pub(super) const WATCHER_DIGITS: usize = 16;
    const KEY_DIGITS: usize = 64;

    /// Parses the address at the end of a subject.
    pub(super) fn of_subject(subject: &str) -> Option<Self> {
        let mut last = subject.rsplit('.');
        let (key, watcher) = (last.next()?, last.next()?);
        let hexadecimal = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let ours = key.len() == Self::KEY_DIGITS && watcher.len() == Self::WATCHER_DIGITS;
        (ours && hexadecimal(key) && hexadecimal(watcher))
            .then(|| Self { watcher: watcher.to_owned(), key: key.to_owned() })
    }
}

/// Encodes a job or an outcome as JSON, which is readable with the queue's own tools.
pub(super) fn to_json(message: &impl Serialize) -> io::Result<Vec<u8>> {
    serde_json::to_vec(message).map_err(io::Error::other)
}

/// The first `most` characters of untrusted text, without control characters.
pub(super) fn printable(text: &str, most: usize) -> String {
    text.chars().take(most).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Decodes a job or an outcome.
pub(super) fn of_json<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    if bytes.len() > LONGEST_MESSAGE {
        return Err(format!("{} bytes, the limit is {LONGEST_MESSAGE}", bytes.len()));
    }
    serde_json::from_slice(bytes).map_err(|e| e.to_string())
}

impl Signal {
    /// Encodes the signal.
    pub(super) fn packed(self) -> io::Result<Vec<u8>> {
        let packed = match self {
            Self::Alive => Packed::Alive,
            Self::Change(ScanChange::BScan(segmented)) => {
                let pixels = segmented.bscan.intensity.iter().map(|v| (255.0 * v).round() as u8).collect();
                let mut bare = Arc::unwrap_or_clone(segmented);
                bare.bscan.intensity = Vec::new();
                Packed::Change(ScanChange::BScan(Arc::new(bare)), pixels)
            }
            Self::Change(change) => Packed::Change(change, Vec::new()),
        };
        postcard::to_io(&packed, ZlibEncoder::new(Vec::new(), Compression::fast())).map_err(io::Error::other)?.finish()
    }

    /// Decodes a signal; `None` if it is invalid.
    pub(super) fn unpacked(bytes: &[u8]) -> Option<Self> {
        let mut content = Vec::new();
        ZlibDecoder::new(bytes).take(LONGEST_SIGNAL).read_to_end(&mut content).ok()?;
        let change = match postcard::from_bytes(&content).ok()? {
            Packed::Alive => return Some(Self::Alive),
            Packed::Change(ScanChange::BScan(mut segmented), pixels) => {
                let BScan { width, height, .. } = segmented.bscan;
                if width.checked_mul(height) != Some(pixels.len()) {
                    return None;
                }
                Arc::make_mut(&mut segmented).bscan.intensity =
                    pixels.into_iter().map(|v| f32::from(v) / 255.0).collect();
                ScanChange::BScan(segmented)
            }
            Packed::Change(change @ ScanChange::Opened(_), _) => change,
            // All other changes are the watcher's to decide.
            Packed::Change(..) => return None,
        };
        validate::change(&change).then_some(Self::Change(change))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use octrls_core::{layer::EzConvention, measure::reference::ReferenceTable};
    use octrls_readers::ReadOptions;

    #[test]
    fn a_subject_says_whose_job_it_is() {
        let names = Names::of(&"octrls".parse().unwrap());
        let address = Address { watcher: "0123456789abcdef".into(), key: "a".repeat(64) };
        let model = "f".repeat(64);
        assert_eq!(Address::of_subject(&names.job(&model, &address)), Some(address.clone()));
        for wrong in ["", "a", "x.y", &names.signal(&Address { key: "A".repeat(64), ..address.clone() })] {
            assert_eq!(Address::of_subject(wrong), None);
        }
        assert!(names.job(&model, &address).starts_with(names.jobs_of(&model).trim_end_matches('>')));
    }

    #[test]
    fn settings_travel_unchanged() {
        let options = SegmenterOptions {
            read: ReadOptions { axial_um: Some(3.87), ..ReadOptions::default() },
            ez: EzConvention::BandAlone,
            reference: Some(Arc::new(ReferenceTable::shipped().unwrap())),
            ..SegmenterOptions::default()
        };
        let there: SegmenterOptions = of_json(&to_json(&options).unwrap()).unwrap();
        assert_eq!(format!("{options:?}"), format!("{there:?}"));
    }

    #[test]
    fn a_signal_that_makes_no_sense_is_dropped() {
        assert!(matches!(Signal::unpacked(&Signal::Alive.packed().unwrap()), Some(Signal::Alive)));
        let vanished = Signal::Change(ScanChange::Vanished).packed().unwrap();
        assert!(Signal::unpacked(&vanished).is_none(), "that is not for a worker to say");
        assert!(Signal::unpacked(b"").is_none());
        assert!(Signal::unpacked(&[0x78; 100]).is_none());
    }
}
