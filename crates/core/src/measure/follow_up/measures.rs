//! The measures that are compared between visits, and their names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    layer::Measured,
    measure::enface::{COVERED, CircleProfile, EtdrsGrid, GarwayHeath, GciplSector, Side, Subfield, VolumeMeasures},
    scan::Eye,
};

/// Prefix of the measures that are means over a whole scan.
const MEAN_PREFIX: &str = "mean/";
/// Thickness in micrometres by name of the measure.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Measures(BTreeMap<String, f32>);

/// The names of all measures.
pub(super) fn all_names() -> Vec<String> {
    let layers = Measured::all();
    let subfields = Subfield::all(Some(Eye::Right)).map(Subfield::name);
    let fields = subfields.iter().map(String::as_str).chain(["grid"]);
    let etdrs = layers.iter().flat_map(|l| fields.clone().map(move |f| format!("etdrs/{}/{f}", l.key())));
    let gcipl = GciplSector::ALL.map(GciplSector::key).into_iter().chain(["average", "minimum"]);
    let sectors = GarwayHeath::ALL.map(GarwayHeath::key);
    let circle = Side::QUADRANTS.map(Side::key).into_iter().chain(sectors).chain(["mean"]);
    etdrs
        .chain(layers.iter().map(|l| format!("{MEAN_PREFIX}{}", l.key())))
        .chain(["average", "superior", "inferior"].map(|at| format!("gcc/{at}")))
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
            all.add(format!("{MEAN_PREFIX}{}", of.key()), mean.filter(|_| coverage >= COVERED));
        }
        if let Some(volume) = volume.filter(|v| v.centre.from.is_fovea()) {
            for measured in &volume.etdrs {
                for field in &measured.grid.subfields {
                    let name = format!("etdrs/{}/{}", measured.layer, field.at.name());
                    all.add(name, field.mean_um.filter(|_| field.coverage >= COVERED));
                }
                all.add(format!("etdrs/{}/grid", measured.layer), grid_mean(&measured.grid));
            }
            if let Some(gcc) = volume.gcc.filter(|gcc| gcc.half_coverage >= COVERED) {
                all.add("gcc/average".to_owned(), gcc.average_um);
                all.add("gcc/superior".to_owned(), gcc.superior_um);
                all.add("gcc/inferior".to_owned(), gcc.inferior_um);
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
            for sector in &circle.sectors {
                let known = sector.mean_um.filter(|_| sector.coverage >= COVERED);
                all.add(format!("circle/nfl/{}", sector.sector.key()), known);
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
    pub fn without_scan_means(mut self) -> Self {
        self.0.retain(|name, _| !name.starts_with(MEAN_PREFIX));
        self
    }

    /// Whether there are no measures.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every measure, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &f32)> {
        self.0.iter()
    }

    /// Thickness by the name of the measure.
    pub(super) fn get(&self, name: &str) -> Option<f32> {
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

#[cfg(test)]
impl FromIterator<(String, f32)> for Measures {
    fn from_iter<I: IntoIterator<Item = (String, f32)>>(measures: I) -> Self {
        Self(measures.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        measure::{
            LayerThickness,
            enface::{CircleSector, ClockHour, DiscCentre, DiscSource, Quadrant},
        },
        scan::Place,
    };

    #[test]
    fn partly_covered_areas_are_left_out() {
        let thickness = |of, coverage| LayerThickness {
            of,
            profile: Vec::new(),
            mean: Some(30.0),
            sd: None,
            min: None,
            max: None,
            coverage,
        };
        let layers = [thickness(Measured::Retina, 0.99), thickness(Measured::all()[0], 0.5)];
        let quadrant = |side, coverage| Quadrant { side, mean_um: Some(80.0), coverage, half_width_um: None };
        let [t, s, n, i] = Side::QUADRANTS;
        let circle = CircleProfile {
            quadrants: [quadrant(t, 1.0), quadrant(s, 0.5), quadrant(n, 1.0), quadrant(i, 1.0)],
            sectors: GarwayHeath::ALL.map(|sector| CircleSector {
                sector,
                mean_um: None,
                coverage: 0.0,
                half_width_um: None,
            }),
            difference_um: None,
            clock_hours: std::array::from_fn(|i| ClockHour { hour: i as u8 + 1, mean_um: None, half_width_um: None }),
            mean_um: Some(80.0),
            mean_half_width_um: None,
            tsnit_um: Vec::new(),
            radius_mm: 1.7,
            disc: DiscCentre { place: Place::default(), from: DiscSource::Circle, distance_mm: 0.0 },
        };
        let all = Measures::of(layers.iter().map(|l| (l.of, l.mean, l.coverage)), None, Some(&circle));
        let names: Vec<&str> = all.0.keys().map(String::as_str).collect();
        assert_eq!(names, ["circle/nfl/inferior", "circle/nfl/nasal", "circle/nfl/temporal", "mean/retina"]);
        assert!(names.iter().all(|name| all_names().iter().any(|n| n == name)));
        assert_eq!(all.without_scan_means().0.len(), 3);
    }
}
