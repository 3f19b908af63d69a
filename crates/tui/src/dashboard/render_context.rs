//! The data for one frame, collected once for all panels.

use jiff::{Timestamp, tz::TimeZone};
use octrls_core::measure::ThicknessUnit;

use super::{keymap::Keymap, theme::Theme, view::View};
use crate::{
    archive::{OpenedResult, Shelf},
    state::{BScanMeasurements, BScanRecord, LayerMeasurements, Model, ScanRecord},
};

/// The model and the view at one moment.
pub(crate) struct RenderContext<'a> {
    pub(crate) model: &'a Model,
    pub(crate) view: &'a View,
    pub(crate) shelf: &'a Shelf,
    pub(crate) keys: &'a Keymap,
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
    #[expect(clippy::too_many_arguments, reason = "each is a part of the frame of its own")]
    pub(crate) fn new(
        model: &'a Model,
        view: &'a View,
        shelf: &'a Shelf,
        keys: &'a Keymap,
        theme: Theme,
        now: Timestamp,
        version: &'a str,
        zone: &'a TimeZone,
    ) -> Self {
        let scan = view.selected.and_then(|id| model.scan(id));
        let bscan = match &view.correction {
            Some(correction) => correction.record(),
            None => scan.and_then(|scan| shown_bscan(scan, shelf, view.bscan_index)),
        };
        Self { model, view, shelf, keys, theme, now, version, zone, rows: model.rows(&view.query), scan, bscan }
    }

    /// The selected scan's result, if it was opened again.
    pub(crate) fn result(&self) -> Option<&'a OpenedResult> {
        self.scan.and_then(|scan| self.shelf.result(scan.id)).map(AsRef::as_ref)
    }

    /// Number of B-scans of the selected scan, if it is known.
    pub(crate) fn bscan_count(&self) -> Option<usize> {
        bscan_count(self.scan?, self.shelf)
    }

    /// The `height` rows around the selected one.
    pub(crate) fn rows_in(&self, height: usize) -> &[&'a ScanRecord] {
        let at = self.rows.iter().position(|scan| Some(scan.id) == self.view.selected).unwrap_or(0);
        let first = at.saturating_sub(height / 2).min(self.rows.len().saturating_sub(height));
        &self.rows[first..(first + height).min(self.rows.len())]
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

    /// Day and time in the operator's time zone.
    pub(crate) fn day_and_time(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%-d %b %H:%M").to_string()
    }

    /// Time of day in the operator's time zone.
    pub(crate) fn clock(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%H:%M:%S").to_string()
    }
}

/// The B-scan of `scan` at `index` to show, preferably with pixels: from memory, else read again from disk.
pub(crate) fn shown_bscan<'a>(
    scan: &'a ScanRecord,
    shelf: &'a Shelf,
    index: Option<usize>,
) -> Option<(usize, &'a BScanRecord)> {
    let in_memory = scan.bscan(index);
    if !scan.state.is_finished() || in_memory.is_some_and(|(_, bscan)| bscan.segmented.is_some()) {
        return in_memory;
    }
    shelf.bscan(scan.id, index.or(scan.latest)).or(in_memory)
}

/// Number of B-scans that can be stepped through, if it is known.
pub(crate) fn bscan_count(scan: &ScanRecord, shelf: &Shelf) -> Option<usize> {
    let opened = shelf.result(scan.id).filter(|_| scan.state.is_finished());
    opened.map(|result| result.facts.header.bscans).or_else(|| scan.bscan_count())
}

/// The symbol of a unit.
pub(crate) const fn unit_symbol(unit: ThicknessUnit) -> &'static str {
    match unit {
        ThicknessUnit::Micrometres => "µm",
        ThicknessUnit::Pixels => "px",
    }
}
