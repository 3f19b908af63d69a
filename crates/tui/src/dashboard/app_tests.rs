use std::cell::RefCell;

use octrls_core::layer::Layer;
use octrls_engine::Totals;
use ratatui::{
    Terminal,
    backend::TestBackend,
    crossterm::event::{KeyEventState, MouseButton, MouseEvent, MouseEventKind},
};

use super::*;
use crate::{
    archive::Answer,
    dashboard::{
        colours::Colours,
        images::{ImageMode, Overlay},
    },
    fixtures::{self, event, scan_event, segmented_bscan},
};

#[derive(Default)]
struct RequestRecorder(RefCell<Vec<String>>);

impl RequestRecorder {
    fn record(&self, text: impl Into<String>) {
        self.0.borrow_mut().push(text.into());
    }
}

impl Controls for RequestRecorder {
    fn drain(&self) {
        self.record("drain");
    }

    fn abort(&self) {
        self.record("abort");
    }

    fn pause(&self, paused: bool) {
        self.record(format!("pause {paused}"));
    }

    fn rescan(&self) {
        self.record("rescan");
    }

    fn retry(&self, scan: ScanId) {
        self.record(format!("retry {}", scan.0));
    }

    fn change_ledger(&self, change: crate::LedgerChange) {
        self.record(format!("{change:?}"));
    }
}

struct TestApp {
    app: App,
    controls: RequestRecorder,
}

impl TestApp {
    fn new() -> Self {
        let images = ImageCache::without_graphics(ImageMode::Text, Colours::None);
        let app = App::new(Theme::new(Colours::None), images, "0.0.0".into(), TimeZone::UTC);
        Self { app, controls: RequestRecorder::default() }
    }

    fn with_sample_events() -> Self {
        let mut test = Self::new();
        for event in &fixtures::sample_events() {
            test.app.handle_event(event);
        }
        test
    }

    fn press(&mut self, code: KeyCode) -> Flow {
        self.app.handle_key(KeyEvent::from(code), &self.controls)
    }

    fn type_text(&mut self, text: &str) -> Flow {
        text.chars().map(|c| self.press(KeyCode::Char(c))).last().unwrap_or(Flow::Continue)
    }

    fn interrupt(&mut self) -> Flow {
        self.app.handle_key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL), &self.controls)
    }

    fn requests(&self) -> Vec<String> {
        self.controls.0.borrow().clone()
    }

    fn selected(&self) -> u64 {
        self.app.view.selected.unwrap().0
    }
}

#[test]
fn quitting_asks_while_scans_are_running() {
    let mut test = TestApp::with_sample_events();
    assert_eq!(test.type_text("q"), Flow::Continue);
    assert_eq!(test.app.view.popup, Some(Popup::Quit));
    test.press(KeyCode::Esc);
    assert_eq!((test.app.view.popup, test.requests().len()), (None, 0));
    test.type_text("qd");
    assert_eq!((test.app.view.quitting, test.requests()), (true, vec!["drain".to_owned()]));
    test.type_text("qa");
    assert_eq!(test.requests(), ["drain", "abort"]);
}

#[test]
fn quitting_asks_while_scans_wait() {
    let mut test = TestApp::new();
    test.app.handle_event(&fixtures::started());
    test.app.handle_event(&scan_event(1.0, 1, fixtures::seen("a.png")));
    test.type_text("q");
    assert_eq!((test.app.view.popup, test.requests().len()), (Some(Popup::Quit), 0));
}

#[test]
fn quitting_does_not_ask_without_running_scans_or_after_the_end() {
    let mut test = TestApp::new();
    test.type_text("q");
    assert_eq!((test.app.view.popup, test.requests()), (None, vec!["drain".to_owned()]));
    let mut test = TestApp::with_sample_events();
    test.app.handle_event(&event(99.0, EventKind::Stopped(Totals::default())));
    assert_eq!(test.type_text("q"), Flow::Exit);
}

#[test]
fn the_third_interrupt_always_exits() {
    let mut test = TestApp::with_sample_events();
    assert_eq!([test.interrupt(), test.interrupt(), test.interrupt()], [Flow::Continue, Flow::Continue, Flow::Exit]);
    assert_eq!(test.requests(), ["drain", "abort"]);
    let mut test = TestApp::with_sample_events();
    test.type_text("qd");
    test.interrupt();
    assert_eq!(test.requests(), ["drain", "abort"], "an engine that drains already gets no second request");
}

