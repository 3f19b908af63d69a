//! Moves of cursor, selection, layer and B-scan.

use octrls_core::layer::{LAYERS, Layer};
use octrls_engine::ScanId;
use ratatui::layout::Rect;

use super::{
    app::{App, step_index},
    panel::Panel,
    panels::TABLE_WIDTH,
    render_context::{bscan_count, shown_bscan},
    view::Popup,
};

impl App {
    pub(super) fn move_cursor(&mut self, by: isize) {
        let help = self.view.help_context();
        if let Some(Popup::Help { first_line }) = &mut self.view.popup {
            *first_line = step_index(*first_line, by, self.keys.help(help).len());
            return;
        }
        if let Some(Popup::Details { first_line }) = &mut self.view.popup {
            /// More than any details have.
            const MOST_LINES: usize = 200;
            *first_line = step_index(*first_line, by, MOST_LINES);
            return;
        }
        match self.view.focus {
            Panel::Layers | Panel::Profile | Panel::Map => self.step_layer(by),
            Panel::Log => self.scroll_log(by),
            Panel::Queue | Panel::Preview | Panel::Throughput => self.move_selection(by),
        }
    }

    pub(super) fn scroll_log(&mut self, by: isize) {
        let n = self.model.journal.newest(self.view.log_level).count();
        self.view.log_scroll = step_index(self.view.log_scroll, by, n);
    }

    pub(super) fn move_selection(&mut self, by: isize) {
        let rows = self.model.rows(&self.view.query);
        let current = rows.iter().position(|s| Some(s.id) == self.view.selected);
        let next = current.map_or(0, |i| step_index(i, by, rows.len()));
        if let Some(scan) = rows.get(next).map(|scan| scan.id) {
            self.select(scan);
        }
    }

    /// Selects a scan and shows its latest B-scan.
    pub(super) fn select(&mut self, scan: ScanId) {
        if self.view.selected != Some(scan) {
            (self.view.bscan_index, self.view.pointed) = (None, None);
        }
        self.view.selected = Some(scan);
        self.view.following = false;
    }

    /// Whether a queue in `inner` is drawn as a table.
    pub(super) fn is_table(&self, inner: Rect) -> bool {
        self.view.zoomed && inner.width >= TABLE_WIDTH
    }

    /// Magnifies the B-scan, which fills the screen then.
    pub(super) fn magnify(&mut self, steps: i8) {
        let style = &mut self.view.render_style;
        style.window = style.window.magnified(steps);
        if steps > 0 {
            self.view.focus_panel(Panel::Preview);
            self.view.zoomed = true;
        }
        self.show_cursor();
    }

    pub(super) fn pan(&mut self, right: i16, down: i16) {
        let style = &mut self.view.render_style;
        style.window = style.window.moved(right, down);
    }

    pub(super) fn step_layer(&mut self, by: isize) {
        self.view.render_style.layer = Layer::ALL[step_index(self.view.render_style.layer.index(), by, LAYERS)];
    }

    pub(super) fn step_bscan(&mut self, by: isize) {
        if let Some(correction) = &mut self.view.correction {
            return correction.step_bscan(by);
        }
        let Some(scan) = self.view.selected.and_then(|id| self.model.scan(id)) else { return };
        let count = bscan_count(scan, &self.shelf).filter(|_| scan.state.is_finished() && self.shelf.is_open());
        let indices: Vec<usize> = count.map_or_else(|| scan.bscans.keys().copied().collect(), |n| (0..n).collect());
        let shown = shown_bscan(scan, &self.shelf, self.view.bscan_index).map(|(index, _)| index);
        let Some(current) = shown.or(self.view.bscan_index) else { return };
        let Some(at) = indices.iter().position(|i| *i == current) else { return };
        self.view.bscan_index = Some(indices[step_index(at, by, indices.len())]);
        self.view.following = false;
    }
}
