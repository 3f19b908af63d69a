//! Corrects the lines of a result: measures, maps, report and DICOM objects are made anew from lines that a person edited.

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use octrls_core::{
    ErrorCode,
    layer::{BOUNDARIES, Boundary},
    measure::{Gates, Quality, Signal, Thicknesses, reference::ReferenceTable},
    scan::ScanHeader,
    segment::SegmentedBScan,
    surface::Surfaces,
};
use octrls_report::{
    BScanLines, CorrectionRecord, DeviceFindings, DicomResults, EarlierResult, EyeVisits, LineStretch,
    MACHINE_LINES_FILE, OutputError, Pictures, ResultWriter, ScanContext, ScanSummary, Staging, StoredError,
    StoredResult, TableError, corrected_extents, corrected_mask, read_boundary_table, with_stretches,
};

use crate::{
    History, LedgerAdmin, LedgerAdminError, LedgerError, MeasuredScan, Review, ReviewError, ReviewState, ScanState,
    SegmenterOptions, history::ScanVisit, work::segmenter::eye_scan,
};

/// The table of a result's lines.
const LINES_FILE: &str = "boundaries.csv";

/// How corrected results are written.
#[derive(Clone, Debug, Default)]
pub struct CorrectionOptions {
    /// Limits beyond which a scan is flagged.
    pub gates: Gates,
    /// Normative data for the thickness of volumes.
    pub reference: Option<Arc<ReferenceTable>>,
    /// Which DICOM objects to write for a DICOM scan.
    pub dicom: DicomResults,
}

impl CorrectionOptions {
    /// Corrected results are written as the results that `options` describe.
    #[must_use]
    pub fn of(options: &SegmenterOptions) -> Self {
        Self { gates: options.gates, reference: options.reference.clone(), dicom: options.dicom }
    }
}

/// Why lines cannot be corrected.
#[derive(Debug, thiserror::Error)]
pub enum CorrectionError {
    /// The ledger cannot be used, or the scan has no result.
    #[error(transparent)]
    Ledger(#[from] LedgerAdminError),
    /// The result cannot be read.
    #[error(transparent)]
    Stored(#[from] StoredError),
    /// The name of the reviewer or the comment is refused.
    #[error(transparent)]
    Review(#[from] ReviewError),
    /// The edited table is wrong.
    #[error("{0}")]
    Table(#[from] TableError),
    /// The edited lines are those of the result.
    #[error("the lines are those that the result has; nothing is corrected")]
    Unchanged,
    /// The pixels are needed, but cannot be read.
    #[error("the scan cannot be read: {0}")]
    Scan(String),
    /// The new result cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl CorrectionError {
    /// A stable code for scripts.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Ledger(error) => error.code(),
            Self::Stored(error) => error.code(),
            Self::Review(_) => ErrorCode::ReviewText,
            Self::Table(_) | Self::Unchanged => ErrorCode::CorrectLines,
            Self::Scan(_) => ErrorCode::CorrectScan,
            Self::Output(error) => error.code(),
        }
    }
}

impl From<LedgerError> for CorrectionError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error.into())
    }
}

/// What was corrected.
#[derive(Clone, Debug)]
pub struct Corrected {
    /// The new result.
    pub summary: ScanSummary,
    /// The correction in a sentence, without the comment.
    pub words: String,
}

/// Who corrects, and why.
#[derive(Clone, Copy, Debug)]
pub struct Corrector<'a> {
    /// Name of the person.
    pub reviewer: &'a str,
    /// May be empty.
    pub comment: &'a str,
}

/// The lines of `result` with `stretches` in them, which were edited on the result of the time `created`.
///
/// # Errors
/// [`CorrectionError::Table`] if the result is another one now, or a stretch does not fit.
pub fn edited_lines(
    result: &StoredResult,
    created: Timestamp,
    stretches: &[LineStretch],
) -> Result<Vec<BScanLines>, CorrectionError> {
    if result.created() != created {
        let problem = "the result was made anew since these lines were edited; open it again".to_owned();
        return Err(TableError { line: None, problem }.into());
    }
    Ok(with_stretches(result.lines()?, stretches, result.grid())?)
}

