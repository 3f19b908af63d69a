//! Whether the end of the choroid is visible, judged over a stretch of neighbouring A-scans.

use super::extract::Column;
use crate::layer::Boundary;

const CSB: usize = Boundary::Csb.index();
/// Neighbouring columns included on either side, on the network's grid: about the width of a choroidal vessel.
const REACH: usize = 12;
/// Largest deviation that one A-scan contributes, in rows of the network's grid; also the value of an A-scan without
/// choroid.
const MOST: f32 = 20.0;

/// Sets the deviation of the choroid-sclera boundary in every column to the mean around it. Removes the boundary where
/// that mean exceeds `limit`, in rows of the network's grid.
pub(super) fn judge(columns: &mut [Column], limit: f32) {
    let deviation = |c: &Column| if c.rows[CSB].is_some() { c.deviations[CSB].min(MOST) } else { MOST };
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

    fn shown(mut columns: Vec<Column>, limit: f32) -> Vec<bool> {
        judge(&mut columns, limit);
        assert!(columns.iter().all(|c| c.rows[..CSB].iter().all(Option::is_some)), "no other boundary is touched");
        columns.iter().map(|c| c.rows[CSB].is_some()).collect()
    }

    #[test]
    fn a_clear_end_is_seen_and_an_open_one_is_not() {
        assert!(shown(columns([Some(2.0); 60]), 3.0).iter().all(|&s| s));
        assert!(!shown(columns([Some(4.0); 60]), 3.0).iter().any(|&s| s));
    }

    #[test]
    fn one_doubtful_ascan_tears_no_line_and_one_sure_one_makes_none() {
        let but_one = |usual, odd| (0..61).map(move |x| Some(if x == 30 { odd } else { usual }));
        assert!(shown(columns(but_one(2.0, 15.0)), 3.0).iter().all(|&s| s));
        assert!(!shown(columns(but_one(8.0, 0.5)), 3.0).iter().any(|&s| s));
    }

    #[test]
    fn where_no_choroid_is_there_is_no_end_of_it() {
        let half = (0..100).map(|x| (x < 50).then_some(1.0));
        let shown = shown(columns(half), 3.0);
        assert!(shown[..40].iter().all(|&s| s) && !shown[50..].iter().any(|&s| s));
        // Each change of state is an end of the line.
        assert_eq!(shown.windows(2).filter(|w| w[0] != w[1]).count(), 1);
    }
}
