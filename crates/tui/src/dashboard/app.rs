//! The dashboard without a terminal: takes events and keys, draws frames.

use std::{borrow::Cow, collections::HashSet, path::PathBuf};

use jiff::{Timestamp, tz::TimeZone};
use octrls_engine::{Event, EventKind, Level, ReviewState, ScanChange, ScanId};
use ratatui::{
    Frame,
    crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
    layout::Position,
};

use super::{
    images::ImageCache,
    keymap::{Action, KeyContext, Keymap},
    layout,
    panel::Panel,
    panels::PanelArea,
    render_context::RenderContext,
    theme::Theme,
    view::{Popup, View},
};
use crate::{
    Controls, LedgerChange,
    archive::Shelf,
    state::{Model, Query, ScanState},
};

/// Whether the dashboard continues after a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Continue,
    /// Leave at once, even if the engine still runs.
    Exit,
    /// Draw the whole screen anew, because something else wrote to it.
    Redraw,
    /// Stop until the shell continues the program.
    Suspend,
    /// Open a file with the desktop's program for it.
    Open(PathBuf),
    /// Put a text into the terminal's clipboard.
    Copy(String),
    /// Receive the mouse or leave it to the terminal.
    Mouse(bool),
}

/// The model, the view, and what is needed to draw them.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) model: Model,
    pub(crate) view: View,
    pub(crate) shelf: Shelf,
    pub(crate) images: ImageCache,
    pub(crate) keys: Keymap,
    /// Where the panels were drawn last.
    pub(super) areas: Vec<PanelArea>,
    /// Where the mouse was pressed or dragged to last.
    pub(super) dragged_from: Option<Position>,
    /// Scans that were reviewed here, until the ledger says so.
    pub(super) reviewed: HashSet<ScanId>,
    /// A message to a person who does not look at the screen.
    pub(crate) notice: Option<String>,
    theme: Theme,
    version: String,
    zone: TimeZone,
    interrupts: u32,
}

impl App {
    pub(crate) fn new(theme: Theme, images: ImageCache, version: String, zone: TimeZone) -> Self {
        let (model, mut view) = (Model::default(), View::default());
        view.render_style.colours = theme.lines();
        Self {
            model,
            view,
            shelf: Shelf::default(),
            images,
            keys: Keymap::default(),
            areas: Vec::new(),
            dragged_from: None,
            reviewed: HashSet::new(),
            notice: None,
            theme,
            version,
            zone,
            interrupts: 0,
        }
    }

    /// Shows the engine of another process, which leaving does not stop; `model` is its current state.
    pub(crate) fn attach(&mut self, model: Model) {
        let rows = model.rows(&Query::default());
        let shown = rows.iter().find(|s| s.latest.is_some()).or(rows.first());
        self.view.selected = shown.map(|s| s.id);
        (self.view.paused, self.view.attached) = (model.paused, true);
        self.model = model;
    }

    /// Shows finished scans, without an engine; `model` names their folders.
    pub(crate) fn browse(&mut self, model: Model) {
        self.attach(model);
        (self.view.browsing, self.view.following) = (true, false);
    }

    /// Updates model and view by an event of the engine.
    pub(crate) fn handle_event(&mut self, event: &Event) {
        self.model.apply(event);
        if let EventKind::Scan { change: ScanChange::Quarantined { .. }, .. } = event.kind {
            let count = self.model.counts().quarantined;
            let scans = if count == 1 { "1 scan is".to_owned() } else { format!("{count} scans are") };
            self.notice = Some(format!("{scans} in quarantine"));
        }
        if let EventKind::Scan { id, change: ScanChange::Running { .. } | ScanChange::Done(_) } = event.kind {
            self.shelf.forget(id);
        }
        // A notice tells the outcome of a change of the ledger, by this screen or another.
        if matches!(event.kind, EventKind::Notice { .. }) {
            self.shelf.read_ledger();
            self.hear_of_correction(&event.kind);
        }
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
        self.want_shown();
        self.prepare_correction();
        let ctx = RenderContext::new(
            &self.model,
            &self.view,
            &self.shelf,
            &self.keys,
            self.theme,
            now,
            &self.version,
            &self.zone,
        );
        let layout::Drawn { areas, page_rows } = layout::draw(&ctx, &mut self.images, frame);
        (self.areas, self.view.page_rows) = (areas, page_rows);
    }

