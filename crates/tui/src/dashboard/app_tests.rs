use std::cell::RefCell;

use ratatui::{Terminal, backend::TestBackend, crossterm::event::KeyEventState};

use super::*;
use crate::{
    dashboard::{bscan_image::Overlay, image_cache::ImageMode, theme::Colours},
    fixtures::{self, event, retina, scan},
};
use octrls_engine::Totals;

#[derive(Default)]
struct Recorder(RefCell<Vec<String>>);

impl Recorder {
    fn note(&self, text: impl Into<String>) {
        self.0.borrow_mut().push(text.into());
    }
}

impl Controls for Recorder {
    fn drain(&self) {
        self.note("drain");
    }

    fn abort(&self) {
        self.note("abort");
    }

    fn pause(&self, paused: bool) {
        self.note(format!("pause {paused}"));
    }

    fn rescan(&self) {
        self.note("rescan");
    }

    fn retry(&self, scan: ScanId) {
        self.note(format!("retry {}", scan.0));
    }
}

struct TerminalSession {
    app: App,
    controls: Recorder,
}

impl TerminalSession {
    fn new() -> Self {
        let pictures = Pictures::cells(ImageMode::Text, Colours::None);
        let app = App::new(Theme::new(Colours::None), pictures, "0.0.0".into(), TimeZone::UTC);
        Self { app, controls: Recorder::default() }
    }

    fn morning() -> Self {
        let mut desk = Self::new();
        for event in &fixtures::morning() {
            desk.app.event(event);
        }
        desk
    }

    fn press(&mut self, code: KeyCode) -> Flow {
        self.app.key(KeyEvent::from(code), &self.controls)
    }

    fn type_in(&mut self, text: &str) -> Flow {
        text.chars().map(|c| self.press(KeyCode::Char(c))).last().unwrap_or(Flow::Stay)
    }

    fn interrupt(&mut self) -> Flow {
        self.app.key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL), &self.controls)
    }

    fn asked(&self) -> Vec<String> {
        self.controls.0.borrow().clone()
    }

    fn selected(&self) -> u64 {
        self.app.view.selected.unwrap().0
    }
}

#[test]
fn quitting_asks_while_scans_are_in_work() {
    let mut desk = TerminalSession::morning();
    assert_eq!(desk.type_in("q"), Flow::Stay);
    assert_eq!(desk.app.view.popup, Some(Popup::Quit));
    desk.press(KeyCode::Esc);
    assert_eq!((desk.app.view.popup, desk.asked().len()), (None, 0));
    desk.type_in("qd");
    assert_eq!((desk.app.view.leaving, desk.asked()), (true, vec!["drain".to_owned()]));
    desk.type_in("qa");
    assert_eq!(desk.asked(), ["drain", "abort"]);
}

#[test]
fn quitting_does_not_ask_without_work_or_after_the_end() {
    let mut desk = TerminalSession::new();
    desk.type_in("q");
    assert_eq!((desk.app.view.popup, desk.asked()), (None, vec!["drain".to_owned()]));
    let mut desk = TerminalSession::morning();
    desk.app.event(&event(99.0, EventKind::Stopped(Totals::default())));
    assert_eq!(desk.type_in("q"), Flow::Leave);
}

#[test]
fn three_interrupts_leave_whatever_happens() {
    let mut desk = TerminalSession::morning();
    assert_eq!([desk.interrupt(), desk.interrupt(), desk.interrupt()], [Flow::Stay, Flow::Stay, Flow::Leave]);
    assert_eq!(desk.asked(), ["drain", "abort"]);
    let mut desk = TerminalSession::morning();
    desk.type_in("qd");
    desk.interrupt();
    assert_eq!(desk.asked(), ["drain", "abort"], "what drains already is not asked to drain again");
}

#[test]
fn only_presses_count() {
    let mut desk = TerminalSession::morning();
    for kind in [KeyEventKind::Release, KeyEventKind::Repeat] {
        let event =
            KeyEvent { code: KeyCode::Char(' '), modifiers: KeyModifiers::NONE, kind, state: KeyEventState::NONE };
        desk.app.key(event, &desk.controls);
    }
    assert!(desk.asked().is_empty());
    desk.type_in("  ");
    assert_eq!(desk.asked(), ["pause true", "pause false"]);
}

#[test]
fn moving_the_selection_ends_following() {
    let mut desk = TerminalSession::morning();
    assert_eq!((desk.selected(), desk.app.view.follow), (4, true));
    desk.press(KeyCode::Down);
    assert_eq!((desk.selected(), desk.app.view.follow), (5, false));
    desk.press(KeyCode::End);
    assert_eq!(desk.selected(), 6);
    desk.press(KeyCode::Home);
    desk.type_in("jjk");
    assert_eq!(desk.selected(), 5);
    desk.press(KeyCode::PageDown);
    assert_eq!(desk.selected(), 6);
    desk.type_in("f");
    assert_eq!((desk.selected(), desk.app.view.follow), (4, true));
}

