//! `result.json`: the complete result in one documented, versioned file (`docs/result.md`).

use std::borrow::Cow;

use octrls_core::{
    layer::{Boundary, EzConvention, Measured},
    measure::{
        ChoroidVisibility, Finding, LayerThickness, LesionFigures, NoRetina, Quality, ScanQuality, Signal,
        ThicknessUnit, Verdict,
        enface::{CircleProfile, Coverage, Magnification, VolumeMeasures},
        follow_up::{FollowUp, InterEye},
        reference::{CircleComparison, CircleTable, Comparison, NotCompared, ReferenceTable},
        uncertainty::half_width_in_bscan,
    },
    network::Network,
    scan::{
        Acquisition, BScanPosition, Clock, Crop, Eye, Note, Pattern, Provenance, ScanHeader, ScanSettings, Spacing,
    },
    segment::SegmentedBScan,
};
use octrls_readers::DicomReference;
use serde::{Deserialize, Serialize};

use super::{
    correction::CorrectionRecord,
    device::DeviceRecord,
    findings::{FindingRecord, FindingSummary},
    lesions::LesionRecord,
};

/// Version of the file's structure; raised when readers must adapt.
pub const RESULT_SCHEMA: &str = "octrls.result/2";
/// Every structure whose results can be read.
pub(super) const READABLE_SCHEMAS: [&str; 2] = ["octrls.result/1", RESULT_SCHEMA];

/// The scan, as stated by its file.
#[derive(Clone, Debug, Serialize)]
pub struct ScanRecord {
    /// Path below the watched root, or as given on the command line.
    pub path: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// The requested series, if the file has several.
    pub(super) series: Option<u32>,
    pub(super) format: Cow<'static, str>,
    pub(super) bscans: usize,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) eye: Option<Eye>,
    pub(super) eye_from: Option<Provenance>,
    pub(super) pattern: Pattern,
    pub(super) pattern_from: Option<Provenance>,
    pub(super) axial: Option<Spacing>,
    pub(super) lateral: Option<Spacing>,
    pub(super) places: Option<Provenance>,
    /// Acquisition time by `clock`.
    pub(super) acquired: Option<String>,
    /// `None` without a time.
    pub(super) clock: Option<Clock>,
    pub(super) device: Option<String>,
    /// How the scanner was set.
    pub(super) settings: ScanSettings,
    /// The part of each picture that is the B-scan, if the picture has other panels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) crop: Option<Crop>,
}

impl ScanRecord {
    /// Describes a scan; `series` is the requested one, if any.
    #[must_use]
    pub fn new(path: String, sha256: String, series: Option<u32>, header: &ScanHeader) -> Self {
        let ScanHeader { bscans, width, height, axial, lateral, eye, eye_from, .. } = *header;
        let ScanHeader { pattern, pattern_from, places, .. } = *header;
        Self {
            path,
            sha256,
            series,
            format: header.format.clone(),
            bscans,
            width,
            height,
            eye,
            eye_from,
            pattern,
            pattern_from,
            axial,
            lateral,
            places,
            acquired: None,
            clock: None,
            device: None,
            settings: ScanSettings::default(),
            crop: None,
        }
    }

    /// Adds which part of each picture was read.
    #[must_use]
    pub fn with_crop(self, crop: Option<Crop>) -> Self {
        Self { crop, ..self }
    }

    /// Adds how the scanner was set.
    #[must_use]
    pub fn with_settings(self, settings: ScanSettings) -> Self {
        Self { settings, ..self }
    }

    /// Adds when and by which device the scan was taken.
    #[must_use]
    pub fn taken(self, acquisition: &Acquisition) -> Self {
        let Acquisition { at, clock, device } = acquisition;
        let device = Some(device.clone()).filter(|device| !device.is_empty());
        Self { acquired: at.map(|at| at.to_string()), clock: at.map(|_| *clock), device, ..self }
    }
}

/// The model as named in results.
#[derive(Clone, Debug, Serialize)]
pub struct ModelRecord {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) sha256: String,
}

impl ModelRecord {
    /// Describes a network.
    #[must_use]
    pub fn new(network: &Network) -> Self {
        let metadata = network.metadata();
        Self {
            name: metadata.name.clone(),
            version: metadata.version.clone(),
            sha256: network.file_sha256().to_owned(),
        }
    }

    /// A model with this name, version and SHA-256 of its file, hexadecimal.
    #[must_use]
    pub fn named(name: &str, version: &str, sha256: &str) -> Self {
        Self { name: name.to_owned(), version: version.to_owned(), sha256: sha256.to_owned() }
    }