#[test]
fn only_key_presses_count() {
    let mut test = TestApp::with_sample_events();
    for kind in [KeyEventKind::Release, KeyEventKind::Repeat] {
        let event =
            KeyEvent { code: KeyCode::Char(' '), modifiers: KeyModifiers::NONE, kind, state: KeyEventState::NONE };
        test.app.handle_key(event, &test.controls);
    }
    assert!(test.requests().is_empty());
    test.type_text("  ");
    assert_eq!(test.requests(), ["pause true", "pause false"]);
}

#[test]
fn moving_the_selection_ends_following() {
    let mut test = TestApp::with_sample_events();
    assert_eq!((test.selected(), test.app.view.following), (4, true));
    test.press(KeyCode::Down);
    assert_eq!((test.selected(), test.app.view.following), (5, false));
    test.press(KeyCode::End);
    assert_eq!(test.selected(), 6);
    test.press(KeyCode::Home);
    test.type_text("jjk");
    assert_eq!(test.selected(), 5);
    test.press(KeyCode::PageDown);
    assert_eq!(test.selected(), 6);
    test.type_text("f");
    assert_eq!((test.selected(), test.app.view.following), (4, true));
}

#[test]
fn following_keeps_a_scan_until_it_is_finished() {
    let mut test = TestApp::with_sample_events();
    let another = |at| scan_event(at, 5, ScanChange::BScan(std::sync::Arc::new(segmented_bscan(20, None))));
    test.app.handle_event(&another(20.0));
    assert_eq!(test.selected(), 4);
    test.app.handle_event(&scan_event(21.0, 4, fixtures::done(49, 9.0)));
    assert_eq!(test.selected(), 4);
    test.app.handle_event(&another(22.0));
    assert_eq!(test.selected(), 5);
    test.type_text("f");
    test.app.handle_event(&scan_event(23.0, 5, fixtures::done(49, 9.0)));
    test.app.handle_event(&scan_event(24.0, 6, ScanChange::BScan(std::sync::Arc::new(segmented_bscan(0, None)))));
    assert_eq!(test.selected(), 5, "without following the selection stays");
}

#[test]
fn only_kept_bscans_can_be_selected() {
    let mut test = TestApp::with_sample_events();
    test.press(KeyCode::Left);
    assert_eq!((test.app.view.bscan_index, test.app.view.following), (Some(29), false));
    test.press(KeyCode::Right);
    test.press(KeyCode::Right);
    assert_eq!(test.app.view.bscan_index, Some(30), "the last is the last");
    test.press(KeyCode::Down);
    assert_eq!(test.app.view.bscan_index, None, "another scan shows its latest");
}

#[test]
fn the_layer_selection_stops_at_the_ends() {
    let mut test = TestApp::with_sample_events();
    test.type_text("[");
    assert_eq!(test.app.view.render_style.layer, Layer::Nfl);
    test.type_text("]]]]]]]]]]");
    assert_eq!(test.app.view.render_style.layer, Layer::Choroid);
    test.type_text("3");
    test.press(KeyCode::Up);
    assert_eq!(test.app.view.render_style.layer, Layer::Rpe);
}

#[test]
fn tab_cycles_through_the_panels() {
    let mut test = TestApp::with_sample_events();
    test.press(KeyCode::BackTab);
    assert_eq!((test.app.view.focus, test.app.view.tab), (Panel::Log, Panel::Log));
    test.press(KeyCode::Tab);
    assert_eq!((test.app.view.focus, test.app.view.tab), (Panel::Queue, Panel::Log));
    test.type_text("4z");
    assert_eq!((test.app.view.focus, test.app.view.zoomed), (Panel::Profile, true));
    test.press(KeyCode::Esc);
    assert!(!test.app.view.zoomed);
}

#[test]
fn the_filter_takes_characters_and_selects_a_visible_scan() {
    let mut test = TestApp::with_sample_events();
    test.type_text("/quar");
    assert_eq!((test.selected(), test.app.view.query.filter.as_str()), (2, "quar"));
    test.press(KeyCode::Backspace);
    test.press(KeyCode::Enter);
    assert_eq!((test.app.view.popup, test.app.view.query.filter.as_str()), (None, "qua"));
    test.type_text("R");
    assert_eq!(test.requests(), ["retry 2"]);
    test.press(KeyCode::Esc);
    assert_eq!(test.app.view.query.filter, "");
}

#[test]
fn only_a_quarantined_scan_is_retried() {
    let mut test = TestApp::with_sample_events();
    test.type_text("R");
    assert!(test.requests().is_empty());
    assert!(test.app.view.message.is_some());
    test.type_text("z");
    assert_eq!(test.app.view.message, None);
}

