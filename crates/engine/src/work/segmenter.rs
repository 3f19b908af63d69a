//! The processor that segments scans: reads, runs the network, extracts surfaces, measures and writes results.

use std::{ops::ControlFlow, path::Path, sync::Arc, time::Instant};

use octrls_core::{
    layer::EzConvention,
    measure::{Gates, follow_up::Protocol, reference::ReferenceTable},
    network::Network,
    scan::{Note, Pattern, ScanHeader, Subject},
    segment::segment,
};
use octrls_fs::digest::sha256;
use octrls_readers::{NamePattern, OpenedScan, ReadError, ReadOptions, ScanReader};
use octrls_report::{
    DeviceFindings, DicomResults, EyeVisits, ModelRecord, Pictures, ReportOptions, ResultWriter, ScanContext,
    ScanRecord, ScanSummary, SeriesFolder, Staging,
};
use serde::{Deserialize, Serialize};

use super::{
    ordered_parallel::in_order,
    processor::{Cancelled, ProcessError, Processor, ScanTask, with_scan_name},
};
use crate::{
    ScanChange,
    history::{EyeScan, History, ScanVisit, scan_key},
};

/// Start of every fingerprint. Another one would process every scan again, so it does not follow the schema of
/// `result.json`, which can gain keys.
const FINGERPRINT: &str = "octrls.result/1";

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
    /// What the names of files and folders state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<NamePattern>,
    /// How the report is written.
    #[serde(default)]
    pub report: ReportOptions,
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
}

/// The follow-up key of the scan; `None` if the file does not state patient, eye or scan pattern. `model` is the digest
/// of the model file, and the ellipsoid zone convention.
pub(crate) fn eye_scan<'a>(
    subject: Option<&'a Subject>,
    header: &ScanHeader,
    identity: &str,
    series: Option<u32>,
    (model, ez): (&str, EzConvention),
    name: &Path,
) -> Option<EyeScan<'a>> {
    Some(EyeScan {
        subject: subject.filter(|_| header.pattern != Pattern::Unknown)?,
        eye: header.eye?,
        scan: scan_key(identity, series),
        model: format!("{model} {}", ez.key()),
        protocol: Protocol::of(header),
        name: name.to_owned(),
    })
}

/// Reported before results are published.
const PUBLISHING: ScanChange = ScanChange::Running { attempt: 1 };

