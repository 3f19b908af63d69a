//! Whether a segmented B-scan can be trusted: good, doubtful, or no retina at all.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{layer::Boundary, scan::BScan, surface::Surfaces};

/// Largest distance of ILM or Bruch's membrane from the straight line through the previous two A-scans, in pixels; more
/// counts as a jump. A straight line, so that the steep rim of an optic disc is not a jump.
const MAX_JUMP_PX: f32 = 6.0;
/// Standard deviation of a boundary's row from which an A-scan is unsure, in pixels. With this and the share of
/// [`GOOD`], 40 % of the training and validation scans with a line more than 8 px from every grader's over 5 % of its
/// A-scans are good, and 85 % of the others, scans with added noise, blur, wedges and other spacings included; without,
/// 89 % and 99 %.
const UNSURE_PX: f32 = 8.0;
/// Rows above the ILM and below Bruch's membrane whose brightness is compared, as distances from the line in shares of
/// the retina's thickness. Shares cover the same tissue at any axial spacing.
const COMPARED: Range<f32> = 0.06..0.5;
/// Fewest rows needed for that comparison.
const MIN_ROWS: usize = 5;

/// Requirements of a verdict; a B-scan that misses them gets the next worse verdict.
#[derive(Clone, Copy, Debug)]
struct Requirement {
    /// Smallest share of A-scans in which a retina is found.
    found: f32,
    /// Smallest mean confidence of these A-scans.
    confidence: f32,
    /// Largest share of these A-scans in which a line jumps.
    jumps: f32,
    /// Largest share of these A-scans that are unsure.
    unsure: f32,
    /// Smallest share of these A-scans that are brighter below the retina than above it.
    upright: f32,
}

// With both shipped models, validation scans, noisy scans of a scanner that is not in the training data, and optic
// discs have confidences of at least 0.76. The same scans turned by 90 degrees, a photograph, a fundus image and a face
// have at most 0.66. Some upside-down scans look like a retina to unet-640 (0.84), but none of their A-scans is
// brighter below the retina than above it; 99 % of the A-scans of upright scans are.
const GOOD: Requirement = Requirement { found: 0.75, confidence: 0.8, jumps: 0.04, unsure: 0.1, upright: 0.75 };
const RETINA: Requirement = Requirement { found: 0.15, confidence: 0.68, jumps: 0.2, unsure: 1.0, upright: 0.5 };

// A retina destroyed by disease or lost in noise: the network finds it in nearly every A-scan, as smooth lines the right
// way up, but is not confident of the layers. Seven such scans of the 319 in a public set of lesions have confidences from
// 0.56 to 0.67. Of 48 upside-down scans and pictures of noise, the one of the highest confidence (0.44) that has lines in
// nearly every A-scan is brighter below the retina in 17 % of them.
const FAINT_RETINA: Requirement = Requirement { found: 0.9, confidence: 0.55, jumps: 0.02, unsure: 1.0, upright: 0.8 };

/// Whether a B-scan can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The lines can be used as they are.
    Good,
    /// A person must check the lines.
    Doubtful,
    /// The image shows no layers of a retina; there are no lines.
    NotARetina,
}

impl Verdict {
    /// The verdict in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Doubtful => "doubtful",
            Self::NotARetina => "not a retina",
        }
    }

    /// The verdict on a scan of several B-scans: good if all are good, not a retina if none shows one, else doubtful.
    #[must_use]
    pub fn combine(bscans: impl IntoIterator<Item = Self>) -> Self {
        let mut best_and_worst = None;
        for verdict in bscans {
            let (best, worst) = best_and_worst.get_or_insert((verdict, verdict));
            *best = verdict.min(*best);
            *worst = verdict.max(*worst);
        }
        match best_and_worst {
            None | Some((Self::NotARetina, _)) => Self::NotARetina,
            Some((_, Self::Good)) => Self::Good,
            Some(_) => Self::Doubtful,
        }
    }
}

