//! The dashboard without a terminal: takes events and keys, draws frames.

use jiff::{Timestamp, tz::TimeZone};
use octrls_core::layer::{LAYERS, Layer};
use octrls_engine::{Event, EventKind, Level, ScanChange, ScanId};
use ratatui::{
    Frame,
    crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
};

use super::{
    images::ImageCache,
    keymap::{self, Action, KeyContext},
    layout,
    panel::Panel,
    render_context::RenderContext,
    theme::Theme,
    view::{Popup, View},
};
use crate::{
    Controls,
    state::{Model, ScanState},
};

/// Whether the dashboard continues after a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Continue,
    /// Leave at once, even if the engine still runs.
    Exit,
}

/// The model, the view, and what is needed to draw them.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) model: Model,
    pub(crate) view: View,
    pub(crate) images: ImageCache,
    theme: Theme,
    version: String,
    zone: TimeZone,
    interrupts: u32,
}

impl App {
    pub(crate) fn new(theme: Theme, images: ImageCache, version: String, zone: TimeZone) -> Self {
        let (model, view) = (Model::default(), View::default());
        Self { model, view, images, theme, version, zone, interrupts: 0 }
    }

    /// Shows the engine of another process, which leaving does not stop; `model` is its current state.
    pub(crate) fn attach(&mut self, model: Model) {
        let rows = model.rows("");
        let shown = rows.iter().find(|s| s.latest.is_some()).or(rows.first());
        self.view.selected = shown.map(|s| s.id);
        (self.view.paused, self.view.attached) = (model.paused, true);
        self.model = model;
    }

    /// Updates model and view by an event of the engine.
    pub(crate) fn handle_event(&mut self, event: &Event) {
        self.model.apply(event);
        if let EventKind::Paused(paused) = event.kind {
            self.view.paused = paused;
        }
        if let EventKind::Scan { id, change } = &event.kind {
            self.follow_running_scan(*id, change);
        }
    }

    /// Moves the selection to a running scan and keeps it there until that is finished. Otherwise the image would
    /// flicker between the scans of several workers.
    fn follow_running_scan(&mut self, id: ScanId, change: &ScanChange) {
        let current = self.view.selected.and_then(|s| self.model.scan(s));
        let is_busy = current.is_some_and(|s| s.state == ScanState::Running && s.latest.is_some());
        let may_move = match change {
            ScanChange::BScan(_) => !is_busy,
            ScanChange::Running { .. } => current.is_none_or(|s| s.latest.is_none() && s.state != ScanState::Running),
            _ => current.is_none(),
        };
        let is_first = current.is_none();
        if may_move && (self.view.following || is_first) {
            self.view.selected = Some(id);
            self.view.bscan_index = None;
        }
    }

    /// Draws the whole screen as of `now`.
    pub(crate) fn draw(&mut self, frame: &mut Frame, now: Timestamp) {
        let ctx = RenderContext::new(&self.model, &self.view, self.theme, now, &self.version, &self.zone);
        self.view.page_rows = layout::draw(&ctx, &mut self.images, frame);
    }

    /// Performs the action of a key; requests go to `controls`.
    pub(crate) fn handle_key(&mut self, event: KeyEvent, controls: &dyn Controls) -> Flow {
        if event.kind != KeyEventKind::Press {
            return Flow::Continue;
        }
        self.view.message = None;
        let context = self.view.key_context();
        match keymap::action(context, event) {
            Some(action) => return self.perform(action, controls),
            None if context == KeyContext::Filter => self.type_filter(event),
            None => {}
        }
        Flow::Continue
    }

    fn type_filter(&mut self, event: KeyEvent) {
        match event.code {
            KeyCode::Char(c) if (event.modifiers - KeyModifiers::SHIFT).is_empty() => self.view.filter.push(c),
            KeyCode::Backspace => {
                self.view.filter.pop();
            }
            _ => {}
        }
        self.select_visible();
    }

    /// Moves the selection to a row that matches the filter.
    fn select_visible(&mut self) {
        let rows = self.model.rows(&self.view.filter);
        if !rows.iter().any(|s| Some(s.id) == self.view.selected)
            && let Some(first) = rows.first()
        {
            self.view.selected = Some(first.id);
            self.view.bscan_index = None;
            self.view.following = false;
        }
    }

