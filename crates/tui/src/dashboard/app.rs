//! The dashboard without a terminal: takes events and keys, draws frames.

use jiff::{Timestamp, tz::TimeZone};
use ratatui::{
    Frame,
    crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
};

use super::{
    image_cache::Pictures,
    keymap::{self, Action, Context},
    layout,
    render_context::RenderContext,
    theme::Theme,
    view::{Panel, Popup, View},
};
use crate::{
    Controls,
    state::{Model, State},
};
use octrls_core::layer::{LAYERS, Layer};
use octrls_engine::{Event, EventKind, Level, ScanChange, ScanId};

/// Whether the dashboard continues after a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Stay,
    /// Leave at once, even if the engine still runs.
    Leave,
}

/// The model, the view, and what is needed to draw them.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) model: Model,
    pub(crate) view: View,
    pub(crate) pictures: Pictures,
    theme: Theme,
    version: String,
    zone: TimeZone,
    interrupts: u32,
}

impl App {
    pub(crate) fn new(theme: Theme, pictures: Pictures, version: String, zone: TimeZone) -> Self {
        let (model, view) = (Model::default(), View::default());
        Self { model, view, pictures, theme, version, zone, interrupts: 0 }
    }

    /// Shows the engine of another process, which leaving does not stop; `model` is its current state.
    pub(crate) fn attach(&mut self, model: Model) {
        let rows = model.rows("");
        let shown = rows.iter().find(|s| s.latest.is_some()).or(rows.first());
        self.view.selected = shown.map(|s| s.id);
        (self.view.paused, self.view.attached) = (model.paused, true);
        self.model = model;
    }

    pub(crate) fn event(&mut self, event: &Event) {
        self.model.apply(event);
        if let EventKind::Paused(paused) = event.kind {
            self.view.paused = paused;
        }
        if let EventKind::Scan { id, change } = &event.kind {
            self.follow(*id, change);
        }
    }

    /// Moves the selection to a running scan and keeps it there until that is finished. Otherwise the image would
    /// flicker between the scans of several workers.
    fn follow(&mut self, id: ScanId, change: &ScanChange) {
        let current = self.view.selected.and_then(|s| self.model.scan(s));
        let busy = current.is_some_and(|s| s.state == State::Running && s.latest.is_some());
        let free = match change {
            ScanChange::BScan(_) => !busy,
            ScanChange::Running { .. } => current.is_none_or(|s| s.latest.is_none() && s.state != State::Running),
            _ => current.is_none(),
        };
        let first = current.is_none();
        if free && (self.view.follow || first) {
            self.view.selected = Some(id);
            self.view.bscan = None;
        }
    }

    /// Draws the whole screen as of `now`.
    pub(crate) fn draw(&mut self, frame: &mut Frame, now: Timestamp) {
        let scene = RenderContext::new(&self.model, &self.view, self.theme, now, &self.version, &self.zone);
        self.view.page = layout::draw(&scene, &mut self.pictures, frame);
    }

    pub(crate) fn key(&mut self, event: KeyEvent, controls: &dyn Controls) -> Flow {
        if event.kind != KeyEventKind::Press {
            return Flow::Stay;
        }
        self.view.reply = None;
        let context = self.context();
        match keymap::action(context, event) {
            Some(action) => return self.act(action, controls),
            None if context == Context::Filter => self.type_filter(event),
            None => {}
        }
        Flow::Stay
    }

    pub(crate) fn context(&self) -> Context {
        match self.view.popup {
            None => Context::Main,
            Some(Popup::Help(_)) => Context::Help,
            Some(Popup::Quit) => Context::Quit,
            Some(Popup::Filter) => Context::Filter,
        }
    }

    fn type_filter(&mut self, event: KeyEvent) {
        match event.code {
            KeyCode::Char(c) if (event.modifiers - KeyModifiers::SHIFT).is_empty() => self.view.filter.push(c),
            KeyCode::Backspace => {
                self.view.filter.pop();
            }
            _ => {}
        }
        self.select_shown();
    }

    /// Moves the selection to a row that matches the filter.
    fn select_shown(&mut self) {
        let rows = self.model.rows(&self.view.filter);
        if !rows.iter().any(|s| Some(s.id) == self.view.selected)
            && let Some(first) = rows.first()
        {
            self.view.selected = Some(first.id);
            self.view.bscan = None;
            self.view.follow = false;
        }
    }

