//! Whether the end of the choroid is visible, judged over a stretch of neighbouring A-scans.

use super::column::Column;
use crate::layer::Boundary;

const CSB: usize = Boundary::Csb.index();
/// Neighbouring columns included on either side, on the network's grid: about the width of a choroidal vessel.
const REACH: usize = 12;
/// Largest deviation that one A-scan contributes, in rows of the network's grid; also the value of an A-scan without
/// choroid.
const MAX_DEVIATION: f32 = 20.0;

/// Sets the deviation of the choroid-sclera boundary in every column to the mean around it. Removes the boundary where
/// that mean exceeds `limit`, in rows of the network's grid.
pub(super) fn remove_invisible_choroid_end(columns: &mut [Column], limit: f32) {
    let deviation =
        |c: &Column| if c.rows[CSB].is_some() { c.deviations[CSB].min(MAX_DEVIATION) } else { MAX_DEVIATION };
    // Prefix sums make each window cost two look-ups.
    let mut sums = vec![0.0_f64];
    sums.extend(columns.iter().scan(0.0_f64, |sum, c| {
        *sum += f64::from(deviation(c));
        Some(*sum)
    }));
    let count = columns.len();
    for (x, column) in columns.iter_mut().enumerate() {
        let (first, end) = (x.saturating_sub(REACH), (x + REACH + 1).min(count));
        column.deviations[CSB] = ((sums[end] - sums[first]) / (end - first) as f64) as f32;
        if column.deviations[CSB] > limit {
            column.rows[CSB] = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::BOUNDARIES;

    fn columns(deviations: impl IntoIterator<Item = Option<f32>>) -> Vec<Column> {
        let column = |deviation: Option<f32>| Column {
            rows: std::array::from_fn(|k| (k < CSB || deviation.is_some()).then_some(10.0 * k as f32)),
            deviations: [deviation.unwrap_or(1.0); BOUNDARIES],
            confidence: 1.0,
            disc: false,
        };
        deviations.into_iter().map(column).collect()
    }

    fn visible(mut columns: Vec<Column>, limit: f32) -> Vec<bool> {
        remove_invisible_choroid_end(&mut columns, limit);
        assert!(columns.iter().all(|c| c.rows[..CSB].iter().all(Option::is_some)), "no other boundary is touched");
        columns.iter().map(|c| c.rows[CSB].is_some()).collect()
    }

    #[test]
    fn a_clear_end_is_visible_and_a_blurred_one_is_not() {
        assert!(visible(columns([Some(2.0); 60]), 3.0).iter().all(|&s| s));
        assert!(!visible(columns([Some(4.0); 60]), 3.0).iter().any(|&s| s));
    }

    #[test]
    fn one_ascan_does_not_decide() {
        let but_one = |usual, odd| (0..61).map(move |x| Some(if x == 30 { odd } else { usual }));
        assert!(visible(columns(but_one(2.0, 15.0)), 3.0).iter().all(|&s| s));
        assert!(!visible(columns(but_one(8.0, 0.5)), 3.0).iter().any(|&s| s));
    }

    #[test]
    fn without_choroid_there_is_no_end() {
        let half = (0..100).map(|x| (x < 50).then_some(1.0));
        let visible = visible(columns(half), 3.0);
        assert!(visible[..40].iter().all(|&s| s) && !visible[50..].iter().any(|&s| s));
        // Each change of state is an end of the line.
        assert_eq!(visible.windows(2).filter(|w| w[0] != w[1]).count(), 1);
    }
}
