//! Differences between both eyes of a patient at one visit.

use serde::Serialize;

use super::{VISIT_SECONDS, Visit};
use crate::scan::Eye;

/// The difference of one measure between the eyes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EyeDifference {
    /// Name of the measure.
    pub measure: String,
    /// Value in the right eye in micrometres.
    pub right_um: f32,
    /// Value in the left eye.
    pub left_um: f32,
    /// Right minus left.
    pub difference_um: f32,
}

/// The differences between both eyes. Nasal is compared with nasal, temporal with temporal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InterEye {
    /// Acquisition time of the other eye's scan, by the scanner's clock.
    pub other_acquired: String,
    /// Each measure that both eyes have; means over whole scans are left out, since their places differ.
    pub differences: Vec<EyeDifference>,
}

impl InterEye {
    /// Compares the scan `now` of `eye` with the nearest in time of `others`, which are scans of the other eye, if it is of
    /// the same visit. `None` if there is none, or they have no measure in common.
    #[must_use]
    pub fn of(eye: Eye, now: &Visit, others: &[Visit]) -> Option<Self> {
        let apart = |other: &&Visit| (other.acquired.seconds() - now.acquired.seconds()).abs();
        let other = others.iter().filter(|other| apart(other) < VISIT_SECONDS).min_by_key(apart)?;
        let measures = now.measures.clone().without_scan_means();
        let difference = |(name, &um): (&String, &f32)| {
            let other_um = other.measures.get(name)?;
            let (right_um, left_um) = if eye == Eye::Right { (um, other_um) } else { (other_um, um) };
            Some(EyeDifference { measure: name.clone(), right_um, left_um, difference_um: right_um - left_um })
        };
        let differences: Vec<EyeDifference> = measures.iter().filter_map(difference).collect();
        (!differences.is_empty()).then(|| Self { other_acquired: other.acquired.to_string(), differences })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        measure::{Verdict, follow_up::Measures},
        scan::Moment,
    };

    fn visit(date: &str, time: &str, um: f32) -> Visit {
        let names = ["gcipl/average", "mean/nfl"].map(|name| (name.to_owned(), um));
        let acquired = Moment::of_digits(date, time).expect("a time");
        Visit { acquired, verdict: Verdict::Good, measures: names.into_iter().collect::<Measures>(), map: None }
    }

    #[test]
    fn the_difference_is_right_minus_left_whichever_eye_comes_second() {
        let (now, other) = (visit("20260101", "0915", 80.0), visit("20260101", "0920", 77.0));
        let right = InterEye::of(Eye::Right, &now, std::slice::from_ref(&other)).expect("both eyes");
        let left = InterEye::of(Eye::Left, &other, &[now]).expect("both eyes");
        let [difference] = &right.differences[..] else { panic!("no mean of a whole scan: {right:?}") };
        assert_eq!((difference.measure.as_str(), difference.difference_um), ("gcipl/average", 3.0));
        assert_eq!(right.differences, left.differences);
        assert_eq!(right.other_acquired, "2026-01-01T09:20:00");
    }

    #[test]
    fn another_day_is_no_pair() {
        let (now, later) = (visit("20260101", "0915", 80.0), visit("20260102", "0915", 77.0));
        assert_eq!(InterEye::of(Eye::Right, &now, &[later]), None);
        assert_eq!(InterEye::of(Eye::Right, &now, &[]), None);
    }
}
