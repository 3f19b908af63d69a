//! Accuracy where eyes are ill and lines hard to see: the choroid by kind of stretch, lesions, Bruch's membrane below
//! lesions, and whether the verdict sees what went wrong.

use octrls_core::{
    layer::Boundary,
    lesion::Lesion,
    measure::Verdict,
    segment::FoundSurfaces,
    surface::{LesionMask, Surfaces},
};
use serde::Serialize;

use crate::{
    data::{BoundaryRows, ChoroidLabel, Sample},
    score::{LesionOverlap, Ratio, mean},
};

/// A row further than this from its label is wrong, in pixels; a scan is wrong if one boundary is wrong in more than
/// [`WRONG_SHARE`] of its labelled A-scans.
const WRONG_PX: f32 = 8.0;
const WRONG_SHARE: f64 = 0.05;
/// Fewest labelled A-scans for a boundary to be judged in a scan.
const MIN_LABELLED: usize = 40;
/// A choroid-sclera boundary further than this from its trace is far off, in pixels.
const FAR_PX: f32 = 15.0;
/// Area in pixels from which a lesion in a healthy eye is a false alarm: 0.002 mm2 at the spacing of a Spectralis.
const FALSE_ALARM_PX: usize = 45;

/// Rows of a boundary compared with labels of one kind.
#[derive(Clone, Debug, Default)]
struct Compared {
    errors: Vec<f32>,
    given: Ratio,
    far: Ratio,
}

impl Compared {
    fn add(&mut self, row: Option<f32>, label: f32) {
        self.given.add(std::iter::once(row.is_some()));
        if let Some(row) = row {
            self.far.add(std::iter::once((row - label).abs() > FAR_PX));
            self.errors.push(row - label);
        }
    }

    fn mean_absolute(&self) -> Option<f64> {
        mean(self.errors.iter().map(|e| f64::from(e.abs())))
    }
}

/// Sums over the scans of a set.
#[derive(Clone, Debug, Default)]
pub struct DiseaseScore {
    visible: Compared,
    inferred: Compared,
    lesions: LesionOverlap,
    false_alarms: Ratio,
    /// Distance of Bruch's membrane from the floor of each labelled space under the RPE.
    floors: Vec<f32>,
    good_of_wrong: Ratio,
    good_of_right: Ratio,
}

/// The figures of [`DiseaseScore`].
#[derive(Clone, Debug, Serialize)]
pub struct DiseaseReport {
    /// The choroid-sclera boundary where a reader saw it, and where a reader inferred it.
    pub choroid_visible: Option<ChoroidReport>,
    /// See `choroid_visible`.
    pub choroid_inferred: Option<ChoroidReport>,
    /// Dice of each lesion that occurs in the labels, over all its pixels.
    pub lesions: std::collections::BTreeMap<String, f64>,
    /// Share of healthy scans in which a lesion of more than 45 px was found.
    pub false_alarms: Option<f64>,
    /// Median distance of Bruch's membrane from the floor of labelled spaces under the RPE, in pixels.
    pub floor_px: Option<f64>,
    /// Share of the scans with a boundary more than 8 px off over 5 % of its A-scans that are called good.
    pub good_of_wrong: Option<f64>,
    /// Number of such scans.
    pub wrong: u64,
    /// Share of the other scans that are called good.
    pub good_of_right: Option<f64>,
}

/// Figures of the choroid-sclera boundary in pixels.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ChoroidReport {
    /// Traced A-scans.
    pub ascans: usize,
    /// Share of them in which the boundary is given.
    pub given: Option<f64>,
    /// Mean absolute error.
    pub mean_absolute_px: Option<f64>,
    /// Mean signed error, positive if the model lies deeper.
    pub bias_px: Option<f64>,
    /// Share that is more than 15 px off.
    pub far: Option<f64>,
}

impl DiseaseScore {
    /// Adds one segmented scan, compared with its labels and its boundaries as drawn.
    pub fn add(&mut self, sample: &Sample, truth: &BoundaryRows, found: &FoundSurfaces) {
        let surfaces = &found.surfaces;
        self.add_choroid(sample, surfaces);
        if let Some((mask, labels)) = found.lesions.as_ref().zip(sample.lesions.as_ref()) {
            self.lesions.add(mask.classes(), labels);
            if labels.iter().all(|&class| class == 0) {
                self.false_alarms.add(std::iter::once(has_lesion(mask)));
            }
        }
        if let Some(labels) = &sample.lesions {
            self.add_floors(labels, surfaces);
        }
        if let Some(wrong) = is_wrong(truth, sample.second_grader.as_ref(), 1.0, surfaces) {
            let good = found.verdict() == Verdict::Good;
            let judged = if wrong { &mut self.good_of_wrong } else { &mut self.good_of_right };
            judged.add(std::iter::once(good));
        }
    }

