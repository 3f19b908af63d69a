//! Whether a segmented B-scan can be trusted: good, doubtful, or no retina at all.

use serde::{Deserialize, Serialize};

use crate::{layer::Boundary, surface::Surfaces};

/// How far ILM or Bruch's membrane may move between neighbouring A-scans, in pixels, before it counts as a jump.
const STEP: f32 = 6.0;

/// What is asked of a B-scan; below it, the next worse verdict holds.
#[derive(Clone, Copy, Debug)]
struct Demand {
    /// Smallest share of A-scans in which a retina is found.
    found: f32,
    /// Smallest mean confidence of these.
    confidence: f32,
    /// Largest share of their neighbours between which a line jumps.
    jumps: f32,
}

// With unet-640, validation scans, noisy ones of a scanner never trained on and optic discs have confidences from 0.77 up;
// the same scans upside down or on their side, a photograph, a fundus image and a face have 0.63 at most.
const OF_A_GOOD_ONE: Demand = Demand { found: 0.75, confidence: 0.8, jumps: 0.04 };
const OF_A_RETINA: Demand = Demand { found: 0.15, confidence: 0.68, jumps: 0.2 };

/// Whether a B-scan can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The lines may be used as they are.
    Good,
    /// The lines must be looked at.
    Doubtful,
    /// Nothing in the image looks like the layers of a retina; there are no lines.
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

    /// The verdict on a scan of several B-scans: good where all are, no retina where none shows one.
    #[must_use]
    pub fn over(bscans: impl IntoIterator<Item = Self>) -> Self {
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

/// What the verdict on a B-scan rests on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Share of A-scans in which a retina was found, 0 to 1.
    pub found: f32,
    /// Mean confidence of these, 0 to 1.
    pub confidence: f32,
    /// Share of their neighbours between which ILM or Bruch's membrane jumps by more than 6 px, 0 to 1.
    pub jumps: f32,
}

impl Quality {
    /// Judges the boundaries of one B-scan.
    #[must_use]
    pub fn of(surfaces: &Surfaces) -> Self {
        let (ilm, bruch) = (surfaces.rows(Boundary::Ilm), surfaces.rows(Boundary::RpeBm));
        let found = |x: usize| ilm[x].is_some() && (bruch[x].is_some() || surfaces.shows_disc(x));
        let width = surfaces.width();
        let ascans: Vec<usize> = (0..width).filter(|&x| found(x)).collect();
        let confidence: f32 = ascans.iter().map(|&x| surfaces.confidence()[x]).sum();
        let moved = |rows: &[Option<f32>], x: usize| match (rows[x - 1], rows[x]) {
            (Some(before), Some(here)) => (here - before).abs() > STEP,
            _ => false,
        };
        let pairs: Vec<usize> = ascans.iter().copied().filter(|&x| x > 0 && found(x - 1)).collect();
        let jumps = pairs.iter().filter(|&&x| moved(ilm, x) || moved(bruch, x)).count();
        let share = |part: f32, whole: usize| if whole == 0 { 0.0 } else { part / whole as f32 };
        Self {
            found: share(ascans.len() as f32, width),
            confidence: share(confidence, ascans.len()),
            jumps: share(jumps as f32, pairs.len()),
        }
    }

    /// The verdict.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if !self.meets(OF_A_RETINA) {
            Verdict::NotARetina
        } else if self.meets(OF_A_GOOD_ONE) {
            Verdict::Good
        } else {
            Verdict::Doubtful
        }
    }

    fn meets(&self, demand: Demand) -> bool {
        self.found >= demand.found && self.confidence >= demand.confidence && self.jumps <= demand.jumps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 100;

    /// Layers of 10 px from the row that `ilm` gives; nothing where it gives none.
    fn surfaces(ilm: impl Fn(usize) -> Option<f32>) -> Surfaces {
        Surfaces::exact(200, std::array::from_fn(|k| (0..WIDTH).map(|x| Some(ilm(x)? + 10.0 * k as f32)).collect()))
    }

    fn verdict(ilm: impl Fn(usize) -> Option<f32>) -> Verdict {
        Quality::of(&surfaces(ilm)).verdict()
    }

    #[test]
    fn smooth_lines_across_the_scan_are_good_also_on_a_slope() {
        assert_eq!(verdict(|_| Some(40.0)), Verdict::Good);
        assert_eq!(verdict(|x| Some(5.0 + x as f32)), Verdict::Good);
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
    fn a_volume_is_good_when_all_of_it_is_and_no_retina_when_nothing_is() {
        use Verdict::{Doubtful, Good, NotARetina};
        assert_eq!(Verdict::over([Good, Good]), Good);
        assert_eq!(Verdict::over([Good, NotARetina]), Doubtful);
        assert_eq!(Verdict::over([Doubtful]), Doubtful);
        assert_eq!(Verdict::over([NotARetina, NotARetina]), NotARetina);
        assert_eq!(Verdict::over([]), NotARetina);
    }
}