    fn act(&mut self, action: Action, controls: &dyn Controls) -> Flow {
        match action {
            Action::Quit => return self.quit(controls),
            Action::Interrupt => return self.interrupt(controls),
            Action::Drain | Action::Abort => {
                if action == Action::Drain {
                    controls.drain();
                } else {
                    self.abort(controls);
                }
                self.view.leaving = true;
                self.view.popup = None;
            }
            Action::Accept => self.view.popup = None,
            Action::Close => self.close(),
            Action::Help => self.view.popup = Some(Popup::Help(0)),
            Action::Filter => {
                self.view.popup = Some(Popup::Filter);
                self.view.go_to(Panel::Queue);
            }
            Action::Pause => {
                self.view.paused = !self.view.paused;
                controls.pause(self.view.paused);
            }
            Action::FocusNext => self.view.go_to(self.view.focus.turn(1)),
            Action::FocusPrevious => self.view.go_to(self.view.focus.turn(-1)),
            Action::Focus(panel) => self.view.go_to(panel),
            Action::Zoom => self.view.zoom = !self.view.zoom,
            Action::Up => self.step(-1),
            Action::Down => self.step(1),
            Action::PageUp => self.step(-(self.view.page as isize)),
            Action::PageDown => self.step(self.view.page as isize),
            // Longer than any list, and cannot overflow.
            Action::Home => self.step(-(i32::MAX as isize)),
            Action::End => self.step(i32::MAX as isize),
            Action::PreviousBScan => self.turn_bscan(-1),
            Action::NextBScan => self.turn_bscan(1),
            Action::PreviousLayer => self.step_layer(-1),
            Action::NextLayer => self.step_layer(1),
            Action::Overlay => self.view.look.overlay = self.view.look.overlay.next(),
            Action::Crop => self.view.look.crop = !self.view.look.crop,
            Action::Map => self.view.layer_map = !self.view.layer_map,
            Action::LogLevel => {
                self.view.level = match self.view.level {
                    Level::Info => Level::Warning,
                    Level::Warning => Level::Error,
                    Level::Error => Level::Info,
                };
                self.view.log_scroll = 0;
            }
            Action::Errors => {
                self.view.level = if self.view.level == Level::Error { Level::Info } else { Level::Error };
                self.view.log_scroll = 0;
                self.view.go_to(Panel::Log);
            }
            Action::Follow => self.toggle_follow(),
            Action::Retry => self.retry(controls),
            Action::Rescan => {
                controls.rescan();
                self.view.reply = Some("checking the watched folders");
            }
            Action::Stop => self.view.popup = Some(Popup::Quit),
        }
        Flow::Stay
    }

    fn quit(&mut self, controls: &dyn Controls) -> Flow {
        if self.model.stopped.is_some() || self.view.attached {
            return Flow::Leave;
        }
        if self.model.counts().running > 0 {
            self.view.popup = Some(Popup::Quit);
        } else {
            controls.drain();
            self.view.leaving = true;
        }
        Flow::Stay
    }

    fn interrupt(&mut self, controls: &dyn Controls) -> Flow {
        self.interrupts += 1;
        self.view.popup = None;
        match self.interrupts {
            _ if self.model.stopped.is_some() || self.view.attached => return Flow::Leave,
            1 if !self.view.leaving => controls.drain(),
            1 | 2 => self.abort(controls),
            _ => return Flow::Leave,
        }
        self.view.leaving = true;
        Flow::Stay
    }

    fn abort(&mut self, controls: &dyn Controls) {
        controls.abort();
        self.view.aborting = true;
    }

    fn close(&mut self) {
        match self.view.popup.take() {
            Some(Popup::Help(_) | Popup::Quit) => {}
            None if self.view.zoom => self.view.zoom = false,
            Some(Popup::Filter) | None => self.view.filter.clear(),
        }
    }

    fn step(&mut self, by: isize) {
        if let Some(Popup::Help(line)) = &mut self.view.popup {
            *line = moved(*line, by, keymap::help(Context::Main).len());
            return;
        }
        match self.view.focus {
            Panel::Layers | Panel::Profile | Panel::Map => self.step_layer(by),
            Panel::Log => {
                let n = self.model.journal.newest(self.view.level).count();
                self.view.log_scroll = moved(self.view.log_scroll, by, n);
            }
            Panel::Queue | Panel::Preview | Panel::Throughput => {
                let rows = self.model.rows(&self.view.filter);
                let current = rows.iter().position(|s| Some(s.id) == self.view.selected);
                let next = current.map_or(0, |i| moved(i, by, rows.len()));
                if let Some(scan) = rows.get(next) {
                    self.view.selected = Some(scan.id);
                    self.view.bscan = None;
                    self.view.follow = false;
                }
            }
        }
    }

    fn step_layer(&mut self, by: isize) {
        self.view.look.layer = Layer::ALL[moved(self.view.look.layer.index(), by, LAYERS)];
    }

    fn turn_bscan(&mut self, by: isize) {
        let Some(scan) = self.view.selected.and_then(|id| self.model.scan(id)) else { return };
        let indices: Vec<usize> = scan.frames.keys().copied().collect();
        let Some((current, _)) = scan.frame(self.view.bscan) else { return };
        let Some(at) = indices.iter().position(|i| *i == current) else { return };
        self.view.bscan = Some(indices[moved(at, by, indices.len())]);
        self.view.follow = false;
    }

    fn toggle_follow(&mut self) {
        self.view.follow = !self.view.follow;
        if self.view.follow {
            self.view.bscan = None;
            // Ignores the filter. The first row is the scan that started last.
            let rows = self.model.rows("");
            let working = rows.iter().find(|s| s.state == State::Running && s.latest.is_some());
            let shown = working.or_else(|| rows.iter().find(|s| s.latest.is_some())).or(rows.first());
            self.view.selected = shown.map(|s| s.id);
        }
    }

    fn retry(&mut self, controls: &dyn Controls) {
        let selected = self.view.selected.and_then(|id| self.model.scan(id));
        match selected {
            Some(scan) if matches!(scan.state, State::Quarantined { .. }) => {
                controls.retry(scan.id);
                self.view.reply = Some("the scan will be retried");
            }
            _ => self.view.reply = Some("select a quarantined scan first"),
        }
    }
}

/// `at` moved by `by`, within a list of `n` items.
fn moved(at: usize, by: isize, n: usize) -> usize {
    at.saturating_add_signed(by).min(n.saturating_sub(1))
}

#[cfg(test)]
#[path = "app_tests.rs"]
mod tests;
