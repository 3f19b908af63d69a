//! The processor that segments scans: reads, runs the network, extracts surfaces, measures and writes results.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use serde::{Deserialize, Serialize};

use octrls_core::{
    layer::EzConvention,
    measure::{Gates, follow_up::Protocol, reference::ReferenceTable},
    network::{ModelError, Network},
    scan::{Pattern, ScanHeader, Subject},
    segment::segment,
};
use octrls_fs::digest::{sha256, sha256_of_file};
use octrls_readers as scan;
use octrls_readers::{OpenedScan, ReadError, ReadOptions, ScanFiles, ScanReader};
use octrls_report::{
    DeviceFindings, DicomResults, ModelRecord, OutputError, Pictures, RESULT_SCHEMA, ResultWriter, ScanContext,
    ScanRecord, SeriesFolder, Staging,
};

use super::{
    EyeScan, History, ProcessError, Processor, ScanChange, ScanSummary, history::ScanVisit, ordered_parallel::in_order,
};
use octrls_report::EyeVisits;

/// The operator's settings for reading, measuring and results.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SegmenterOptions {
    /// Values that scan files may not state.
    pub read: ReadOptions,
    /// Where the ellipsoid zone ends.
    pub ez: EzConvention,
    /// Which DICOM objects to write for a DICOM scan.
    pub dicom: DicomResults,
    /// Limits beyond which a scan is flagged.
    pub gates: Gates,
    /// Normative data for the thickness of volumes.
    pub reference: Option<Arc<ReferenceTable>>,
}

/// Segments every B-scan of a scan and writes its results.
pub struct Segmenter {
    network: Network,
    options: SegmenterOptions,
    staging: Staging,
    history: Option<Arc<History>>,
}

impl Segmenter {
    /// A segmenter that writes below the results folder `out`.
    #[must_use]
    pub fn new(network: Network, options: SegmenterOptions, out: &Path) -> Self {
        Self { network, options, staging: Staging::of(out), history: None }
    }

    /// Compares each scan with earlier scans of its eye in `history`, then adds it.
    #[must_use]
    pub fn with_history(mut self, history: Option<Arc<History>>) -> Self {
        self.history = history;
        self
    }

    /// The follow-up key of the scan; `None` if the file does not state patient, eye or scan pattern.
    fn eye_scan<'a>(
        &self,
        subject: Option<&'a Subject>,
        header: &ScanHeader,
        identity: &str,
        series: Option<u32>,
    ) -> Option<EyeScan<'a>> {
        let series = series.map_or(String::new(), |n| n.to_string());
        Some(EyeScan {
            subject: subject.filter(|_| header.pattern != Pattern::Unknown)?,
            eye: header.eye?,
            scan: format!("{identity} {series}"),
            model: format!("{} {}", self.network.file_sha256(), self.options.ez.key()),
            protocol: Protocol::of(header),
        })
    }
}

/// Reported before results are published.
const ALIVE: ScanChange = ScanChange::Running { attempt: 1 };

