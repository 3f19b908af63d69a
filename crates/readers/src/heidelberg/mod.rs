//! What Heidelberg's own formats share: the display curve, the scanner's boundaries by their numbers, its signal.

pub(crate) mod e2e;
pub(crate) mod vol;
pub(crate) mod xml;

use octrls_core::layer::Boundary;
use octrls_core::scan::BoundaryRows;

/// The scanner whose files they are.
pub(crate) const DEVICE: &str = "Heidelberg Engineering Spectralis";

/// The scanner's boundaries by their numbers. The others that newer versions store lie within layers that are one here, or
/// are drawn by conventions of their own.
pub(crate) const DEVICE_BOUNDARIES: [Option<Boundary>; 7] = [
    Some(Boundary::Ilm),
    Some(Boundary::RpeBm),
    Some(Boundary::NflGcl),
    None,
    Some(Boundary::IplInl),
    Some(Boundary::InlOpl),
    Some(Boundary::OplOnl),
];

/// The scanner's own display curve, the fourth root of reflectivity; samples without data are black.
pub(crate) fn display_intensity(reflectivity: f32) -> f32 {
    if reflectivity.is_finite() && reflectivity < f32::MAX { reflectivity.clamp(0.0, 1.0).sqrt().sqrt() } else { 0.0 }
}

/// The rows of a boundary within a B-scan of `height` samples; `None` where there are none at all. `FLT_MAX` stands for
/// those not found, zeros for a boundary that was not looked for.
pub(crate) fn boundary_rows(rows: impl Iterator<Item = f32>, height: usize) -> Option<BoundaryRows> {
    let rows: BoundaryRows = rows.map(|r| (r > 0.0 && r <= height as f32).then_some(r)).collect();
    rows.iter().any(Option::is_some).then_some(rows)
}

/// The signal that a scanner states, in decibels; what no signal can be is no statement.
pub(crate) fn signal_db(db: f32) -> Option<f32> {
    (0.1..=100.0).contains(&db).then_some(db)
}
