//! Writes the results of one scan, B-scan by B-scan.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use image::{ExtendedColorType, RgbImage};

use octrls_core::{
    layer::{Boundary, EzConvention, LAYERS, Measured},
    measure::{
        BScanFacts, EtdrsSummary, Gates, ScanFacts, ScanQuality, ThicknessUnit, Verdict,
        enface::{CircleProfile, Volume, VolumeMeasures},
        follow_up::{FollowUp, Measures, Visit},
        reference::ReferenceTable,
    },
    scan::{BoundaryRows, ScanHeader},
    segment::SegmentedBScan,
};
use octrls_readers::{DicomOrigin, FundusImage};

use super::{
    DicomResults, EyeVisits, ModelRecord, OutputError, RESULT_FILE, RESULT_SCHEMA, ScanRecord, ScanSummary, Staging,
    dicom,
    localizer::Localizer,
    maps::thickness_maps,
    pictures::{Pictures, png},
    record::{BScanRecord, CircleReferenceRecord, DeviceDifference, LayerRecord, ReferenceRecord, ResultRecord},
    report::Report,
    staging::StagedFolder,
    tables::Table,
};

const REPORT_FILE: &str = "report.pdf";

/// Writes the results of one scan; they appear only at [`ResultWriter::finish`].
pub struct ResultWriter {
    folder: StagedFolder,
    target: PathBuf,
    header: ScanHeader,
    unit: ThicknessUnit,
    boundaries: Table,
    uncertainty: Table,
    thickness: Table,
    bscans: Vec<BScanRecord>,
    volume: Volume,
    device: DeviceDifference,
    facts: Vec<BScanFacts>,
    dicom: Option<DicomParts>,
    /// The B-scan for the report.
    shown: Option<SegmentedBScan>,
    fundus: Option<FundusImage>,
    files: Vec<String>,
}

