//! The measured values of a row: subfields, volumes, circles and lesions.

use serde_json::Value;

use octrls_core::{layer::Measured, lesion::Lesion};

use super::result::{EyeResult, item};

/// Covered share of an area below which its mean is left out.
const TOO_LITTLE: f64 = 0.5;
/// Covered share from which a mean stands for its whole area.
const COVERED: f64 = 0.95;
/// Area of the grid, a circle of 3 mm radius, in square millimetres.
const GRID_MM2: f64 = std::f64::consts::PI * 9.0;
/// Micrometres in a millimetre.
const UM_PER_MM: f64 = 1000.0;

/// The subfields of the ETDRS grid; the last four are those of an unknown eye.
pub(in crate::export) const SUBFIELDS: [&str; 13] =
    ["C", "S1", "N1", "I1", "T1", "S2", "N2", "I2", "T2", "L1", "R1", "L2", "R2"];

/// Mean thickness in micrometres of a layer in a subfield around the fovea.
pub(in crate::export) fn subfield_um(eye: &EyeResult, layer: &str, subfield: &str) -> Option<f64> {
    let field = subfield_of(eye, layer, subfield).filter(|_| eye.has_fovea())?;
    field["mean_um"].as_f64().filter(|_| coverage(field) >= TOO_LITTLE)
}

/// Half of its 95 % interval in micrometres.
pub(in crate::export) fn subfield_half_width_um(eye: &EyeResult, layer: &str, subfield: &str) -> Option<f64> {
    subfield_um(eye, layer, subfield)?;
    subfield_of(eye, layer, subfield)?["half_width_um"].as_f64()
}

/// The same, only if it stands for the whole subfield.
pub(in crate::export) fn covered_subfield_um(eye: &EyeResult, layer: &str, subfield: &str) -> Option<f64> {
    let field = subfield_of(eye, layer, subfield).filter(|field| coverage(field) >= COVERED);
    field.and_then(|_| subfield_um(eye, layer, subfield))
}

/// Covered share of a subfield of the retina.
pub(in crate::export) fn subfield_coverage(eye: &EyeResult, subfield: &str) -> Option<f64> {
    subfield_of(eye, Measured::Retina.key(), subfield).filter(|_| eye.has_fovea()).map(coverage)
}

/// Volume in cubic millimetres of a layer within 3 mm of the fovea.
pub(in crate::export) fn volume_mm3(eye: &EyeResult, layer: &str) -> Option<f64> {
    let grid = grid(eye, layer).filter(|grid| eye.has_fovea() && coverage(grid) >= COVERED)?;
    grid["volume_mm3"].as_f64()
}

/// Half of its 95 % interval in cubic millimetres.
pub(in crate::export) fn volume_half_width_mm3(eye: &EyeResult, layer: &str) -> Option<f64> {
    volume_mm3(eye, layer)?;
    grid(eye, layer)?["volume_half_width_mm3"].as_f64()
}

/// Mean thickness in micrometres of the ganglion cell complex within 3 mm of the fovea: NFL, ganglion cells and inner
/// plexiform layer.
pub(in crate::export) fn ganglion_cell_complex_um(eye: &EyeResult) -> Option<f64> {
    let volume = |layer| Some(volume_mm3(eye, layer)? / coverage(grid(eye, layer)?));
    Some(UM_PER_MM * (volume("nfl")? + volume("gcl_ipl")?) / GRID_MM2)
}

/// Subfields that are left out or stand for a part of their area only: `layer.subfield` each.
pub(in crate::export) fn incomplete_subfields(eye: &EyeResult, missing: bool) -> Vec<String> {
    if !eye.has_fovea() {
        return Vec::new();
    }
    let is_meant = |field: &Value| {
        let covered = coverage(field);
        if missing { covered < TOO_LITTLE } else { (TOO_LITTLE..COVERED).contains(&covered) }
    };
    let of_layer = |layer: &Value| {
        let name = layer["layer"].as_str().unwrap_or_default().to_owned();
        let fields = layer["subfields"].as_array().cloned().unwrap_or_default();
        let meant = fields.into_iter().filter(|field| is_meant(field));
        meant.map(move |field| format!("{name}.{}", field["subfield"].as_str().unwrap_or_default())).collect::<Vec<_>>()
    };
    eye.items("/volume/etdrs").iter().flat_map(of_layer).collect()
}

