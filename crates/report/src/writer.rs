//! Writes the results of one scan, B-scan by B-scan.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Duration,
};

use image::{ExtendedColorType, RgbImage};
use octrls_core::{
    layer::EzConvention,
    measure::{
        Gates,
        follow_up::{FollowUp, Visit},
        reference::ReferenceTable,
    },
    scan::ScanHeader,
    segment::SegmentedBScan,
};
use octrls_readers::{DicomOrigin, FundusImage, StatedFacts};
use serde::{Deserialize, Serialize};

use super::{
    DicomResults, EarlierResult, EyeVisits, ModelRecord, OutputError, RESULT_FILE, RESULT_SCHEMA, ScanRecord,
    ScanSummary, Staging,
    correction::CorrectionRecord,
    device::DeviceFindings,
    dicom,
    images::{MapPanel, Pictures, difference_map, map_panels, png, thickness_maps},
    index_page::{INDEX_FILE, index_page},
    pages::{Chosen, Localizer, RenderedReport, Report, choose, headline, patient_name},
    record::{BScanRecord, DicomRecord, NoteRecord, ResultRecord},
    staging::{Cancelled, StagedFolder},
    summarise::{CollectedScan, Reference, ScanMeasures, summarise},
    tables::Table,
};

const MAPS_FILE: &str = "thickness-maps.png";
const DIFFERENCE_FILE: &str = "difference-map.png";
const REPORT_FILE: &str = "report.pdf";

/// Writes the results of one scan; they appear only at [`ResultWriter::finish`].
pub struct ResultWriter {
    folder: StagedFolder,
    target: PathBuf,
    header: ScanHeader,
    collected: CollectedScan,
    boundaries: Table,
    uncertainty: Table,
    thickness: Table,
    /// `None` until a B-scan was searched for lesions.
    lesions: Option<Table>,
    dicom: Option<DicomParts>,
    earlier: EarlierResult,
    /// The B-scan for the report.
    shown: Option<Shown>,
    fundus: Option<FundusImage>,
    correction: Option<CorrectionRecord>,
    options: ReportOptions,
    /// Names of the files written so far.
    files: Vec<String>,
}

/// How the report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportOptions {
    /// Whether the report names the patient, as far as a DICOM scan does.
    pub identify: bool,
}

/// What applies to the scan as a whole.
#[derive(Clone, Copy)]
pub struct ScanContext<'a> {
    /// The scan.
    pub scan: &'a ScanRecord,
    /// The model.
    pub model: &'a ModelRecord,
    /// Where the ellipsoid zone ends, by convention.
    pub ellipsoid_zone: EzConvention,
    /// Quality limits.
    pub gates: &'a Gates,
    /// Reference group to compare thickness with.
    pub reference: Option<&'a ReferenceTable>,
    /// History to compare the measures with and to enter them into, if patient, eye and time are known.
    pub history: Option<&'a dyn EyeVisits>,
    /// Processing time so far.
    pub elapsed: Duration,
}

/// The B-scan for the report: the one with the largest area of lesions, else the middle one.
struct Shown {
    bscan: SegmentedBScan,
    lesions_px: f64,
}

/// The source of the DICOM objects.
struct DicomParts {
    origin: DicomOrigin,
    results: DicomResults,
    heights: dicom::Heights,
    lesions: dicom::LesionRuns,
}

impl ResultWriter {
    /// Starts the results of the scan with `header`, to be published at `target`.
    ///
    /// # Errors
    /// [`OutputError`] if nothing can be written.
    pub fn begin(staging: &Staging, target: &Path, header: &ScanHeader) -> Result<Self, OutputError> {
        let collected = CollectedScan::new(header);
        let folder = staging.begin()?;
        Ok(Self {
            target: target.to_owned(),
            header: header.clone(),
            boundaries: Table::boundaries(&folder)?,
            uncertainty: Table::uncertainty(&folder)?,
            thickness: Table::thickness(&folder, collected.unit())?,
            collected,
            folder,
            lesions: None,
            dicom: None,
            earlier: EarlierResult::default(),
            shown: None,
            fundus: None,
            correction: None,
            options: ReportOptions::default(),
            files: Vec::new(),
        })
    }

    /// Also writes `results` as objects of the study of `origin`.
    #[must_use]
    pub fn with_dicom(mut self, origin: DicomOrigin, results: DicomResults) -> Self {
        let heights = dicom::Heights::new(self.header.width, self.header.height);
        self.dicom = Some(DicomParts { origin, results, heights, lesions: dicom::LesionRuns::default() });
        self
    }

