//! A scanner's own findings, and how far our boundaries lie from the scanner's.

use octrls_core::{
    layer::{BOUNDARIES, Boundary},
    measure::{ThicknessUnit, accuracy::BoundaryError},
    scan::{BoundaryRows, Spacing},
    surface::Surfaces,
};
use serde::Serialize;

/// A scanner's own findings in a B-scan.
#[derive(Clone, Debug, Default)]
pub struct DeviceFindings {
    /// Boundaries found by the scanner.
    pub boundaries: Vec<(Boundary, BoundaryRows)>,
    /// Signal in decibels, as stated by the scanner.
    pub signal_db: Option<f32>,
}

/// Differences between our boundaries and those found by the scanner.
#[derive(Clone, Debug, Default)]
pub(super) struct DeviceDifference([BoundaryError; BOUNDARIES]);

/// The differences of one boundary in `result.json`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct DeviceRecord {
    #[serde(skip)]
    pub(super) label: &'static str,
    boundary: &'static str,
    unit: ThicknessUnit,
    pub(super) mean_absolute: Option<f64>,
    bias: Option<f64>,
    compared: u64,
    missed: u64,
}

impl DeviceDifference {
    /// Compares the boundaries of the next B-scan.
    pub(super) fn add(&mut self, surfaces: &Surfaces, device: &[(Boundary, BoundaryRows)]) {
        for (boundary, rows) in device {
            self.0[boundary.index()].add(surfaces.rows(*boundary), rows);
        }
    }

    /// One record for each boundary found by the scanner.
    pub(super) fn records(&self, axial: Option<Spacing>) -> Vec<DeviceRecord> {
        let (unit, scale) = axial.map_or((ThicknessUnit::Pixels, 1.0), |s| (ThicknessUnit::Micrometres, s.um));
        let found = Boundary::ALL.into_iter().zip(&self.0).filter(|(_, e)| e.compared + e.missed > 0);
        let record = |(boundary, error): (Boundary, &BoundaryError)| DeviceRecord {
            label: boundary.label(),
            boundary: boundary.name(),
            unit,
            mean_absolute: error.mean_absolute().map(|px| px * scale),
            bias: error.bias().map(|px| px * scale),
            compared: error.compared,
            missed: error.missed,
        };
        found.map(record).collect()
    }
}
