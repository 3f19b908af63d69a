//! Shared by Heidelberg's formats: the display curve, the scanner's numbered boundaries, its signal.

pub(crate) mod e2e;
pub(crate) mod vol;
pub(crate) mod xml;

use octrls_core::{layer::Boundary, scan::BoundaryRows};

/// The scanner that writes these files.
pub(crate) const DEVICE: &str = "Heidelberg Engineering Spectralis";

/// The scanner's boundaries by number. Newer versions store more; those lie within layers that are merged here, or
/// follow other conventions.
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

/// Rows of a boundary in a B-scan of `height` samples; `None` if there are none. `FLT_MAX` marks rows that were not
/// found; zeros throughout mark a boundary that was not searched for.
pub(crate) fn boundary_rows(rows: impl Iterator<Item = f32>, height: usize) -> Option<BoundaryRows> {
    let rows: BoundaryRows = rows.map(|r| (r > 0.0 && r <= height as f32).then_some(r)).collect();
    rows.iter().any(Option::is_some).then_some(rows)
}

/// Signal in decibels as the scanner states it; `None` if implausible.
pub(crate) fn signal_db(db: f32) -> Option<f32> {
    (0.1..=100.0).contains(&db).then_some(db)
}
