//! Changes in an eye's measures between visits, compared with their repeatability.
//!
//! The name of a measure consists of its parts: `mean/nfl`, `etdrs/retina/C`, `etdrs/nfl/grid` (all nine subfields),
//! `gcipl/average`, `circle/nfl/superior`. Two measurements of an unchanged eye rarely differ by more than the
//! repeatability. A larger change does not prove disease.

mod protocol;
mod repeatability;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Verdict,
    enface::{COVERED, CentreSource, CircleProfile, EtdrsGrid, GciplSector, Side, Subfield, VolumeMeasures},
};
use crate::{
    layer::Measured,
    scan::{Eye, Moment},
};
pub use protocol::Protocol;
pub use repeatability::{Repeatability, RepeatabilityError};

/// Scans taken within this many seconds belong to one visit. Half a day, because some formats store the time of another
/// time zone.
const VISIT: i64 = 12 * 3600;
/// Prefix of the measures that are means over a whole scan.
const MEAN: &str = "mean/";
/// Largest number of measures named in the one-line summary.
const NAMED: usize = 3;

/// Thickness in micrometres by name of the measure.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Measures(BTreeMap<String, f32>);

/// The names of all measures.
fn names() -> Vec<String> {
    let layers = Measured::all();
    let subfields = Subfield::all(Some(Eye::Right)).map(Subfield::name);
    let fields = subfields.iter().map(String::as_str).chain(["grid"]);
    let etdrs = layers.iter().flat_map(|l| fields.clone().map(move |f| format!("etdrs/{}/{f}", l.key())));
    let gcipl = GciplSector::ALL.map(GciplSector::key).into_iter().chain(["average", "minimum"]);
    let circle = Side::QUADRANTS.map(Side::key).into_iter().chain(["mean"]);
    etdrs
        .chain(layers.iter().map(|l| format!("{MEAN}{}", l.key())))
        .chain(gcipl.map(|at| format!("gcipl/{at}")))
        .chain(circle.map(|at| format!("circle/nfl/{at}")))
        .collect()
}

impl Measures {
    /// The measures of a scan in micrometres: the mean of each layer with the share of A-scans in which it is known,
    /// and those of a volume or a circle. Areas covered by less than [`COVERED`] are left out. So are grids that are
    /// not centred on the fovea: they would compare different places.
    #[must_use]
    pub fn of(
        layers: impl IntoIterator<Item = (Measured, Option<f32>, f32)>,
        volume: Option<&VolumeMeasures>,
        circle: Option<&CircleProfile>,
    ) -> Self {
        let mut all = Self::default();
        for (of, mean, coverage) in layers {
            all.add(format!("{MEAN}{}", of.key()), mean.filter(|_| coverage >= COVERED));
        }
        if let Some(volume) = volume.filter(|v| v.centre.from == CentreSource::Fovea) {
            for measured in &volume.etdrs {
                for field in &measured.grid.subfields {
                    let name = format!("etdrs/{}/{}", measured.layer, field.at.name());
                    all.add(name, field.mean_um.filter(|_| field.coverage >= COVERED));
                }
                all.add(format!("etdrs/{}/grid", measured.layer), grid_mean(&measured.grid));
            }
            if let Some(gcipl) = volume.gcipl.as_ref().filter(|g| g.coverage >= COVERED) {
                for sector in &gcipl.sectors {
                    all.add(format!("gcipl/{}", sector.sector.key()), sector.mean_um);
                }
                all.add("gcipl/average".to_owned(), gcipl.average_um);
                all.add("gcipl/minimum".to_owned(), gcipl.minimum_um);
            }
        }
        if let Some(circle) = circle {
            for quadrant in &circle.quadrants {
                let known = quadrant.mean_um.filter(|_| quadrant.coverage >= COVERED);
                all.add(format!("circle/nfl/{}", quadrant.side.key()), known);
            }
            let whole = circle.quadrants.iter().all(|q| q.coverage >= COVERED);
            all.add("circle/nfl/mean".to_owned(), circle.mean_um.filter(|_| whole));
        }
        all
    }

    fn add(&mut self, name: String, um: Option<f32>) {
        if let Some(um) = um.filter(|um| um.is_finite()) {
            self.0.insert(name, um);
        }
    }

