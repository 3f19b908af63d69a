//! Corrects lines on the full screen: which line, where the cursor is, and what is shown of it.
//!
//! ```text
//!  keys, mouse ──▶ Correction ──▶ LineEditor ──▶ lines on the screen
//!                      │ save
//!                      ▼
//!              LedgerChange::Correct ──▶ the owner of the results, which makes them anew
//! ```

mod actions;
mod pointer;
mod session;

use std::{ops::Range, sync::Arc};

use jiff::Timestamp;
use octrls_core::{
    layer::{Boundary, Layer},
    measure::Thicknesses,
    scan::ScanHeader,
    segment::SegmentedBScan,
};
use octrls_engine::ScanId;

use super::images::{MAX_POINTS, Marks, crop_of};
use crate::{
    editor::LineEditor,
    state::{BScanMeasurements, BScanRecord},
};

/// A B-scan with its present lines, and what it was made from.
#[derive(Clone, Debug)]
struct Shown {
    source: Arc<SegmentedBScan>,
    revision: u64,
    record: BScanRecord,
    crop: (u32, u32),
}

/// What the mouse drags.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Drag {
    /// A stretch from this A-scan.
    Stretch(usize),
    /// The stretch, which was at this row last.
    Line(f32),
}

/// The lines of a scan, while a person corrects them.
#[derive(Clone, Debug)]
pub(crate) struct Correction {
    pub(crate) scan: ScanId,
    /// Path below the root.
    path: String,
    /// When the result was made.
    created: Timestamp,
    editor: LineEditor,
    boundary: Boundary,
    bscan: usize,
    ascan: usize,
    /// Row of the cursor; `None` on the line.
    row: Option<f32>,
    /// One end of the stretch; the cursor is the other.
    anchor: Option<usize>,
    points: Vec<(usize, f32)>,
    /// Whether a redrawn line follows the image.
    snaps: bool,
    drag: Option<Drag>,
    /// Whether the corrections were sent, and their outcome is not known yet.
    saving: bool,
    /// Whether leaving was asked for while corrections are not saved.
    leaving: bool,
    shown: Option<Shown>,
}

impl Correction {
    /// Begins at the middle of a B-scan.
    fn new((scan, path): (ScanId, String), created: Timestamp, editor: LineEditor, bscan: usize, layer: Layer) -> Self {
        let grid = editor.grid();
        Self {
            scan,
            path,
            created,
            editor,
            boundary: layer.upper(),
            bscan: bscan.min(grid.bscans - 1),
            ascan: grid.width / 2,
            row: None,
            anchor: None,
            points: Vec::new(),
            snaps: true,
            drag: None,
            saving: false,
            leaving: false,
            shown: None,
        }
    }

    /// The layer whose line is corrected.
    fn layer(&self) -> Layer {
        Layer::ALL[self.boundary.index().min(Layer::ALL.len() - 1)]
    }

    /// The row of the cursor.
    fn cursor_row(&self) -> f32 {
        let on_line = || self.editor.row(self.bscan, self.boundary, self.ascan);
        self.row.or_else(on_line).unwrap_or(self.editor.grid().height as f32 / 2.0)
    }

    /// The A-scans of the stretch.
    fn stretch(&self) -> Option<Range<usize>> {
        self.anchor.map(|anchor| anchor.min(self.ascan)..anchor.max(self.ascan) + 1)
    }

    /// The B-scan that is corrected.
    pub(crate) const fn bscan(&self) -> usize {
        self.bscan
    }

    /// The B-scan with its present lines, once [`Self::prepare`] has it.
    pub(crate) fn record(&self) -> Option<(usize, &BScanRecord)> {
        self.shown.as_ref().filter(|shown| shown.source.index == self.bscan).map(|shown| (self.bscan, &shown.record))
    }

    /// The rows that a cropped image shows.
    pub(crate) fn crop(&self) -> Option<(u32, u32)> {
        self.shown.as_ref().map(|shown| shown.crop)
    }

    /// Puts the present lines over `source`, the B-scan as the result has it.
    pub(super) fn prepare(&mut self, source: &Arc<SegmentedBScan>, header: Option<&ScanHeader>) {
        let revision = self.editor.revision();
        let is_ready = |shown: &Shown| Arc::ptr_eq(&shown.source, source) && shown.revision == revision;
        if self.shown.as_ref().is_some_and(is_ready) {
            return;
        }
        let grid = self.editor.grid();
        if (source.bscan.width, source.bscan.height) != (grid.width, grid.height) {
            return;
        }
        let surfaces = self.editor.lines(source.index).clone().surfaces(&source.surfaces);
        let axial = header.and_then(|header| header.axial);
        let bscan =
            SegmentedBScan { thicknesses: Thicknesses::measure(&surfaces, axial), surfaces, ..(**source).clone() };
        let measurements = BScanMeasurements::of(&bscan, header);
        let record = BScanRecord { measurements, segmented: Some(Arc::new(bscan)) };
        self.shown = Some(Shown { source: Arc::clone(source), revision, record, crop: crop_of(source) });
    }

    /// The marks on the image.
    pub(crate) fn marks(&self) -> Marks {
        let index = |ascan: usize| u16::try_from(ascan).unwrap_or(u16::MAX);
        let place = |ascan: usize, row: f32| (index(ascan), row as u16);
        let mut points = [None; MAX_POINTS];
        for (mark, (ascan, row)) in points.iter_mut().zip(&self.points) {
            *mark = Some(place(*ascan, *row));
        }
        Marks {
            boundary: self.boundary.index() as u8,
            cursor: place(self.ascan, self.cursor_row()),
            stretch: self.stretch().map(|stretch| (index(stretch.start), index(stretch.end - 1))),
            points,
        }
    }

    /// The state in parts, most important first.
    pub(crate) fn words(&self) -> Vec<String> {
        let number = self.boundary.index() + 1;
        let line = self.editor.row(self.bscan, self.boundary, self.ascan);
        let row = match (self.row, line) {
            (Some(row), _) => format!("row {row:.0}"),
            (None, Some(row)) => format!("row {row:.1}"),
            (None, None) => "not seen".to_owned(),
        };
        let changed = match self.editor.changed() {
            _ if self.saving => "saving".to_owned(),
            0 => "unchanged".to_owned(),
            1 => "1 point changed".to_owned(),
            n => format!("{n} points changed"),
        };
        let mut words = vec![
            format!("{number} {}", self.boundary.name().replace('_', "/")),
            format!("A-scan {}, {row}", self.ascan),
        ];
        if let Some(stretch) = self.stretch() {
            words.push(format!("stretch {}-{}", stretch.start, stretch.end - 1));
        }
        if !self.points.is_empty() {
            let points = if self.points.len() == 1 { "point" } else { "points" };
            words.push(format!("{} {points}", self.points.len()));
        }
        words.push(changed);
        words.push(if self.snaps { "follows the image" } else { "straight" }.to_owned());
        words
    }
}

#[cfg(test)]
mod tests;