    /// Makes the DICOM objects new versions of those of `earlier`, as far as they differ.
    #[must_use]
    pub fn replacing(mut self, earlier: EarlierResult) -> Self {
        self.earlier = earlier;
        self
    }

    /// Measures with what a person states about the eye.
    #[must_use]
    pub fn with_stated(mut self, stated: StatedFacts) -> Self {
        self.collected = self.collected.with_stated(stated);
        self
    }

    /// Also measures with the axial length of the eye that the file states.
    #[must_use]
    pub fn with_axial_length(mut self, axial_length_mm: Option<f64>) -> Self {
        self.collected = self.collected.with_axial_length(axial_length_mm);
        self
    }

    /// Writes the report by `options`.
    #[must_use]
    pub fn with_report(mut self, options: ReportOptions) -> Self {
        self.options = options;
        self
    }

    /// Shows `fundus` in the report.
    #[must_use]
    pub fn with_fundus(mut self, fundus: FundusImage) -> Self {
        self.fundus = Some(fundus);
        self
    }

    /// Says that a person corrected lines, and keeps the program's own, a table as `boundaries.csv`.
    ///
    /// # Errors
    /// [`OutputError`] if the table cannot be written.
    pub fn with_correction(mut self, correction: CorrectionRecord, machine: &[u8]) -> Result<Self, OutputError> {
        self.write(correction.machine, machine)?;
        self.correction = Some(correction);
        Ok(self)
    }

    /// Adds a B-scan with the scanner's findings and its images. B-scans must be added in order.
    ///
    /// # Errors
    /// [`OutputError`] if a file cannot be written.
    pub fn add(
        &mut self,
        bscan: &SegmentedBScan,
        device: &DeviceFindings,
        pictures: &Pictures,
    ) -> Result<(), OutputError> {
        self.collected.add(bscan, device, &self.header);
        self.add_lesions(bscan)?;
        self.boundaries.add_boundaries(bscan)?;
        self.uncertainty.add_uncertainty(bscan)?;
        self.thickness.add_thickness(bscan)?;
        if let Some(dicom) = &mut self.dicom {
            dicom.heights.add(&bscan.surfaces);
            dicom.lesions.add(bscan.lesions.as_ref());
        }
        self.write_bscan_image("mask", bscan.index, &pictures.mask)?;
        if let Some(lesions) = &pictures.lesions {
            self.write_bscan_image("lesions", bscan.index, lesions)?;
        }
        self.write_bscan_image("overlay", bscan.index, &pictures.overlay)
    }

    /// Adds the lesions of `bscan`, which was collected just before, and keeps it if the report should show it.
    fn add_lesions(&mut self, bscan: &SegmentedBScan) -> Result<(), OutputError> {
        let found = self.collected.bscans().last().and_then(BScanRecord::lesions);
        let lesions_px = found.unwrap_or_default().iter().map(|lesion| lesion.area_px).sum();
        let largest = self.shown.as_ref().map_or(0.0, |shown| shown.lesions_px);
        if lesions_px > largest || (bscan.index == self.header.bscans / 2 && largest == 0.0) {
            self.shown = Some(Shown { bscan: bscan.clone(), lesions_px });
        }
        if let Some(lesions) = found {
            let table = match self.lesions.take() {
                Some(table) => table,
                None => Table::lesions(&self.folder)?,
            };
            self.lesions.insert(table).add_lesions(bscan, lesions)?;
        }
        Ok(())
    }