impl Segmenter {
    /// Segments the scan of `task`, or one series of it, into the folder `out`.
    fn one(
        &self,
        task: &Task<'_>,
        read: ReadOptions,
        out: &Path,
        report: &mut dyn FnMut(ScanChange),
    ) -> Result<ScanSummary, ProcessError> {
        let start = Instant::now();
        let Task { scan, name, sha256 } = *task;
        let mut reader = scan.reader(read).map_err(|e| named(e, name))?;
        let header = reader.header().clone();
        report(ScanChange::Opened(Arc::new(header.clone())));

        let mut results = ResultWriter::begin(&self.staging, out, &header)?;
        if let Some(origin) = reader.dicom_origin() {
            results = results.with_dicom(origin.clone(), self.options.dicom);
        }
        // An unreadable fundus image or patient record must not fail the scan.
        if let Ok(Some(fundus)) = reader.fundus() {
            results = results.with_fundus(fundus);
        }
        let subject = reader.subject().ok().flatten();
        let next = |index| {
            let pixels = reader.bscan(index).map_err(|e| named(e, name))?;
            let device = findings(reader.as_mut(), index).map_err(|e| named(e, name))?;
            Ok((pixels, device))
        };
        let work = |index, (pixels, device)| {
            let bscan = segment(&self.network, index, pixels, header.axial, self.options.ez)?;
            let pictures = Pictures::draw(&bscan)?;
            Ok((bscan, device, pictures))
        };
        let take = |(bscan, device, pictures)| {
            results.add(&bscan, &device, &pictures)?;
            report(ScanChange::BScan(Arc::new(bscan)));
            Ok::<_, ProcessError>(())
        };
        in_order(self.network.threads(), header.bscans, next, work, take)?;
        // More instances of a DICOM series may arrive later; the series UID keeps it the same scan.
        let series = reader.dicom_origin().and_then(|origin| origin.reference.as_ref());
        let series = series.filter(|reference| reference.instances.len() > 1).map(|reference| &reference.series);
        let eye = self.eye_scan(subject.as_ref(), &header, series.map_or(sha256, String::as_str), read.series);
        let turn = self.history.as_deref().filter(|_| eye.is_some()).map(History::turn);
        let visit = turn.as_ref().zip(eye.as_ref()).map(|(turn, scan)| ScanVisit { turn, scan });
        let scan = ScanRecord::new(slashed(name), sha256.to_owned(), read.series, &header).taken(subject.as_ref());
        let context = ScanContext {
            scan: &scan,
            model: &ModelRecord::new(&self.network),
            ellipsoid_zone: self.options.ez,
            gates: &self.options.gates,
            reference: self.options.reference.as_deref(),
            history: visit.as_ref().map(|visit| visit as &dyn EyeVisits),
            elapsed: start.elapsed(),
        };
        Ok(results.finish(context, &mut || report(ALIVE))?)
    }

    /// Segments each of `count` series into its own folder below `out`, which appears atomically. A series that cannot
    /// be read does not affect the others.
    fn several(
        &self,
        task: &Task<'_>,
        count: u32,
        out: &Path,
        report: &mut dyn FnMut(ScanChange),
    ) -> Result<ScanSummary, ProcessError> {
        let mut folder = SeriesFolder::begin(&self.staging)?;
        let mut first_error = None;
        for number in 1..=count {
            let read = ReadOptions { series: Some(number), ..self.options.read };
            match self.one(task, read, &folder.of(number), report) {
                Ok(summary) => folder.done(number, &summary),
                Err(error) if error.transient => return Err(error),
                Err(error) => {
                    folder.failed(number, error.code, &error.reason);
                    first_error.get_or_insert(error);
                }
            }
        }
        match (folder.finish(&slashed(task.name), task.sha256, out, &mut || report(ALIVE))?, first_error) {
            (Some(summary), _) => Ok(summary),
            (None, Some(error)) => Err(error),
            (None, None) => Err(ReadError::Malformed("it contains no series".to_owned()).into()),
        }
    }
}

/// A scan, or a file that holds several series.
struct Task<'a> {
    scan: &'a OpenedScan,
    /// Path to mention in results.
    name: &'a Path,
    sha256: &'a str,
}

impl Processor for Segmenter {
    fn process(
        &self,
        scan: &ScanFiles,
        name: &Path,
        out: &Path,
        report: &mut dyn FnMut(ScanChange),
    ) -> Result<ScanSummary, ProcessError> {
        let sha256 = digest(scan).map_err(|e| named(e, name))?;
        let scan = OpenedScan::open(scan).map_err(|e| named(e, name))?;
        let task = Task { scan: &scan, name, sha256: &sha256 };
        let series = if self.options.read.series.is_some() { 1 } else { scan.series_count() };
        if series > 1 {
            self.several(&task, series, out, report)
        } else {
            self.one(&task, self.options.read, out, report)
        }
    }

    fn recover(&self) -> Result<(), ProcessError> {
        Ok(self.staging.clear()?)
    }