#[test]
fn keys_change_style_and_log_level() {
    let mut test = TestApp::with_sample_events();
    test.type_text("oc");
    assert_eq!((test.app.view.render_style.overlay, test.app.view.render_style.crop), (Overlay::Layer, false));
    test.type_text("l");
    assert_eq!(test.app.view.log_level, Level::Warning);
    test.type_text("e");
    assert_eq!((test.app.view.log_level, test.app.view.focus), (Level::Error, Panel::Log));
    test.type_text("e");
    assert_eq!(test.app.view.log_level, Level::Info);
    test.type_text("e");
    test.press(KeyCode::Down);
    assert_eq!(test.app.view.log_scroll, 0, "one error cannot be scrolled");
}

#[test]
fn every_size_can_be_drawn_in_every_state() {
    let mut test = TestApp::with_sample_events();
    for keys in ["", "z", "2z", "z3", "z4", "z5", "z6", "z?", "/x"] {
        let mut other = TestApp::new();
        for test in [&mut test, &mut other] {
            test.type_text(keys);
            for (width, height) in [(1, 1), (59, 16), (60, 16), (61, 17), (80, 24), (109, 40), (110, 34), (250, 70)] {
                let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
                terminal.draw(|frame| test.app.draw(frame, fixtures::start())).unwrap();
            }
            test.press(KeyCode::Esc);
        }
    }
}

fn mouse(kind: MouseEventKind, column: u16, row: u16) -> MouseEvent {
    MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }
}

const CLICK: MouseEventKind = MouseEventKind::Down(MouseButton::Left);
const DRAG: MouseEventKind = MouseEventKind::Drag(MouseButton::Left);

impl TestApp {
    /// Draws a frame, so that the mouse knows where the panels are; returns its text.
    fn draw(&mut self, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| self.app.draw(frame, fixtures::start())).unwrap();
        terminal.backend().to_string()
    }

    /// Cell of the first `text` on the screen.
    fn place_of(&mut self, text: &str, size: (u16, u16)) -> (u16, u16) {
        let screen = self.draw(size.0, size.1);
        let (row, line) = screen.lines().enumerate().find(|(_, line)| line.contains(text)).unwrap();
        let column =
            line.trim_start_matches('"').find(text).map(|at| line.trim_start_matches('"')[..at].chars().count());
        (column.unwrap() as u16, row as u16)
    }
}

#[test]
fn the_mouse_selects_scans_panels_tabs_and_layers() {
    let mut test = TestApp::with_sample_events();
    let (column, row) = test.place_of("P0037_OD.vol", (120, 40));
    test.app.handle_mouse(mouse(CLICK, column, row));
    assert_eq!((test.selected(), test.app.view.following), (2, false));
    test.draw(120, 40);
    test.app.handle_mouse(mouse(CLICK, column, row));
    assert_eq!(test.app.view.popup, Some(Popup::Details { first_line: 0 }), "a second click shows the details");
    test.app.handle_mouse(mouse(CLICK, 1, 1));
    assert_eq!(test.app.view.popup, None);
    let (column, row) = test.place_of("5 ONL", (120, 40));
    test.app.handle_mouse(mouse(CLICK, column, row));
    assert_eq!((test.app.view.render_style.layer, test.app.view.focus), (Layer::Onl, Panel::Layers));
    let (column, row) = test.place_of("5 Map", (80, 24));
    test.app.handle_mouse(mouse(CLICK, column + 1, row));
    assert_eq!((test.app.view.tab, test.app.view.focus), (Panel::Map, Panel::Map));
}

#[test]
fn the_wheel_moves_what_is_below_it() {
    let mut test = TestApp::with_sample_events();
    let (column, row) = test.place_of("2 B-scan", (120, 40));
    test.app.handle_mouse(mouse(MouseEventKind::ScrollUp, column, row + 3));
    assert_eq!(test.app.view.bscan_index, Some(29));
    test.app.handle_mouse(mouse(MouseEventKind::ScrollDown, 3, 5));
    assert_eq!(test.selected(), 2, "three rows down in the queue");
}