    /// Completes and publishes the results. `last_call` runs right before publishing, and may cancel
    /// it.
    ///
    /// # Errors
    /// [`OutputError`] if the results cannot be written or published.
    pub fn finish(
        mut self,
        context: ScanContext<'_>,
        last_call: &mut dyn FnMut() -> ControlFlow<Cancelled>,
    ) -> Result<ScanSummary, OutputError> {
        let ScanContext { scan, model, ellipsoid_zone, gates, reference, history, elapsed } = context;
        let reference = Reference { table: reference, ez: ellipsoid_zone, device: scan.device.as_deref() };
        let measures = summarise(&self.collected, gates, reference);
        let map = measures.fovea_map();
        let visit = history.filter(|_| !measures.comparable.is_empty()).map(|eye| {
            let (verdict, measures) = (measures.verdict, measures.comparable.clone());
            (eye, Visit { acquired: eye.acquired(), verdict, measures, map: map.clone() })
        });
        let follow_up = visit.as_ref().map(|(eye, visit)| eye.compare(visit)).transpose()?.flatten();
        let inter_eye = visit.as_ref().map(|(eye, visit)| eye.compare_eyes(visit)).transpose()?.flatten();

        self.finish_tables(&measures)?;
        let maps = self.write_maps(&measures)?;
        let summary = self.summary(&measures, follow_up.as_ref(), elapsed);
        let bscans = self.collected.bscans().to_vec();
        let mut record = result_record(scan, model, ellipsoid_zone, measures, &bscans, follow_up, elapsed);
        record.correction = self.correction.take();
        record.inter_eye = inter_eye;
        self.write_difference_map(&record)?;
        let report = self.write_report(&record, maps.as_deref())?;
        record.dicom = self.write_dicom(&record, report.as_ref())?;
        self.files.sort();
        if let Some(html) = index_page(&record, &headline(&record), &self.files) {
            self.write(INDEX_FILE, html.as_bytes())?;
            self.files.sort();
        }
        record.files = std::mem::take(&mut self.files);
        self.folder.write(RESULT_FILE, &json(&record)?)?;
        self.folder.publish(&self.target, last_call)?;
        if let Some((eye, visit)) = visit {
            eye.enter(&visit)?;
        }
        Ok(summary)
    }

    fn finish_tables(&mut self, measures: &ScanMeasures) -> Result<(), OutputError> {
        if let Some(volume) = &measures.volume {
            self.files.push(Table::etdrs(&self.folder, volume)?.finish()?.to_owned());
            if let Some(lesions) = &volume.lesions {
                self.files.push(Table::lesion_volumes(&self.folder, lesions)?.finish()?.to_owned());
            }
        }
        let tables = [&mut self.boundaries, &mut self.uncertainty, &mut self.thickness];
        for table in tables.into_iter().chain(&mut self.lesions) {
            self.files.push(table.finish()?.to_owned());
        }
        Ok(())
    }

    /// Draws and writes the thickness maps of a volume; returns those for the report.
    fn write_maps(&mut self, measures: &ScanMeasures) -> Result<Option<Vec<MapPanel>>, OutputError> {
        let volume = measures.maps.as_ref().zip(measures.volume.as_ref());
        let visible = measures.quality.facts.choroid_visible;
        let maps = volume.and_then(|(maps, volume)| thickness_maps(maps, visible, volume, self.header.eye));
        if let Some(maps) = &maps {
            let content = png(MAPS_FILE, maps.as_raw(), maps.dimensions(), ExtendedColorType::Rgb8)?;
            self.write(MAPS_FILE, &content)?;
        }
        Ok(volume.and_then(|(maps, volume)| map_panels(maps, volume, self.header.eye)))
    }

    /// Draws and writes the change since the previous visit, if there is one to compare with.
    fn write_difference_map(&mut self, record: &ResultRecord<'_>) -> Result<(), OutputError> {
        let map = record.follow_up.as_ref().and_then(|follow_up| difference_map(follow_up, self.header.eye));
        let Some(map) = map else { return Ok(()) };
        let content = png(DIFFERENCE_FILE, map.as_raw(), map.dimensions(), ExtendedColorType::Rgb8)?;
        self.write(DIFFERENCE_FILE, &content)
    }

    /// Renders and writes the report; `None` without a B-scan to show.
    fn write_report(
        &mut self,
        record: &ResultRecord<'_>,
        maps: Option<&[MapPanel]>,
    ) -> Result<Option<RenderedReport>, OutputError> {
        let Some(Shown { bscan: shown, .. }) = &self.shown else { return Ok(None) };
        let localizer = self.fundus.as_ref().map(|fundus| Localizer { fundus, shown: shown.index });
        let chosen = self.read_overlays(choose(record));
        let origin = self.dicom.as_ref().map(|dicom| &dicom.origin).filter(|_| self.options.identify);
        let patient = origin.and_then(|origin| patient_name(&origin.subject));
        let patient = patient.as_deref();
        let report = Report { record, patient, shown, chosen: &chosen, maps, localizer }.render();
        let report = report.map_err(|e| OutputError::Encode { file: REPORT_FILE.to_owned(), reason: e.to_string() })?;
        self.write(REPORT_FILE, &report.pdf)?;
        Ok(Some(report))
    }

