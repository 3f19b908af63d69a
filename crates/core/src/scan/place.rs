//! Positions of B-scans on the retina.

use serde::{Deserialize, Serialize};

/// A position in the en-face plane, in millimetres on the retina: right and down in the fundus image as the scanner
/// shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Millimetres to the right.
    pub x: f64,
    /// Millimetres down.
    pub y: f64,
}

impl Place {
    /// Distance to `other`, in millimetres.
    #[must_use]
    pub fn distance(self, other: Self) -> f64 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    /// The place with both coordinates multiplied by `factor`.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self { x: factor * self.x, y: factor * self.y }
    }

    /// The point at fraction `t` of the way to `other`.
    #[must_use]
    pub fn towards(self, other: Self, t: f64) -> Self {
        Self { x: self.x + t * (other.x - self.x), y: self.y + t * (other.y - self.y) }
    }
}

/// Course of the A-scans of one B-scan.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BScanPosition {
    /// Along a straight line.
    Line {
        /// Half a spacing before the first A-scan.
        start: Place,
        /// Half a spacing after the last A-scan.
        end: Place,
    },
    /// One full circle, clockwise or counter-clockwise in the fundus image.
    Circle {
        /// The centre.
        centre: Place,
        /// Position of the first A-scan.
        start: Place,
        /// Whether the A-scans run clockwise.
        clockwise: bool,
    },
}

/// Plausible sizes of a line or circle, in millimetres.
const PLAUSIBLE: std::ops::Range<f64> = 1e-3..100.0;

impl BScanPosition {
    /// A line, if its length is plausible.
    #[must_use]
    pub fn line(start: Place, end: Place) -> Option<Self> {
        PLAUSIBLE.contains(&start.distance(end)).then_some(Self::Line { start, end })
    }

    /// A circle as Heidelberg scanners draw it: from the temple upwards, as TSNIT profiles run, so clockwise if it
    /// starts on the left. Only this direction matches the vessels of a right eye; it is not confirmed on left eyes.
    #[must_use]
    pub fn heidelberg_circle(start: Place, centre: Place) -> Option<Self> {
        let clockwise = start.x < centre.x;
        PLAUSIBLE.contains(&start.distance(centre)).then_some(Self::Circle { centre, start, clockwise })
    }

    /// The course with all coordinates multiplied by `factor`.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        match self {
            Self::Line { start, end } => Self::Line { start: start.scaled(factor), end: end.scaled(factor) },
            Self::Circle { centre, start, clockwise } => {
                Self::Circle { centre: centre.scaled(factor), start: start.scaled(factor), clockwise }
            }
        }
    }

    /// Position of A-scan `ascan` of `width`.
    #[must_use]
    pub fn at(&self, ascan: usize, width: usize) -> Place {
        match *self {
            Self::Line { start, end } => start.towards(end, (ascan as f64 + 0.5) / width.max(1) as f64),
            Self::Circle { centre, start, clockwise } => {
                // y grows downwards, so a growing angle runs clockwise.
                let turn = std::f64::consts::TAU * ascan as f64 / width.max(1) as f64;
                let (sin, cos) = if clockwise { turn } else { -turn }.sin_cos();
                let (dx, dy) = (start.x - centre.x, start.y - centre.y);
                Place { x: centre.x + cos * dx - sin * dy, y: centre.y + sin * dx + cos * dy }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: Place, b: Place) -> bool {
        a.distance(b) < 1e-9
    }

    #[test]
    fn ascans_lie_evenly_within_a_line() {
        let (start, end) = (Place { x: 1.0, y: 2.0 }, Place { x: 4.0, y: 6.0 });
        let line = BScanPosition::Line { start, end };
        let middle = Place { x: 2.5, y: 4.0 };
        assert!(near(line.at(5, 11), middle) && near(line.at(0, 1), middle));
        assert!(
            (line.at(0, 10).distance(start) - 0.25).abs() < 1e-9 && (line.at(9, 10).distance(end) - 0.25).abs() < 1e-9
        );
        assert!((line.at(3, 10).distance(line.at(4, 10)) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn a_circle_that_follows_the_clock_goes_from_the_right_to_below() {
        let (centre, start) = (Place { x: 3.0, y: 3.0 }, Place { x: 5.0, y: 3.0 });
        let quarter = |clockwise| BScanPosition::Circle { centre, start, clockwise }.at(25, 100);
        assert!(near(quarter(true), Place { x: 3.0, y: 5.0 }));
        assert!(near(quarter(false), Place { x: 3.0, y: 1.0 }));
    }
}
