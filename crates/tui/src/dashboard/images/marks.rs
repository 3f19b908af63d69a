//! Marks over a B-scan whose lines are corrected: the cursor, the stretch and the points.

use std::ops::Range;

use octrls_core::layer::Boundary;

use super::overlay_lines::OverlayLine;

/// Points that a line is redrawn through at once, at most.
pub(crate) const MAX_POINTS: usize = 16;
/// Colour of the stretch and of the points, sRGB; no line has it.
const MARK: [u8; 3] = [57, 255, 20];
/// Colour of the cursor, sRGB.
const CURSOR: [u8; 3] = [255, 255, 255];

/// Places in A-scans and rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Marks {
    /// Index of the boundary that is corrected.
    pub(crate) boundary: u8,
    pub(crate) cursor: (u16, u16),
    /// First and last A-scan of the stretch.
    pub(crate) stretch: Option<(u16, u16)>,
    pub(crate) points: [Option<(u16, u16)>; MAX_POINTS],
}

/// The shown part of a B-scan, and the pixels or cells that show it.
pub(super) struct Frame<'a> {
    pub(super) rows: &'a Range<usize>,
    pub(super) columns: &'a Range<usize>,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Frame<'_> {
    /// The column that shows an A-scan.
    fn x(&self, ascan: u16) -> Option<usize> {
        let at = usize::from(ascan).checked_sub(self.columns.start).filter(|at| *at < self.columns.len())?;
        Some((2 * at + 1) * self.width / (2 * self.columns.len()))
    }

    /// The line that shows a row.
    fn y(&self, row: u16) -> Option<usize> {
        let at = usize::from(row).checked_sub(self.rows.start).filter(|at| *at < self.rows.len())?;
        Some(at * self.height / self.rows.len())
    }

    /// The columns that show a stretch.
    fn span(&self, (first, last): (u16, u16)) -> Range<usize> {
        let edge = |ascan: usize| {
            ascan.clamp(self.columns.start, self.columns.end).saturating_sub(self.columns.start) * self.width
                / self.columns.len().max(1)
        };
        let start = edge(usize::from(first));
        start..edge(usize::from(last) + 1).max((start + 1).min(self.width))
    }
}

impl Marks {
    pub(crate) fn boundary(&self) -> Boundary {
        Boundary::ALL[usize::from(self.boundary).min(Boundary::ALL.len() - 1)]
    }

    /// Paints the cursor, which the lines are drawn over.
    pub(super) fn paint_cursor(&self, frame: &Frame, rgb: &mut [[u8; 3]]) {
        let dash = (frame.height / 100).max(1);
        let Some(x) = frame.x(self.cursor.0) else { return };
        for y in (0..frame.height).filter(|y| (y / dash).is_multiple_of(2)) {
            rgb[y * frame.width + x] = CURSOR;
        }
    }

    /// Paints the stretch of `line`, which is corrected, or without one all of it, and the points.
    pub(super) fn paint(&self, frame: &Frame, line: Option<&OverlayLine>, rgb: &mut [[u8; 3]]) {
        let Frame { width, height, .. } = *frame;
        let bar = (height / 80).max(1).min(height);
        let span = self.stretch.map_or(0..width, |stretch| frame.span(stretch));
        if self.stretch.is_some() {
            for y in (0..bar).chain(height - bar..height) {
                rgb[y * width..][span.clone()].fill(MARK);
            }
        }
        let spans = line.map(|line| line.spans(frame.rows, width, height)).unwrap_or_default();
        for (x, rows) in spans.into_iter().enumerate().filter(|(x, _)| span.contains(x)) {
            for y in rows.into_iter().flatten().flat_map(|y| y..(y + bar).min(height)) {
                rgb[y * width + x] = MARK;
            }
        }
        let mut square = |(ascan, row): (u16, u16), colour: [u8; 3], half: usize| {
            let Some((x, y)) = frame.x(ascan).zip(frame.y(row)) else { return };
            for y in y.saturating_sub(half)..(y + half + 1).min(height) {
                rgb[y * width..][x.saturating_sub(half)..(x + half + 1).min(width)].fill(colour);
            }
        };
        for point in self.points.into_iter().flatten() {
            square(point, MARK, (height / 120).max(1));
        }
        square(self.cursor, CURSOR, height / 160);
    }

    /// Writes the marks as characters: `|` for the cursor's A-scan, `=` above and below the stretch, `o` for a point, `+`
    /// for the cursor.
    pub(super) fn write(&self, frame: &Frame, cells: &mut [char]) {
        let Frame { width, height, .. } = *frame;
        if height == 0 {
            return;
        }
        if let Some(x) = frame.x(self.cursor.0) {
            for cell in
                cells.iter_mut().skip(x).step_by(width).filter(|cell| matches!(cell, ' ' | '·' | '░' | '▒' | '▓'))
            {
                *cell = '|';
            }
        }
        if let Some(stretch) = self.stretch {
            for y in [0, height - 1] {
                cells[y * width..][frame.span(stretch)].fill('=');
            }
        }
        let mut put = |(ascan, row): (u16, u16), mark: char| {
            if let Some((x, y)) = frame.x(ascan).zip(frame.y(row)) {
                cells[y * width + x] = mark;
            }
        };
        for point in self.points.into_iter().flatten() {
            put(point, 'o');
        }
        put(self.cursor, '+');
    }
}