    /// The pictures of the chosen B-scans, which are in the folder already.
    fn read_overlays(&self, chosen: Vec<Chosen>) -> Vec<(Chosen, RgbImage)> {
        let read = |chosen: Chosen| {
            let name = format!("overlay-{:03}.png", chosen.index);
            let image = image::open(self.folder.place().join(name)).ok()?.into_rgb8();
            Some((chosen, image))
        };
        chosen.into_iter().filter_map(read).collect()
    }

    /// Writes the DICOM objects of a DICOM scan; returns their description.
    fn write_dicom(
        &mut self,
        record: &ResultRecord<'_>,
        report: Option<&RenderedReport>,
    ) -> Result<Option<DicomRecord>, OutputError> {
        let Some(DicomParts { origin, results, heights, lesions }) = &self.dicom else { return Ok(None) };
        let (header, findings, earlier) = (&self.header, self.collected.findings(), &self.earlier);
        let lesion_totals = self.collected.lesions();
        let parts =
            dicom::ScanResults { origin, header, record, heights, lesions, findings, lesion_totals, report, earlier };
        let (objects, described) = parts.objects(*results)?;
        for (name, content) in objects {
            self.write(name, &content)?;
        }
        Ok(Some(described))
    }

    fn summary(&self, measures: &ScanMeasures, follow_up: Option<&FollowUp>, elapsed: Duration) -> ScanSummary {
        ScanSummary {
            series: 1,
            bscans: self.collected.bscans().len(),
            eye: self.header.eye,
            unit: measures.unit,
            mean_thickness: measures.mean_thickness(),
            etdrs: measures.etdrs.clone(),
            verdict: measures.verdict,
            no_retina: measures.no_retina,
            flags: measures.quality.flags.clone(),
            findings: self.collected.findings().kinds(),
            lesions: self.collected.lesions().summaries(measures.volume.as_ref()),
            notes: measures.notes.clone(),
            confidence: measures.confidence,
            follow_up: follow_up.map(FollowUp::words),
            out: self.target.clone(),
            elapsed,
        }
    }

    fn write_bscan_image(&mut self, kind: &str, index: usize, content: &[u8]) -> Result<(), OutputError> {
        let name = if self.header.bscans == 1 { format!("{kind}.png") } else { format!("{kind}-{index:03}.png") };
        self.write(&name, content)
    }

    /// Writes a file and lists it.
    fn write(&mut self, name: &str, content: &[u8]) -> Result<(), OutputError> {
        self.folder.write(name, content)?;
        self.files.push(name.to_owned());
        Ok(())
    }
}

/// The content of `result.json`, without the list of files and DICOM objects.
fn result_record<'a>(
    scan: &'a ScanRecord,
    model: &'a ModelRecord,
    ellipsoid_zone: EzConvention,
    measures: ScanMeasures,
    bscans: &'a [BScanRecord],
    follow_up: Option<FollowUp>,
    elapsed: Duration,
) -> ResultRecord<'a> {
    ResultRecord {
        schema: RESULT_SCHEMA,
        octrls: env!("CARGO_PKG_VERSION"),
        first_index: 0,
        created: jiff::Timestamp::now(),
        scan,
        model,
        ellipsoid_zone,
        verdict: measures.verdict,
        no_retina: measures.no_retina,
        findings: measures.findings,
        lesions: measures.lesions,
        choroid_visible: measures.quality.facts.choroid_visible,
        quality: measures.quality,
        notes: measures.notes.into_iter().map(NoteRecord::from).collect(),
        unit: measures.unit,
        confidence: measures.confidence,
        layers: measures.layers,
        bscans,
        volume: measures.volume,
        scaled: measures.scaled,
        reference: measures.reference,
        not_compared: measures.not_compared,
        circle: measures.circle,
        circle_reference: measures.circle_reference,
        follow_up,
        inter_eye: None,
        device: measures.device,
        dicom: None,
        correction: None,
        seconds: elapsed.as_secs_f64(),
        files: Vec::new(),
        notice: "research use only, not a medical device",
    }
}

fn json(record: &ResultRecord<'_>) -> Result<Vec<u8>, OutputError> {
    serde_json::to_vec_pretty(record)
        .map_err(|e| OutputError::Encode { file: RESULT_FILE.to_owned(), reason: e.to_string() })
}

#[cfg(test)]
mod follow_up_tests;
#[cfg(test)]
mod tests;