    /// Performs the action of a key; requests go to `controls`.
    pub(crate) fn handle_key(&mut self, event: KeyEvent, controls: &dyn Controls) -> Flow {
        if event.kind != KeyEventKind::Press {
            return Flow::Continue;
        }
        self.view.message = None;
        let context = self.view.key_context();
        match self.keys.action(context, event) {
            Some(action) => return self.perform(action, controls),
            None if matches!(context, KeyContext::Filter | KeyContext::Text) => self.type_text(event),
            None => {}
        }
        Flow::Continue
    }

    fn type_text(&mut self, event: KeyEvent) {
        let text = match self.view.popup {
            Some(Popup::Find) => &mut self.view.find,
            Some(Popup::Review(_)) => &mut self.view.comment,
            _ => &mut self.view.query.filter,
        };
        match event.code {
            KeyCode::Char(c) if (event.modifiers - KeyModifiers::SHIFT).is_empty() => text.push(c),
            KeyCode::Backspace => {
                text.pop();
            }
            _ => {}
        }
        match self.view.popup {
            Some(Popup::Find) => self.find(0),
            Some(Popup::Filter) => self.select_visible(),
            _ => {}
        }
    }

    /// Scrolls the log to the next message with the text, `by` 1 or -1; 0 also takes the present one.
    fn find(&mut self, by: isize) {
        let wanted = self.view.find.to_lowercase();
        let entries: Vec<_> = self.model.journal.newest(self.view.log_level).collect();
        let matches = |i: &usize| entries.get(*i).is_some_and(|entry| entry.text.to_lowercase().contains(&wanted));
        let at = self.view.log_scroll;
        let found = if by < 0 {
            (0..at).rev().find(|i| matches(i))
        } else {
            (at + by.unsigned_abs()..entries.len()).find(|i| matches(i))
        };
        match found {
            _ if wanted.is_empty() => {}
            Some(at) => self.view.log_scroll = at,
            None => self.say(format!("no further message with “{}”", self.view.find)),
        }
    }

    /// Moves the selection to a row that matches the filter.
    fn select_visible(&mut self) {
        let rows = self.model.rows(&self.view.query);
        if !rows.iter().any(|s| Some(s.id) == self.view.selected)
            && let Some(first) = rows.first()
        {
            self.view.selected = Some(first.id);
            self.view.bscan_index = None;
            self.view.following = false;
        }
    }