    fn fingerprint(&self) -> String {
        let um = |v: Option<f64>| v.map_or("-".to_owned(), |v| v.to_string());
        let SegmenterOptions { read, ez, dicom, gates, reference } = &self.options;
        let ReadOptions { axial_um, lateral_um, um_per_degree, allow_missing, series } = *read;
        let model = self.network.file_sha256();
        let missing = if allow_missing { "missing" } else { "whole" };
        let series = series.map_or(String::new(), |n| format!(" series {n}"));
        let (axial, lateral) = (um(axial_um), um(lateral_um));
        let degree = um_per_degree.map(|um| format!(" degree {um}")).unwrap_or_default();
        let judged_by = sha256(format!("{gates:?} {reference:?}").as_bytes());
        let written = format!("{} {missing}{series} {} {judged_by}", ez.key(), dicom.key());
        let table = |h: &Arc<History>| format!(" follow-up {}", sha256(format!("{:?}", h.repeatability()).as_bytes()));
        let followed = self.history.as_ref().map(table).unwrap_or_default();
        format!("{RESULT_SCHEMA} {model} {axial} {lateral}{degree} {written}{followed}")
    }
}

/// Digest of a scan's content, see [`ScanFiles::digest`].
pub fn digest(scan: &ScanFiles) -> Result<String, ReadError> {
    let digest = |file: &PathBuf| sha256_of_file(file).map_err(|source| ReadError::Io { path: file.clone(), source });
    Ok(scan.digest(scan.contents()?.iter().map(digest).collect::<Result<_, _>>()?))
}

/// The scanner's own values for the B-scan at `index`.
fn findings(reader: &mut dyn ScanReader, index: usize) -> Result<DeviceFindings, ReadError> {
    Ok(DeviceFindings { boundaries: reader.device_boundaries(index)?, signal_db: reader.device_signal_db(index)? })
}

/// Replaces a reader error's path by the one below the root, since folders above it may name a patient.
fn named(error: ReadError, name: &Path) -> ProcessError {
    match error {
        ReadError::Io { source, path } => {
            // In a series, the unreadable file may not be the one that names the scan.
            let instance = path.file_name().filter(|_| scan::may_be_instance(&path) && scan::may_be_instance(name));
            let path = instance.map_or_else(|| name.to_owned(), |file| name.with_file_name(file));
            ReadError::Io { path, source }.into()
        }
        ReadError::Sidecar { reason, .. } => {
            ReadError::Sidecar { path: name.with_added_extension("toml"), reason }.into()
        }
        other => other.into(),
    }
}

/// `path` with `/` on every system, as results contain it.
fn slashed(path: &Path) -> String {
    path.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

impl From<ReadError> for ProcessError {
    fn from(error: ReadError) -> Self {
        Self { code: error.code(), transient: error.is_transient(), reason: error.to_string() }
    }
}

impl From<ModelError> for ProcessError {
    fn from(error: ModelError) -> Self {
        Self { code: error.code(), transient: false, reason: error.to_string() }
    }
}

impl From<OutputError> for ProcessError {
    fn from(error: OutputError) -> Self {
        Self { code: error.code(), transient: error.is_transient(), reason: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    };

    use super::*;
    use octrls_core::{
        network::ShippedModel,
        phantom::{Phantom, PhantomOptions},
    };

    #[test]
    fn a_scan_that_nobody_waits_for_any_more_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (scan, out) = (dir.path().join("a.png"), dir.path().join("out"));
        let options = PhantomOptions { width: 128, ..PhantomOptions::default() };
        let bscan = Phantom::generate(&options, 1).bscan;
        let pixels = bscan.intensity.iter().map(|v| (255.0 * v) as u8).collect();
        image::GrayImage::from_raw(bscan.width as u32, bscan.height as u32, pixels).unwrap().save(&scan).unwrap();
        let network = Network::shipped(ShippedModel::Edge).expect("a model");
        let segmenter = Segmenter::new(network, SegmenterOptions::default(), &out);
        let mut seen = 0;
        let process = |report: &mut dyn FnMut(ScanChange)| {
            segmenter.process(&ScanFiles::one(&scan), Path::new("a.png"), &out.join("a.png"), report)
        };
        let given_up = catch_unwind(AssertUnwindSafe(|| {
            process(&mut |change| match change {
                ScanChange::BScan(_) => seen += 1,
                ScanChange::Running { .. } => resume_unwind(Box::new(())),
                _ => {}
            })
        }));
        assert!(given_up.is_err() && seen == 1, "it was cancelled right before publishing");
        assert!(!out.join("a.png").exists());
        assert_eq!(fs::read_dir(out.join(".octrls/staging")).unwrap().count(), 0);
        process(&mut |_| ()).unwrap();
        assert!(out.join("a.png/result.json").exists());
    }
}
