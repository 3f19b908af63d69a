//! The thickness of the retina at the centre of the grids.

use serde_json::Value;

use super::{super::csv_table::CsvTable, result::EyeResult};

/// Farthest place, in millimetres, whose thickness may stand for that of the centre point.
const REACH_MM: f64 = 0.1;

/// Thickness in micrometres of the retina in the A-scan nearest to the fovea; `None` if none is near, or no fovea is
/// known.
pub(super) fn centre_point_um(eye: &EyeResult) -> Option<f64> {
    if !eye.has_fovea() || !eye.is_in_um() {
        return None;
    }
    let centre = place(eye.get("/volume/centre/place")?)?;
    let width = eye.get("/scan/width")?.as_u64()? as usize;
    let nearest = eye.items("/bscans").iter().enumerate().filter_map(|(bscan, record)| {
        let line = &record["place"]["line"];
        let (start, end) = (place(&line["start"])?, place(&line["end"])?);
        let (right, down) = (end.0 - start.0, end.1 - start.1);
        let length = right.hypot(down);
        let along = ((centre.0 - start.0) * right + (centre.1 - start.1) * down) / (length * length);
        let ascan = ((along * width as f64).floor().max(0.0) as usize).min(width - 1);
        let at = (ascan as f64 + 0.5) / width as f64;
        let distance = (start.0 + at * right - centre.0).hypot(start.1 + at * down - centre.1);
        Some((distance, bscan, ascan))
    });
    let (_, bscan, ascan) = nearest.filter(|(d, ..)| *d <= REACH_MM).min_by(|a, b| a.0.total_cmp(&b.0))?;
    let table = CsvTable::read(&eye.folder.join("thickness.csv"), &[]).ok()?;
    let row = bscan * width + ascan;
    table.optional("retina_um").ok()?.get(row).copied().flatten().map(f64::from)
}

fn place(value: &Value) -> Option<(f64, f64)> {
    Some((value["x"].as_f64()?, value["y"].as_f64()?))
}
