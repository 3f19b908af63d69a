//! How much of an area must be covered for its value to be shown: one rule for tables, maps, pages, screens and DICOM.

use serde::{Deserialize, Serialize};

/// Smallest covered share of an area whose mean may stand for the whole area.
pub const COVERED: f32 = 0.95;
/// Smallest covered share of an area whose mean is given at all.
pub const SHOWN: f32 = 0.5;

/// How well an area is covered. A value of less than half of an area says little of the area and is blank everywhere; up
/// to [`COVERED`] it is marked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coverage {
    /// At least [`COVERED`]: the value stands for the area.
    Whole,
    /// At least [`SHOWN`]: the value is marked.
    Partial,
    /// Less: there is no value.
    #[default]
    Sparse,
}

impl Coverage {
    /// The coverage for a share of an area, 0 to 1.
    #[must_use]
    pub fn of(share: impl Into<f64>) -> Self {
        let share = share.into();
        if share >= f64::from(COVERED) {
            Self::Whole
        } else if share >= f64::from(SHOWN) {
            Self::Partial
        } else {
            Self::Sparse
        }
    }

    /// `value`, unless too little is covered.
    #[must_use]
    pub fn shown<T>(self, value: T) -> Option<T> {
        (self != Self::Sparse).then_some(value)
    }

    /// What follows the value for people: a star if it is marked.
    #[must_use]
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Partial => "*",
            Self::Whole | Self::Sparse => "",
        }
    }

    /// What marks mean, for people.
    pub const LEGEND: &'static str = "* 50 to 95 % covered, mean of the covered part; - less";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_blank_below_a_half_and_marked_below_all() {
        for (share, shown, mark) in [
            (0.0, false, ""),
            (0.499, false, ""),
            (0.5, true, "*"),
            (0.949, true, "*"),
            (0.951, true, ""),
            (1.0, true, ""),
        ] {
            let coverage = Coverage::of(share);
            assert_eq!((coverage.shown(()).is_some(), coverage.mark()), (shown, mark), "{share}");
        }
        assert_eq!(Coverage::of(f32::NAN), Coverage::Sparse);
        assert_eq!((Coverage::of(COVERED), Coverage::of(SHOWN)), (Coverage::Whole, Coverage::Partial));
    }
}