/// The data behind the verdict on a B-scan.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Share of A-scans in which a retina was found, 0 to 1.
    pub found: f32,
    /// Mean confidence of these A-scans, 0 to 1.
    pub confidence: f32,
    /// Share of these A-scans in which ILM or Bruch's membrane lies more than 6 px off the straight line through the
    /// previous two A-scans, 0 to 1.
    pub jumps: f32,
    /// Share of these A-scans in which a retinal boundary has a standard deviation of more than 8 px, 0 to 1.
    #[serde(default)]
    pub unsure: f32,
    /// Share of these A-scans that are brighter below Bruch's membrane (choroid) than above the ILM (vitreous), 0 to 1;
    /// 1 if the image ends too close to the retina to decide.
    #[serde(default = "Quality::upright_if_unknown")]
    pub upright: f32,
}

impl Quality {
    /// Measures the quality of one B-scan from its boundaries.
    #[must_use]
    pub fn of(bscan: &BScan, surfaces: &Surfaces) -> Self {
        let (ilm, bruch) = (surfaces.rows(Boundary::Ilm), surfaces.rows(Boundary::RpeBm));
        let found = |x: usize| ilm[x].is_some() && (bruch[x].is_some() || surfaces.shows_disc(x));
        let width = surfaces.width();
        let ascans: Vec<usize> = (0..width).filter(|&x| found(x)).collect();
        let confidence: f32 = ascans.iter().map(|&x| surfaces.confidence()[x]).sum();
        let jumps_at = |rows: &[Option<f32>], x: usize| match (rows[x - 2], rows[x - 1], rows[x]) {
            (Some(first), Some(second), Some(third)) => (third - 2.0 * second + first).abs() > MAX_JUMP_PX,
            _ => false,
        };
        let runs: Vec<usize> = ascans.iter().copied().filter(|&x| x > 1 && found(x - 1) && found(x - 2)).collect();
        let jumps = runs.iter().filter(|&&x| jumps_at(ilm, x) || jumps_at(bruch, x)).count();
        let retinal = || Boundary::ALL.into_iter().filter(|&b| b != Boundary::Csb);
        let is_unsure =
            |x: usize| retinal().any(|b| surfaces.rows(b)[x].is_some() && surfaces.deviations(b)[x] > UNSURE_PX);
        let unsure = ascans.iter().filter(|&&x| is_unsure(x)).count();
        let known: Vec<bool> = ascans.iter().filter_map(|&x| is_upright(bscan, x, ilm[x]?, bruch[x]?)).collect();
        let upright = known.iter().filter(|&&upright| upright).count();
        let share = |part: f32, whole: usize| if whole == 0 { 0.0 } else { part / whole as f32 };
        Self {
            found: share(ascans.len() as f32, width),
            confidence: share(confidence, ascans.len()),
            jumps: share(jumps as f32, runs.len()),
            unsure: share(unsure as f32, ascans.len()),
            upright: if known.is_empty() { Self::upright_if_unknown() } else { share(upright as f32, known.len()) },
        }
    }

    /// The share of upright A-scans if none has enough rows to decide.
    const fn upright_if_unknown() -> f32 {
        1.0
    }

    /// The verdict.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if !self.meets(RETINA) && !self.meets(FAINT_RETINA) {
            Verdict::NotARetina
        } else if self.meets(GOOD) {
            Verdict::Good
        } else {
            Verdict::Doubtful
        }
    }

    fn meets(&self, required: Requirement) -> bool {
        self.found >= required.found
            && self.confidence >= required.confidence
            && self.jumps <= required.jumps
            && self.unsure <= required.unsure
            && self.upright >= required.upright
    }
}

