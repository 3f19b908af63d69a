//! The end of the choroid in every A-scan: where it can be seen, and where it is inferred.
//!
//! Shadows of vessels and weak signal hide the choroid-sclera boundary in stretches. The boundary is smooth, so its
//! distance from Bruch's membrane is carried on from the stretches in which it can be seen.

use super::column::{BRUCH, CSB, Column};

/// Neighbouring columns on either side over which visibility is judged, on the network's grid: about the width of a
/// choroidal vessel.
const REACH: usize = 12;
/// Largest deviation that one A-scan contributes to that, in rows of the network's grid; also the value of an A-scan
/// without choroid.
const MAX_DEVIATION: f32 = 20.0;
/// Standard deviation of the window that smooths the choroid's thickness, in columns.
const WINDOW: f32 = 10.0;
/// Half width of the window, in columns.
const HALF_WIDTH: usize = 30;
/// Variance of a thickness about which the network is certain, in squared rows.
const MIN_VARIANCE: f32 = 4.0;
/// Distance from the fit at which a thickness counts half, in rows.
const OUTLIER: f32 = 8.0;
/// Rows by which the standard deviation grows with each column that a boundary is carried on.
const DRIFT: f32 = 0.06;

/// Completes the choroid-sclera boundary: smooths it, carries it on over columns in which `choroid` (the expected rows
/// of choroid) is below `least` or the network is unsure, and marks where it is visible: where its mean deviation around
/// a column is at most `limit`, in rows of the network's grid. Leaves columns without Bruch's membrane alone. Without
/// any usable column, nothing is known of the choroid, and there is no boundary.
pub(super) fn complete_choroid(columns: &mut [Column], choroid: &[f32], least: f32, limit: f32, height: f32) {
    let usable: Vec<Option<(f32, f32)>> = columns
        .iter()
        .zip(choroid)
        .map(|(column, &rows)| {
            let thickness = column.rows[CSB]? - column.rows[BRUCH]?;
            (rows >= least).then_some((thickness, column.deviations[CSB]))
        })
        .collect();
    let around = mean_deviation_around(&usable);
    let seen: Vec<Option<(f32, f32)>> =
        usable.iter().zip(&around).map(|(u, &around)| u.filter(|_| around <= 2.0 * limit)).collect();
    let known = if seen.iter().any(Option::is_some) { seen } else { usable };
    let fitted: Vec<Option<f32>> = (0..columns.len()).map(|x| fitted(&known, x)).collect();
    let (before, after) = nearest_known(&fitted);
    for (x, column) in columns.iter_mut().enumerate() {
        column.choroid_visible = false;
        column.deviations[CSB] = around[x];
        let Some(bruch) = column.rows[BRUCH] else {
            column.rows[CSB] = None;
            continue;
        };
        let value = |at: usize| fitted[at].map(|thickness| (x.abs_diff(at), thickness));
        let (distance, thickness) = match (before[x].and_then(value), after[x].and_then(value)) {
            (Some((0, thickness)), _) => (0, thickness),
            (Some((l, left)), Some((r, right))) => {
                (l.min(r), (left * r as f32 + right * l as f32) / (l + r).max(1) as f32)
            }
            (Some((distance, thickness)), None) | (None, Some((distance, thickness))) => (distance, thickness),
            (None, None) => {
                column.rows[CSB] = None;
                continue;
            }
        };
        let row = bruch + thickness.max(0.0);
        column.choroid_visible = distance == 0 && around[x] <= limit && row < height;
        column.deviations[CSB] = around[x].min(MAX_DEVIATION).hypot(DRIFT * distance as f32);
        column.rows[CSB] = (row < height).then_some(row);
    }
}

/// Mean deviation of the boundary around each column.
fn mean_deviation_around(usable: &[Option<(f32, f32)>]) -> Vec<f32> {
    // Prefix sums make each window cost two look-ups.
    let mut sums = vec![0.0_f64];
    for column in usable {
        let deviation = column.map_or(MAX_DEVIATION, |(_, deviation)| deviation.min(MAX_DEVIATION));
        sums.push(sums[sums.len() - 1] + f64::from(deviation));
    }
    let count = usable.len();
    (0..count)
        .map(|x| {
            let (first, end) = (x.saturating_sub(REACH), (x + REACH + 1).min(count));
            ((sums[end] - sums[first]) / (end - first) as f64) as f32
        })
        .collect()
}

/// The thickness at column `x` by local linear regression, with outliers weighted down in a second fit; `None` without
/// a known thickness in its neighbourhood.
fn fitted(known: &[Option<(f32, f32)>], x: usize) -> Option<f32> {
    let near = x.saturating_sub(HALF_WIDTH / 4)..(x + HALF_WIDTH / 4 + 1).min(known.len());
    known[near].iter().flatten().next()?;
    let window = x.saturating_sub(HALF_WIDTH)..(x + HALF_WIDTH + 1).min(known.len());
    let points: Vec<(f32, f32, f32)> = window
        .filter_map(|at| {
            let (thickness, deviation) = known[at]?;
            let offset = at as f32 - x as f32;
            let weight = (-0.5 * (offset / WINDOW).powi(2)).exp() / (MIN_VARIANCE + deviation.powi(2));
            Some((offset, thickness, weight))
        })
        .collect();
    let (level, slope) = line(&points, |_, _| 1.0);
    let robust = |offset: f32, thickness: f32| 1.0 / (1.0 + ((thickness - level - slope * offset) / OUTLIER).powi(2));
    Some(line(&points, robust).0)
}

