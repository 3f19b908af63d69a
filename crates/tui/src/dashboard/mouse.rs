//! What the mouse does: it selects, scrolls, points and moves.

use octrls_core::layer::Layer;
use ratatui::{
    crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind},
    layout::{Margin, Position, Rect},
};

use super::{
    app::App,
    panel::Panel,
    panels::{PanelArea, tab_at},
    view::Popup,
};

/// Rows that the wheel scrolls at once.
const WHEEL_ROWS: isize = 3;
/// A tenth of the shown part of a B-scan is moved for each of these cells.
const CELLS_PER_STEP: i16 = 4;

impl App {
    /// Performs what the mouse does.
    pub(crate) fn handle_mouse(&mut self, event: MouseEvent) {
        let by = match event.kind {
            MouseEventKind::ScrollUp => Some(-1),
            MouseEventKind::ScrollDown => Some(1),
            _ => None,
        };
        if matches!(self.view.popup, Some(Popup::Help { .. } | Popup::Details { .. })) {
            match (by, event.kind) {
                (Some(by), _) => self.move_cursor(by),
                (None, MouseEventKind::Down(_)) => self.view.popup = None,
                _ => {}
            }
            return;
        }
        if self.view.popup == Some(Popup::Quit) {
            return;
        }
        if self.view.correction.is_some() {
            return self.mouse_in_correction(event);
        }
        let at = Position { x: event.column, y: event.row };
        if self.view.centring.is_some() {
            if matches!(event.kind, MouseEventKind::Down(MouseButton::Left)) {
                self.centre_at(at);
            }
            return;
        }
        let Some(area) = self.areas.iter().rev().find(|area| area.area.contains(at)).copied() else { return };
        let inner = area.area.inner(Margin::new(1, 1));
        match event.kind {
            MouseEventKind::Down(MouseButton::Left) => self.click(area, inner, at),
            MouseEventKind::Drag(MouseButton::Left) => self.drag(area.panel, inner, at),
            MouseEventKind::Up(MouseButton::Left) => self.dragged_from = None,
            _ => {
                if let Some(by) = by {
                    self.wheel(area.panel, by, event.modifiers);
                }
            }
        }
    }

    fn wheel(&mut self, panel: Panel, by: isize, modifiers: KeyModifiers) {
        match panel {
            Panel::Preview if modifiers.contains(KeyModifiers::CONTROL) => self.magnify(if by < 0 { 1 } else { -1 }),
            Panel::Preview => self.step_bscan(by),
            Panel::Layers | Panel::Profile | Panel::Map => self.step_layer(by),
            Panel::Log => self.scroll_log(WHEEL_ROWS * by),
            Panel::Queue | Panel::Throughput => self.move_selection(WHEEL_ROWS * by),
        }
    }

    fn click(&mut self, area: PanelArea, inner: Rect, at: Position) {
        if at.y == area.area.y {
            if let Some(panel) = tab_at(&area, at.x) {
                self.view.focus_panel(panel);
            }
            return;
        }
        self.view.focus_panel(area.panel);
        self.dragged_from = Some(at);
        if !inner.contains(at) {
            return;
        }
        let row = usize::from(at.y - inner.y);
        match area.panel {
            Panel::Queue => self.click_row(row, inner),
            Panel::Layers => {
                if let Some(layer) = row.checked_sub(1).and_then(|row| Layer::ALL.get(row)) {
                    self.view.render_style.layer = *layer;
                }
            }
            Panel::Profile | Panel::Preview => self.point(inner, at),
            Panel::Map | Panel::Throughput | Panel::Log => {}
        }
    }

    /// Selects the scan in a row; a second click shows its details.
    fn click_row(&mut self, row: usize, inner: Rect) {
        let rows = self.model.rows(&self.view.query);
        // The table on the full screen has a heading.
        let heading = usize::from(self.view.zoomed && !rows.is_empty() && self.is_table(inner));
        let height = usize::from(inner.height).saturating_sub(heading);
        let selected = rows.iter().position(|scan| Some(scan.id) == self.view.selected).unwrap_or(0);
        let first = selected.saturating_sub(height / 2).min(rows.len().saturating_sub(height));
        let Some(scan) = row.checked_sub(heading).and_then(|row| rows.get(first + row)).map(|scan| scan.id) else {
            return;
        };
        if self.view.selected == Some(scan) {
            self.view.popup = Some(Popup::Details { first_line: 0 });
        }
        self.select(scan);
    }

    fn drag(&mut self, panel: Panel, inner: Rect, at: Position) {
        let is_magnified = self.view.is_full_bscan() && self.view.render_style.window.magnification() > 1;
        if panel == Panel::Preview && is_magnified {
            let Some(from) = self.dragged_from else { return };
            let steps = |from: u16, to: u16| (from as i16 - to as i16) / CELLS_PER_STEP;
            let (right, down) = (steps(from.x, at.x), steps(from.y, at.y));
            if (right, down) != (0, 0) {
                self.pan(right, down);
                self.dragged_from = Some(at);
            }
        } else if matches!(panel, Panel::Profile | Panel::Preview) {
            self.point(inner, at);
        }
    }

    /// Points at a place along the B-scan.
    fn point(&mut self, inner: Rect, at: Position) {
        let x = f32::from(at.x.saturating_sub(inner.x)) + 0.5;
        let share = (x / f32::from(inner.width.max(1))).clamp(0.0, 1.0);
        self.view.pointed = Some(share);
    }
}
