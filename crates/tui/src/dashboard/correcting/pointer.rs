//! What the mouse does while lines are corrected: it chooses a line, marks a stretch, drags it, and sets points.

use octrls_core::layer::Boundary;
use ratatui::{
    crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind},
    layout::Position,
};

use super::{Correction, Drag};
use crate::dashboard::{app::App, images::shown};

/// Rows of cells within which a click chooses a line.
const NEAR_CELLS: f32 = 0.75;

impl App {
    /// Performs what the mouse does on the image.
    pub(in crate::dashboard) fn mouse_in_correction(&mut self, event: MouseEvent) {
        if self.view.correction.as_ref().is_some_and(|correction| correction.saving) {
            return;
        }
        match event.kind {
            MouseEventKind::ScrollUp | MouseEventKind::ScrollDown => {
                let up = event.kind == MouseEventKind::ScrollUp;
                if event.modifiers.contains(KeyModifiers::CONTROL) {
                    self.magnify(if up { 1 } else { -1 });
                } else {
                    self.step_bscan(if up { -1 } else { 1 });
                }
                return;
            }
            MouseEventKind::Up(_) => {
                if let Some(correction) = &mut self.view.correction {
                    correction.drag = None;
                    if correction.points.is_empty() {
                        correction.editor.end_run();
                    }
                }
                return;
            }
            _ => {}
        }
        let Some((ascan, row, rows_of_cell)) = self.place_at(Position { x: event.column, y: event.row }) else {
            return;
        };
        let Some(correction) = &mut self.view.correction else { return };
        match event.kind {
            MouseEventKind::Down(MouseButton::Left) => correction.press(ascan, row, rows_of_cell),
            MouseEventKind::Drag(MouseButton::Left) => correction.drag_to(ascan, row),
            MouseEventKind::Down(MouseButton::Right) => {
                (correction.ascan, correction.row) = (ascan, Some(row));
                self.set_point();
            }
            _ => {}
        }
    }

    /// The A-scan and the row at a cell of the image, and the rows that a cell shows.
    fn place_at(&self, at: Position) -> Option<(usize, f32, f32)> {
        let area = self.images.area();
        let (_, record) = self.view.correction.as_ref()?.record()?;
        let (rows, columns) = shown(record.segmented.as_ref()?, self.view.bscan_style());
        if !area.contains(at) || columns.is_empty() {
            return None;
        }
        let share = |at: u16, start: u16, length: u16| (f32::from(at - start) + 0.5) / f32::from(length);
        let ascan = columns.start + (share(at.x, area.x, area.width) * columns.len() as f32) as usize;
        let row = rows.start as f32 + share(at.y, area.y, area.height) * rows.len() as f32;
        Some((ascan.min(columns.end - 1), row, rows.len() as f32 / f32::from(area.height)))
    }
}

impl Correction {
    /// Takes hold of the stretch, or places the cursor; near another line, chooses that.
    fn press(&mut self, ascan: usize, row: f32, rows_of_cell: f32) {
        if self.stretch().is_some_and(|stretch| stretch.contains(&ascan)) {
            self.drag = Some(Drag::Line(row));
            return;
        }
        if self.points.is_empty() {
            let distance = |boundary: Boundary| {
                self.editor.row(self.bscan, boundary, ascan).map_or(f32::INFINITY, |line| (line - row).abs())
            };
            let nearest = Boundary::ALL.into_iter().min_by(|a, b| distance(*a).total_cmp(&distance(*b)));
            let near = nearest.filter(|boundary| distance(*boundary) <= NEAR_CELLS * rows_of_cell);
            if let Some(boundary) = near.filter(|boundary| *boundary != self.boundary) {
                self.choose(boundary.index());
            }
        }
        self.anchor = None;
        (self.ascan, self.row, self.drag) = (ascan, Some(row), Some(Drag::Stretch(ascan)));
    }

    fn drag_to(&mut self, ascan: usize, row: f32) {
        match self.drag {
            Some(Drag::Stretch(from)) if from != ascan || self.anchor.is_some() => {
                self.finish();
                (self.anchor, self.ascan) = (Some(from), ascan);
            }
            Some(Drag::Line(last)) => {
                if let Some(stretch) = self.stretch() {
                    self.editor.shift(self.bscan, self.boundary, stretch, row - last);
                }
                self.drag = Some(Drag::Line(row));
            }
            _ => {}
        }
    }
}
