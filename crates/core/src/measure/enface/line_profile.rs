//! Thickness along a line on the retina, interpolated between A-scans.

use super::slice::AScanThickness;

/// Largest distance in millimetres of neighbouring B-scans for interpolation; sparser scans leave gaps. Half a
/// millimetre, and a micrometre for positions that files round.
pub(super) const MAX_GAP_MM: f64 = 0.501;

/// Thickness along a line, by distance from its start.
#[derive(Clone, Debug)]
pub(super) struct LineProfile {
    /// Place of the first A-scan in millimetres.
    pub(super) first: f64,
    /// Distance between A-scans in millimetres.
    pub(super) step: f64,
    thickness: AScanThickness,
}

impl LineProfile {
    /// The thickness of a B-scan from `start` to `end`; it extends half a spacing beyond the outermost A-scans.
    pub(super) fn new(start: f64, end: f64, thickness: &AScanThickness) -> Self {
        let step = (end - start) / thickness.count() as f64;
        Self { first: start + 0.5 * step, step, thickness: thickness.clone() }
    }

    /// Place of the last A-scan.
    pub(super) fn last(&self) -> f64 {
        self.first + self.step * (self.thickness.count() - 1) as f64
    }

    /// Thickness at `u` millimetres, interpolated; `None` outside the line and where it was not determined.
    pub(super) fn at(&self, u: f64) -> Option<f32> {
        let at = (u - self.first) / self.step;
        let last = self.thickness.count() - 1;
        if !(-0.5..=last as f64 + 0.5).contains(&at) {
            return None;
        }
        let at = at.clamp(0.0, last as f64);
        let (left, share) = (at.floor() as usize, at.fract() as f32);
        if share == 0.0 {
            return self.thickness.at(left);
        }
        Some(self.thickness.at(left)? * (1.0 - share) + self.thickness.at(left + 1)? * share)
    }
}

/// Equal parts of at most `step` that make up the stretch from `start` to `end`: the middle and the length of each.
pub(super) fn parts(start: f64, end: f64, step: f64) -> impl Iterator<Item = (f64, f64)> {
    let count = ((end - start) / step).ceil().max(0.0) as usize;
    let length = (end - start) / count.max(1) as f64;
    (0..count).map(move |i| (start + (i as f64 + 0.5) * length, length))
}
