//! Thickness compared with a reference group.
//!
//! A table gives mean and standard deviation for each layer and ETDRS subfield. A value within 1.96 standard deviations
//! of the mean is within the reference range; in a normal distribution, 95 % of the group are. It does not mean that
//! the eye is healthy.

mod circle;

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::enface::{COVERED, Subfield, VolumeMeasures};
use crate::{
    ErrorCode,
    layer::{EzConvention, Layer, Measured},
    scan::Eye,
};

pub use circle::{CircleComparison, CircleTable};

const XU_2018: &str = include_str!("xu-2018.toml");
/// Half of the 95 % interval of a normal distribution, in standard deviations.
const HALF_INTERVAL: f32 = 1.96;

/// Mean and standard deviation of a group's thickness, in micrometres.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferenceTable {
    /// Name of the table.
    pub name: String,
    /// Publication.
    pub source: String,
    /// The group: whose eyes were measured.
    pub population: String,
    /// Note for readers.
    #[serde(default)]
    pub note: String,
    /// By [`Measured::key`], then by [`Subfield::name`]: mean and standard deviation.
    #[serde(default)]
    layers: BTreeMap<String, BTreeMap<String, [f32; 2]>>,
    /// Nerve fibre thickness along circles around the disc.
    pub circle: Option<CircleTable>,
    /// How the lines of the group were drawn, for readers.
    #[serde(default)]
    pub lines: String,
    /// Scanners that can be compared, as parts of their names; empty for all.
    #[serde(default)]
    devices: Vec<String>,
    /// Where the ellipsoid zone ends in the table. Without it, ellipsoid zone and RPE are compared with nothing.
    ellipsoid_zone: Option<EzConvention>,
}

// Ledgers hold a digest of this text. What version 0.1 does not know appears only where it changes comparisons.
impl fmt::Debug for ReferenceTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, source, population, note, layers, circle, lines: _, devices, ellipsoid_zone } = self;
        let mut table = f.debug_struct("ReferenceTable");
        table.field("name", name).field("source", source).field("population", population).field("note", note);
        table.field("layers", layers).field("circle", circle);
        if !devices.is_empty() {
            table.field("devices", devices);
        }
        if let Some(convention) = ellipsoid_zone {
            table.field("ellipsoid_zone", convention);
        }
        table.finish()
    }
}

/// Why a scan is not compared with the reference group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NotCompared {
    /// The fovea is not known, so the subfields are those of another place.
    NoFovea,
    /// The scan shows lesions or absent layers: the group's eyes have none.
    Findings,
    /// The table is of other scanners.
    Device,
    /// Only a default scales lateral distances.
    DefaultScale,
}

impl NotCompared {
    /// The reason in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::NoFovea => "no fovea was found or stated",
            Self::Findings => "the scan shows findings, the eyes of the group have none",
            Self::Device => "the table is of other scanners",
            Self::DefaultScale => "the scan's lateral scale is a default",
        }
    }
}

/// An invalid reference table.
#[derive(Debug, thiserror::Error)]
#[error("invalid reference table: {0}")]
pub struct ReferenceError(String);

impl ReferenceError {
    /// Stable error code.
    pub const CODE: ErrorCode = ErrorCode::ConfigReference;
}

/// Position of a value relative to the reference range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// More than 1.96 standard deviations below the mean.
    Below,
    /// Within 1.96 standard deviations of the mean.
    Within,
    /// More than 1.96 standard deviations above the mean.
    Above,
}

impl Standing {
    /// The position of a value `z` standard deviations from the mean.
    fn of(z: f32) -> Self {
        match z {
            z if z < -HALF_INTERVAL => Self::Below,
            z if z > HALF_INTERVAL => Self::Above,
            _ => Self::Within,
        }
    }
}

/// One value compared with the reference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Key of the layer, or `retina`.
    pub layer: &'static str,
    /// The ETDRS subfield.
    pub subfield: Subfield,
    /// Mean thickness of the subfield in micrometres.
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

/// Whether a thickness can have this mean and standard deviation.
fn is_possible([mean, sd]: [f32; 2]) -> bool {
    mean > 0.0 && sd > 0.0 && mean.is_finite() && sd.is_finite()
}

