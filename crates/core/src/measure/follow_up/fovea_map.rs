//! The thickness of the retina around the fovea in coarse cells, to compare visits place by place.

use serde::{Deserialize, Serialize};

use crate::{measure::enface::ThicknessMap, scan::Place};

/// Cells along each side of the map; the fovea is in the middle.
pub const MAP_CELLS: usize = 24;
/// Side of a cell in millimetres.
pub const MAP_CELL_MM: f64 = 0.25;
/// Samples along each side of a cell.
const SAMPLES: usize = 5;
/// Share of the samples of a cell that must be known.
const KNOWN: f64 = 0.8;

/// Thickness of the retina, or its change, in cells of [`MAP_CELL_MM`] around the fovea, in micrometres: row by row from
/// the upper left as on the fundus image. `None` where it is not known.
///
/// Maps of two visits are registered by the fovea; a turned head is not corrected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Option<f32>>", into = "Vec<Option<f32>>")]
pub struct FoveaMap(Vec<Option<f32>>);

impl TryFrom<Vec<Option<f32>>> for FoveaMap {
    type Error = &'static str;

    fn try_from(cells: Vec<Option<f32>>) -> Result<Self, Self::Error> {
        let is_map = cells.len() == MAP_CELLS * MAP_CELLS && cells.iter().flatten().all(|um| um.is_finite());
        is_map.then_some(Self(cells)).ok_or("a map of another size")
    }
}

impl From<FoveaMap> for Vec<Option<f32>> {
    fn from(map: FoveaMap) -> Self {
        map.0
    }
}

impl FoveaMap {
    /// The map of `retina` around `fovea`; `None` if no cell is known.
    #[must_use]
    pub fn of(retina: &ThicknessMap, fovea: Place) -> Option<Self> {
        let mm = |cell: usize, sample: usize| {
            let inside = (sample as f64 + 0.5) / SAMPLES as f64;
            (cell as f64 + inside - 0.5 * MAP_CELLS as f64) * MAP_CELL_MM
        };
        let cell = |(row, column): (usize, usize)| {
            let samples = (0..SAMPLES).flat_map(|i| (0..SAMPLES).map(move |j| (i, j)));
            let places = samples.map(|(i, j)| Place { x: fovea.x + mm(column, j), y: fovea.y + mm(row, i) });
            let known: Vec<f64> = places.filter_map(|place| retina.at(place).map(f64::from)).collect();
            let is_known = known.len() as f64 >= KNOWN * (SAMPLES * SAMPLES) as f64;
            // Tenths of a micrometre, since the map is stored as text.
            is_known.then(|| (10.0 * known.iter().sum::<f64>() / known.len() as f64).round() as f32 / 10.0)
        };
        let all = (0..MAP_CELLS).flat_map(|row| (0..MAP_CELLS).map(move |column| (row, column)));
        let cells: Vec<Option<f32>> = all.map(cell).collect();
        cells.iter().any(Option::is_some).then_some(Self(cells))
    }

    /// This map minus `earlier`; `None` if no cell is known in both.
    #[must_use]
    pub fn minus(&self, earlier: &Self) -> Option<Self> {
        let cells: Vec<Option<f32>> =
            self.0.iter().zip(&earlier.0).map(|(now, before)| Some((*now)? - (*before)?)).collect();
        cells.iter().any(Option::is_some).then_some(Self(cells))
    }

    /// The rows from above, each from the left.
    pub fn rows(&self) -> impl Iterator<Item = &[Option<f32>]> {
        self.0.chunks(MAP_CELLS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::enface::fixtures::raster;

    fn map(fovea: Place, thickness: impl Fn(Place) -> Option<f32>) -> FoveaMap {
        let field =
            ThicknessMap::new(&raster((256, 61), 8.0, Place { x: 4.0, y: 4.0 }, 0.0, thickness)).expect("a field");
        FoveaMap::of(&field, fovea).expect("cells")
    }

    #[test]
    fn a_change_shows_where_it_is_though_the_eye_has_moved() {
        let (before, after) = (Place { x: 4.0, y: 4.0 }, Place { x: 4.4, y: 3.7 });
        let cone = |p: Place, fovea: Place| (250.0 + 20.0 * p.distance(fovea)) as f32;
        let first = map(before, |p| Some(cone(p, before)));
        // 30 um thicker to the lower right of the fovea.
        let swollen = |p: Place| (0.5..1.5).contains(&(p.x - after.x)) && (0.5..1.5).contains(&(p.y - after.y));
        let second = map(after, |p| Some(cone(p, after) + if swollen(p) { 30.0 } else { 0.0 }));
        let change = second.minus(&first).expect("in common");
        let rows: Vec<&[Option<f32>]> = change.rows().collect();
        let at = |x: f64, y: f64| {
            let cell = |mm: f64| (mm / MAP_CELL_MM + 0.5 * MAP_CELLS as f64) as usize;
            rows[cell(y)][cell(x)].expect("known")
        };
        assert!((at(1.1, 1.1) - 30.0).abs() < 1.0, "{}", at(1.1, 1.1));
        assert!(at(-1.1, 1.1).abs() < 1.0 && at(1.1, -1.1).abs() < 1.0 && at(0.1, 0.1).abs() < 1.0);
    }

    #[test]
    fn what_one_visit_does_not_cover_is_not_known() {
        let whole = map(Place { x: 4.0, y: 4.0 }, |_| Some(300.0));
        let part = map(Place { x: 4.0, y: 4.0 }, |p| (p.x < 4.0).then_some(290.0));
        let change = whole.minus(&part).expect("in common");
        let row = change.rows().nth(12).expect("a row");
        assert_eq!((row[3], row[20]), (Some(10.0), None));
        assert!(FoveaMap::try_from(vec![None; 3]).is_err());
        let text = serde_json::to_string(&whole).expect("text");
        assert_eq!(serde_json::from_str::<FoveaMap>(&text).expect("a map"), whole);
    }
}
