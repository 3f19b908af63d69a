//! Scan protocols: which scans of an eye can be compared.

use serde::{Deserialize, Serialize};

use crate::scan::{BScanPosition, Pattern, Provenance, ScanHeader};

/// Largest relative difference of two lengths that count as equal; the scale on the retina varies with the focus.
const LENGTH: f64 = 0.05;
/// Largest angle between two lines that count as equal, in degrees.
const ANGLE: f64 = 5.0;

/// How a scan covers the retina.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Protocol {
    /// Arrangement of its B-scans.
    pub pattern: Pattern,
    /// Number of B-scans.
    pub bscans: usize,
    /// A-scans in each.
    pub width: usize,
    /// Length of the first B-scan in millimetres, if known.
    pub length_mm: Option<f64>,
    /// Direction of the first B-scan from the horizontal in degrees, 0 to 180, if known.
    pub direction_deg: Option<f64>,
    /// Distance between the first and the last B-scan in millimetres, if known.
    pub across_mm: Option<f64>,
}

impl Protocol {
    /// The protocol of a scan.
    #[must_use]
    pub fn of(header: &ScanHeader) -> Self {
        // What only a default scales counts as unknown.
        let stated = |from: Option<Provenance>| from != Some(Provenance::Default);
        let tracks = if stated(header.places) { header.tracks.as_slice() } else { &[] };
        let lateral = header.lateral.filter(|spacing| stated(Some(spacing.from)));
        let middle = |t: &BScanPosition| t.at(header.width / 2, header.width);
        let (length_mm, direction_deg) = match tracks.first() {
            Some(BScanPosition::Line { start, end }) => {
                let degrees = (end.y - start.y).atan2(end.x - start.x).to_degrees();
                (Some(start.distance(*end)), Some(degrees.rem_euclid(180.0)))
            }
            Some(BScanPosition::Circle { centre, start, .. }) => {
                (Some(std::f64::consts::TAU * centre.distance(*start)), None)
            }
            None => (lateral.map(|s| s.mm() * header.width as f64), None),
        };
        let across = tracks.first().zip(tracks.last()).filter(|_| tracks.len() > 1);
        Self {
            pattern: header.pattern,
            bscans: header.bscans,
            width: header.width,
            length_mm,
            direction_deg,
            across_mm: across.map(|(first, last)| middle(first).distance(middle(last))),
        }
    }

    /// Whether both cover the same extent in the same way. Their place on the retina cannot be compared: positions
    /// refer to a fundus image that moves with the eye.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        let near = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() <= LENGTH * a.max(b),
            (None, None) => true,
            _ => false,
        };
        let turned = match (self.direction_deg, other.direction_deg) {
            (Some(a), Some(b)) => {
                let between = (a - b).abs();
                between.min(180.0 - between) > ANGLE
            }
            (a, b) => a.is_some() != b.is_some(),
        };
        let sized = self.length_mm.is_some() || self.width == other.width;
        self.pattern == other.pattern
            && self.bscans == other.bscans
            && sized
            && !turned
            && near(self.length_mm, other.length_mm)
            && near(self.across_mm, other.across_mm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::Place;

    fn line(angle: f64, length: f64) -> Protocol {
        let (sin, cos) = angle.to_radians().sin_cos();
        let end = Place { x: length * cos, y: length * sin };
        let header = ScanHeader {
            format: "x".into(),
            bscans: 1,
            width: 512,
            height: 496,
            axial: None,
            lateral: None,
            eye: None,
            eye_from: None,
            pattern: Pattern::Line,
            pattern_from: None,
            tracks: vec![BScanPosition::Line { start: Place::default(), end }],
            places: None,
            notes: Vec::new(),
        };
        Protocol::of(&header)
    }

    #[test]
    fn lines_are_the_same_by_length_and_direction() {
        let one = line(0.5, 8.8);
        assert!(one.matches(&line(-2.0, 9.0)), "across the horizontal");
        assert!(one.matches(&line(180.0, 8.8)), "from the other end");
        assert!(!one.matches(&line(0.5, 6.0)));
        assert!(!one.matches(&line(90.0, 8.8)));
        let unplaced = Protocol { length_mm: None, direction_deg: None, ..one.clone() };
        assert!(unplaced.matches(&unplaced) && !unplaced.matches(&one));
        assert!(!unplaced.matches(&Protocol { width: 768, ..unplaced.clone() }));
        assert!(!one.matches(&Protocol { pattern: Pattern::Circle, ..one.clone() }));
    }
}