/// A scanner's own findings in a B-scan.
#[derive(Clone, Debug, Default)]
pub struct DeviceFindings {
    /// Boundaries found by the scanner.
    pub boundaries: Vec<(Boundary, BoundaryRows)>,
    /// Signal in decibels, as stated by the scanner.
    pub signal_db: Option<f32>,
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

/// The source of the DICOM objects.
struct DicomParts {
    origin: DicomOrigin,
    results: DicomResults,
    heights: dicom::Heights,
}

impl ResultWriter {
    /// Starts the results of the scan with `header`, to be published at `target`.
    ///
    /// # Errors
    /// [`OutputError`] if nothing can be written.
    pub fn begin(staging: &Staging, target: &Path, header: &ScanHeader) -> Result<Self, OutputError> {
        let unit = if header.axial.is_some() { ThicknessUnit::Micrometres } else { ThicknessUnit::Pixels };
        let folder = staging.begin()?;
        Ok(Self {
            target: target.to_owned(),
            header: header.clone(),
            unit,
            boundaries: Table::boundaries(&folder)?,
            uncertainty: Table::uncertainty(&folder)?,
            thickness: Table::thickness(&folder, unit)?,
            folder,
            bscans: Vec::new(),
            volume: Volume::new(header.eye),
            device: DeviceDifference::default(),
            facts: Vec::new(),
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
        self.dicom = Some(DicomParts { origin, results, heights });
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
        self.device.add(&bscan.surfaces, &device.boundaries);
        self.facts.push(BScanFacts {
            signal: bscan.signal,
            device_signal_db: device.signal_db,
            quality: bscan.quality,
        });
        if bscan.index == self.header.bscans / 2 {
            self.shown = Some(bscan.clone());
        }
        let place = self.header.tracks.get(bscan.index).copied();
        if let Some(track) = place {
            self.volume.add(track, &bscan.thicknesses);
        }
        self.boundaries.add_boundaries(bscan)?;
        self.uncertainty.add_uncertainty(bscan)?;
        self.thickness.add_thickness(bscan)?;
        if let Some(dicom) = &mut self.dicom {
            dicom.heights.add(&bscan.surfaces);
        }
        self.picture("mask", bscan.index, &pictures.mask)?;
        self.picture("overlay", bscan.index, &pictures.overlay)?;
        self.bscans.push(BScanRecord::new(bscan, place));
        Ok(())
    }

    /// Completes and publishes the results. `last_call` runs right before publishing, and may unwind.
    ///
    /// # Errors
    /// [`OutputError`] if the results cannot be written or published.
    pub fn finish(mut self, context: ScanContext<'_>, last_call: &mut dyn FnMut()) -> Result<ScanSummary, OutputError> {
        let ScanContext { scan, model, ellipsoid_zone, gates, reference, history, elapsed } = context;
        let fields = self.volume.thickness_maps();
        let volume = fields.as_ref().map(|fields| self.volume.measure(fields));
        let decentration = fields.as_ref().zip(volume.as_ref()).and_then(|(f, measures)| measures.decentration_mm(f));
        let maps = fields.zip(volume.as_ref());
        let maps = maps.and_then(|(fields, measures)| thickness_maps(&fields, measures, self.header.eye));
        if let Some(measures) = &volume {
            self.files.push(Table::etdrs(&self.folder, measures)?.finish()?.to_owned());
        }
        if let Some(maps) = &maps {
            let name = "thickness-maps.png";
            let content = png(name, maps.as_raw(), maps.dimensions(), ExtendedColorType::Rgb8)?;
            self.folder.write(name, &content)?;
            self.files.push(name.to_owned());
        }
        for table in [&mut self.boundaries, &mut self.uncertainty, &mut self.thickness] {
            self.files.push(table.finish()?.to_owned());
        }
        let layers: Vec<LayerRecord> = Measured::all().map(|of| LayerRecord::over(&self.bscans, of)).into();
        let mean_thickness: [Option<f32>; LAYERS] = std::array::from_fn(|i| layers[i].mean);
        let confidence = self.bscans.iter().map(BScanRecord::confidence).sum::<f32>() / self.bscans.len().max(1) as f32;
        let verdict = Verdict::combine(self.bscans.iter().map(BScanRecord::verdict));
        let facts = ScanFacts::combine(&self.facts, decentration);
        let quality = ScanQuality::judge(facts, verdict, gates);
        let flags = quality.flags.clone();
        let circle = self.volume.circle();
        let circle_reference = CircleReferenceRecord::of(reference, circle.as_ref());
        let reference = reference.zip(volume.as_ref()).map(|(table, volume)| ReferenceRecord::new(table, volume));
        let compared = reference.as_ref().map_or(&[][..], |r| &r.values);
        let etdrs = volume.as_ref().map(|volume| EtdrsSummary::of(volume, self.header.eye, compared));
        let measures = self.measures(&layers, volume.as_ref(), circle.as_ref());
        let history = history.filter(|_| !measures.is_empty());
        let visit = history.map(|eye| Visit { acquired: eye.acquired(), verdict, measures });
        let history = history.zip(visit.as_ref());
        let follow_up = history.map(|(eye, visit)| eye.compare(visit)).transpose()?.flatten();
        let follow_up_words = follow_up.as_ref().map(FollowUp::words);
        let mut record = ResultRecord {
            schema: RESULT_SCHEMA,
            octrls: env!("CARGO_PKG_VERSION"),
            created: jiff::Timestamp::now(),
            scan,
            model,
            ellipsoid_zone,
            verdict,
            quality,
            unit: self.unit,
            confidence,
            layers,
            bscans: &self.bscans,
            volume,
            reference,
            circle,
            circle_reference,
            follow_up,
            device: self.device.records(self.header.axial),
            dicom: None,
            seconds: elapsed.as_secs_f64(),
            files: Vec::new(),
            notice: "research use only, not a medical device",
        };
        let pdf = self.report(&record, maps.as_ref())?;
        if let Some(pdf) = &pdf {
            self.folder.write(REPORT_FILE, pdf)?;
            self.files.push(REPORT_FILE.to_owned());
        }
        if let Some(DicomParts { origin, results, heights }) = &self.dicom {
            let parts = dicom::Results { origin, header: &self.header, record: &record, heights, pdf: pdf.as_deref() };
            let (objects, described) = parts.objects(*results)?;
            for (name, content) in objects {
                self.folder.write(name, &content)?;
                self.files.push(name.to_owned());
            }
            record.dicom = Some(described);
        }
        self.files.sort();
        record.files = std::mem::take(&mut self.files);
        let json = serde_json::to_vec_pretty(&record)
            .map_err(|e| OutputError::Encode { file: RESULT_FILE.to_owned(), reason: e.to_string() })?;
        self.folder.write(RESULT_FILE, &json)?;
        self.folder.publish(&self.target, last_call)?;
        if let Some((eye, visit)) = history {
            eye.enter(visit)?;
        }
        Ok(ScanSummary {
            series: 1,
            bscans: self.bscans.len(),
            eye: self.header.eye,
            unit: self.unit,
            mean_thickness,
            etdrs,
            verdict,
            flags,
            confidence,
            follow_up: follow_up_words,
            out: self.target,
            elapsed,
        })
    }

    /// The measures that can be compared with other visits; empty without axial spacing.
    fn measures(
        &self,
        layers: &[LayerRecord],
        volume: Option<&VolumeMeasures>,
        circle: Option<&CircleProfile>,
    ) -> Measures {
        if self.unit == ThicknessUnit::Pixels {
            return Measures::default();
        }
        let means = Measured::all().into_iter().zip(layers).map(|(of, l)| (of, l.mean, l.coverage));
        Measures::of(means, volume, circle)
    }

    fn report(&self, record: &ResultRecord<'_>, maps: Option<&RgbImage>) -> Result<Option<Vec<u8>>, OutputError> {
        let report = self.shown.as_ref().map(|shown| {
            let localizer = self.fundus.as_ref().map(|fundus| Localizer { fundus, shown: shown.index });
            Report { record, shown, maps, localizer }.pdf()
        });
        report.transpose().map_err(|e| OutputError::Encode { file: REPORT_FILE.to_owned(), reason: e.to_string() })
    }

    fn picture(&mut self, kind: &str, index: usize, content: &[u8]) -> Result<(), OutputError> {
        let name = if self.header.bscans == 1 { format!("{kind}.png") } else { format!("{kind}-{index:03}.png") };
        self.folder.write(&name, content)?;
        self.files.push(name);
        Ok(())
    }
}