    fn add_choroid(&mut self, sample: &Sample, surfaces: &Surfaces) {
        let ChoroidLabel::Traced { rows, visible } = &sample.choroid else { return };
        let found = surfaces.rows(Boundary::Csb);
        for ((row, label), visible) in found.iter().zip(rows).zip(visible) {
            if let Some(label) = label {
                let kind = if *visible { &mut self.visible } else { &mut self.inferred };
                kind.add(*row, *label);
            }
        }
    }

    fn add_floors(&mut self, labels: &[u8], surfaces: &Surfaces) {
        let width = surfaces.width();
        let bruch = surfaces.rows(Boundary::RpeBm);
        for (x, row) in bruch.iter().enumerate() {
            let is_lesion = |y: &usize| labels[y * width + x] == Lesion::SubRpe.class();
            if let Some(last) = (0..surfaces.height()).rfind(is_lesion)
                && let Some(row) = row
            {
                self.floors.push((row - (last + 1) as f32).abs());
            }
        }
    }

    /// The figures.
    #[must_use]
    pub fn report(&self) -> DiseaseReport {
        let choroid = |of: &Compared| {
            of.given.value().map(|_| ChoroidReport {
                ascans: of.given.total() as usize,
                given: of.given.value(),
                mean_absolute_px: of.mean_absolute(),
                bias_px: mean(of.errors.iter().map(|&e| f64::from(e))),
                far: of.far.value(),
            })
        };
        let mut floors = self.floors.clone();
        floors.sort_by(f32::total_cmp);
        DiseaseReport {
            choroid_visible: choroid(&self.visible),
            choroid_inferred: choroid(&self.inferred),
            lesions: self.lesions.dice(),
            false_alarms: self.false_alarms.value(),
            floor_px: floors.get(floors.len() / 2).map(|&px| f64::from(px)),
            good_of_wrong: self.good_of_wrong.value(),
            wrong: self.good_of_wrong.total(),
            good_of_right: self.good_of_right.value(),
        }
    }
}

fn has_lesion(mask: &LesionMask) -> bool {
    Lesion::ALL.into_iter().any(|lesion| mask.area_px(lesion) > FALSE_ALARM_PX)
}

/// Whether a retinal boundary is far off in too many A-scans; `None` without labels. Where a second grader drew the
/// boundary, too, it is off if it is far from both: in 24 of the 88 scans of `duke_dme`, one grader would be wrong by the
/// other. `scale` is the axial scale of the scan against the one that was labelled.
pub(super) fn is_wrong(
    truth: &BoundaryRows,
    second: Option<&BoundaryRows>,
    scale: f32,
    surfaces: &Surfaces,
) -> Option<bool> {
    let far = |row: f32, label: Option<f32>| label.is_none_or(|label| (row - label).abs() > WRONG_PX * scale);
    let shares = Boundary::ALL.into_iter().filter(|&b| b != Boundary::Csb).filter_map(|boundary| {
        let (labels, rows) = (&truth[boundary.index()], surfaces.rows(boundary));
        let other = |x: usize| second.and_then(|second| second[boundary.index()][x]);
        let labelled: Vec<usize> = (0..rows.len()).filter(|&x| labels[x].is_some()).collect();
        let is_off = |x: usize| rows[x].is_some_and(|row| far(row, labels[x]) && far(row, other(x)));
        let off = labelled.iter().filter(|&&x| is_off(x)).count();
        (labelled.len() >= MIN_LABELLED).then(|| off as f64 / labelled.len() as f64)
    });
    shares.reduce(f64::max).map(|worst| worst > WRONG_SHARE)
}

#[cfg(test)]
mod tests {
    use octrls_core::{measure::Quality, scan::BScan};

    use super::*;

    const WIDTH: usize = 100;
    const HEIGHT: usize = 200;

    fn rows(shift: impl Fn(usize, usize) -> f32) -> BoundaryRows {
        std::array::from_fn(|k| (0..WIDTH).map(|x| Some(20.0 + 15.0 * k as f32 + shift(k, x))).collect())
    }