/// Corrects the scan at `path`, below the root, of the results in `out` by the lines that `edit` gives for its result.
/// The program's own lines stay beside them. With `history`, the visit gets the new measures.
///
/// # Errors
/// [`CorrectionError`]; the result stays as it is.
pub fn correct(
    (out, ledger): (&Path, &mut LedgerAdmin),
    path: &Path,
    edit: impl FnOnce(&StoredResult) -> Result<Vec<BScanLines>, CorrectionError>,
    who: Corrector<'_>,
    options: &CorrectionOptions,
    history: Option<&History>,
) -> Result<Corrected, CorrectionError> {
    let start = Instant::now();
    let review = Review::new(ReviewState::Corrected, who.reviewer, who.comment)?;
    let entries = ledger.entries_at(path)?;
    let entry = entries.into_iter().rfind(|entry| entry.state == ScanState::Written && entry.result.is_some());
    let folder = entry.and_then(|entry| entry.result).map(|result| out.join(result));
    let folder = folder.ok_or_else(|| LedgerAdminError::NoResult { path: path.to_owned() })?;
    let result = StoredResult::open(&folder)?;
    let edited = edit(&result)?;
    let (machine_bytes, machine) = machine_lines(&result)?;
    let extents = edited.iter().zip(&machine).enumerate();
    let extents: Vec<_> = extents.flat_map(|(i, (new, old))| corrected_extents(i, old, new)).collect();
    if extents.is_empty() {
        return Err(CorrectionError::Unchanged);
    }
    let mut scan = MeasuredScan::open(&result, &ledger.file_of(path)).map_err(CorrectionError::Scan)?;
    let correction = CorrectionRecord {
        reviewer: review.reviewer.clone(),
        at: review.at,
        comment: review.comment.clone(),
        extents,
        machine: MACHINE_LINES_FILE,
    };
    let words = correction.words();
    let target = result.folder().to_owned();
    let summary = Rewrite { out, target: &target, result: &result, name: path, options, history, start }.write(
        &mut scan,
        (&machine, edited),
        correction,
        &machine_bytes,
    )?;
    ledger.corrected(path, &review)?;
    Ok(Corrected { summary, words })
}

/// The program's own lines: of the first correction, if there was one, else those of the result.
fn machine_lines(result: &StoredResult) -> Result<(Vec<u8>, Vec<BScanLines>), CorrectionError> {
    let kept = result.folder().join(MACHINE_LINES_FILE);
    let path: PathBuf = if kept.is_file() { kept } else { result.folder().join(LINES_FILE) };
    let bytes = fs::read(&path).map_err(|source| StoredError::Io { path: path.clone(), source })?;
    let lines = read_boundary_table(bytes.as_slice(), result.grid())
        .map_err(|error| StoredError::Damaged { path, reason: error.to_string() })?;
    Ok((bytes, lines))
}

/// A result that is written anew.
struct Rewrite<'a> {
    out: &'a Path,
    target: &'a Path,
    result: &'a StoredResult,
    /// Path below the root.
    name: &'a Path,
    options: &'a CorrectionOptions,
    history: Option<&'a History>,
    start: Instant,
}

