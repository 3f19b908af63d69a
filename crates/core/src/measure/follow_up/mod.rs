//! Changes in an eye's measures between visits, compared with their repeatability.
//!
//! The name of a measure consists of its parts: `mean/nfl`, `etdrs/retina/C`, `etdrs/nfl/grid` (all nine subfields),
//! `gcipl/average`, `circle/nfl/superior`. Two measurements of an unchanged eye rarely differ by more than the
//! repeatability. A larger change does not prove disease.

mod fovea_map;
mod inter_eye;
mod measures;
mod protocol;
mod repeatability;
mod trend;

use serde::Serialize;

use super::Verdict;
use crate::scan::Moment;

pub use fovea_map::{FoveaMap, MAP_CELL_MM, MAP_CELLS};
pub use inter_eye::{EyeDifference, InterEye};
pub use measures::Measures;
pub use protocol::Protocol;
pub use repeatability::{Repeatability, RepeatabilityError};
pub use trend::{Trend, TrendPoint};

/// Scans taken within this many seconds belong to one visit. Half a day, because some formats store the time of another
/// time zone.
const VISIT_SECONDS: i64 = 12 * 3600;
/// Largest number of measures named in the one-line summary.
const MAX_NAMED: usize = 3;

/// The measures of an eye at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Visit {
    /// Acquisition time.
    pub acquired: Moment,
    /// The verdict on it.
    pub verdict: Verdict,
    /// Its measures.
    pub measures: Measures,
    /// Thickness of the retina around the fovea; `None` without a volume in which it is found.
    pub map: Option<FoveaMap>,
}

/// A visit as named in results.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VisitRecord {
    /// Acquisition time, by the scanner's clock.
    pub acquired: String,
    /// The verdict on it.
    pub verdict: Verdict,
}

/// A change compared with the repeatability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeStanding {
    /// Within the repeatability.
    Within,
    /// Beyond the repeatability, and thinner than before.
    Thinner,
    /// Beyond the repeatability, and thicker than before.
    Thicker,
}

impl ChangeStanding {
    /// Description in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Within => "within repeatability",
            Self::Thinner => "beyond repeatability: thinner",
            Self::Thicker => "beyond repeatability: thicker",
        }
    }
}

/// The change in one measure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Name of the measure.
    pub measure: String,
    /// Value now, in micrometres.
    pub um: f32,
    /// Value at the previous visit.
    pub previous_um: f32,
    /// Value now minus value at the previous visit.
    pub change_um: f32,
    /// Value at the first visit, if it was measured then.
    pub first_um: Option<f32>,
    /// Value now minus value at the first visit.
    pub change_from_first_um: Option<f32>,
    /// Repeatability in micrometres; `None` if unknown.
    pub repeatability_um: Option<f32>,
    /// Source of the repeatability.
    pub repeatability_source: Option<String>,
    /// The change since the previous visit compared with the repeatability; `None` if that is unknown.
    pub standing: Option<ChangeStanding>,
    /// The change since the first visit compared with the repeatability.
    pub standing_from_first: Option<ChangeStanding>,
}

/// The changes of an eye since earlier visits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FollowUp {
    /// Acquisition time of this scan, by the scanner's clock.
    pub acquired: String,
    /// The last scan of the previous visit.
    pub previous: VisitRecord,
    /// The last scan of the first visit.
    pub first: VisitRecord,
    /// Name of the table of repeatabilities.
    pub repeatability: String,
    /// Note on that table for readers.
    pub note: String,
    /// Each measure that an earlier visit has too.
    pub changes: Vec<Change>,
    /// The course of the main measures over all visits up to this one.
    pub trends: Vec<Trend>,
    /// Thickness of the retina now minus that at the previous visit, registered by the fovea.
    pub difference_map: Option<FoveaMap>,
}

impl FollowUp {
    /// Compares the visit `now` with the earlier ones among `others`, which are visits of the same eye in any order.
    /// `None` if no earlier visit has a measure in common with `now`.
    #[must_use]
    pub fn of(now: &Visit, others: &[Visit], table: &Repeatability) -> Option<Self> {
        let seconds = |v: &Visit| v.acquired.seconds();
        let before = || others.iter().filter(|v| seconds(v) <= seconds(now) - VISIT_SECONDS);
        let previous = before().max_by_key(|v| seconds(v))?;
        let start = before().map(seconds).min()?;
        // If a scan was repeated during a visit, the last one counts: it was repeated for a reason.
        let first = before().filter(|v| seconds(v) < start + VISIT_SECONDS).max_by_key(|v| seconds(v))?;
        let change = |(name, &um): (&String, &f32)| {
            let previous_um = previous.measures.get(name)?;
            let first_um = first.measures.get(name);
            let known = table.of(name);
            let standing = |change: f32| known.map(|(limit, _)| judge_change(change, limit));
            let from_first = first_um.map(|first| um - first);
            Some(Change {
                measure: name.clone(),
                um,
                previous_um,
                change_um: um - previous_um,
                first_um,
                change_from_first_um: from_first,
                repeatability_um: known.map(|(um, _)| um),
                repeatability_source: known.map(|(_, source)| source.to_owned()),
                standing: standing(um - previous_um),
                standing_from_first: from_first.and_then(standing),
            })
        };
        let changes: Vec<Change> = now.measures.iter().filter_map(change).collect();
        let record = |v: &Visit| VisitRecord { acquired: v.acquired.to_string(), verdict: v.verdict };
        (!changes.is_empty()).then(|| Self {
            acquired: now.acquired.to_string(),
            previous: record(previous),
            first: record(first),
            repeatability: table.name.clone(),
            note: table.note.clone(),
            changes,
            trends: Trend::all(now, &before().collect::<Vec<_>>(), table),
            difference_map: now.map.as_ref().zip(previous.map.as_ref()).and_then(|(now, before)| now.minus(before)),
        })
    }

    /// The change since the previous visit in one line, for screens and logs. It does not say when that visit was, which
    /// could tell who the patient is.
    #[must_use]
    pub fn words(&self) -> String {
        let judged = self.changes.iter().filter(|c| c.standing.is_some()).count();
        if judged == 0 {
            return "since the previous visit: repeatability not known for any measure".to_owned();
        }
        let beyond: Vec<&Change> =
            self.changes.iter().filter(|c| !matches!(c.standing, None | Some(ChangeStanding::Within))).collect();
        let named = beyond.iter().take(MAX_NAMED).map(|c| format!("{} {:+.1} um", c.measure, c.change_um));
        let mut text = format!("since the previous visit: {} of {judged} beyond repeatability", beyond.len());
        for (i, name) in named.enumerate() {
            text.push_str(if i == 0 { ": " } else { ", " });
            text.push_str(&name);
        }
        if beyond.len() > MAX_NAMED {
            text.push_str(", ...");
        }
        text
    }
}

fn judge_change(change: f32, limit: f32) -> ChangeStanding {
    match change {
        c if c.abs() <= limit => ChangeStanding::Within,
        c if c < 0.0 => ChangeStanding::Thinner,
        _ => ChangeStanding::Thicker,
    }
}

#[cfg(test)]
mod tests;