    fn found(rows: BoundaryRows, lesions: Option<Vec<u8>>) -> FoundSurfaces {
        let intensity = (0..WIDTH * HEIGHT).map(|i| if i / WIDTH < 60 { 0.1 } else { 0.4 }).collect();
        let bscan = BScan { width: WIDTH, height: HEIGHT, intensity };
        let surfaces = Surfaces::exact(HEIGHT, rows);
        FoundSurfaces {
            quality: Quality::of(&bscan, &surfaces),
            surfaces,
            lesions: lesions.and_then(|classes| LesionMask::new(WIDTH, classes)),
            network_time: std::time::Duration::ZERO,
        }
    }

    fn sample(choroid: ChoroidLabel, lesions: Option<Vec<u8>>) -> Sample {
        let bscan = BScan { width: WIDTH, height: HEIGHT, intensity: vec![0.0; WIDTH * HEIGHT] };
        Sample { lesions, choroid, ..Sample::new(bscan, vec![0; WIDTH * HEIGHT]) }
    }

    #[test]
    fn the_choroid_is_measured_by_kind_of_stretch() {
        let csb = Boundary::Csb.index();
        let choroid = ChoroidLabel::Traced {
            rows: (0..WIDTH).map(|x| (x < 90).then_some(140.0)).collect(),
            visible: (0..WIDTH).map(|x| x < 60).collect(),
        };
        let shift = |k: usize, x: usize| {
            if k != csb {
                0.0
            } else if x < 60 {
                2.0
            } else {
                -20.0
            }
        };
        let mut score = DiseaseScore::default();
        score.add(&sample(choroid, None), &rows(|_, _| 0.0), &found(rows(shift), None));
        let report = score.report();
        let (visible, inferred) = (report.choroid_visible.expect("seen"), report.choroid_inferred.expect("inferred"));
        assert_eq!((visible.ascans, visible.mean_absolute_px, visible.far), (60, Some(2.0), Some(0.0)));
        assert_eq!((inferred.ascans, inferred.bias_px, inferred.far), (30, Some(-20.0), Some(1.0)));
        assert_eq!(visible.given, Some(1.0));
    }

    #[test]
    fn a_verdict_is_held_against_the_lines() {
        let verdicts = |off: usize| {
            let mut score = DiseaseScore::default();
            let shift = |k: usize, x: usize| if k == 3 && x < off { 9.0 } else { 0.0 };
            score.add(&sample(ChoroidLabel::Unlabelled, None), &rows(|_, _| 0.0), &found(rows(shift), None));
            let report = score.report();
            (report.good_of_wrong, report.good_of_right)
        };
        assert_eq!(verdicts(4), (None, Some(1.0)));
        assert_eq!(verdicts(6), (Some(1.0), None));
    }

    #[test]
    fn a_line_is_wrong_if_it_is_far_from_every_grader_at_the_scale_of_the_labels() {
        let (truth, near) = (rows(|_, _| 0.0), rows(|_, _| 5.0));
        let surfaces = Surfaces::exact(HEIGHT, rows(|_, x| if x < 10 { 10.0 } else { 0.0 }));
        assert_eq!(is_wrong(&truth, None, 1.0, &surfaces), Some(true));
        assert_eq!(is_wrong(&truth, Some(&near), 1.0, &surfaces), Some(false));
        assert_eq!(is_wrong(&truth, Some(&truth), 1.0, &surfaces), Some(true));
        assert_eq!(is_wrong(&truth, None, 2.0, &surfaces), Some(false));
    }

    #[test]
    fn lesions_floors_and_false_alarms_are_counted() {
        let lesions = |class: u8| -> Vec<u8> {
            let inside = |i: usize| i % WIDTH < 20 && (110..120).contains(&(i / WIDTH));
            (0..WIDTH * HEIGHT).map(|i| if inside(i) { class } else { 0 }).collect()
        };
        let sub_rpe = Lesion::SubRpe.class();
        let mut score = DiseaseScore::default();
        let ill = sample(ChoroidLabel::Unlabelled, Some(lesions(sub_rpe)));
        score.add(&ill, &rows(|_, _| 0.0), &found(rows(|_, _| 0.0), Some(lesions(sub_rpe))));
        let report = score.report();
        assert_eq!((report.lesions["sub_rpe"], report.false_alarms), (1.0, None));
        // Bruch's membrane lies at row 125, the floor at 120.
        assert_eq!(report.floor_px, Some(5.0));
        let healthy = sample(ChoroidLabel::Unlabelled, Some(lesions(0)));
        score.add(&healthy, &rows(|_, _| 0.0), &found(rows(|_, _| 0.0), Some(lesions(1))));
        assert_eq!(score.report().false_alarms, Some(1.0));
    }
}
