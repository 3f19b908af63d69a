//! Sides of the retina.

use serde::Serialize;

use crate::scan::Eye;

/// A side of the retina, as a direction from its centre.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Upwards.
    Superior,
    /// Towards the nose.
    Nasal,
    /// Downwards.
    Inferior,
    /// Towards the temple.
    Temporal,
    /// Left in the fundus image, if the eye is unknown.
    Left,
    /// Right in the fundus image, if the eye is unknown.
    Right,
}

impl Side {
    /// The quadrants of a circle, from temporal over superior.
    pub const QUADRANTS: [Self; 4] = [Self::Temporal, Self::Superior, Self::Nasal, Self::Inferior];

    /// The side of the direction (right, down). Superior and inferior are the quarters around the vertical.
    ///
    /// In the fundus image, the nose is on the right of a right eye and on the left of a left eye.
    #[must_use]
    pub fn of_direction((right, down): (f64, f64), eye: Option<Eye>) -> Self {
        if down.abs() >= right.abs() {
            return if down < 0.0 { Self::Superior } else { Self::Inferior };
        }
        match (eye, right > 0.0) {
            (Some(Eye::Right), true) | (Some(Eye::Left), false) => Self::Nasal,
            (Some(_), _) => Self::Temporal,
            (None, true) => Self::Right,
            (None, false) => Self::Left,
        }
    }

    /// Name in result files.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Superior => "superior",
            Self::Nasal => "nasal",
            Self::Inferior => "inferior",
            Self::Temporal => "temporal",
            Self::Left => "left",
            Self::Right => "right",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nasal_is_right_in_a_right_eye_and_left_in_a_left_eye() {
        assert_eq!(Side::of_direction((1.0, 0.2), Some(Eye::Right)), Side::Nasal);
        assert_eq!(Side::of_direction((1.0, 0.2), Some(Eye::Left)), Side::Temporal);
        assert_eq!(Side::of_direction((-1.0, 0.2), Some(Eye::Left)), Side::Nasal);
        assert_eq!(Side::of_direction((-1.0, 0.2), None), Side::Left);
        assert_eq!(Side::of_direction((0.2, -1.0), None), Side::Superior);
        assert_eq!(Side::of_direction((0.2, 1.0), Some(Eye::Left)), Side::Inferior);
    }
}
