//! The parts of `result.json` that octrls reads back. Unknown keys are left aside, so that later versions can be read.

use std::{path::Path, time::Duration};

use octrls_core::{
    layer::{EzConvention, LAYERS, Layer, MEASURED, Measured},
    lesion::Lesion,
    measure::{
        EtdrsSummary, FindingKind, LesionFigures, NoRetina, Quality, Signal, ThicknessUnit, Verdict,
        enface::{COVERED, CentreSource, Coverage, Subfield},
        reference::Standing,
    },
    scan::{BScanPosition, Clock, Crop, Eye, Note, Pattern, Place, Provenance, ScanHeader, ScanSettings, Spacing},
};
use serde::Deserialize;

use crate::{CoveredVolume, LesionSummary, ModelRecord, ScanRecord, ScanSummary};

/// What is read of `result.json`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct StoredRecord {
    pub(super) schema: String,
    pub(super) created: jiff::Timestamp,
    pub(super) scan: StoredScan,
    pub(super) model: StoredModel,
    pub(super) ellipsoid_zone: EzConvention,
    verdict: Verdict,
    no_retina: Option<NoRetina>,
    pub(super) quality: StoredQuality,
    #[serde(default)]
    notes: Vec<StoredNote>,
    unit: ThicknessUnit,
    confidence: f32,
    layers: Vec<StoredLayer>,
    pub(super) volume: Option<StoredVolume>,
    reference: Option<StoredReference>,
    pub(super) follow_up: Option<serde_json::Value>,
    pub(super) correction: Option<serde_json::Value>,
    pub(super) bscans: Vec<StoredBScan>,
    #[serde(default)]
    findings: Vec<StoredFinding>,
    seconds: f64,
    #[serde(default)]
    pub(super) files: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct StoredScan {
    pub(super) path: String,
    pub(super) sha256: String,
    pub(super) series: Option<u32>,
    format: String,
    bscans: usize,
    width: usize,
    height: usize,
    eye: Option<Eye>,
    eye_from: Option<Provenance>,
    pattern: Pattern,
    pattern_from: Option<Provenance>,
    axial: Option<Spacing>,
    lateral: Option<Spacing>,
    places: Option<Provenance>,
    acquired: Option<String>,
    clock: Option<Clock>,
    device: Option<String>,
    #[serde(default)]
    settings: ScanSettings,
    crop: Option<Crop>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct StoredModel {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) sha256: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct StoredQuality {
    flags: String,
    pub(super) criteria: Vec<StoredCriterion>,
}

/// The outcome of one measure of a quality criterion, as `result.json` names it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct StoredCriterion {
    /// The criterion, such as `signal`.
    pub criterion: String,
    /// What was measured, such as `snr_db`.
    pub measure: String,
    /// `met`, `flagged` or `not_judged`.
    pub outcome: String,
    /// The measured value, in the unit of the limit.
    pub measured: Option<f32>,
    /// The limit.
    pub gate: Option<f32>,
}

#[derive(Clone, Debug, Deserialize)]
struct StoredNote {
    note: String,
    missing: Option<usize>,
    listed: Option<usize>,
    um: Option<u32>,
    bits: Option<u32>,
}

