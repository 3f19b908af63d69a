//! The data for one frame, collected once for all panels.

use jiff::{Timestamp, tz::TimeZone};
use octrls_core::measure::ThicknessUnit;

use super::{theme::Theme, view::View};
use crate::state::{BScanMeasurements, BScanRecord, LayerMeasurements, Model, ScanRecord};

/// The model and the view at one moment.
pub(crate) struct RenderContext<'a> {
    pub(crate) model: &'a Model,
    pub(crate) view: &'a View,
    pub(crate) theme: Theme,
    pub(crate) now: Timestamp,
    pub(crate) version: &'a str,
    pub(crate) zone: &'a TimeZone,
    /// Scans that match the filter.
    pub(crate) rows: Vec<&'a ScanRecord>,
    pub(crate) scan: Option<&'a ScanRecord>,
    /// The B-scan to show and its index.
    pub(crate) bscan: Option<(usize, &'a BScanRecord)>,
}

impl<'a> RenderContext<'a> {
    pub(crate) fn new(
        model: &'a Model,
        view: &'a View,
        theme: Theme,
        now: Timestamp,
        version: &'a str,
        zone: &'a TimeZone,
    ) -> Self {
        let scan = view.selected.and_then(|id| model.scan(id));
        let bscan = scan.and_then(|s| s.bscan(view.bscan_index));
        Self { model, view, theme, now, version, zone, rows: model.rows(&view.filter), scan, bscan }
    }

    /// The measurements to show: of the B-scan, or the scan's means if its B-scans were dropped.
    pub(crate) fn measurements(&self) -> Option<BScanMeasurements> {
        if let Some((_, bscan)) = self.bscan {
            return Some(bscan.measurements.clone());
        }
        let summary = self.scan?.summary.as_ref()?;
        let layers = summary.mean_thickness.map(|mean| LayerMeasurements { mean, ..LayerMeasurements::default() });
        Some(BScanMeasurements {
            unit: summary.unit,
            verdict: summary.verdict,
            confidence: summary.confidence,
            layers,
            choroid_visible: None,
            lesions: Vec::new(),
            findings: Vec::new(),
        })
    }

    /// Time of day in the operator's time zone.
    pub(crate) fn clock(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%H:%M:%S").to_string()
    }
}

/// The symbol of a unit.
pub(crate) const fn unit_symbol(unit: ThicknessUnit) -> &'static str {
    match unit {
        ThicknessUnit::Micrometres => "µm",
        ThicknessUnit::Pixels => "px",
    }
}
