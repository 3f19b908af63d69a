//! One column of the network's grid.

use crate::layer::BOUNDARIES;

/// The boundaries in one column of the network's grid.
#[derive(Clone, Copy, Default)]
pub(super) struct Column {
    /// Row of each boundary; `None` where it was not determined.
    pub(super) rows: [Option<f32>; BOUNDARIES],
    /// Standard deviation of each row.
    pub(super) deviations: [f32; BOUNDARIES],
    /// Confidence, 0 to 1.
    pub(super) confidence: f32,
    /// Whether it shows the optic disc.
    pub(super) disc: bool,
}

impl Column {
    /// Interpolates two columns. If they differ in which boundaries are determined, returns the nearer one, which
    /// preserves the order.
    pub(super) fn interpolate(left: &Self, right: &Self, share: f32) -> Self {
        let same = left.rows.iter().zip(&right.rows).all(|(l, r)| l.is_some() == r.is_some());
        if !same || share == 0.0 {
            return if share < 0.5 { *left } else { *right };
        }
        let mix = |l: f32, r: f32| l + (r - l) * share;
        let mut mixed = Self {
            rows: std::array::from_fn(|k| left.rows[k].zip(right.rows[k]).map(|(l, r)| mix(l, r))),
            deviations: std::array::from_fn(|k| mix(left.deviations[k], right.deviations[k])),
            confidence: mix(left.confidence, right.confidence),
            disc: if share < 0.5 { left.disc } else { right.disc },
        };
        // Rounding may swap coinciding boundaries.
        let mut last = 0.0_f32;
        for row in mixed.rows.iter_mut().flatten() {
            *row = row.max(last);
            last = *row;
        }
        mixed
    }
}