impl Segmenter {
    /// Segments the scan of `task`, opened as `opened`, or one series of it.
    fn segment_series(
        &self,
        task: &ScanTask<'_>,
        opened: &OpenedScan,
        read: ReadOptions,
        report: &mut dyn FnMut(ScanChange) -> ControlFlow<Cancelled>,
    ) -> Result<ScanSummary, ProcessError> {
        let start = Instant::now();
        let ScanTask { name, sha256, out, .. } = *task;
        let mut reader = opened.reader(read).map_err(|e| with_scan_name(e, name))?;
        let mut header = reader.header().clone();
        let named = self.options.names.as_ref().map(|pattern| pattern.read(name));
        match &named {
            Some(Some(facts)) => facts.complete(&mut header),
            Some(None) => header.notes.push(Note::NameOutsidePattern),
            None => {}
        }
        let mut stated = opened.stated();
        if stated.centre.is_some() && opened.series_count() > 1 {
            stated.centre = None;
            header.notes.push(Note::StatedCentreUnused);
        }
        unless_cancelled(report(ScanChange::Opened(Arc::new(header.clone()))))?;

        let mut results = ResultWriter::begin(&self.staging, out, &header)?;
        let settings = reader.settings().unwrap_or_default();
        results =
            results.with_report(self.options.report).with_stated(stated).with_axial_length(settings.axial_length_mm);
        if let Some(origin) = reader.dicom_origin() {
            results = results.with_dicom(origin.clone(), self.options.dicom);
        }
        results = results.replacing(task.earlier.clone());
        // An unreadable fundus image or patient record must not fail the scan.
        if let Ok(Some(fundus)) = reader.fundus() {
            results = results.with_fundus(fundus);
        }
        let named = named.flatten().unwrap_or_default();
        let subject = reader.subject().ok().flatten().or_else(|| named.subject());
        let acquisition = named.complete_acquisition(reader.acquisition().unwrap_or_default());
        let next = |index| {
            let pixels = reader.bscan(index).map_err(|e| with_scan_name(e, name))?;
            let device = findings(reader.as_mut(), index).map_err(|e| with_scan_name(e, name))?;
            Ok((pixels, device))
        };
        let work = |index, (pixels, device)| {
            let bscan = segment(&self.network, index, pixels, header.axial, self.options.ez)?;
            let pictures = Pictures::draw(&bscan)?;
            Ok((bscan, device, pictures))
        };
        let take = |(bscan, device, pictures)| {
            results.add(&bscan, &device, &pictures)?;
            unless_cancelled(report(ScanChange::BScan(Arc::new(bscan))))
        };
        in_order(self.network.threads(), header.bscans, next, work, take)?;
        // More instances of a DICOM series may arrive later; the series UID keeps it the same scan.
        let series = reader.dicom_origin().and_then(|origin| origin.reference.as_ref());
        let series = series.filter(|reference| reference.instances.len() > 1).map(|reference| &reference.series);
        let identity = series.map_or(sha256, String::as_str);
        let model = (self.network.file_sha256(), self.options.ez);
        let eye = eye_scan(subject.as_ref(), &header, identity, read.series, model, name);
        let guard = self.history.as_deref().filter(|_| eye.is_some()).map(History::lock);
        let visit = guard.as_ref().zip(eye.as_ref()).map(|(guard, scan)| ScanVisit { guard, scan });
        let scan = ScanRecord::new(with_slashes(name), sha256.to_owned(), read.series, &header)
            .taken(&acquisition)
            .with_settings(settings)
            .with_crop(reader.crop());
        let context = ScanContext {
            scan: &scan,
            model: &ModelRecord::new(&self.network),
            ellipsoid_zone: self.options.ez,
            gates: &self.options.gates,
            reference: self.options.reference.as_deref(),
            history: visit.as_ref().map(|visit| visit as &dyn EyeVisits),
            elapsed: start.elapsed(),
        };
        Ok(results.finish(context, &mut || report(PUBLISHING))?)
    }

    /// Segments each series of `opened` into its own folder below that of the scan, which appears atomically. A series that cannot
    /// be read does not affect the others.
    fn segment_all_series(
        &self,
        task: &ScanTask<'_>,
        opened: &OpenedScan,
        report: &mut dyn FnMut(ScanChange) -> ControlFlow<Cancelled>,
    ) -> Result<ScanSummary, ProcessError> {
        let mut folder = SeriesFolder::begin(&self.staging)?;
        let mut first_error = None;
        for number in 1..=opened.series_count() {
            let read = ReadOptions { series: Some(number), ..self.options.read };
            match self.segment_series(&ScanTask { out: &folder.of(number), ..*task }, opened, read, report) {
                Ok(summary) => folder.done(number, &summary),
                Err(error) if error.transient => return Err(error),
                Err(error) => {
                    folder.failed(number, error.code, &error.reason);
                    first_error.get_or_insert(error);
                }
            }
        }
        match (folder.finish(&with_slashes(task.name), task.sha256, task.out, &mut || report(PUBLISHING))?, first_error)
        {
            (Some(summary), _) => Ok(summary),
            (None, Some(error)) => Err(error),
            (None, None) => Err(ReadError::Malformed("it contains no series".to_owned()).into()),
        }
    }
}

/// Ends the processing of a cancelled scan.
fn unless_cancelled(flow: ControlFlow<Cancelled>) -> Result<(), ProcessError> {
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(cancelled) => Err(cancelled.into()),
    }
}

impl Processor for Segmenter {
    fn process(
        &self,
        task: &ScanTask<'_>,
        report: &mut dyn FnMut(ScanChange) -> ControlFlow<Cancelled>,
    ) -> Result<ScanSummary, ProcessError> {
        let opened = OpenedScan::open(task.files).map_err(|e| with_scan_name(e, task.name))?;
        if self.options.read.series.is_none() && opened.series_count() > 1 {
            self.segment_all_series(task, &opened, report)
        } else {
            self.segment_series(task, &opened, self.options.read, report)
        }
    }