impl ReferenceTable {
    /// The built-in table: Xu et al. 2018 for the macula, a Cirrus study for circles.
    ///
    /// # Errors
    /// Only if the built-in table is invalid, which a test rules out.
    pub fn shipped() -> Result<Self, ReferenceError> {
        Self::parse(XU_2018)
    }

    /// Reads a table from TOML text.
    ///
    /// # Errors
    /// [`ReferenceError`] if the text is not such a table, names an unknown layer or subfield, or has an impossible
    /// value.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let broken = |reason: String| ReferenceError(reason);
        let table: Self = toml::from_str(text).map_err(|e| broken(e.message().to_owned()))?;
        let subfields = Subfield::all(Some(Eye::Right)).map(Subfield::name);
        for (layer, fields) in &table.layers {
            if !Measured::all().iter().any(|m| m.key() == layer) {
                return Err(broken(format!("unknown layer {layer}")));
            }
            for (field, &values) in fields {
                if !subfields.contains(field) {
                    return Err(broken(format!("unknown subfield {field}")));
                }
                if !is_possible(values) {
                    return Err(broken(format!("{layer} {field}: mean and standard deviation must be positive")));
                }
            }
        }
        if let Some(circle) = &table.circle {
            circle.check()?;
        }
        Ok(table)
    }

    /// Whether the table is of scanners like `device`.
    #[must_use]
    pub fn is_of_device(&self, device: Option<&str>) -> bool {
        let device = device.unwrap_or_default().to_lowercase();
        self.devices.is_empty() || self.devices.iter().any(|name| device.contains(&name.to_lowercase()))
    }

    /// Whether the values of a layer are drawn by the convention `ez`.
    fn is_drawn_alike(&self, layer: &str, ez: EzConvention) -> bool {
        let depends = [Layer::Ez.key(), Layer::Rpe.key()].contains(&layer);
        !depends || self.ellipsoid_zone == Some(ez)
    }

    /// Compares every subfield that the table has and the scan covers, with lines drawn by the convention `ez`. If the eye is unknown, nasal and temporal
    /// subfields are left out. Empty if the grid is not centred on the fovea: the table's subfields are about it.
    #[must_use]
    pub fn compare(&self, measures: &VolumeMeasures, ez: EzConvention) -> Vec<Comparison> {
        let etdrs = measures.centre.from.is_fovea().then_some(&measures.etdrs);
        let fields =
            etdrs.into_iter().flatten().flat_map(|g| g.grid.subfields.iter().map(move |field| (g.layer, field)));
        let covered = fields.filter(|(_, field)| field.coverage >= COVERED);
        covered
            .filter(|(layer, _)| self.is_drawn_alike(layer, ez))
            .filter_map(|(layer, field)| {
                let &[reference_um, reference_sd_um] = self.layers.get(layer)?.get(&field.at.name())?;
                let mean_um = field.mean_um?;
                let z = (mean_um - reference_um) / reference_sd_um;
                let standing = Standing::of(z);
                Some(Comparison { layer, subfield: field.at, mean_um, reference_um, reference_sd_um, z, standing })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        measure::enface::{Centre, CentreSource, EtdrsGrid, MeasuredGrid, SubfieldThickness},
        scan::Place,
    };

    const EZ: EzConvention = EzConvention::WithOuterSegments;

    fn measures(eye: Option<Eye>, mean: f32, coverage: f32) -> VolumeMeasures {
        let field = |at| SubfieldThickness { at, mean_um: Some(mean), coverage, volume_mm3: 1.0, half_width_um: None };
        let subfields = Subfield::all(eye).map(field).to_vec();
        let grid = EtdrsGrid { subfields, volume_mm3: 8.0, volume_half_width_mm3: None, coverage };
        VolumeMeasures::of_retina(grid)
    }

    #[test]
    fn the_shipped_table_has_all_subfields_of_its_layers() {
        let table = ReferenceTable::shipped().unwrap();
        assert_eq!(table.layers.len(), 5);
        assert!(table.layers.values().all(|fields| fields.len() == 9));
        // The layer means sum to less than that of the retina.
        let inner: f32 = ["nfl", "gcl_ipl", "inl", "opl"].iter().map(|l| table.layers[*l]["S1"][0]).sum();
        assert!(inner < table.layers["retina"]["S1"][0]);
    }

    #[test]
    fn values_are_within_below_or_above() {
        use Standing::{Above, Below, Within};
        let table = ReferenceTable::shipped().unwrap();
        let centre = |um| {
            let all = table.compare(&measures(Some(Eye::Left), um, 1.0), EZ);
            assert_eq!(all.len(), 9);
            all.into_iter().find(|c| c.subfield == Subfield::Central).unwrap().standing
        };
        // 257.04 +- 1.96 x 18.85: from 220.1 to 294.0.
        let found = [219.0, 221.0, 257.0, 293.0, 295.0].map(centre);
        assert_eq!(found, [Below, Within, Within, Within, Above]);
    }

    #[test]
    fn a_grid_that_is_not_about_the_fovea_is_not_compared() {
        let table = ReferenceTable::shipped().unwrap();
        let mut volume = measures(Some(Eye::Right), 350.0, 1.0);
        assert_eq!(table.compare(&volume, EZ).len(), 9);
        volume.centre = Centre::stated(Place::default());
        assert_eq!(table.compare(&volume, EZ).len(), 9);
        volume.centre.from = CentreSource::ScanMiddle;
        assert!(table.compare(&volume, EZ).is_empty());
    }

    #[test]
    fn uncovered_subfields_and_sides_of_an_unknown_eye_are_not_compared() {
        let table = ReferenceTable::shipped().unwrap();
        assert!(table.compare(&measures(Some(Eye::Right), 300.0, 0.9), EZ).is_empty());
        let unnamed = table.compare(&measures(None, 300.0, 1.0), EZ);
        assert!(unnamed.iter().all(|c| ["C", "S1", "I1", "S2", "I2"].contains(&c.subfield.name().as_str())));
    }

    #[test]
    fn another_convention_or_scanner_is_not_compared() {
        let head = "name = 'a'\nsource = 'b'\npopulation = 'c'\n";
        let layers = "[layers.rpe]\nC = [20.0, 2.0]\n[layers.retina]\nC = [260.0, 20.0]\n";
        let mut volume = measures(Some(Eye::Right), 250.0, 1.0);
        let rpe = MeasuredGrid { layer: "rpe", ..volume.etdrs[0].clone() };
        volume.etdrs.push(rpe);
        for (stated, expected) in
            [("", 1), ("ellipsoid_zone = 'with_outer_segments'\n", 2), ("ellipsoid_zone = 'band_alone'\n", 1)]
        {
            let table = ReferenceTable::parse(&format!("{head}{stated}{layers}")).unwrap();
            assert_eq!(table.compare(&volume, EZ).len(), expected, "{stated}");
        }
        let table = ReferenceTable::parse(&format!("{head}devices = ['Spectralis', 'cirrus']\n{layers}")).unwrap();
        assert!(table.is_of_device(Some("ZEISS CIRRUS 5000")) && !table.is_of_device(Some("Topcon")));
        assert!(!table.is_of_device(None) && ReferenceTable::shipped().unwrap().is_of_device(None));
    }

    #[test]
    fn broken_tables_are_refused_with_the_reason() {
        let head = "name = 'a'\nsource = 'b'\npopulation = 'c'\n";
        for (body, fault) in [
            ("[layers.sclera]\nC = [1.0, 1.0]", "sclera"),
            ("[layers.nfl]\nC9 = [1.0, 1.0]", "C9"),
            ("[layers.nfl]\nC = [1.0, 0.0]", "positive"),
            ("[layers.nfl]\nC = [nan, 1.0]", "positive"),
            ("[layers.nfl]\nC = [1.0]", "2"),
            ("surprise = 1", "surprise"),
        ] {
            let error = ReferenceTable::parse(&format!("{head}{body}")).unwrap_err().to_string();
            assert!(error.contains(fault), "{body}: {error}");
        }
    }
}
