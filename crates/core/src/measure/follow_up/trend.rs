//! The course of the main measures over all visits of an eye.

use serde::Serialize;

use super::{Repeatability, VISIT_SECONDS, Visit};

/// The measures whose course is given, where they are known.
const MAIN: [&str; 5] = ["etdrs/retina/C", "etdrs/retina/grid", "gcipl/average", "gcc/average", "circle/nfl/mean"];
/// The measure whose course is given if none of these is known.
const ELSE: &str = "mean/retina";

/// A measure at one visit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrendPoint {
    /// Acquisition time, by the scanner's clock.
    pub acquired: String,
    /// The value in micrometres.
    pub um: f32,
}

/// The course of a measure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trend {
    /// Name of the measure.
    pub measure: String,
    /// One for each visit that has the measure, the first visit first; two or more.
    pub points: Vec<TrendPoint>,
    /// Repeatability in micrometres; `None` if unknown.
    pub repeatability_um: Option<f32>,
}

impl Trend {
    /// The trends of the visit `now` and the visits `before` it, in any order. Of several scans of a visit, the last one
    /// counts.
    pub(super) fn all(now: &Visit, before: &[&Visit], table: &Repeatability) -> Vec<Self> {
        let mut scans: Vec<&Visit> = before.to_vec();
        scans.sort_by_key(|visit| visit.acquired.seconds());
        let mut visits: Vec<&Visit> = Vec::new();
        let mut start = None;
        for scan in scans {
            let seconds = scan.acquired.seconds();
            match visits.last_mut() {
                Some(last) if start.is_some_and(|start| seconds < start + VISIT_SECONDS) => *last = scan,
                _ => {
                    start = Some(seconds);
                    visits.push(scan);
                }
            }
        }
        visits.push(now);
        let trend = |measure: &str| {
            let point = |visit: &&Visit| {
                Some(TrendPoint { acquired: visit.acquired.to_string(), um: visit.measures.get(measure)? })
            };
            let points: Vec<TrendPoint> = visits.iter().filter_map(point).collect();
            let repeatability_um = table.of(measure).map(|(um, _)| um);
            let is_course = points.len() > 1 && now.measures.get(measure).is_some();
            is_course.then(|| Self { measure: measure.to_owned(), points, repeatability_um })
        };
        let main: Vec<Self> = MAIN.into_iter().filter_map(trend).collect();
        if main.is_empty() { trend(ELSE).into_iter().collect() } else { main }
    }
}