    fn recover(&self) -> Result<(), ProcessError> {
        Ok(self.staging.clear()?)
    }

    fn fingerprint(&self) -> String {
        let um = |v: Option<f64>| v.map_or("-".to_owned(), |v| v.to_string());
        let SegmenterOptions { read, ez, dicom, gates, reference, names, report } = &self.options;
        let ReadOptions { axial_um, lateral_um, um_per_degree, allow_missing, series, raw } = *read;
        let model = self.network.file_sha256();
        let missing = if allow_missing { "missing" } else { "whole" };
        let series = series.map_or(String::new(), |n| format!(" series {n}"));
        let (axial, lateral) = (um(axial_um), um(lateral_um));
        let degree = um_per_degree.map(|um| format!(" degree {um}")).unwrap_or_default();
        let judged_by = sha256(format!("{} {reference:?}", gates.identity()).as_bytes());
        let raw = raw.map(|raw| format!(" raw {raw}")).unwrap_or_default();
        let names = names.as_ref().map(|pattern| format!(" names {pattern}")).unwrap_or_default();
        let identified = if report.identify { " identified" } else { "" };
        let written = format!("{} {missing}{series}{raw}{names}{identified} {} {judged_by}", ez.key(), dicom.key());
        let table = |h: &Arc<History>| format!(" follow-up {}", sha256(format!("{:?}", h.repeatability()).as_bytes()));
        let followed = self.history.as_ref().map(table).unwrap_or_default();
        format!("{FINGERPRINT} {model} {axial} {lateral}{degree} {written}{followed}")
    }
}

/// The scanner's own values for the B-scan at `index`.
fn findings(reader: &mut dyn ScanReader, index: usize) -> Result<DeviceFindings, ReadError> {
    Ok(DeviceFindings { boundaries: reader.device_boundaries(index)?, signal_db: reader.device_signal_db(index)? })
}

/// `path` with `/` on every system, as results contain it.
fn with_slashes(path: &Path) -> String {
    path.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use octrls_core::{
        network::ShippedModel,
        phantom::{Phantom, PhantomOptions},
    };
    use octrls_readers::ScanFiles;
    use octrls_report::EarlierResult;

    #[test]
    fn a_cancelled_scan_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (scan, out) = (dir.path().join("a.png"), dir.path().join("out"));
        let options = PhantomOptions { width: 128, ..PhantomOptions::default() };
        let bscan = Phantom::generate(&options, 1).bscan;
        let pixels = bscan.intensity.iter().map(|v| (255.0 * v) as u8).collect();
        image::GrayImage::from_raw(bscan.width as u32, bscan.height as u32, pixels).unwrap().save(&scan).unwrap();
        let network = Network::shipped(ShippedModel::Edge).expect("a model");
        let segmenter = Segmenter::new(network, SegmenterOptions::default(), &out);
        let mut bscans = 0;
        let (files, results) = (ScanFiles::one(&scan), out.join("a.png"));
        let name = Path::new("a.png");
        let earlier = &EarlierResult::default();
        let task = ScanTask { files: &files, name, sha256: "abc", digests: &[], out: &results, earlier };
        let cancelled = segmenter.process(&task, &mut |change| match change {
            ScanChange::BScan(_) => {
                bscans += 1;
                ControlFlow::Continue(())
            }
            ScanChange::Running { .. } => ControlFlow::Break(Cancelled),
            _ => ControlFlow::Continue(()),
        });
        assert!(cancelled.unwrap_err().is_put_off() && bscans == 1, "it was cancelled right before publishing");
        assert!(!out.join("a.png").exists());
        assert_eq!(fs::read_dir(out.join(".octrls/staging")).unwrap().count(), 0);
        segmenter.process(&task, &mut |_| ControlFlow::Continue(())).unwrap();
        assert!(out.join("a.png/result.json").exists());
    }
}
