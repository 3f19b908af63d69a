//! One column of the network's grid.

use crate::layer::{BOUNDARIES, Boundary};

/// Number of edges between the states of a column: the boundaries, the end of the ellipsoid zone above fluid, and the
/// outer edge of an RPE that is lifted from Bruch's membrane.
pub(super) const EDGES: usize = BOUNDARIES + 2;
/// The edge at which the photoreceptors end: where they lie on the RPE, that of [`Boundary::EzRpe`].
pub(super) const EZ_END: usize = 6;
/// The outer edge of the RPE: where it lies on Bruch's membrane, that of [`Boundary::RpeBm`].
pub(super) const RPE_OUTER: usize = 8;
/// The choroid-sclera boundary.
pub(super) const CSB: usize = EDGES - 1;
/// Bruch's membrane.
pub(super) const BRUCH: usize = CSB - 1;

/// The edge of a boundary.
pub(super) const fn edge_of(boundary: Boundary) -> usize {
    let index = boundary.index();
    if index < EZ_END {
        index
    } else if index == Boundary::EzRpe.index() {
        EZ_END + 1
    } else {
        index + 2
    }
}

/// The edges in one column of the network's grid.
#[derive(Clone, Copy, Default)]
pub(super) struct Column {
    /// Row of each edge; `None` where it was not determined.
    pub(super) rows: [Option<f32>; EDGES],
    /// Standard deviation of each row.
    pub(super) deviations: [f32; EDGES],
    /// Confidence, 0 to 1.
    pub(super) confidence: f32,
    /// Whether it shows the optic disc.
    pub(super) disc: bool,
    /// Whether the end of the choroid can be seen here; else it is inferred from where it can.
    pub(super) choroid_visible: bool,
}

impl Column {
    /// Moves each boundary down by its offset; edges that coincide with a boundary move with it. The edges stay in
    /// order and within `height` rows.
    pub(super) fn shift(&mut self, offsets: &[f32; BOUNDARIES], height: f32) {
        let mut by = [0.0; EDGES];
        for boundary in Boundary::ALL {
            by[edge_of(boundary)] = offsets[boundary.index()];
        }
        by[EZ_END] = offsets[Boundary::EzRpe.index()];
        by[RPE_OUTER] = offsets[Boundary::RpeBm.index()];
        let mut last = 0.0_f32;
        for (row, by) in self.rows.iter_mut().zip(by) {
            if let Some(row) = row {
                *row = (*row + by).clamp(last, height);
                last = *row;
            }
        }
    }

    /// Interpolates two columns. If they differ in which edges are determined, returns the nearer one, which preserves
    /// the order.
    pub(super) fn interpolate(left: &Self, right: &Self, share: f32) -> Self {
        let nearer = if share < 0.5 { left } else { right };
        let same = left.rows.iter().zip(&right.rows).all(|(l, r)| l.is_some() == r.is_some());
        if !same || share == 0.0 {
            return *nearer;
        }
        let mix = |l: f32, r: f32| l + (r - l) * share;
        let mut mixed = Self {
            rows: std::array::from_fn(|k| left.rows[k].zip(right.rows[k]).map(|(l, r)| mix(l, r))),
            deviations: std::array::from_fn(|k| mix(left.deviations[k], right.deviations[k])),
            confidence: mix(left.confidence, right.confidence),
            ..*nearer
        };
        // Rounding may swap coinciding edges.
        let mut last = 0.0_f32;
        for row in mixed.rows.iter_mut().flatten() {
            *row = row.max(last);
            last = *row;
        }
        mixed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_move_boundaries_and_keep_their_order() {
        let mut column = Column { rows: std::array::from_fn(|k| Some(10.0 + k as f32)), ..Column::default() };
        column.rows[2] = None;
        let mut offsets = [0.0; BOUNDARIES];
        (offsets[0], offsets[Boundary::RpeBm.index()]) = (1.5, 0.5);
        column.shift(&offsets, 100.0);
        assert_eq!((column.rows[0], column.rows[1], column.rows[2]), (Some(11.5), Some(11.5), None));
        assert_eq!((column.rows[RPE_OUTER], column.rows[BRUCH]), (Some(18.5), Some(19.5)));
    }

    #[test]
    fn every_boundary_has_an_edge_of_its_own_in_order() {
        let edges = Boundary::ALL.map(edge_of);
        assert_eq!(edges, [0, 1, 2, 3, 4, 5, 7, BRUCH, CSB]);
        assert!(!edges.contains(&EZ_END) && !edges.contains(&RPE_OUTER));
    }
}