/// Whether A-scan `x` is brighter below Bruch's membrane than above the ILM; `None` if too few rows are available.
fn is_upright(bscan: &BScan, x: usize, ilm: f32, bruch: f32) -> Option<bool> {
    let mean = |from: f32, to: f32| {
        let row = |y: f32| (y.max(0.0) as usize).min(bscan.height);
        let rows = row(from)..row(to);
        let n = rows.len();
        let sum: f32 = rows.map(|y| bscan.intensity[y * bscan.width + x]).sum();
        (n >= MIN_ROWS).then_some(sum / n as f32)
    };
    let (near, far) = (COMPARED.start * (bruch - ilm), COMPARED.end * (bruch - ilm));
    let above = mean(ilm - far, ilm - near)?;
    Some(mean(bruch + near, bruch + far)? > above)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 100;

    /// Layers of 10 px from the row that `ilm` gives; nothing where it gives none.
    fn surfaces(ilm: impl Fn(usize) -> Option<f32>) -> Surfaces {
        Surfaces::exact(200, std::array::from_fn(|k| (0..WIDTH).map(|x| Some(ilm(x)? + 10.0 * k as f32)).collect()))
    }

    /// A scan that is dark above row 100 and bright below.
    fn bscan() -> BScan {
        let intensity = (0..WIDTH * 200).map(|i| if i / WIDTH < 100 { 0.1 } else { 0.4 }).collect();
        BScan { width: WIDTH, height: 200, intensity }
    }

    fn verdict(ilm: impl Fn(usize) -> Option<f32>) -> Verdict {
        Quality::of(&bscan(), &surfaces(ilm)).verdict()
    }

    #[test]
    fn smooth_lines_are_good_even_on_a_slope() {
        assert_eq!(verdict(|_| Some(40.0)), Verdict::Good);
        assert_eq!(verdict(|x| Some(5.0 + x as f32)), Verdict::Good);
    }

    #[test]
    fn a_step_is_a_jump_and_a_steep_rim_is_not() {
        let jumps = |ilm: &dyn Fn(usize) -> f32| Quality::of(&bscan(), &surfaces(|x| Some(ilm(x)))).jumps;
        // Ever steeper, by up to 15 rows per A-scan.
        assert!(jumps(&|x| 0.4 * (x as f32 - 80.0).max(0.0).powi(2)) < 1e-6);
        assert!(jumps(&|x| if x % 10 < 5 { 40.0 } else { 60.0 }) > 0.3);
    }

    #[test]
    fn lines_that_may_be_far_off_are_doubtful() {
        let verdict = |deviation| {
            let surfaces = surfaces(|_| Some(40.0)).with_deviation(deviation);
            Quality::of(&bscan(), &surfaces).verdict()
        };
        assert_eq!((verdict(7.9), verdict(8.1)), (Verdict::Good, Verdict::Doubtful));
    }

    #[test]
    fn an_upside_down_scan_is_no_retina() {
        let down = BScan { intensity: bscan().intensity.into_iter().rev().collect(), ..bscan() };
        let quality = Quality::of(&down, &surfaces(|_| Some(50.0)));
        assert!(quality.upright < 1e-6 && quality.verdict() == Verdict::NotARetina);
        let low = BScan { width: WIDTH, height: 8, intensity: vec![0.5; 8 * WIDTH] };
        assert!((Quality::of(&low, &surfaces(|_| Some(0.0))).upright - 1.0).abs() < 1e-6, "too few rows");
    }

    #[test]
    fn a_faint_retina_is_doubtful_if_its_lines_are_whole_smooth_and_upright() {
        let faint = Quality { found: 0.98, confidence: 0.6, jumps: 0.0, unsure: 1.0, upright: 0.9 };
        assert_eq!(faint.verdict(), Verdict::Doubtful);
        for other in [
            Quality { found: 0.8, ..faint },
            Quality { confidence: 0.5, ..faint },
            Quality { jumps: 0.05, ..faint },
            Quality { upright: 0.6, ..faint },
        ] {
            assert_eq!(other.verdict(), Verdict::NotARetina, "{other:?}");
        }
    }

    #[test]
    fn lines_in_half_of_the_scan_are_doubtful() {
        assert_eq!(verdict(|x| (x < WIDTH / 2).then_some(40.0)), Verdict::Doubtful);
    }

    #[test]
    fn fragments_and_lines_that_jump_everywhere_are_no_retina() {
        assert_eq!(verdict(|_| None), Verdict::NotARetina);
        assert_eq!(verdict(|x| (x % 20 == 0).then_some(40.0)), Verdict::NotARetina);
        assert_eq!(verdict(|x| Some(if x % 2 == 0 { 40.0 } else { 90.0 })), Verdict::NotARetina);
    }

    #[test]
    fn verdicts_combine() {
        use Verdict::{Doubtful, Good, NotARetina};
        assert_eq!(Verdict::combine([Good, Good]), Good);
        assert_eq!(Verdict::combine([Good, NotARetina]), Doubtful);
        assert_eq!(Verdict::combine([Doubtful]), Doubtful);
        assert_eq!(Verdict::combine([NotARetina, NotARetina]), NotARetina);
        assert_eq!(Verdict::combine([]), NotARetina);
    }
}
