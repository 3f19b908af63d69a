//! Scan quality by the OSCAR-IB criteria (Tewarie et al., PLoS ONE 2012;7(4):e34823).
//!
//! A scan that fails a criterion is flagged, never hidden. A site can set the limits, see [`Gates`].

use std::ops::RangeInclusive;

use serde::Serialize;

use super::{ChoroidVisibility, Gates, Quality, Signal, Verdict, enface::Centre};
use crate::scan::{AXIAL_UM, LATERAL_UM, Note, RETINA_UM, Spacing};

/// C: smallest confidence with which the fovea was found.
const FOVEA_CONFIDENCE: f32 = 0.5;

/// One of the seven criteria of OSCAR-IB, or the mark of the choroid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Criterion {
    /// The whole retina is in the image.
    Obvious,
    /// The signal is strong enough.
    Signal,
    /// The scan is centred.
    Centration,
    /// The lines follow the layers.
    Algorithm,
    /// No pathology affects the measurement.
    Retina,
    /// The illumination is even.
    Illumination,
    /// The beam passed through the middle of the pupil.
    Beam,
    /// Enough of the choroid's end can be seen. Concerns the choroid alone, and has no letter.
    Choroid,
}

impl Criterion {
    /// Letter in OSCAR-IB; `None` for the choroid, which those criteria do not concern.
    #[must_use]
    pub const fn letter(self) -> Option<char> {
        match self {
            Self::Obvious => Some('O'),
            Self::Signal => Some('S'),
            Self::Centration => Some('C'),
            Self::Algorithm => Some('A'),
            Self::Retina => Some('R'),
            Self::Illumination => Some('I'),
            Self::Beam => Some('B'),
            Self::Choroid => None,
        }
    }
}

/// What the letters of unmet OSCAR-IB criteria mean, separated by commas; letters of no criterion are left out.
#[must_use]
pub fn flag_words(flags: &str) -> String {
    let words = |letter: char| match letter {
        'O' => Some("obvious problem"),
        'S' => Some("weak signal"),
        'C' => Some("off centre"),
        'A' => Some("unsure lines"),
        'R' => Some("pathology"),
        'I' => Some("uneven light"),
        'B' => Some("tilted beam"),
        _ => None,
    };
    flags.chars().filter_map(words).collect::<Vec<_>>().join(", ")
}

/// Whether a criterion is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The criterion is met.
    Met,
    /// The criterion is not met; a person should look at the scan.
    Flagged,
    /// The scan lacks the data needed to judge the criterion.
    NotJudged,
}

/// The outcome of one measure of a criterion.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CriterionResult {
    /// The criterion.
    pub criterion: Criterion,
    /// Name of the measure: its gate; `axial_um`, `lateral_um`, `retina_um` and `fovea_confidence`, whose limits are fixed; `verdict`; or
    /// `none` if nothing is measured.
    pub measure: &'static str,
    /// Whether the criterion is met.
    pub outcome: Outcome,
    /// Measured value, in the unit of the gate.
    pub measured: Option<f32>,
    /// The limit; of two, the one that is nearer.
    pub gate: Option<f32>,
}

/// The data behind the criteria, over all B-scans of a scan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ScanFacts {
    /// Median signal in decibels as stated by the scanner.
    pub device_signal_db: Option<f32>,
    /// Medians of signal-to-noise, contrast and tilt; means of the shares.
    #[serde(flatten)]
    pub signal: Signal,
    /// Distance of the fovea from the middle of a volume, or of a stated disc from the centre of a circle, in millimetres;
    /// `None` if neither is known.
    pub decentration_mm: Option<f32>,
    /// How clearly a volume shows the fovea, 0 to 1; 0 if it was not found, `None` for other scans and where a person
    /// stated it.
    pub fovea_confidence: Option<f32>,
    /// Share of A-scans in which the retina was found, 0 to 1.
    pub coverage: Option<f32>,
    /// Mean confidence of these A-scans, 0 to 1; `None` if there are none.
    pub confidence: Option<f32>,
    /// Share of the A-scans with a choroid-sclera boundary in which it can be seen, 0 to 1.
    pub choroid_visible: Option<f32>,
    /// Axial spacing in micrometres; `None` if unknown.
    pub axial_um: Option<f32>,
    /// Lateral spacing in micrometres; `None` if unknown.
    pub lateral_um: Option<f32>,
    /// Median over the B-scans of the median thickness of the retina, in micrometres; `None` without axial spacing.
    pub retina_um: Option<f32>,
}