/// Value at 0 and slope of the straight line through weighted points.
fn line(points: &[(f32, f32, f32)], robust: impl Fn(f32, f32) -> f32) -> (f32, f32) {
    let (mut w, mut wx, mut wy, mut wxx, mut wxy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for &(x, y, weight) in points {
        let weight = weight * robust(x, y);
        w += weight;
        wx += weight * x;
        wy += weight * y;
        wxx += weight * x * x;
        wxy += weight * x * y;
    }
    let spread = w * wxx - wx * wx;
    // Points on one side tell little about the slope at the end.
    if spread > 4.0 * w * w {
        let slope = (w * wxy - wx * wy) / spread;
        ((wy - slope * wx) / w, slope)
    } else {
        (wy / w, 0.0)
    }
}

/// The nearest column with a value at or before each column, and at or after it.
fn nearest_known(values: &[Option<f32>]) -> (Vec<Option<usize>>, Vec<Option<usize>>) {
    let mut last = None;
    let mut step = |x: usize| {
        last = if values[x].is_some() { Some(x) } else { last };
        last
    };
    let before = (0..values.len()).map(&mut step).collect();
    let mut last = None;
    let mut after: Vec<Option<usize>> = (0..values.len())
        .rev()
        .map(|x| {
            last = if values[x].is_some() { Some(x) } else { last };
            last
        })
        .collect();
    after.reverse();
    (before, after)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: f32 = 8.0;
    const LIMIT: f32 = 3.0;
    const HEIGHT: f32 = 400.0;

    /// Columns with Bruch's membrane at row 100 and a choroid of the given thickness and deviation.
    fn completed(choroid: impl IntoIterator<Item = Option<(f32, f32)>>) -> Vec<Column> {
        let (mut columns, rows): (Vec<Column>, Vec<f32>) = choroid
            .into_iter()
            .map(|seen| {
                let (thickness, deviation) = seen.unwrap_or((0.0, 1.0));
                let mut column = Column::default();
                column.rows[BRUCH] = Some(100.0);
                column.rows[CSB] = Some(100.0 + thickness);
                column.deviations[CSB] = deviation;
                (column, thickness)
            })
            .unzip();
        complete_choroid(&mut columns, &rows, LEAST, LIMIT, HEIGHT);
        columns
    }

    fn thicknesses(columns: &[Column]) -> Vec<f32> {
        columns.iter().map(|c| c.rows[CSB].expect("given") - 100.0).collect()
    }

    #[test]
    fn a_clear_end_is_visible_and_a_blurred_one_is_inferred_but_given() {
        let clear = completed([Some((70.0, 2.0)); 80]);
        assert!(clear.iter().all(|c| c.choroid_visible));
        let blurred = completed([Some((70.0, 5.0)); 80]);
        assert!(!blurred.iter().any(|c| c.choroid_visible));
        assert!(thicknesses(&blurred).iter().all(|t| (t - 70.0).abs() < 0.1));
    }

    #[test]
    fn a_hidden_stretch_is_carried_on_between_its_ends() {
        let columns = completed((0..160).map(|x| match x {
            0..50 => Some((60.0, 1.5)),
            110.. => Some((90.0, 1.5)),
            _ => None,
        }));
        let all = thicknesses(&columns);
        assert!(all.windows(2).all(|w| (w[1] - w[0]).abs() < 1.5), "no cliff: {all:?}");
        assert!((all[80] - 75.0).abs() < 4.0, "{}", all[80]);
        assert!(columns[20].choroid_visible && !columns[80].choroid_visible);
        assert!(columns[80].deviations[CSB] > columns[20].deviations[CSB] + 2.0);
    }

    #[test]
    fn a_few_outliers_do_not_bend_the_line() {
        let columns = completed((0..100).map(|x| Some((if (50..54).contains(&x) { 20.0 } else { 80.0 }, 1.5))));
        assert!(thicknesses(&columns).iter().all(|t| (t - 80.0).abs() < 6.0), "{:?}", thicknesses(&columns));
    }

    #[test]
    fn a_slope_stays_unchanged() {
        let columns = completed((0..100).map(|x| Some((40.0 + 0.4 * x as f32, 1.5))));
        for (x, thickness) in thicknesses(&columns).into_iter().enumerate() {
            assert!((thickness - 40.0 - 0.4 * x as f32).abs() < 1.0, "{x}: {thickness}");
        }
    }

    #[test]
    fn without_any_choroid_or_bruchs_membrane_there_is_no_boundary() {
        assert!(completed([None; 40]).iter().all(|c| c.rows[CSB].is_none()));
        let mut columns = completed([Some((70.0, 2.0)); 40]);
        columns[20].rows[BRUCH] = None;
        complete_choroid(&mut columns, &[70.0; 40], LEAST, LIMIT, HEIGHT);
        assert!(columns[20].rows[CSB].is_none() && columns[19].rows[CSB].is_some());
        complete_choroid(&mut columns, &[70.0; 40], LEAST, LIMIT, 150.0);
        assert!(columns.iter().all(|c| c.rows[CSB].is_none()), "beyond the frame");
    }
}