    /// Keeps the measures that do not depend on which part of the retina the scan covers.
    #[must_use]
    pub fn anchored(mut self) -> Self {
        self.0.retain(|name, _| !name.starts_with(MEAN));
        self
    }

    /// Whether there are no measures.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn get(&self, name: &str) -> Option<f32> {
        self.0.get(name).copied()
    }
}

/// Mean over all nine subfields; `None` unless all are covered.
fn grid_mean(grid: &EtdrsGrid) -> Option<f32> {
    let whole = grid.subfields.iter().all(|f| f.coverage >= COVERED);
    let (sum, area) = grid.subfields.iter().fold((0.0, 0.0), |(sum, area), field| {
        let own = field.at.area_mm2();
        (sum + own * f64::from(field.mean_um.unwrap_or_default()), area + own)
    });
    whole.then(|| (sum / area) as f32)
}

/// The measures of an eye at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Visit {
    /// Acquisition time.
    pub acquired: Moment,
    /// The verdict on it.
    pub verdict: Verdict,
    /// Its measures.
    pub measures: Measures,
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
pub enum Standing {
    /// Within the repeatability.
    Within,
    /// Beyond the repeatability, and thinner than before.
    Thinner,
    /// Beyond the repeatability, and thicker than before.
    Thicker,
}

impl Standing {
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
    pub standing: Option<Standing>,
    /// The change since the first visit compared with the repeatability.
    pub standing_from_first: Option<Standing>,
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
}

impl FollowUp {
    /// Compares the visit `now` with the earlier ones among `others`, which are visits of the same eye in any order.
    /// `None` if no earlier visit has a measure in common with `now`.
    #[must_use]
    pub fn of(now: &Visit, others: &[Visit], table: &Repeatability) -> Option<Self> {
        let seconds = |v: &Visit| v.acquired.seconds();
        let before = || others.iter().filter(|v| seconds(v) <= seconds(now) - VISIT);
        let previous = before().max_by_key(|v| seconds(v))?;
        let start = before().map(seconds).min()?;
        // If a scan was repeated during a visit, the last one counts: it was repeated for a reason.
        let first = before().filter(|v| seconds(v) < start + VISIT).max_by_key(|v| seconds(v))?;
        let change = |(name, &um): (&String, &f32)| {
            let previous_um = previous.measures.get(name)?;
            let first_um = first.measures.get(name);
            let known = table.of(name);
            let standing = |change: f32| known.map(|(limit, _)| stand(change, limit));
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
        let changes: Vec<Change> = now.measures.0.iter().filter_map(change).collect();
        let record = |v: &Visit| VisitRecord { acquired: v.acquired.to_string(), verdict: v.verdict };
        (!changes.is_empty()).then(|| Self {
            acquired: now.acquired.to_string(),
            previous: record(previous),
            first: record(first),
            repeatability: table.name.clone(),
            note: table.note.clone(),
            changes,
        })
    }

    /// The change since the previous visit in one line.
    #[must_use]
    pub fn words(&self) -> String {
        let date = self.previous.acquired.split('T').next().unwrap_or_default();
        let judged = self.changes.iter().filter(|c| c.standing.is_some()).count();
        if judged == 0 {
            return format!("since {date}: repeatability not known for any measure");
        }
        let beyond: Vec<&Change> =
            self.changes.iter().filter(|c| !matches!(c.standing, None | Some(Standing::Within))).collect();
        let named = beyond.iter().take(NAMED).map(|c| format!("{} {:+.1} um", c.measure, c.change_um));
        let mut text = format!("since {date}: {} of {judged} beyond repeatability", beyond.len());
        for (i, name) in named.enumerate() {
            text.push_str(if i == 0 { ": " } else { ", " });
            text.push_str(&name);
        }
        if beyond.len() > NAMED {
            text.push_str(", ...");
        }
        text
    }
}

fn stand(change: f32, limit: f32) -> Standing {
    match change {
        c if c.abs() <= limit => Standing::Within,
        c if c < 0.0 => Standing::Thinner,
        _ => Standing::Thicker,
    }
}

#[cfg(test)]
mod tests;