impl Rewrite<'_> {
    fn write(
        &self,
        scan: &mut MeasuredScan,
        (machine, edited): (&[BScanLines], Vec<BScanLines>),
        correction: CorrectionRecord,
        machine_bytes: &[u8],
    ) -> Result<ScanSummary, CorrectionError> {
        let header = self.result.header().clone();
        let failed = |error: octrls_readers::ReadError| CorrectionError::Scan(error.to_string());
        let settings = scan.reader.settings().unwrap_or_default();
        let mut writer = ResultWriter::begin(&Staging::of(self.out), self.target, &header)?
            .with_stated(scan.stated)
            .with_axial_length(settings.axial_length_mm);
        if let Some(origin) = scan.reader.dicom_origin() {
            writer = writer.with_dicom(origin.clone(), self.options.dicom);
            writer = writer.replacing(EarlierResult::read(self.target));
        }
        if let Ok(Some(fundus)) = scan.reader.fundus() {
            writer = writer.with_fundus(fundus);
        }
        let mut writer = writer.with_correction(correction, machine_bytes)?;
        let found = self.result.surfaces()?;
        for (index, ((edited, machine), found)) in edited.into_iter().zip(machine).zip(found).enumerate() {
            let pixels = scan.bscan(index).map_err(failed)?;
            let surfaces = corrected_surfaces(header.height, &found, machine, edited);
            let stored = self.result.bscan(index, pixels, surfaces)?;
            let bscan = measured_anew(stored, &header);
            let device = DeviceFindings {
                boundaries: scan.reader.device_boundaries(index).map_err(failed)?,
                signal_db: scan.reader.device_signal_db(index).map_err(failed)?,
            };
            writer.add(&bscan, &device, &Pictures::draw(&bscan)?)?;
        }
        let subject = scan.reader.subject().ok().flatten();
        let series = scan.reader.dicom_origin().and_then(|origin| origin.reference.as_ref());
        let series = series.filter(|reference| reference.instances.len() > 1).map(|reference| &reference.series);
        let identity = series.map_or(self.result.sha256(), String::as_str);
        let model = self.result.model();
        let key = (model.file_sha256(), self.result.ellipsoid_zone());
        let eye = eye_scan(subject.as_ref(), &header, identity, self.result.series(), key, self.name);
        let guard = self.history.filter(|_| eye.is_some()).map(History::lock);
        let visit = guard.as_ref().zip(eye.as_ref()).map(|(guard, scan)| ScanVisit { guard, scan });
        let context = ScanContext {
            scan: &self.result.scan(),
            model: &model,
            ellipsoid_zone: self.result.ellipsoid_zone(),
            gates: &self.options.gates,
            reference: self.options.reference.as_deref(),
            history: visit.as_ref().map(|visit| visit as &dyn EyeVisits),
            elapsed: self.start.elapsed().max(Duration::from_millis(1)),
        };
        Ok(writer.finish(context, &mut || ControlFlow::Continue(()))?)
    }
}

/// The edited lines with what the network knew where they were not edited. A person's line has no error that the network
/// could know, and full confidence.
fn corrected_surfaces(height: usize, found: &Surfaces, machine: &BScanLines, edited: BScanLines) -> Surfaces {
    let changed = corrected_mask(machine, &edited);
    let width = found.width();
    let mut deviations: [Vec<f32>; BOUNDARIES] = std::array::from_fn(|_| Vec::new());
    for boundary in Boundary::ALL {
        let own = found.deviations(boundary);
        let i = boundary.index();
        deviations[i] = (0..width).map(|x| if changed[i][x] { 0.0 } else { own[x] }).collect();
    }
    let is_edited = |x: usize| changed.iter().any(|boundary| boundary[x]);
    let confidence = (0..width).map(|x| if is_edited(x) { 1.0 } else { found.confidence()[x] }).collect();
    let below = |x: usize| {
        Boundary::ALL.into_iter().skip(Boundary::NflGcl.index() + 1).any(|b| edited.rows[b.index()][x].is_some())
    };
    let disc = (0..width).map(|x| found.shows_disc(x) && !below(x)).collect();
    let BScanLines { rows, ez_end, rpe_outer, choroid_visible } = edited;
    Surfaces::exact(height, rows)
        .with_choroid_visible(choroid_visible)
        .with_fluid(ez_end, rpe_outer)
        .with_estimates(deviations, confidence, disc)
}

/// The B-scan with the quality and the measures of its present lines.
fn measured_anew(bscan: SegmentedBScan, header: &ScanHeader) -> SegmentedBScan {
    let has_lines = bscan.surfaces.rows(Boundary::Ilm).iter().any(Option::is_some);
    SegmentedBScan {
        quality: Quality::of(&bscan.bscan, &bscan.surfaces),
        signal: Signal::of(&bscan.bscan, &bscan.surfaces),
        thicknesses: Thicknesses::measure(&bscan.surfaces, header.axial),
        no_retina: bscan.no_retina.filter(|_| !has_lines),
        ..bscan
    }
}
