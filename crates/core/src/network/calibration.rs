//! Calibration of a model's own uncertainty, fitted on labelled scans.

use serde::{Deserialize, Serialize};

use crate::layer::BOUNDARIES;

/// Maps the deviation that the class probabilities imply to that of the error: `sqrt((scale * d)^2 + floor^2)`.
///
/// The floor covers what no network can know: where exactly a grader draws a line.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Factor.
    pub scale: f32,
    /// Minimum deviation, in rows of the network's grid.
    pub floor: f32,
}

impl Interval {
    /// Leaves the implied deviation unchanged.
    pub const AS_IMPLIED: Self = Self { scale: 1.0, floor: 0.0 };

    /// Standard deviation of the error if the class probabilities imply `deviation`.
    #[must_use]
    pub fn widen(self, deviation: f32) -> f32 {
        (self.scale * deviation).hypot(self.floor)
    }
}

/// Calibration of probabilities and intervals.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Softmax temperature of the class probabilities.
    pub temperature: f32,
    /// One for each boundary, in their order.
    pub intervals: [Interval; BOUNDARIES],
    /// Added to the row of each boundary, in rows of the network's grid: takes out the error that the network makes in
    /// the same direction in every set of scans.
    #[serde(default)]
    pub offsets: [f32; BOUNDARIES],
    /// Maximum deviation that the class probabilities may imply for the choroid-sclera boundary, in rows of the
    /// network's grid; beyond it, the boundary counts as not visible.
    pub choroid_limit: f32,
    /// Doubt about a scan (one minus the mean confidence of its A-scans) up to which the intervals hold; beyond it,
    /// they grow in proportion. `None`: they are the same for all scans.
    ///
    /// Doubt rises on scanners and eyes unlike those of the training, for which the fitted intervals are too narrow.
    /// Intervals never shrink: a network can be sure of a line that another grader draws elsewhere.
    #[serde(default)]
    pub usual_doubt: Option<f32>,
}

impl Default for Calibration {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            intervals: [Interval::AS_IMPLIED; BOUNDARIES],
            offsets: [0.0; BOUNDARIES],
            choroid_limit: 20.0,
            usual_doubt: None,
        }
    }
}

impl Calibration {
    /// Factor for the deviations in a scan whose A-scans have this mean `confidence`.
    #[must_use]
    pub fn doubt(&self, confidence: f32) -> f32 {
        self.usual_doubt.map_or(1.0, |usual| ((1.0 - confidence) / usual).max(1.0))
    }

    /// The intervals as text: `scale:floor` of each boundary, comma-separated.
    pub(super) fn intervals_text(&self) -> String {
        self.intervals.map(|i| format!("{}:{}", i.scale, i.floor)).join(",")
    }

    /// The offsets as text, comma-separated.
    pub(super) fn offsets_text(&self) -> String {
        self.offsets.map(|offset| offset.to_string()).join(",")
    }

    /// Parses what [`Self::offsets_text`] writes; `None` if it is malformed or out of range.
    pub(super) fn parse_offsets(text: &str) -> Option<[f32; BOUNDARIES]> {
        let offset = |t: &str| t.parse().ok().filter(|v| (-5.0..=5.0).contains(v));
        text.split(',').map(offset).collect::<Option<Vec<f32>>>()?.try_into().ok()
    }

    /// Parses what [`Self::intervals_text`] writes; `None` if it is malformed or out of range.
    pub(super) fn parse_intervals(text: &str) -> Option<[Interval; BOUNDARIES]> {
        let number = |t: &str, range: std::ops::RangeInclusive<f32>| t.parse().ok().filter(|v| range.contains(v));
        let intervals: Option<Vec<Interval>> = text
            .split(',')
            .map(|pair| {
                let (scale, floor) = pair.split_once(':')?;
                Some(Interval { scale: number(scale, 0.01..=100.0)?, floor: number(floor, 0.0..=100.0)? })
            })
            .collect();
        intervals?.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_survive_the_round_trip() {
        let mut calibration = Calibration::default();
        calibration.intervals[3] = Interval { scale: 2.25, floor: 0.7 };
        assert_eq!(Calibration::parse_intervals(&calibration.intervals_text()), Some(calibration.intervals));
        calibration.offsets[0] = -0.25;
        assert_eq!(Calibration::parse_offsets(&calibration.offsets_text()), Some(calibration.offsets));
        assert_eq!(Calibration::parse_offsets("0,0"), None);
        assert_eq!(Calibration::parse_offsets(&["9"; BOUNDARIES].join(",")), None);
    }

    #[test]
    fn malformed_intervals_are_refused() {
        let nine = |pair: &str| [pair; BOUNDARIES].join(",");
        assert!(Calibration::parse_intervals(&nine("1:0")).is_some());
        for text in
            ["", "1:0", &nine("1"), &nine("0:1"), &nine("1:-1"), &nine("NaN:0"), &format!("{},1:0", nine("1:0"))]
        {
            assert_eq!(Calibration::parse_intervals(text), None, "{text}");
        }
    }

    #[test]
    fn intervals_grow_with_doubt_and_never_shrink() {
        let calibration = Calibration { usual_doubt: Some(0.08), ..Calibration::default() };
        assert!((calibration.doubt(0.92) - 1.0).abs() < 1e-5 && (calibration.doubt(0.84) - 2.0).abs() < 1e-5);
        assert!((calibration.doubt(0.99) - 1.0).abs() < 1e-6);
        assert!((Calibration::default().doubt(0.5) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_floor_holds_where_the_network_is_certain_and_the_scale_where_it_is_not() {
        let interval = Interval { scale: 2.0, floor: 0.5 };
        assert!((interval.widen(0.0) - 0.5).abs() < 1e-6);
        assert!((interval.widen(10.0) - 20.0).abs() < 0.01);
    }
}
