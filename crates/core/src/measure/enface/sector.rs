//! Directions on the retina.

use serde::Serialize;

use crate::scan::Eye;

/// A side of the retina, seen from its centre.
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
    /// To the left in the fundus image of an eye that nobody named.
    Left,
    /// To the right in the fundus image of an eye that nobody named.
    Right,
}

impl Side {
    /// The quadrants of a circle, from the temple upwards.
    pub const QUADRANTS: [Self; 4] = [Self::Temporal, Self::Superior, Self::Nasal, Self::Inferior];

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

/// The side in which the direction (right, down) lies: superior and inferior take the quarters about the vertical.
///
/// In the fundus image, the nose lies to the right of a right eye and to the left of a left one.
#[must_use]
pub fn side((right, down): (f64, f64), eye: Option<Eye>) -> Side {
    if down.abs() >= right.abs() {
        return if down < 0.0 { Side::Superior } else { Side::Inferior };
    }
    match (eye, right > 0.0) {
        (Some(Eye::Right), true) | (Some(Eye::Left), false) => Side::Nasal,
        (Some(_), _) => Side::Temporal,
        (None, true) => Side::Right,
        (None, false) => Side::Left,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nose_lies_to_the_right_of_a_right_eye() {
        assert_eq!(side((1.0, 0.2), Some(Eye::Right)), Side::Nasal);
        assert_eq!(side((1.0, 0.2), Some(Eye::Left)), Side::Temporal);
        assert_eq!(side((-1.0, 0.2), Some(Eye::Left)), Side::Nasal);
        assert_eq!(side((-1.0, 0.2), None), Side::Left);
        assert_eq!(side((0.2, -1.0), None), Side::Superior);
        assert_eq!(side((0.2, 1.0), Some(Eye::Left)), Side::Inferior);
    }
}
