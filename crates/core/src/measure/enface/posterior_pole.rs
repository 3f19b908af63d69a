//! The posterior pole in a grid of 8 by 8 cells, and the asymmetry of its upper and lower half.
//!
//! After the posterior pole asymmetry analysis of the Spectralis (Asrani et al., Ophthalmology 2011;118:1): 24 by 24 degrees
//! around the fovea in cells of 3 degrees. Cells here have millimetres, and rows are horizontal: the axis from the disc to
//! the fovea is not known.

use serde::Serialize;

use super::{ThicknessMap, cells::CELL_MM, weighted_mean::WeightedMean};
use crate::scan::Place;

/// Cells along each side.
const SIDE: usize = 8;
/// Side of a cell in millimetres: 3 degrees of 0.293 mm.
pub const POLE_CELL_MM: f64 = 0.879;

/// A cell of the grid.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PoleCell {
    /// Mean thickness of the retina in micrometres; `None` if too little is covered.
    pub mean_um: Option<f32>,
    /// Share of the cell in which thickness is known, 0 to 1.
    pub coverage: f32,
    /// Mean of this cell minus that of its mirror image in the other half; `None` unless both are known.
    pub asymmetry_um: Option<f32>,
}

/// Thickness of the retina over the posterior pole.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PosteriorPole {
    /// Rows from above to below, each from left to right on the fundus image.
    pub rows: Vec<[PoleCell; SIDE]>,
    /// Mean of the known cells of the upper half that have a known mirror image, in micrometres.
    pub superior_um: Option<f32>,
    /// The same of the lower half.
    pub inferior_um: Option<f32>,
    /// Their difference: upper minus lower.
    pub difference_um: Option<f32>,
}

impl PosteriorPole {
    /// Measures the thickness of the `retina` around the fovea.
    #[must_use]
    pub fn measure(retina: &ThicknessMap, fovea: Place) -> Self {
        let half = 0.5 * SIDE as f64 * POLE_CELL_MM;
        let mut means = [[WeightedMean::over(POLE_CELL_MM * POLE_CELL_MM); SIDE]; SIDE];
        for (place, area) in retina.cells(CELL_MM, (fovea, std::f64::consts::SQRT_2 * half)) {
            let index = |from: f64| {
                let cell = ((from + half) / POLE_CELL_MM).floor();
                (0.0..SIDE as f64).contains(&cell).then_some(cell as usize)
            };
            let found = index(place.y - fovea.y).zip(index(place.x - fovea.x));
            if let Some(((row, column), um)) = found.and_then(|at| Some((at, retina.at(place)?))) {
                means[row][column].add_known(um, area);
            }
        }
        let value = |row: usize, column: usize| means[row][column].value();
        let rows = (0..SIDE).map(|row| {
            std::array::from_fn(|column| PoleCell {
                mean_um: value(row, column),
                coverage: means[row][column].coverage(),
                asymmetry_um: value(row, column).zip(value(SIDE - 1 - row, column)).map(|(own, other)| own - other),
            })
        });
        let pairs: Vec<(f32, f32)> = (0..SIDE / 2)
            .flat_map(|row| (0..SIDE).map(move |column| (row, column)))
            .filter_map(|(row, column)| value(row, column).zip(value(SIDE - 1 - row, column)))
            .collect();
        let mean = |of: fn(&(f32, f32)) -> f32| {
            (!pairs.is_empty()).then(|| pairs.iter().map(of).sum::<f32>() / pairs.len() as f32)
        };
        let (superior_um, inferior_um) = (mean(|pair| pair.0), mean(|pair| pair.1));
        Self {
            rows: rows.collect(),
            superior_um,
            inferior_um,
            difference_um: superior_um.zip(inferior_um).map(|(above, below)| above - below),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::enface::fixtures::raster;

    const FOVEA: Place = Place { x: 4.2, y: 4.2 };

    #[test]
    fn cells_of_a_plane_have_the_thickness_at_their_middle() {
        let plane = |p: Place| Some((300.0 + 10.0 * (p.x - FOVEA.x) - 20.0 * (p.y - FOVEA.y)) as f32);
        let map = ThicknessMap::new(&raster((256, 97), 8.0, FOVEA, 0.0, plane)).expect("a map");
        let pole = PosteriorPole::measure(&map, FOVEA);
        for (row, cells) in pole.rows.iter().enumerate() {
            for (column, cell) in cells.iter().enumerate() {
                let at = |index: usize| (index as f64 - 3.5) * POLE_CELL_MM;
                let expected = 300.0 + 10.0 * at(column) - 20.0 * at(row);
                assert!((f64::from(cell.mean_um.expect("covered")) - expected).abs() < 0.3, "{row} {column}: {cell:?}");
                assert!((f64::from(cell.asymmetry_um.expect("both")) + 40.0 * at(row)).abs() < 0.6);
            }
        }
        // The middles of the halves lie two cells from the fovea.
        assert!((f64::from(pole.difference_um.expect("covered")) - 2.0 * 20.0 * 2.0 * POLE_CELL_MM).abs() < 0.5);
    }

    #[test]
    fn cells_outside_the_scan_are_blank_and_count_for_no_half() {
        let map = ThicknessMap::new(&raster((256, 61), 6.0, FOVEA, 0.0, |_| Some(300.0))).expect("a map");
        let pole = PosteriorPole::measure(&map, FOVEA);
        assert_eq!((pole.rows[0][0].mean_um, pole.rows[3][3].mean_um), (None, Some(300.0)));
        assert_eq!(pole.difference_um, Some(0.0));
    }
}