#[derive(Clone, Debug, Deserialize)]
struct StoredLayer {
    layer: String,
    mean: Option<f32>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct StoredVolume {
    pub(super) centre: StoredCentre,
    etdrs: Vec<StoredGrid>,
    #[serde(default)]
    lesions: Option<Vec<StoredLesionGrid>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct StoredCentre {
    pub(super) place: Place,
    pub(super) from: CentreSource,
    #[serde(default)]
    pub(super) confidence: Option<f32>,
}

#[derive(Clone, Debug, Deserialize)]
struct StoredGrid {
    layer: String,
    subfields: Vec<StoredSubfield>,
}

#[derive(Clone, Debug, Deserialize)]
struct StoredSubfield {
    subfield: String,
    mean_um: Option<f32>,
    coverage: f32,
}

#[derive(Clone, Debug, Deserialize)]
struct StoredLesionGrid {
    lesion: Lesion,
    circles: Vec<StoredCircle>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct StoredCircle {
    diameter_mm: f64,
    volume_nl: f64,
    bounds_nl: [f64; 2],
    coverage: f64,
}

#[derive(Clone, Debug, Deserialize)]
struct StoredReference {
    values: Vec<StoredComparison>,
}

#[derive(Clone, Debug, Deserialize)]
struct StoredComparison {
    layer: String,
    subfield: String,
    standing: Standing,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct StoredBScan {
    place: Option<BScanPosition>,
    pub(super) no_retina: Option<NoRetina>,
    pub(super) quality: Quality,
    pub(super) signal: Signal,
    #[serde(default)]
    lesions: Option<Vec<LesionFigures>>,
    network_seconds: f64,
    surface_seconds: f64,
}

#[derive(Clone, Debug, Deserialize)]
struct StoredFinding {
    finding: String,
    of: Option<String>,
}

impl StoredFinding {
    /// `None` for a kind that only a later version knows.
    fn kind(&self) -> Option<FindingKind> {
        let of = self.of.as_deref().unwrap_or_default();
        match self.finding.as_str() {
            "lesion" => Lesion::ALL.into_iter().find(|lesion| lesion.key() == of).map(FindingKind::Lesion),
            "layer_absent" => Layer::ALL.into_iter().find(|layer| layer.key() == of).map(FindingKind::LayerAbsent),
            "optic_disc" => Some(FindingKind::OpticDisc),
            _ => None,
        }
    }
}

impl StoredBScan {
    /// Time in the network, and from pixels to measures outside it.
    pub(super) fn times(&self) -> [Duration; 2] {
        [self.network_seconds, self.surface_seconds].map(duration)
    }
}

impl StoredNote {
    /// `None` for a note that only a later version knows. `crop` is the part of the picture that was read.
    fn note(&self, crop: Option<Crop>) -> Option<Note> {
        match self.note.as_str() {
            "bscans_missing" => Some(Note::BscansMissing { missing: self.missing?, listed: self.listed? }),
            "default_degree" => Some(Note::DefaultDegree { um: self.um? }),
            "depth_scaled" => Some(Note::DepthScaled { bits: self.bits? }),
            "panel_of_picture" => crop.map(Note::PanelOfPicture),
            key => serde_json::from_value(key.into()).ok(),
        }
    }
}

/// Whether the reader makes this note, and not the measures.
const fn is_of_reader(note: Note) -> bool {
    !matches!(
        note,
        Note::AxialSpacingImplausible
            | Note::LateralSpacingImplausible
            | Note::RetinaImplausible
            | Note::StatedCentreUnused
            | Note::NoFovea
    )
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

impl StoredRecord {
    /// Whether the sizes agree, so that later code can rely on them.
    pub(super) fn is_consistent(&self) -> bool {
        let StoredScan { bscans, width, height, .. } = self.scan;
        bscans == self.bscans.len() && width > 0 && height > 0
    }

    fn notes(&self) -> impl Iterator<Item = Note> {
        self.notes.iter().filter_map(|stored| stored.note(self.scan.crop))
    }

    pub(super) fn header(&self) -> ScanHeader {
        let scan = self.scan.clone();
        let tracks: Option<Vec<_>> = self.bscans.iter().map(|bscan| bscan.place).collect();
        ScanHeader {
            format: scan.format.into(),
            bscans: scan.bscans,
            width: scan.width,
            height: scan.height,
            axial: scan.axial,
            lateral: scan.lateral,
            eye: scan.eye,
            eye_from: scan.eye_from,
            pattern: scan.pattern,
            pattern_from: scan.pattern_from,
            tracks: tracks.unwrap_or_default(),
            places: scan.places,
            notes: self.notes().filter(|note| is_of_reader(*note)).collect(),
        }
    }

    pub(super) fn scan_record(&self) -> ScanRecord {
        let StoredScan { path, sha256, series, acquired, clock, device, settings, crop, .. } = self.scan.clone();
        let record = ScanRecord::new(path, sha256, series, &self.header());
        ScanRecord { acquired, clock, device, settings, ..record }.with_crop(crop)
    }

    pub(super) fn model_record(&self) -> ModelRecord {
        let StoredModel { name, version, sha256 } = self.model.clone();
        ModelRecord { name, version, sha256 }
    }

    pub(super) fn summary(&self, folder: &Path) -> ScanSummary {
        let mean = |layer: Layer| self.layers.iter().find(|stored| stored.layer == layer.key()).and_then(|l| l.mean);
        let mut mean_thickness = [None; LAYERS];
        for layer in Layer::ALL {
            mean_thickness[layer.index()] = mean(layer);
        }
        ScanSummary {
            series: 1,
            bscans: self.scan.bscans,
            eye: self.scan.eye,
            unit: self.unit,
            mean_thickness,
            etdrs: self.volume.as_ref().map(|volume| self.etdrs(volume)),
            verdict: self.verdict,
            no_retina: self.no_retina,
            flags: self.quality.flags.clone(),
            findings: self.findings.iter().filter_map(StoredFinding::kind).collect(),
            lesions: self.lesions(),
            notes: self.notes().collect(),
            confidence: self.confidence,
            follow_up: None,
            out: folder.to_owned(),
            elapsed: duration(self.seconds),
        }
    }

    fn etdrs(&self, volume: &StoredVolume) -> EtdrsSummary {
        let order = Subfield::all(self.scan.eye).map(Subfield::name);
        let compared = self.reference.as_ref().map_or(&[][..], |reference| &reference.values);
        let (mut mean_um, mut standing) = ([[None; 9]; MEASURED], [[None; 9]; MEASURED]);
        let mut coverage = [[Coverage::Sparse; 9]; MEASURED];
        for of in Measured::all() {
            let grid = volume.etdrs.iter().find(|grid| grid.layer == of.key());
            for (i, name) in order.iter().enumerate() {
                let field = grid.and_then(|grid| grid.subfields.iter().find(|field| field.subfield == *name));
                mean_um[of.index()][i] = field.and_then(|f| f.mean_um).filter(|_| volume.centre.from.is_fovea());
                coverage[of.index()][i] = field.map_or(Coverage::Sparse, |field| Coverage::of(field.coverage));
                let found = compared.iter().find(|value| value.layer == of.key() && value.subfield == *name);
                standing[of.index()][i] = found.map(|value| value.standing);
            }
        }
        EtdrsSummary { mean_um, standing, coverage, centre: volume.centre.from }
    }

    /// Each lesion with its largest area and height in a B-scan, and its volume.
    fn lesions(&self) -> Vec<LesionSummary> {
        let grids = self.volume.as_ref().and_then(|volume| volume.lesions.as_deref()).unwrap_or_default();
        let summary = |lesion: Lesion| {
            let figures = self.bscans.iter().flat_map(|bscan| bscan.lesions.iter().flatten());
            let shown: Vec<&LesionFigures> = figures.filter(|figures| figures.lesion == lesion).collect();
            let largest = *shown.iter().max_by(|a, b| a.area_px.total_cmp(&b.area_px))?;
            let circles = grids.iter().find(|grid| grid.lesion == lesion).map_or(&[][..], |grid| &grid.circles);
            let covered = circles.iter().rfind(|circle| circle.coverage >= f64::from(COVERED));
            Some(LesionSummary {
                lesion,
                bscans: shown.len(),
                area_px: largest.area_px,
                area_mm2: largest.area_mm2,
                area_bounds_mm2: largest.area_bounds_mm2,
                height_um: shown.iter().filter_map(|figures| figures.height_um).reduce(f64::max),
                volume: covered.map(|circle| CoveredVolume {
                    diameter_mm: circle.diameter_mm,
                    nl: circle.volume_nl,
                    bounds_nl: circle.bounds_nl,
                }),
            })
        };
        Lesion::ALL.into_iter().filter_map(summary).collect()
    }
}