    /// SHA-256 of the model file, hexadecimal.
    #[must_use]
    pub fn file_sha256(&self) -> &str {
        &self.sha256
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Name, version and the start of the file's hash.
    pub(super) fn label(&self) -> String {
        format!("{} {} ({})", self.name, self.version, self.sha256.get(..8).unwrap_or_default())
    }
}

/// The content of `result.json`.
#[derive(Serialize)]
pub(super) struct ResultRecord<'a> {
    pub(super) schema: &'static str,
    pub(super) octrls: &'static str,
    /// B-scans and A-scans count from 0 here and in tables, from 1 in pictures, reports and screens.
    pub(super) first_index: u8,
    pub(super) created: jiff::Timestamp,
    pub(super) scan: &'a ScanRecord,
    pub(super) model: &'a ModelRecord,
    pub(super) ellipsoid_zone: EzConvention,
    pub(super) verdict: Verdict,
    /// Why the scan shows no retina.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) no_retina: Option<NoRetina>,
    /// What a person should look at.
    pub(super) findings: Vec<FindingSummary>,
    /// `None` if no B-scan was searched for lesions.
    pub(super) lesions: Option<Vec<LesionRecord>>,
    pub(super) quality: ScanQuality,
    pub(super) notes: Vec<NoteRecord>,
    pub(super) unit: ThicknessUnit,
    pub(super) confidence: f32,
    pub(super) layers: Vec<LayerRecord>,
    /// Share of the A-scans with a choroid-sclera boundary in which it can be seen.
    pub(super) choroid_visible: Option<f32>,
    pub(super) volume: Option<VolumeMeasures>,
    /// The volume with lateral distances scaled to the length of the eye.
    pub(super) scaled: Option<ScaledRecord>,
    pub(super) reference: Option<ReferenceRecord>,
    /// Why the scan is compared with no reference group, though a table is given.
    pub(super) not_compared: Option<NotCompared>,
    pub(super) circle: Option<CircleProfile>,
    pub(super) circle_reference: Option<CircleReferenceRecord>,
    pub(super) follow_up: Option<FollowUp>,
    /// Both eyes at one visit.
    pub(super) inter_eye: Option<InterEye>,
    pub(super) device: Vec<DeviceRecord>,
    pub(super) bscans: &'a [BScanRecord],
    pub(super) dicom: Option<DicomRecord>,
    /// Lines that a person corrected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) correction: Option<CorrectionRecord>,
    pub(super) seconds: f64,
    pub(super) files: Vec<String>,
    pub(super) notice: &'static str,
}

/// Measures with lateral distances scaled to the length of the eye.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ScaledRecord {
    #[serde(flatten)]
    pub(super) magnification: Magnification,
    /// Source of the length.
    pub(super) from: Provenance,
    /// `None` if the scan is no volume.
    pub(super) volume: Option<VolumeMeasures>,
    /// Radius of a circle on the retina in millimetres.
    pub(super) circle_radius_mm: Option<f64>,
}

/// A note on the scan, for programs and in words. The numbers are those of the notes that have some.
#[derive(Clone, Debug, Serialize)]
pub(super) struct NoteRecord {
    note: &'static str,
    pub(super) words: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    listed: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    um: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bits: Option<u32>,
}

impl From<Note> for NoteRecord {
    fn from(note: Note) -> Self {
        let plain = Self { note: note.key(), words: note.words(), missing: None, listed: None, um: None, bits: None };
        match note {
            Note::BscansMissing { missing, listed } => Self { missing: Some(missing), listed: Some(listed), ..plain },
            Note::DefaultDegree { um } => Self { um: Some(um), ..plain },
            Note::DepthScaled { bits } => Self { bits: Some(bits), ..plain },
            _ => plain,
        }
    }
}

/// The description of the DICOM objects.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct DicomRecord {
    pub(super) objects: Vec<DicomObjectRecord>,
    /// Reasons for missing objects.
    pub(super) left_out: Vec<String>,
    /// The scan's own objects; `None` if it does not state them.
    #[serde(default)]
    pub(super) source: Option<SourceRecord>,
}

/// The description of one DICOM object.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct DicomObjectRecord {
    pub(super) file: String,
    pub(super) sop_class_uid: String,
    pub(super) sop_instance_uid: String,
    pub(super) series_instance_uid: String,
    /// SHA-256 of everything but the time of creation; `None` in results of earlier versions.
    #[serde(default)]
    pub(super) content_sha256: Option<String>,
    /// The version that it replaces.
    #[serde(default)]
    pub(super) replaces: Option<ObjectReference>,
}