    #[expect(clippy::too_many_lines, reason = "an arm for each action")]
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
            Action::Accept => {
                if let Some(Popup::Review(state)) = self.view.popup.take() {
                    let comment = std::mem::take(&mut self.view.comment);
                    match state {
                        ReviewState::Corrected => self.save_correction(comment, controls),
                        _ => self.review(state, comment, controls),
                    }
                } else if self.view.centring.is_some() {
                    self.state_centre(controls);
                }
            }
            Action::Correct => self.start_correction(),
            Action::Edit(edit) if self.view.centring.is_some() => self.move_centre(edit),
            Action::Edit(edit) => self.edit(edit),
            Action::StateCentre => self.start_centring(),
            Action::FindCentre => self.withdraw_centre(controls),
            Action::NextToReview => self.select_next_to_review(),
            Action::OnlyToReview => {
                self.view.query.wanting_eyes = !self.view.query.wanting_eyes;
                self.select_visible();
            }
            Action::AcceptScan => self.review(ReviewState::Accepted, String::new(), controls),
            Action::RejectScan => self.ask_for_comment(ReviewState::Rejected),
            Action::Comment => self.ask_for_comment(ReviewState::Commented),
            Action::FindNext | Action::FindPrevious => {
                self.view.focus_panel(Panel::Log);
                self.find(if action == Action::FindNext { 1 } else { -1 });
            }
            Action::OpenReport => return self.open_report(),
            Action::CopyPath | Action::CopyFolder => return self.copy(action == Action::CopyFolder),
            Action::Mouse => {
                self.view.mouse = !self.view.mouse;
                self.say(if self.view.mouse { "the mouse works here" } else { "the mouse selects text" });
                return Flow::Mouse(self.view.mouse);
            }
            Action::Close => self.close_popup(),
            Action::Details => self.view.popup = Some(Popup::Details { first_line: 0 }),
            Action::Sort => self.view.query.sort = self.view.query.sort.next(),
            Action::ReverseSort => self.view.query.reversed = !self.view.query.reversed,
            Action::Magnify | Action::Reduce => self.magnify(if action == Action::Magnify { 1 } else { -1 }),
            Action::PanLeft => self.pan(-2, 0),
            Action::PanRight => self.pan(2, 0),
            Action::PanUp => self.pan(0, -2),
            Action::PanDown => self.pan(0, 2),
            Action::Help => self.view.popup = Some(Popup::Help { first_line: 0 }),
            Action::Filter if self.view.focus == Panel::Log => {
                self.view.find.clear();
                self.view.popup = Some(Popup::Find);
            }
            Action::Filter => {
                self.view.popup = Some(Popup::Filter);
                self.view.focus_panel(Panel::Queue);
            }
            Action::Redraw => return Flow::Redraw,
            Action::Suspend => return Flow::Suspend,
            Action::Pause | Action::Stop if self.view.browsing => self.say("there is no watcher to control"),
            Action::Rescan if self.view.browsing => {
                self.shelf.read_ledger();
                self.say("reading the ledger again");
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
                self.say("checking the watched folders");
            }
            Action::Stop => self.view.popup = Some(Popup::Quit),
        }
        Flow::Continue
    }

    fn quit(&mut self, controls: &dyn Controls) -> Flow {
        if self.model.stopped.is_some() || self.view.attached {
            return Flow::Exit;
        }
        let unfinished = self.model.counts();
        if unfinished.running + unfinished.waiting + unfinished.retry > 0 {
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
            Some(Popup::Help { .. } | Popup::Details { .. } | Popup::Quit) => {}
            Some(Popup::Review(_)) => self.view.comment.clear(),
            None if self.view.centring.is_some() => self.view.centring = None,
            None if self.view.zoomed => self.view.zoomed = false,
            Some(Popup::Find) => self.view.find.clear(),
            Some(Popup::Filter) | None => self.view.query.filter.clear(),
        }
    }

    fn toggle_following(&mut self) {
        self.view.following = !self.view.following;
        if self.view.following {
            self.view.bscan_index = None;
            // Ignores the filter. The first row is the scan that started last.
            let rows = self.model.rows(&Query::default());
            let running = rows.iter().find(|s| s.state == ScanState::Running && s.latest.is_some());
            let shown = running.or_else(|| rows.iter().find(|s| s.latest.is_some())).or(rows.first());
            self.view.selected = shown.map(|s| s.id);
        }
    }

    fn retry(&mut self, controls: &dyn Controls) {
        let selected = self.view.selected.and_then(|id| self.model.scan(id));
        match selected {
            Some(scan) if matches!(scan.state, ScanState::Quarantined { .. }) => {
                if scan.past {
                    controls.change_ledger(LedgerChange::Redo { path: scan.name.clone() });
                } else {
                    controls.retry(scan.id);
                }
                self.say("the scan will be retried");
            }
            _ => self.say("select a quarantined scan first"),
        }
    }

    /// Shows a message until the next key.
    pub(super) fn say(&mut self, message: impl Into<Cow<'static, str>>) {
        self.view.message = Some(message.into());
    }
}

/// `at` moved by `by`, within a list of `n` items.
pub(super) fn step_index(at: usize, by: isize, n: usize) -> usize {
    at.saturating_add_signed(by).min(n.saturating_sub(1))
}

#[cfg(test)]
#[path = "app_tests.rs"]
mod tests;