#[test]
fn a_drag_points_on_the_profile_and_moves_a_magnified_bscan() {
    let mut test = TestApp::with_sample_events();
    let (column, row) = test.place_of("4 Profile", (120, 40));
    test.app.handle_mouse(mouse(CLICK, column + 10, row + 3));
    test.app.handle_mouse(mouse(DRAG, column + 14, row + 3));
    let pointed = test.app.view.pointed.unwrap();
    assert!((0.2..0.6).contains(&pointed), "{pointed}");
    let screen = test.draw(120, 40);
    assert!(screen.contains(" µm, ") || screen.contains("none, "), "{screen}");
    test.type_text("+");
    assert!(test.app.view.is_full_bscan());
    test.draw(120, 40);
    let window = test.app.view.render_style.window;
    test.app.handle_mouse(mouse(CLICK, 60, 20));
    test.app.handle_mouse(mouse(DRAG, 40, 20));
    assert_ne!(test.app.view.render_style.window, window);
    let moved = test.app.view.render_style.window;
    test.type_text("H");
    assert_ne!(test.app.view.render_style.window, moved);
    test.type_text("-");
    assert_eq!(test.app.view.render_style.window.magnification(), 1);
}

/// The sample events, then the volume with lesions is done.
fn with_a_finding() -> TestApp {
    let mut test = TestApp::with_sample_events();
    test.app.view.reviewer = "Eva".into();
    test.app.handle_event(&scan_event(12.0, 5, fixtures::done_with_lesions(49, 9.0)));
    test
}

#[test]
fn what_wants_eyes_is_reviewed_one_after_the_other() {
    let mut test = with_a_finding();
    test.type_text("v");
    let first = test.selected();
    assert!([1, 5].contains(&first));
    test.type_text("a");
    assert_ne!(test.selected(), first, "the next is selected");
    test.type_text("x");
    assert_eq!(test.app.view.popup, Some(Popup::Review(ReviewState::Rejected)));
    test.press(KeyCode::Enter);
    assert_eq!(test.requests().len(), 1, "a rejection needs a reason");
    test.type_text("xthe ILM is off");
    test.press(KeyCode::Enter);
    let requests = test.requests();
    assert!(requests[0].contains("state: Accepted, reviewer: \"Eva\""), "{requests:?}");
    assert!(requests[1].contains("state: Rejected") && requests[1].contains("the ILM is off"), "{requests:?}");
    test.type_text("v");
    assert_eq!(test.app.view.message.as_deref(), Some("no scan wants a look"));
}

#[test]
fn only_finished_scans_are_reviewed_and_only_by_somebody() {
    let mut test = TestApp::with_sample_events();
    test.app.view.reviewer = "Eva".into();
    test.type_text("a");
    assert!(test.requests().is_empty());
    let mut test = with_a_finding();
    test.app.view.reviewer.clear();
    test.type_text("va");
    assert!(test.requests().is_empty() && test.app.view.message.as_deref().unwrap().contains("--reviewer"));
}

#[test]
fn the_log_is_searched() {
    let mut test = TestApp::with_sample_events();
    test.type_text("7/p0038");
    assert_eq!(test.app.view.popup, Some(Popup::Find));
    test.press(KeyCode::Enter);
    let at = test.app.view.log_scroll;
    let entries: Vec<_> = test.app.model.journal.newest(Level::Info).collect();
    assert!(entries[at].text.contains("P0038"));
    test.type_text("n");
    assert!(test.app.view.message.as_deref().unwrap().contains("no further message"));
    assert_eq!(test.app.view.query.filter, "", "scans are not filtered");
}

#[test]
fn a_quarantined_scan_makes_a_notice_without_its_name() {
    let test = TestApp::with_sample_events();
    assert_eq!(test.app.notice.as_deref(), Some("1 scan is in quarantine"));
}

#[test]
fn paths_are_copied_and_reports_opened() {
    let mut test = with_a_finding();
    test.type_text("/P0042");
    test.press(KeyCode::Enter);
    assert_eq!(test.type_text("y"), Flow::Copy("P0042_OS.vol".into()));
    assert_eq!(test.type_text("Y"), Flow::Copy("/srv/oct/out/scan".into()));
    assert_eq!(test.type_text("O"), Flow::Open("/srv/oct/out/scan".into()));
    assert_eq!(test.type_text("M"), Flow::Mouse(true));
}

#[test]
fn a_past_scan_is_retried_by_the_ledger() {
    use crate::archive::{LedgerScan, LedgerState};
    let mut test = TestApp::new();
    let scan = LedgerScan {
        name: "old.vol".into(),
        state: LedgerState::Quarantined,
        folder: None,
        bytes: 0,
        attempts: 3,
        error: Some(("E-READ-IO".into(), "why".into())),
        at: fixtures::start(),
        reviews: Vec::new(),
    };
    test.app.handle_answer(Answer::Ledger(Ok(vec![scan])));
    test.type_text("R");
    assert_eq!(test.requests(), ["Redo { path: \"old.vol\" }"]);
}
