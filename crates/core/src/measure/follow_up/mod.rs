//! Change of an eye's measures from visit to visit, held against their repeatability.
//!
//! A measure has a name of its parts: `mean/nfl`, `etdrs/retina/C`, `etdrs/nfl/grid` (all nine subfields), `gcipl/average`,
//! `circle/nfl/superior`. A change beyond repeatability says that two measurements of an unchanged eye would rarely lie so far
//! apart; it says nothing of disease.

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

/// Scans closer to each other than so many seconds are of one visit. Half a day, since the clocks of some formats are those of
/// another time zone.
const VISIT: i64 = 12 * 3600;
/// What the name of a layer's mean over a whole scan begins with.
const MEAN: &str = "mean/";
/// Most measures that a line of words names.
const NAMED: usize = 3;

/// Thickness in micrometres by the name of the measure.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Measures(BTreeMap<String, f32>);

/// The name of every measure that there can be.
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
    /// The measures of a scan in micrometres: of each layer its mean and the share of A-scans in which it is known, and what a
    /// volume or a circle adds. What covers less than [`COVERED`] of its area is left out, and grids about a place that is not
    /// the fovea: they would compare one place with another.
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

    /// Those that do not depend on which part of the retina the scan covers.
    #[must_use]
    pub fn anchored(mut self) -> Self {
        self.0.retain(|name, _| !name.starts_with(MEAN));
        self
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn get(&self, name: &str) -> Option<f32> {
        self.0.get(name).copied()
    }
}

/// Mean over all nine subfields, where all are covered.
fn grid_mean(grid: &EtdrsGrid) -> Option<f32> {
    let whole = grid.subfields.iter().all(|f| f.coverage >= COVERED);
    let (sum, area) = grid.subfields.iter().fold((0.0, 0.0), |(sum, area), field| {
        let own = field.at.area_mm2();
        (sum + own * f64::from(field.mean_um.unwrap_or_default()), area + own)
    });
    whole.then(|| (sum / area) as f32)
}

/// What was measured of an eye at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Visit {
    /// When the scan was taken.
    pub acquired: Moment,
    /// The verdict on it.
    pub verdict: Verdict,
    /// Its measures.
    pub measures: Measures,
}

/// A visit, as results name it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VisitRecord {
    /// When the scan was taken, by the scanner's clock.
    pub acquired: String,
    /// The verdict on it.
    pub verdict: Verdict,
}

/// Where a change lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Not further than the repeatability.
    Within,
    /// Beyond it, and thinner than before.
    Thinner,
    /// Beyond it, and thicker than before.
    Thicker,
}

impl Standing {
    /// It in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Within => "within repeatability",
            Self::Thinner => "beyond repeatability: thinner",
            Self::Thicker => "beyond repeatability: thicker",
        }
    }
}

/// A measure now and before.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Name of the measure.
    pub measure: String,
    /// Now, in micrometres.
    pub um: f32,
    /// At the previous visit.
    pub previous_um: f32,
    /// Now less then.
    pub change_um: f32,
    /// At the first visit, where it was measured then.
    pub first_um: Option<f32>,
    /// Now less then.
    pub change_from_first_um: Option<f32>,
    /// How far two measurements of an unchanged eye may lie apart; `None` where that is not known.
    pub repeatability_um: Option<f32>,
    /// Where that number comes from.
    pub repeatability_source: Option<String>,
    /// Where the change since the previous visit lies; `None` where no repeatability is known.
    pub standing: Option<Standing>,
    /// The same of the change since the first visit.
    pub standing_from_first: Option<Standing>,
}

/// What has become of an eye since earlier visits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FollowUp {
    /// When this scan was taken, by the scanner's clock.
    pub acquired: String,
    /// The last scan of the visit before this one.
    pub previous: VisitRecord,
    /// The last scan of the first visit.
    pub first: VisitRecord,
    /// Name of the table of repeatabilities.
    pub repeatability: String,
    /// What a reader must know of that table.
    pub note: String,
    /// Each measure that was there before as well.
    pub changes: Vec<Change>,
}

impl FollowUp {
    /// What has become of the eye of the visit `now` since the `others` of the same eye that lie before it, in whatever order
    /// they come; `None` where none does, or nothing was measured in both.
    #[must_use]
    pub fn of(now: &Visit, others: &[Visit], table: &Repeatability) -> Option<Self> {
        let seconds = |v: &Visit| v.acquired.seconds();
        let before = || others.iter().filter(|v| seconds(v) <= seconds(now) - VISIT);
        let previous = before().max_by_key(|v| seconds(v))?;
        let start = before().map(seconds).min()?;
        // A scan that was repeated on the same visit was repeated for a reason: the last counts.
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
            return format!("since {date}: no repeatability known of what was measured");
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