/// Mean over the scan in micrometres of a layer.
pub(in crate::export) fn scan_mean_um(eye: &EyeResult, layer: &str) -> Option<f64> {
    let record = item(eye.items("/layers"), "layer", layer).filter(|_| eye.is_in_um())?;
    record["mean"].as_f64().filter(|_| coverage(record) >= TOO_LITTLE)
}

/// Half of its 95 % interval in micrometres.
pub(in crate::export) fn scan_mean_half_width_um(eye: &EyeResult, layer: &str) -> Option<f64> {
    scan_mean_um(eye, layer)?;
    item(eye.items("/layers"), "layer", layer)?["half_width"].as_f64()
}

/// Half of the 95 % interval in micrometres of a quadrant around the disc.
pub(in crate::export) fn quadrant_half_width_um(eye: &EyeResult, side: &str) -> Option<f64> {
    quadrant_um(eye, side)?;
    item(eye.items("/circle/quadrants"), "side", side)?["half_width_um"].as_f64()
}

/// Mean nerve fibre thickness in micrometres of a quadrant around the disc.
pub(in crate::export) fn quadrant_um(eye: &EyeResult, side: &str) -> Option<f64> {
    let quadrant = item(eye.items("/circle/quadrants"), "side", side)?;
    quadrant["mean_um"].as_f64().filter(|_| coverage(quadrant) >= TOO_LITTLE)
}

/// Thickness in micrometres of ganglion cells and inner plexiform layer in a sector of the annulus.
pub(in crate::export) fn gcipl_sector_um(eye: &EyeResult, sector: &str) -> Option<f64> {
    item(eye.items("/volume/gcipl/sectors"), "sector", sector)?["mean_um"].as_f64()
}

/// Whether the scan was searched for lesions.
pub(in crate::export) fn is_searched(eye: &EyeResult) -> bool {
    eye.get("/lesions").is_some()
}

/// A value of a lesion over the scan; 0 if the scan was searched and has none.
pub(in crate::export) fn lesion(eye: &EyeResult, lesion: Lesion, key: &str) -> Option<f64> {
    match item(eye.items("/lesions"), "lesion", lesion.key()) {
        Some(record) => record[key].as_f64(),
        None => is_searched(eye).then_some(0.0),
    }
}

/// The lower (0) or upper (1) bound of the area of a lesion; 0 if the scan was searched and has none.
pub(in crate::export) fn lesion_bound(eye: &EyeResult, lesion: Lesion, at: usize) -> Option<f64> {
    match item(eye.items("/lesions"), "lesion", lesion.key()) {
        Some(record) => record["area_bounds_mm2"][at].as_f64(),
        None => is_searched(eye).then_some(0.0),
    }
}

/// Volume in nanolitres of a lesion within a circle of `diameter_mm` around the fovea.
pub(in crate::export) fn lesion_volume_nl(eye: &EyeResult, lesion: Lesion, diameter_mm: f64) -> Option<f64> {
    eye.get("/volume/lesions").filter(|_| eye.has_fovea())?;
    let Some(record) = item(eye.items("/volume/lesions"), "lesion", lesion.key()) else { return Some(0.0) };
    let circle = record["circles"].as_array()?.iter().find(|c| c["diameter_mm"].as_f64() == Some(diameter_mm))?;
    circle["volume_nl"].as_f64().filter(|_| coverage(circle) >= COVERED)
}

fn grid<'a>(eye: &'a EyeResult, layer: &str) -> Option<&'a Value> {
    item(eye.items("/volume/etdrs"), "layer", layer)
}

fn subfield_of<'a>(eye: &'a EyeResult, layer: &str, subfield: &str) -> Option<&'a Value> {
    item(grid(eye, layer)?["subfields"].as_array()?, "subfield", subfield)
}

fn coverage(value: &Value) -> f64 {
    value["coverage"].as_f64().unwrap_or_default()
}