/// The data behind the criteria for one B-scan.
#[derive(Clone, Copy, Debug)]
pub struct BScanFacts {
    /// Image quality.
    pub signal: Signal,
    /// Signal in decibels as stated by the scanner.
    pub device_signal_db: Option<f32>,
    /// The data behind its verdict.
    pub quality: Quality,
    /// A-scans in which the choroid's end is given, and can be seen.
    pub choroid: ChoroidVisibility,
    /// Median thickness of the retina in micrometres; `None` without axial spacing.
    pub retina_um: Option<f32>,
}

/// The quality of a scan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScanQuality {
    /// The measured values.
    #[serde(flatten)]
    pub facts: ScanFacts,
    /// Letters of the OSCAR-IB criteria that are not met, in the order of the name; empty if all are met.
    pub flags: String,
    /// Every measure of every criterion.
    pub criteria: [CriterionResult; 15],
}

impl ScanFacts {
    /// Combines the facts of all B-scans.
    #[must_use]
    pub fn combine(bscans: &[BScanFacts], decentration_mm: Option<f32>) -> Self {
        let all = |f: &dyn Fn(&Signal) -> Option<f32>| bscans.iter().filter_map(|b| f(&b.signal)).collect::<Vec<f32>>();
        let signal = Signal {
            snr_db: median(all(&|s| s.snr_db)),
            contrast: median(all(&|s| s.contrast)),
            dark: mean(&all(&|s| s.dark)),
            tilt: median(all(&|s| s.tilt)),
            cut_off: mean(&all(&|s| s.cut_off)),
        };
        let found: f32 = bscans.iter().map(|b| b.quality.found).sum();
        let confidence: f32 = bscans.iter().map(|b| b.quality.confidence * b.quality.found).sum();
        Self {
            device_signal_db: median(bscans.iter().filter_map(|b| b.device_signal_db).collect()),
            signal,
            decentration_mm,
            fovea_confidence: None,
            coverage: mean(&bscans.iter().map(|b| b.quality.found).collect::<Vec<f32>>()),
            confidence: (found > 0.0).then(|| confidence / found),
            choroid_visible: bscans.iter().map(|b| b.choroid).sum::<ChoroidVisibility>().share(),
            axial_um: None,
            lateral_um: None,
            retina_um: median(bscans.iter().filter_map(|b| b.retina_um).collect()),
        }
    }

    /// These facts, with the spacings of the scan.
    #[must_use]
    pub fn with_spacings(self, axial: Option<Spacing>, lateral: Option<Spacing>) -> Self {
        let um = |spacing: Option<Spacing>| spacing.map(|s| s.um as f32);
        Self { axial_um: um(axial), lateral_um: um(lateral), ..self }
    }

    /// These facts, with how clearly the fovea shows.
    #[must_use]
    pub fn with_fovea(self, centre: Option<Centre>) -> Self {
        Self { fovea_confidence: centre.and_then(|centre| centre.confidence), ..self }
    }

    /// The note on the thickness of the retina, if it is implausible.
    #[must_use]
    pub fn note_on_retina(&self) -> Option<Note> {
        self.retina_um.filter(|&um| !RETINA_UM.contains(&f64::from(um))).map(|_| Note::RetinaImplausible)
    }
}