#[test]
fn following_stays_with_a_scan_until_it_is_finished() {
    let mut desk = TerminalSession::morning();
    let another = |at| scan(at, 5, ScanChange::BScan(std::sync::Arc::new(retina(20, None))));
    desk.app.event(&another(20.0));
    assert_eq!(desk.selected(), 4);
    desk.app.event(&scan(21.0, 4, fixtures::done(49, 9.0)));
    assert_eq!(desk.selected(), 4);
    desk.app.event(&another(22.0));
    assert_eq!(desk.selected(), 5);
    desk.type_in("f");
    desk.app.event(&scan(23.0, 5, fixtures::done(49, 9.0)));
    desk.app.event(&scan(24.0, 6, ScanChange::BScan(std::sync::Arc::new(retina(0, None)))));
    assert_eq!(desk.selected(), 5, "without following the selection stays");
}

#[test]
fn bscans_are_turned_among_those_that_are_known() {
    let mut desk = TerminalSession::morning();
    desk.press(KeyCode::Left);
    assert_eq!((desk.app.view.bscan, desk.app.view.follow), (Some(29), false));
    desk.press(KeyCode::Right);
    desk.press(KeyCode::Right);
    assert_eq!(desk.app.view.bscan, Some(30), "the last is the last");
    desk.press(KeyCode::Down);
    assert_eq!(desk.app.view.bscan, None, "another scan shows its latest");
}

#[test]
fn layers_stay_within_their_number() {
    let mut desk = TerminalSession::morning();
    desk.type_in("[");
    assert_eq!(desk.app.view.look.layer, Layer::Nfl);
    desk.type_in("]]]]]]]]]]");
    assert_eq!(desk.app.view.look.layer, Layer::Choroid);
    desk.type_in("3");
    desk.press(KeyCode::Up);
    assert_eq!(desk.app.view.look.layer, Layer::Rpe);
}

#[test]
fn panels_take_turns() {
    let mut desk = TerminalSession::morning();
    desk.press(KeyCode::BackTab);
    assert_eq!((desk.app.view.focus, desk.app.view.tab), (Panel::Log, Panel::Log));
    desk.press(KeyCode::Tab);
    assert_eq!((desk.app.view.focus, desk.app.view.tab), (Panel::Queue, Panel::Log));
    desk.type_in("4z");
    assert_eq!((desk.app.view.focus, desk.app.view.zoom), (Panel::Profile, true));
    desk.press(KeyCode::Esc);
    assert!(!desk.app.view.zoom);
}

#[test]
fn the_filter_takes_letters_and_keeps_a_visible_selection() {
    let mut desk = TerminalSession::morning();
    desk.type_in("/quar");
    assert_eq!((desk.selected(), desk.app.view.filter.as_str()), (2, "quar"));
    desk.press(KeyCode::Backspace);
    desk.press(KeyCode::Enter);
    assert_eq!((desk.app.view.popup, desk.app.view.filter.as_str()), (None, "qua"));
    desk.type_in("R");
    assert_eq!(desk.asked(), ["retry 2"]);
    desk.press(KeyCode::Esc);
    assert_eq!(desk.app.view.filter, "");
}

#[test]
fn only_a_quarantined_scan_is_retried() {
    let mut desk = TerminalSession::morning();
    desk.type_in("R");
    assert!(desk.asked().is_empty());
    assert!(desk.app.view.reply.is_some());
    desk.type_in("z");
    assert_eq!(desk.app.view.reply, None);
}

#[test]
fn looks_change_by_key() {
    let mut desk = TerminalSession::morning();
    desk.type_in("oc");
    assert_eq!((desk.app.view.look.overlay, desk.app.view.look.crop), (Overlay::Layer, false));
    desk.type_in("l");
    assert_eq!(desk.app.view.level, Level::Warning);
    desk.type_in("e");
    assert_eq!((desk.app.view.level, desk.app.view.focus), (Level::Error, Panel::Log));
    desk.type_in("e");
    assert_eq!(desk.app.view.level, Level::Info);
    desk.type_in("e");
    desk.press(KeyCode::Down);
    assert_eq!(desk.app.view.log_scroll, 0, "one error cannot be scrolled");
}

#[test]
fn every_size_can_be_drawn_in_every_state() {
    let mut desk = TerminalSession::morning();
    for keys in ["", "z", "2z", "z3", "z4", "z5", "z6", "z?", "/x"] {
        let mut other = TerminalSession::new();
        for desk in [&mut desk, &mut other] {
            desk.type_in(keys);
            for (width, height) in [(1, 1), (59, 16), (60, 16), (61, 17), (80, 24), (109, 40), (110, 34), (250, 70)] {
                let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
                terminal.draw(|frame| desk.app.draw(frame, fixtures::start())).unwrap();
            }
            desk.press(KeyCode::Esc);
        }
    }
}