/// An object of the same class and study.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ObjectReference {
    pub(super) sop_instance_uid: String,
    pub(super) series_instance_uid: String,
}

/// The objects of the scan itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SourceRecord {
    study_instance_uid: String,
    series_instance_uid: String,
    /// That of the first object.
    sop_instance_uid: String,
    objects: usize,
}

impl SourceRecord {
    pub(super) fn of(reference: &DicomReference) -> Self {
        Self {
            study_instance_uid: reference.study.clone(),
            series_instance_uid: reference.series.clone(),
            sop_instance_uid: reference.instances.first().cloned().unwrap_or_default(),
            objects: reference.instances.len(),
        }
    }

    /// Whether both are the same scan: one object, or a series of them that may have grown.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let both_are_series = self.objects > 1 && other.objects > 1;
        (&self.study_instance_uid, &self.series_instance_uid) == (&other.study_instance_uid, &other.series_instance_uid)
            && (both_are_series || self.sop_instance_uid == other.sop_instance_uid)
    }
}

/// A volume's thickness compared with a reference group.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ReferenceRecord {
    pub(super) name: String,
    pub(super) source: String,
    pub(super) population: String,
    pub(super) note: String,
    /// How the table's lines were drawn.
    pub(super) lines: String,
    pub(super) values: Vec<Comparison>,
}

impl ReferenceRecord {
    pub(super) fn new(table: &ReferenceTable, volume: &VolumeMeasures, ez: EzConvention) -> Self {
        let ReferenceTable { name, source, population, note, lines, .. } = table.clone();
        Self { name, source, population, note, lines, values: table.compare(volume, ez) }
    }
}

/// A circle's thickness compared with a reference group.
#[derive(Clone, Debug, Serialize)]
pub(super) struct CircleReferenceRecord {
    pub(super) name: String,
    pub(super) source: String,
    pub(super) population: String,
    pub(super) values: Vec<CircleComparison>,
}

impl CircleReferenceRecord {
    /// `None` without a circle or a circle table, or if the table is for another radius.
    pub(super) fn of(table: Option<&ReferenceTable>, circle: Option<&CircleProfile>) -> Option<Self> {
        let (table, circle) = table?.circle.as_ref().zip(circle)?;
        let CircleTable { name, source, population, .. } = table.clone();
        let values = table.compare(circle);
        table.is_comparable(circle.radius_mm).then_some(Self { name, source, population, values })
    }
}

/// Thickness of a layer, or of the retina, in a B-scan or a scan.
#[derive(Clone, Debug, Serialize)]
pub(super) struct LayerRecord {
    layer: &'static str,
    name: &'static str,
    pub(super) mean: Option<f32>,
    pub(super) sd: Option<f32>,
    pub(super) min: Option<f32>,
    pub(super) max: Option<f32>,
    pub(super) coverage: f32,
    /// Half of the 95 % interval of the mean.
    pub(super) half_width: Option<f32>,
}

/// The results of one B-scan.
#[derive(Clone, Debug, Serialize)]
pub(super) struct BScanRecord {
    index: usize,
    place: Option<BScanPosition>,
    verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    no_retina: Option<NoRetina>,
    quality: Quality,
    signal: Signal,
    confidence: f32,
    layers: Vec<LayerRecord>,
    boundaries: Vec<BoundaryRecord>,
    choroid_visible: Option<f32>,
    /// `None` if the B-scan was not searched for lesions.
    lesions: Option<Vec<LesionFigures>>,
    findings: Vec<FindingRecord>,
    network_seconds: f64,
    surface_seconds: f64,
}

/// How much of a boundary was found in a B-scan, and how certain it is.
#[derive(Clone, Debug, Serialize)]
struct BoundaryRecord {
    boundary: &'static str,
    coverage: f32,
    mean_deviation_px: Option<f32>,
}

impl LayerRecord {
    fn new(thickness: &LayerThickness, half_width: Option<f32>) -> Self {
        let LayerThickness { of, mean, sd, min, max, coverage, .. } = *thickness;
        Self { layer: of.key(), name: of.name(), mean, sd, min, max, coverage, half_width: mean.and(half_width) }
    }

