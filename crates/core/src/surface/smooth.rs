//! Smooths boundaries over neighbouring A-scans by local linear regression.

use super::column::{CSB, Column};

/// Variance of a row about which the network is certain, in squared rows; prevents one certain A-scan from outweighing
/// all others.
const MIN_VARIANCE: f32 = 0.25;
/// Half width of the window, in its standard deviations.
const WINDOW_DEVIATIONS: f32 = 2.5;

/// Replaces each determined row but that of the choroid's end by a straight line fitted to the rows around it, weighted by a Gaussian window of
/// `sigma` columns and by the certainty of each row. Boundaries stay in order and within `height` rows.
///
/// Local linear regression (Cleveland, J. Am. Stat. Assoc. 1979) without its robust iterations. It leaves a slope
/// unchanged. The fit does not half_width across an A-scan in which the boundary is not determined.
pub(super) fn smooth(columns: &mut [Column], sigma: f32, height: f32) {
    if sigma <= 0.0 {
        return;
    }
    let half_width = (WINDOW_DEVIATIONS * sigma).ceil() as usize;
    let window: Vec<f32> = (0..=half_width).map(|d| (-0.5 * (d as f32 / sigma).powi(2)).exp()).collect();
    let before: Vec<Column> = columns.to_vec();
    for (x, column) in columns.iter_mut().enumerate() {
        let mut last = 0.0_f32;
        for k in 0..CSB {
            if let Some(row) = fitted(&before, x, k, &window) {
                last = row.clamp(last, height);
                column.rows[k] = Some(last);
            }
        }
    }
}

/// Fitted value at column `x`; `None` if edge `k` is not determined there.
fn fitted(columns: &[Column], x: usize, k: usize, window: &[f32]) -> Option<f32> {
    let here = columns[x].rows[k]?;
    let mut sums = Sums::default();
    sums.add(0.0, 0.0, window[0] / variance(&columns[x], k));
    let left = (1..window.len()).map_while(|d| Some((-(d as f32), d, columns.get(x.checked_sub(d)?)?)));
    let right = (1..window.len()).map_while(|d| Some((d as f32, d, columns.get(x + d)?)));
    let determined =
        |(at, d, column): (f32, usize, &Column)| Some((at, column.rows[k]? - here, window[d] / variance(column, k)));
    left.map_while(determined).for_each(|(at, row, w)| sums.add(at, row, w));
    right.map_while(determined).for_each(|(at, row, w)| sums.add(at, row, w));
    Some(here + sums.value_at_zero())
}

fn variance(column: &Column, k: usize) -> f32 {
    MIN_VARIANCE + column.deviations[k].powi(2)
}

/// Moments of a weighted linear regression.
#[derive(Default)]
struct Sums {
    w: f32,
    x: f32,
    y: f32,
    xx: f32,
    xy: f32,
}

impl Sums {
    fn add(&mut self, x: f32, y: f32, w: f32) {
        self.w += w;
        self.x += w * x;
        self.y += w * y;
        self.xx += w * x * x;
        self.xy += w * x * y;
    }

    /// The intercept; the mean if all points share one position.
    fn value_at_zero(&self) -> f32 {
        let spread = self.w * self.xx - self.x * self.x;
        if spread > 1e-6 * self.w * self.w { (self.xx * self.y - self.x * self.xy) / spread } else { self.y / self.w }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::column::EDGES;

    fn column(row: Option<f32>, deviation: f32) -> Column {
        let mut rows = [None; EDGES];
        rows[0] = row;
        Column { rows, deviations: [deviation; EDGES], confidence: 1.0, ..Column::default() }
    }

    fn first_rows(columns: &[Column]) -> Vec<Option<f32>> {
        columns.iter().map(|c| c.rows[0]).collect()
    }

    #[test]
    fn a_slope_stays_unchanged_up_to_its_ends() {
        let mut columns: Vec<Column> = (0..30).map(|x| column(Some(5.0 + 1.5 * x as f32), 0.3)).collect();
        smooth(&mut columns, 2.0, 100.0);
        for (x, row) in first_rows(&columns).into_iter().enumerate() {
            assert!((row.expect("determined") - (5.0 + 1.5 * x as f32)).abs() < 1e-3);
        }
    }

    #[test]
    fn an_uncertain_row_moves_to_its_certain_neighbours() {
        let mut columns: Vec<Column> = (0..9).map(|_| column(Some(20.0), 0.2)).collect();
        columns[4] = column(Some(40.0), 10.0);
        smooth(&mut columns, 1.5, 100.0);
        let row = columns[4].rows[0].expect("determined");
        assert!((20.0..21.0).contains(&row), "{row}");
    }

    #[test]
    fn smoothing_does_not_cross_a_gap() {
        let mut columns: Vec<Column> =
            (0..9).map(|x| column((x != 4).then_some(if x < 4 { 10.0 } else { 50.0 }), 0.2)).collect();
        smooth(&mut columns, 3.0, 100.0);
        let rows = first_rows(&columns);
        assert_eq!(rows[4], None);
        assert!(
            (rows[3].expect("determined") - 10.0).abs() < 1e-3 && (rows[5].expect("determined") - 50.0).abs() < 1e-3
        );
    }
}