impl ScanQuality {
    /// Judges a scan. Criterion R is never judged: only a person can see pathology.
    #[must_use]
    pub fn judge(facts: ScanFacts, verdict: Verdict, gates: &Gates) -> Self {
        use Criterion::{Algorithm, Beam, Centration, Choroid, Illumination, Obvious, Retina, Signal as Strength};
        let ScanFacts { device_signal_db, signal, decentration_mm, coverage, confidence, choroid_visible, .. } = facts;
        let good = if verdict == Verdict::Good { Outcome::Met } else { Outcome::Flagged };
        let criteria = [
            CriterionResult::at_most((Obvious, "cut_off"), signal.cut_off, gates.cut_off),
            CriterionResult::at_least((Obvious, "coverage"), coverage, gates.coverage),
            CriterionResult::within((Obvious, "axial_um"), facts.axial_um, AXIAL_UM),
            CriterionResult::within((Obvious, "lateral_um"), facts.lateral_um, LATERAL_UM),
            CriterionResult::within((Obvious, "retina_um"), facts.retina_um, RETINA_UM),
            match device_signal_db {
                Some(_) => {
                    CriterionResult::at_least((Strength, "device_signal_db"), device_signal_db, gates.device_signal_db)
                }
                None => CriterionResult::at_least((Strength, "snr_db"), signal.snr_db, gates.snr_db),
            },
            CriterionResult::at_least((Strength, "contrast"), signal.contrast, gates.contrast),
            CriterionResult::at_most((Centration, "decentration_mm"), decentration_mm, gates.decentration_mm),
            CriterionResult::at_least((Centration, "fovea_confidence"), facts.fovea_confidence, FOVEA_CONFIDENCE),
            CriterionResult { criterion: Algorithm, measure: "verdict", outcome: good, measured: None, gate: None },
            CriterionResult::at_least((Algorithm, "confidence"), confidence, gates.confidence),
            CriterionResult {
                criterion: Retina,
                measure: "none",
                outcome: Outcome::NotJudged,
                measured: None,
                gate: None,
            },
            CriterionResult::at_most((Illumination, "dark"), signal.dark, gates.dark),
            CriterionResult::at_most((Beam, "tilt"), signal.tilt, gates.tilt),
            CriterionResult::at_least((Choroid, "choroid_visible"), choroid_visible, gates.choroid_visible),
        ];
        let mut flags: Vec<char> =
            criteria.iter().filter(|j| j.outcome == Outcome::Flagged).filter_map(|j| j.criterion.letter()).collect();
        flags.dedup();
        Self { facts, flags: flags.into_iter().collect(), criteria }
    }

    /// Whether too little of the choroid's end can be seen to rely on its thickness.
    #[must_use]
    pub fn doubts_choroid(&self) -> bool {
        self.criteria.iter().any(|j| j.criterion == Criterion::Choroid && j.outcome == Outcome::Flagged)
    }
}

