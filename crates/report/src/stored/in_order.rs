//! Keeps the lines of an A-scan in order while one of them changes.

use octrls_core::layer::{BOUNDARIES, Boundary};

use super::BScanLines;

/// Tables hold two decimals.
const DECIMALS: f32 = 100.0;

impl BScanLines {
    /// The rows between which a boundary may lie in A-scan `x`: those of its known neighbours, or the edges of the image.
    #[must_use]
    pub fn bounds(&self, boundary: Boundary, x: usize, height: usize) -> (f32, f32) {
        let known = |k: usize| self.rows[k][x];
        let upper = (0..boundary.index()).rev().find_map(known).unwrap_or(0.0);
        let lower = (boundary.index() + 1..BOUNDARIES).find_map(known).unwrap_or(height as f32);
        (upper, lower.max(upper))
    }

    /// Sets the row of a boundary in A-scan `x`, as near as its neighbours allow. The end of the photoreceptors and the
    /// outer edge of the RPE follow a boundary that they lie on, and stay within their layers.
    pub fn set_in_order(&mut self, boundary: Boundary, x: usize, row: Option<f32>, height: usize) {
        let (upper, lower) = self.bounds(boundary, x, height);
        let row = row.filter(|row| row.is_finite());
        let row = row.map(|row| ((row * DECIMALS).round() / DECIMALS).clamp(upper, lower));
        self.set(boundary, x, row);
    }

    /// Sets the row of a boundary in A-scan `x`, also out of order. The end of the photoreceptors and the outer edge of
    /// the RPE follow it.
    pub(crate) fn set(&mut self, boundary: Boundary, x: usize, row: Option<f32>) {
        let before = std::mem::replace(&mut self.rows[boundary.index()][x], row);
        let of = |boundary: Boundary| self.rows[boundary.index()][x];
        let follows =
            |line: Option<f32>, of: Boundary| boundary == of && (row.is_none() || line.is_none() || line == before);
        let (ez, rpe) = (self.ez_end[x], self.rpe_outer[x]);
        let ez = if follows(ez, Boundary::EzRpe) { row } else { ez };
        let rpe = if follows(rpe, Boundary::RpeBm) { row } else { rpe };
        let ez = within(ez, of(Boundary::OnlEz), of(Boundary::EzRpe));
        self.rpe_outer[x] = within(rpe, of(Boundary::EzRpe), of(Boundary::RpeBm));
        self.ez_end[x] = ez;
    }

    /// Where the layer below a boundary ends in A-scan `x`.
    #[must_use]
    pub fn end_of_layer(&self, boundary: Boundary, x: usize) -> Option<f32> {
        match boundary {
            Boundary::OnlEz => self.ez_end[x],
            Boundary::EzRpe => self.rpe_outer[x],
            _ => (boundary.index() + 1..BOUNDARIES).find_map(|k| self.rows[k][x]),
        }
    }
}

fn within(row: Option<f32>, upper: Option<f32>, lower: Option<f32>) -> Option<f32> {
    let row = upper.zip(row).map(|(upper, row)| row.max(upper)).or(row);
    lower.zip(row).map(|(lower, row)| row.min(lower)).or(row)
}