    /// The statistics of one layer, or of the retina, over several B-scans of equal width. `half_width` is that of the mean
    /// over all of them; without it, the errors of all B-scans count as one.
    pub(super) fn over(bscans: &[BScanRecord], of: Measured, half_width: Option<f32>) -> Self {
        let records = || bscans.iter().map(|b| &b.layers[of.index()]);
        let weight: f32 = records().map(|l| l.coverage).sum();
        let weighted = |value: &dyn Fn(&Self) -> Option<f32>| {
            (weight > 0.0).then(|| records().filter_map(|l| Some(value(l)? * l.coverage)).sum::<f32>() / weight)
        };
        let coverage = weight / bscans.len().max(1) as f32;
        // The mean of a small part says little of the scan.
        let mean = weighted(&|l| l.mean).and_then(|mean| Coverage::of(coverage).shown(mean));
        // Variance within and between the B-scans.
        let variance = mean.and_then(|mean| weighted(&|l| Some(l.sd?.powi(2) + (l.mean? - mean).powi(2))));
        Self {
            layer: of.key(),
            name: of.name(),
            mean,
            sd: variance.map(f32::sqrt),
            min: records().filter_map(|l| l.min).reduce(f32::min),
            max: records().filter_map(|l| l.max).reduce(f32::max),
            coverage,
            half_width: mean
                .and_then(|_| half_width.or_else(|| Some(weighted(&|l| Some(l.half_width?.powi(2)))?.sqrt()))),
        }
    }
}

impl BScanRecord {
    /// Describes a B-scan of the scan with `header`.
    pub(super) fn new(bscan: &SegmentedBScan, place: Option<BScanPosition>, header: &ScanHeader) -> Self {
        let figures = |mask| LesionFigures::measure(mask, header.axial, header.lateral);
        let lesions = bscan.lesions.as_ref().map(figures);
        let extent = |lesion| bscan.lesions.as_ref().map_or(0..0, |mask| mask.extent(lesion));
        let [axial, lateral] = [header.axial, header.lateral].map(|spacing| spacing.map(|spacing| spacing.um));
        let half_width = |of| half_width_in_bscan(&bscan.surfaces, of, axial, lateral);
        let findings = Finding::of(&bscan.surfaces, lesions.as_deref().unwrap_or_default(), extent);
        Self {
            index: bscan.index,
            place,
            verdict: bscan.verdict(),
            no_retina: bscan.no_retina,
            quality: bscan.quality,
            signal: bscan.signal,
            confidence: bscan.confidence(),
            layers: bscan.thicknesses.iter().map(|of| LayerRecord::new(of, half_width(of.of))).collect(),
            boundaries: Boundary::ALL.into_iter().map(|b| BoundaryRecord::new(bscan, b)).collect(),
            choroid_visible: ChoroidVisibility::of(&bscan.surfaces).share(),
            findings: findings.iter().map(FindingRecord::new).collect(),
            lesions,
            network_seconds: bscan.network_time.as_secs_f64(),
            surface_seconds: bscan.surface_time.as_secs_f64(),
        }
    }

    pub(super) const fn verdict(&self) -> Verdict {
        self.verdict
    }

    pub(super) const fn no_retina(&self) -> Option<NoRetina> {
        self.no_retina
    }

    pub(super) const fn confidence(&self) -> f32 {
        self.confidence
    }

    /// Place on the retina, if known.
    pub(super) const fn place(&self) -> Option<&BScanPosition> {
        self.place.as_ref()
    }

    /// The findings in words, each once; empty if there are none.
    pub(super) fn findings_in_words(&self) -> String {
        let mut words: Vec<&str> = self.findings.iter().map(FindingRecord::words).collect();
        words.dedup();
        words.join(", ")
    }

    /// Index and findings.
    pub(super) fn findings(&self) -> (usize, &[FindingRecord]) {
        (self.index, &self.findings)
    }

    /// The lesions that were found; `None` if the B-scan was not searched.
    pub(super) fn lesions(&self) -> Option<&[LesionFigures]> {
        self.lesions.as_deref()
    }
}

impl BoundaryRecord {
    fn new(bscan: &SegmentedBScan, boundary: Boundary) -> Self {
        let rows = bscan.surfaces.rows(boundary);
        let known: Vec<f32> = rows
            .iter()
            .zip(bscan.surfaces.deviations(boundary))
            .filter_map(|(row, deviation)| row.map(|_| *deviation))
            .collect();
        Self {
            boundary: boundary.name(),
            coverage: known.len() as f32 / rows.len().max(1) as f32,
            mean_deviation_px: (!known.is_empty()).then(|| known.iter().sum::<f32>() / known.len() as f32),
        }
    }
}
