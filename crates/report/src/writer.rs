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
use octrls_readers::{DicomOrigin, FundusImage};

use super::{
    DicomResults, EyeVisits, ModelRecord, OutputError, RESULT_FILE, RESULT_SCHEMA, ScanRecord, ScanSummary, Staging,
    device::DeviceFindings,
    dicom,
    images::{Pictures, png, thickness_maps},
    pages::{Localizer, Report},
    record::{BScanRecord, DicomRecord, NoteRecord, ResultRecord},
    scan_findings::ScanFindings,
    staging::{Cancelled, StagedFolder},
    summarise::{CollectedScan, ScanMeasures, summarise},
    tables::Table,
};

const MAPS_FILE: &str = "thickness-maps.png";
const REPORT_FILE: &str = "report.pdf";

/// Writes the results of one scan; they appear only at [`ResultWriter::finish`].
pub struct ResultWriter {
    folder: StagedFolder,
    target: PathBuf,
    header: ScanHeader,
    collected: CollectedScan,
    findings: ScanFindings,
    boundaries: Table,
    uncertainty: Table,
    thickness: Table,
    /// `None` until a B-scan was searched for lesions.
    lesions: Option<Table>,
    dicom: Option<DicomParts>,
    /// The B-scan for the report.
    shown: Option<Shown>,
    fundus: Option<FundusImage>,
    /// Names of the files written so far.
    files: Vec<String>,
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
            findings: ScanFindings::default(),
            folder,
            lesions: None,
            dicom: None,
            shown: None,
            fundus: None,
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

    /// Shows `fundus` in the report.
    #[must_use]
    pub fn with_fundus(mut self, fundus: FundusImage) -> Self {
        self.fundus = Some(fundus);
        self
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
        self.findings.add(bscan, &self.header);
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
        let measures = summarise(&self.collected, gates, reference);
        let visit = history.filter(|_| !measures.comparable.is_empty()).map(|eye| {
            let (verdict, measures) = (measures.verdict, measures.comparable.clone());
            (eye, Visit { acquired: eye.acquired(), verdict, measures })
        });
        let follow_up = visit.as_ref().map(|(eye, visit)| eye.compare(visit)).transpose()?.flatten();

        self.finish_tables(&measures)?;
        let maps = self.write_maps(&measures)?;
        let summary = self.summary(&measures, follow_up.as_ref(), elapsed);
        let bscans = self.collected.bscans().to_vec();
        let mut record = result_record(scan, model, ellipsoid_zone, measures, &bscans, follow_up, elapsed);
        let pdf = self.write_report(&record, maps.as_ref())?;
        record.dicom = self.write_dicom(&record, pdf.as_deref())?;
        self.files.sort();
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

    /// Draws and writes the thickness maps of a volume.
    fn write_maps(&mut self, measures: &ScanMeasures) -> Result<Option<RgbImage>, OutputError> {
        let volume = measures.maps.as_ref().zip(measures.volume.as_ref());
        let visible = measures.quality.facts.choroid_visible;
        let maps = volume.and_then(|(maps, volume)| thickness_maps(maps, visible, volume, self.header.eye));
        if let Some(maps) = &maps {
            let content = png(MAPS_FILE, maps.as_raw(), maps.dimensions(), ExtendedColorType::Rgb8)?;
            self.write(MAPS_FILE, &content)?;
        }
        Ok(maps)
    }

    /// Renders and writes the report; `None` without a B-scan to show.
    fn write_report(
        &mut self,
        record: &ResultRecord<'_>,
        maps: Option<&RgbImage>,
    ) -> Result<Option<Vec<u8>>, OutputError> {
        let Some(Shown { bscan: shown, .. }) = &self.shown else { return Ok(None) };
        let localizer = self.fundus.as_ref().map(|fundus| Localizer { fundus, shown: shown.index });
        let pdf = Report { record, shown, maps, localizer }.pdf();
        let pdf = pdf.map_err(|e| OutputError::Encode { file: REPORT_FILE.to_owned(), reason: e.to_string() })?;
        self.write(REPORT_FILE, &pdf)?;
        Ok(Some(pdf))
    }

    /// Writes the DICOM objects of a DICOM scan; returns their description.
    fn write_dicom(
        &mut self,
        record: &ResultRecord<'_>,
        pdf: Option<&[u8]>,
    ) -> Result<Option<DicomRecord>, OutputError> {
        let Some(DicomParts { origin, results, heights, lesions }) = &self.dicom else { return Ok(None) };
        let (header, findings) = (&self.header, &self.findings);
        let parts = dicom::ScanResults { origin, header, record, heights, lesions, findings, pdf };
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
            findings: self.findings.kinds(),
            lesions: self.findings.lesions(measures.volume.as_ref()),
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
        reference: measures.reference,
        circle: measures.circle,
        circle_reference: measures.circle_reference,
        follow_up,
        device: measures.device,
        dicom: None,
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
mod tests;
