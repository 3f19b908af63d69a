//! Nerve fibre thickness around the disc compared with a reference group.

use serde::{Deserialize, Serialize};

use super::{ReferenceError, Standing, is_possible};
use crate::measure::enface::{COVERED, CircleProfile};

/// Mean and standard deviation of a group's nerve fibre thickness along a circle, in micrometres.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CircleTable {
    /// Name of the table.
    pub name: String,
    /// Publication.
    pub source: String,
    /// The group: whose eyes were measured.
    pub population: String,
    /// Smallest and largest radius of comparable circles, in millimetres; the layer thins out away from the disc.
    radius_mm: [f64; 2],
    mean: Option<[f32; 2]>,
    temporal: Option<[f32; 2]>,
    superior: Option<[f32; 2]>,
    nasal: Option<[f32; 2]>,
    inferior: Option<[f32; 2]>,
}

/// One value of a circle compared with the reference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CircleComparison {
    /// `mean`, or the key of a quadrant.
    pub area: &'static str,
    /// Mean thickness there in micrometres.
    pub mean_um: f32,
    /// The group's mean in micrometres.
    pub reference_um: f32,
    /// The group's standard deviation in micrometres.
    pub reference_sd_um: f32,
    /// Distance from the group's mean in its standard deviations.
    pub z: f32,
    /// Position relative to the reference range.
    pub standing: Standing,
}

impl CircleTable {
    /// Rejects values that a thickness cannot have.
    pub(super) fn check(&self) -> Result<(), ReferenceError> {
        let [least, most] = self.radius_mm;
        if !(0.0 < least && least < most && most < 10.0) {
            return Err(ReferenceError("circle: radius_mm must list the smallest and the largest radius".to_owned()));
        }
        let values = [self.mean, self.temporal, self.superior, self.nasal, self.inferior];
        if values.into_iter().flatten().all(is_possible) {
            Ok(())
        } else {
            Err(ReferenceError("circle: mean and standard deviation must be positive".to_owned()))
        }
    }

    /// Whether circles of this radius can be compared.
    #[must_use]
    pub fn is_comparable(&self, radius_mm: f64) -> bool {
        (self.radius_mm[0]..=self.radius_mm[1]).contains(&radius_mm)
    }

    /// Compares the mean and the covered quadrants; empty if the radius is out of range.
    #[must_use]
    pub fn compare(&self, circle: &CircleProfile) -> Vec<CircleComparison> {
        if !self.is_comparable(circle.radius_mm) {
            return Vec::new();
        }
        let quadrants = circle.quadrants.iter().zip([self.temporal, self.superior, self.nasal, self.inferior]);
        let quadrants = quadrants.map(|(q, reference)| (q.side.key(), q.mean_um, q.coverage, reference));
        std::iter::once(("mean", circle.mean_um, circle.coverage(), self.mean))
            .chain(quadrants)
            .filter(|&(_, _, coverage, _)| coverage >= COVERED)
            .filter_map(|(area, mean_um, _, reference)| {
                let (mean_um, [reference_um, reference_sd_um]) = (mean_um?, reference?);
                let z = (mean_um - reference_um) / reference_sd_um;
                Some(CircleComparison { area, mean_um, reference_um, reference_sd_um, z, standing: Standing::of(z) })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        measure::reference::ReferenceTable,
        scan::{BScanPosition, Eye, Place},
    };

    fn circle(radius: f64, thickness: impl Fn(usize) -> Option<f32>) -> CircleProfile {
        let centre = Place { x: 5.0, y: 5.0 };
        // Starts temporal in a right eye, then runs over the top.
        let track = BScanPosition::Circle { centre, start: Place { x: 5.0 - radius, y: 5.0 }, clockwise: true };
        let thickness: Vec<_> = (0..720).map(thickness).collect();
        CircleProfile::measure(&track, &thickness, Eye::Right, None).expect("a circle")
    }

    fn table() -> CircleTable {
        ReferenceTable::shipped().expect("shipped").circle.expect("a circle")
    }

    #[test]
    fn quadrants_and_mean_are_within_below_or_above() {
        // 93.42 +- 1.96 x 9.30: from 75.2 to 111.6; the temporal quadrant from 42.4 to 86.3.
        let thin_temple = circle(1.73, |x| Some(if (91..630).contains(&x) { 110.0 } else { 40.0 }));
        let found = table().compare(&thin_temple);
        let standing = |area| found.iter().find(|c| c.area == area).map(|c| c.standing);
        assert_eq!(standing("temporal"), Some(Standing::Below), "{found:?}");
        assert_eq!(standing("superior"), Some(Standing::Within));
        assert_eq!(standing("nasal"), Some(Standing::Above), "{found:?}");
        assert_eq!(standing("mean"), Some(Standing::Within));
        assert_eq!(found.len(), 5);
    }

    #[test]
    fn other_circles_and_quadrants_with_gaps_are_not_compared() {
        assert!(table().compare(&circle(2.2, |_| Some(90.0))).is_empty());
        let gap = table().compare(&circle(1.73, |x| (x > 60).then_some(90.0)));
        assert_eq!(gap.iter().map(|c| c.area).collect::<Vec<_>>(), ["superior", "nasal", "inferior"]);
    }

    #[test]
    fn broken_tables_are_refused() {
        let head = "name = 'a'\nsource = 'b'\npopulation = 'c'\n[layers]\n[circle]\n";
        let circle = "name = 'a'\nsource = 'b'\npopulation = 'c'\n";
        for (body, fault) in [
            ("radius_mm = [1.9, 1.7]", "radius"),
            ("radius_mm = [1.6, 1.8]\nnasal = [70.0, 0.0]", "positive"),
            ("radius_mm = [1.6, 1.8]\nupper = [70.0, 1.0]", "upper"),
        ] {
            let error = ReferenceTable::parse(&format!("{head}{circle}{body}")).unwrap_err().to_string();
            assert!(error.contains(fault), "{body}: {error}");
        }
        let site = format!("{head}{circle}radius_mm = [1.6, 1.8]\nmean = [95.0, 8.0]");
        assert!(ReferenceTable::parse(&site).unwrap().circle.is_some());
    }
}