impl CriterionResult {
    fn at_most(of: (Criterion, &'static str), measured: Option<f32>, gate: f32) -> Self {
        Self::compare(of, measured, gate, |v| v <= gate)
    }

    fn at_least(of: (Criterion, &'static str), measured: Option<f32>, gate: f32) -> Self {
        Self::compare(of, measured, gate, |v| v >= gate)
    }

    fn within(of: (Criterion, &'static str), measured: Option<f32>, limits: RangeInclusive<f64>) -> Self {
        let (low, high) = (*limits.start() as f32, *limits.end() as f32);
        let nearer = measured.map_or(high, |v| if (v - low).abs() < (v - high).abs() { low } else { high });
        Self::compare(of, measured, nearer, |v| (low..=high).contains(&v))
    }

    fn compare(
        (criterion, measure): (Criterion, &'static str),
        measured: Option<f32>,
        gate: f32,
        meets: impl Fn(f32) -> bool,
    ) -> Self {
        let outcome = match measured.map(meets) {
            Some(true) => Outcome::Met,
            Some(false) => Outcome::Flagged,
            None => Outcome::NotJudged,
        };
        Self { criterion, measure, outcome, measured, gate: Some(gate) }
    }
}

fn mean(values: &[f32]) -> Option<f32> {
    (!values.is_empty()).then(|| values.iter().sum::<f32>() / values.len() as f32)
}

fn median(mut values: Vec<f32>) -> Option<f32> {
    values.sort_by(f32::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> ScanFacts {
        let signal =
            Signal { snr_db: Some(25.0), contrast: Some(3.0), dark: Some(0.01), tilt: Some(0.05), cut_off: Some(0.0) };
        ScanFacts {
            device_signal_db: None,
            signal,
            decentration_mm: Some(0.1),
            fovea_confidence: Some(1.0),
            coverage: Some(1.0),
            confidence: Some(0.95),
            choroid_visible: Some(0.9),
            axial_um: Some(3.9),
            lateral_um: Some(11.3),
            retina_um: Some(300.0),
        }
    }

    fn flags(facts: ScanFacts, verdict: Verdict) -> String {
        ScanQuality::judge(facts, verdict, &Gates::default()).flags
    }

    #[test]
    fn each_fault_has_its_letter() {
        let with = |change: fn(&mut ScanFacts)| {
            let mut facts = good();
            change(&mut facts);
            flags(facts, Verdict::Good)
        };
        assert_eq!(with(|_| ()), "");
        assert_eq!(with(|f| f.signal.cut_off = Some(0.2)), "O");
        assert_eq!(with(|f| f.coverage = Some(0.6)), "O");
        assert_eq!(with(|f| f.axial_um = Some(0.4)), "O");
        assert_eq!(with(|f| f.axial_um = Some(20.5)), "O");
        assert_eq!(with(|f| f.lateral_um = Some(0.9)), "O");
        assert_eq!(with(|f| f.lateral_um = Some(201.0)), "O");
        assert_eq!(with(|f| f.retina_um = Some(817.0)), "O", "axial and lateral swapped");
        assert_eq!(with(|f| f.retina_um = Some(99.0)), "O");
        assert_eq!(with(|f| f.signal.snr_db = Some(3.0)), "S");
        assert_eq!(with(|f| f.signal.contrast = Some(0.4)), "S");
        assert_eq!(with(|f| f.confidence = Some(0.7)), "A");
        assert_eq!(
            with(|f| (f.signal.snr_db, f.signal.contrast, f.signal.cut_off) = (Some(3.0), Some(0.4), Some(0.2))),
            "OS",
            "a letter once"
        );
        assert_eq!(with(|f| f.device_signal_db = Some(12.0)), "S");
        assert_eq!(with(|f| f.decentration_mm = Some(0.9)), "C");
        assert_eq!(with(|f| (f.decentration_mm, f.fovea_confidence) = (None, Some(0.0))), "C", "no fovea");
        assert_eq!(with(|f| f.signal.dark = Some(0.5)), "I");
        assert_eq!(with(|f| f.signal.tilt = Some(0.8)), "B");
        assert_eq!(flags(good(), Verdict::Doubtful), "A");
    }

    #[test]
    fn the_scanner_s_signal_takes_precedence_over_ours() {
        let facts = ScanFacts { device_signal_db: Some(30.0), ..good() };
        let facts = ScanFacts { signal: Signal { snr_db: Some(1.0), ..facts.signal }, ..facts };
        assert_eq!(flags(facts, Verdict::Good), "");
    }

    #[test]
    fn a_hidden_choroid_marks_the_choroid_alone() {
        let judged = |visible| {
            let facts = ScanFacts { choroid_visible: visible, ..good() };
            ScanQuality::judge(facts, Verdict::Good, &Gates::default())
        };
        let hidden = judged(Some(0.2));
        assert!(hidden.doubts_choroid() && hidden.flags.is_empty());
        assert!(!judged(Some(0.3)).doubts_choroid() && !judged(None).doubts_choroid());
    }

    #[test]
    fn missing_facts_are_not_judged() {
        let judged = ScanQuality::judge(ScanFacts::default(), Verdict::NotARetina, &Gates::default());
        let outcomes = judged.criteria.map(|j| j.outcome);
        assert_eq!(outcomes.iter().filter(|&&o| o == Outcome::NotJudged).count(), 14);
        assert_eq!(judged.flags, "A");
    }

    #[test]
    fn facts_combine_to_medians_and_mean_shares() {
        let bscan = |snr: f32, cut: f32, found: f32| BScanFacts {
            signal: Signal { snr_db: Some(snr), cut_off: Some(cut), ..Signal::default() },
            device_signal_db: None,
            quality: Quality {
                found,
                confidence: if found > 0.5 { 0.9 } else { 0.6 },
                jumps: 0.0,
                unsure: 0.0,
                upright: 1.0,
            },
            choroid: ChoroidVisibility { given: 100, visible: (100.0 * cut) as usize },
            retina_um: Some(10.0 * snr),
        };
        let facts = ScanFacts::combine(&[bscan(10.0, 0.0, 1.0), bscan(20.0, 0.3, 1.0), bscan(90.0, 0.0, 0.4)], None);
        assert_eq!(facts.signal.snr_db, Some(20.0));
        assert_eq!((facts.retina_um, facts.note_on_retina()), (Some(200.0), None));
        let thick = ScanFacts { retina_um: Some(817.0), ..facts };
        assert_eq!(thick.note_on_retina(), Some(Note::RetinaImplausible));
        assert!((facts.signal.cut_off.unwrap() - 0.1).abs() < 1e-6);
        assert!((facts.coverage.unwrap() - 0.8).abs() < 1e-6);
        assert!((facts.choroid_visible.unwrap() - 0.1).abs() < 1e-6);
        assert!((facts.confidence.unwrap() - 0.85).abs() < 1e-6, "each B-scan weighs as much as its found share");
    }
}