    fn perform(&mut self, action: Action, controls: &dyn Controls) -> Flow {
        match action {
            Action::Quit => return self.quit(controls),
            Action::Interrupt => return self.interrupt(controls),
            Action::Drain | Action::Abort => {
                if action == Action::Drain {
                    controls.drain();
                } else {
                    self.abort(controls);
                }
                self.view.quitting = true;
                self.view.popup = None;
            }
            Action::Accept => self.view.popup = None,
            Action::Close => self.close_popup(),
            Action::Help => self.view.popup = Some(Popup::Help { first_line: 0 }),
            Action::Filter => {
                self.view.popup = Some(Popup::Filter);
                self.view.focus_panel(Panel::Queue);
            }
            Action::Pause => {
                self.view.paused = !self.view.paused;
                controls.pause(self.view.paused);
            }
            Action::FocusNext => self.view.focus_panel(self.view.focus.cycle(1)),
            Action::FocusPrevious => self.view.focus_panel(self.view.focus.cycle(-1)),
            Action::Focus(panel) => self.view.focus_panel(panel),
            Action::Zoom => self.view.zoomed = !self.view.zoomed,
            Action::Up => self.move_cursor(-1),
            Action::Down => self.move_cursor(1),
            Action::PageUp => self.move_cursor(-(self.view.page_rows as isize)),
            Action::PageDown => self.move_cursor(self.view.page_rows as isize),
            // Longer than any list, and cannot overflow.
            Action::Home => self.move_cursor(-(i32::MAX as isize)),
            Action::End => self.move_cursor(i32::MAX as isize),
            Action::PreviousBScan => self.step_bscan(-1),
            Action::NextBScan => self.step_bscan(1),
            Action::PreviousLayer => self.step_layer(-1),
            Action::NextLayer => self.step_layer(1),
            Action::Overlay => self.view.render_style.overlay = self.view.render_style.overlay.next(),
            Action::Crop => self.view.render_style.crop = !self.view.render_style.crop,
            Action::Map => self.view.layer_map = !self.view.layer_map,
            Action::LogLevel => {
                self.view.log_level = match self.view.log_level {
                    Level::Info => Level::Warning,
                    Level::Warning => Level::Error,
                    Level::Error => Level::Info,
                };
                self.view.log_scroll = 0;
            }
            Action::Errors => {
                self.view.log_level = if self.view.log_level == Level::Error { Level::Info } else { Level::Error };
                self.view.log_scroll = 0;
                self.view.focus_panel(Panel::Log);
            }
            Action::Follow => self.toggle_following(),
            Action::Retry => self.retry(controls),
            Action::Rescan => {
                controls.rescan();
                self.view.message = Some("checking the watched folders");
            }
            Action::Stop => self.view.popup = Some(Popup::Quit),
        }
        Flow::Continue
    }

    fn quit(&mut self, controls: &dyn Controls) -> Flow {
        if self.model.stopped.is_some() || self.view.attached {
            return Flow::Exit;
        }
        if self.model.counts().running > 0 {
            self.view.popup = Some(Popup::Quit);
        } else {
            controls.drain();
            self.view.quitting = true;
        }
        Flow::Continue
    }

    fn interrupt(&mut self, controls: &dyn Controls) -> Flow {
        self.interrupts += 1;
        self.view.popup = None;
        match self.interrupts {
            _ if self.model.stopped.is_some() || self.view.attached => return Flow::Exit,
            1 if !self.view.quitting => controls.drain(),
            1 | 2 => self.abort(controls),
            _ => return Flow::Exit,
        }
        self.view.quitting = true;
        Flow::Continue
    }

    fn abort(&mut self, controls: &dyn Controls) {
        controls.abort();
        self.view.aborting = true;
    }

    fn close_popup(&mut self) {
        match self.view.popup.take() {
            Some(Popup::Help { .. } | Popup::Quit) => {}
            None if self.view.zoomed => self.view.zoomed = false,
            Some(Popup::Filter) | None => self.view.filter.clear(),
        }
    }

    fn move_cursor(&mut self, by: isize) {
        if let Some(Popup::Help { first_line }) = &mut self.view.popup {
            *first_line = step_index(*first_line, by, keymap::help(KeyContext::Main).len());
            return;
        }
        match self.view.focus {
            Panel::Layers | Panel::Profile | Panel::Map => self.step_layer(by),
            Panel::Log => {
                let n = self.model.journal.newest(self.view.log_level).count();
                self.view.log_scroll = step_index(self.view.log_scroll, by, n);
            }
            Panel::Queue | Panel::Preview | Panel::Throughput => {
                let rows = self.model.rows(&self.view.filter);
                let current = rows.iter().position(|s| Some(s.id) == self.view.selected);
                let next = current.map_or(0, |i| step_index(i, by, rows.len()));
                if let Some(scan) = rows.get(next) {
                    self.view.selected = Some(scan.id);
                    self.view.bscan_index = None;
                    self.view.following = false;
                }
            }
        }
    }

    fn step_layer(&mut self, by: isize) {
        self.view.render_style.layer = Layer::ALL[step_index(self.view.render_style.layer.index(), by, LAYERS)];
    }

    fn step_bscan(&mut self, by: isize) {
        let Some(scan) = self.view.selected.and_then(|id| self.model.scan(id)) else { return };
        let indices: Vec<usize> = scan.bscans.keys().copied().collect();
        let Some((current, _)) = scan.bscan(self.view.bscan_index) else { return };
        let Some(at) = indices.iter().position(|i| *i == current) else { return };
        self.view.bscan_index = Some(indices[step_index(at, by, indices.len())]);
        self.view.following = false;
    }

    fn toggle_following(&mut self) {
        self.view.following = !self.view.following;
        if self.view.following {
            self.view.bscan_index = None;
            // Ignores the filter. The first row is the scan that started last.
            let rows = self.model.rows("");
            let running = rows.iter().find(|s| s.state == ScanState::Running && s.latest.is_some());
            let shown = running.or_else(|| rows.iter().find(|s| s.latest.is_some())).or(rows.first());
            self.view.selected = shown.map(|s| s.id);
        }
    }

    fn retry(&mut self, controls: &dyn Controls) {
        let selected = self.view.selected.and_then(|id| self.model.scan(id));
        match selected {
            Some(scan) if matches!(scan.state, ScanState::Quarantined { .. }) => {
                controls.retry(scan.id);
                self.view.message = Some("the scan will be retried");
            }
            _ => self.view.message = Some("select a quarantined scan first"),
        }
    }
}

/// `at` moved by `by`, within a list of `n` items.
fn step_index(at: usize, by: isize, n: usize) -> usize {
    at.saturating_add_signed(by).min(n.saturating_sub(1))
}

#[cfg(test)]
#[path = "app_tests.rs"]
mod tests;
