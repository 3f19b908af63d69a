use std::cell::RefCell;

use octrls_core::scan::Place;
use octrls_engine::{Event, EventKind, Level};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::*;
use crate::{
    Controls, LedgerChange,
    archive::{Answer, ScanLines, ScanWish},
    dashboard::{
        app::App,
        colours::Colours,
        snapshot_tests::{drawn, reopened},
    },
    fixtures::event,
};

#[derive(Default)]
struct Changes(RefCell<Vec<LedgerChange>>);

impl Controls for Changes {
    fn drain(&self) {}
    fn abort(&self) {}
    fn pause(&self, _: bool) {}
    fn rescan(&self) {}
    fn retry(&self, _: ScanId) {}

    fn change_ledger(&self, change: LedgerChange) {
        self.0.borrow_mut().push(change);
    }
}

/// A volume whose lines are being corrected, in B-scan 3 of 7.
struct Test {
    app: App,
    changes: Changes,
    _folder: tempfile::TempDir,
}

const SMALL: (u16, u16) = (80, 24);

impl Test {
    fn new(colours: Colours) -> Self {
        let (mut app, folder) = reopened(colours);
        app.view.reviewer = "Eva".to_owned();
        let mut test = Self { app, changes: Changes::default(), _folder: folder };
        test.press("E");
        test.screen(SMALL);
        let id = test.app.view.selected.unwrap();
        let result = test.app.shelf.result(id).unwrap().result.clone();
        let lines = ScanLines { lines: result.lines().unwrap(), grid: result.grid(), created: result.created() };
        let wish = ScanWish { id, name: "P0099_OD.vol".into(), folder: None };
        test.app.handle_answer(Answer::Lines { wish, lines: Ok(lines) });
        test.screen(SMALL);
        test
    }

    fn press(&mut self, keys: &str) {
        for c in keys.chars() {
            let code = match c {
                '\r' => KeyCode::Enter,
                '\x1b' => KeyCode::Esc,
                '↑' => KeyCode::Up,
                '↓' => KeyCode::Down,
                '←' => KeyCode::Left,
                '→' => KeyCode::Right,
                '⇟' => KeyCode::PageDown,
                c => KeyCode::Char(c),
            };
            self.app.handle_key(KeyEvent::from(code), &self.changes);
        }
    }

    fn mouse(&mut self, kind: MouseEventKind, (column, row): (u16, u16)) {
        self.app.handle_mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE });
    }

    fn screen(&mut self, (width, height): (u16, u16)) -> String {
        drawn(&mut self.app, width, height).backend().to_string()
    }

    fn correction(&self) -> &Correction {
        self.app.view.correction.as_ref().unwrap()
    }

    fn row(&self, boundary: Boundary, ascan: usize) -> f32 {
        self.correction().editor.row(2, boundary, ascan).unwrap()
    }

    fn changed(&self) -> usize {
        self.correction().editor.changed()
    }
}

#[test]
fn a_stretch_is_moved_and_saved_with_a_comment() {
    let mut test = Test::new(Colours::None);
    let before = test.row(Boundary::NflGcl, 192);
    test.press("] →→→→");
    let stretch = test.correction().stretch().unwrap();
    assert!(stretch.start == 192 && stretch.len() > 10, "{stretch:?}");
    test.press("↑↑↑");
    let ilm = test.row(Boundary::Ilm, 192);
    assert!((test.row(Boundary::NflGcl, 192) - (before - 3.0).max(ilm)).abs() < 0.011);
    let screen = test.screen(SMALL);
    for words in ["2 NFL/GCL", "A-scan 20", "stretch 192-", "points changed", "correct lines"] {
        assert!(screen.contains(words), "{words}\n{screen}");
    }
    test.press("wtoo deep\r");
    let changes = test.changes.0.take();
    let [LedgerChange::Correct { path, stretches, reviewer, comment, .. }] = &changes[..] else {
        panic!("{changes:?}")
    };
    assert_eq!((path.as_str(), reviewer.as_str(), comment.as_str()), ("P0099_OD.vol", "Eva", "too deep"));
    let places: Vec<_> = stretches.iter().map(|s| (s.bscan, s.first_ascan, s.lines.width())).collect();
    assert_eq!(places, [(2, 192, stretch.len())]);
    assert!(test.screen(SMALL).contains("saving"));
    // Refused: nothing is lost.
    let kind = EventKind::Notice { level: Level::Error, code: None, text: "the disk is full".into() };
    test.app.handle_event(&event(20.0, kind));
    assert!(test.screen(SMALL).contains("the disk is full") && test.changed() > 0);
    test.press("w\r");
    test.app.end_correction_of(test.app.view.selected.unwrap());
    assert!(test.app.view.correction.is_none());
}

#[test]
fn a_line_is_redrawn_through_points_along_the_image() {
    let mut test = Test::new(Colours::None);
    let before: Vec<f32> = (0..384).map(|x| test.correction().editor.row(2, Boundary::Ilm, x).unwrap_or(0.0)).collect();
    // The line is wrong by 9 rows on a stretch; three points on the right place bring it back.
    test.press(" LLLL");
    let stretch = test.correction().stretch().unwrap();
    test.press("↓↓↓↓↓↓↓↓↓");
    let moved = test.row(Boundary::Ilm, 200) - before[200];
    assert!(moved > 1.5, "{moved}");
    test.press(" ");
    let last = stretch.end - 1;
    let correction = test.app.view.correction.as_mut().unwrap();
    for ascan in [192, usize::midpoint(192, last), last] {
        let row = before[ascan];
        (correction.ascan, correction.row) = (ascan, Some(row));
        correction.points.push((ascan, row));
    }
    correction.redraw();
    for (x, before) in before.iter().enumerate().take(last).skip(192) {
        let off = test.row(Boundary::Ilm, x) - before;
        assert!(off.abs() < 1.6, "A-scan {x} is off by {off}");
    }
    // Straight lines do not know the pit.
    test.press("g");
    assert!((193..last).any(|x| (test.row(Boundary::Ilm, x) - before[x]).abs() > 1.0));
    test.press("\x1b");
    assert!((test.row(Boundary::Ilm, 200) - before[200] - moved).abs() < 0.01, "cancelled");
    test.press("u");
    assert_eq!(test.changed(), 0);
}

#[test]
fn what_needs_a_stretch_says_so_and_leaving_asks() {
    let mut test = Test::new(Colours::None);
    for key in ["x", "d", "<"] {
        test.press(key);
        assert!(test.screen(SMALL).contains("mark a stretch first"), "{key}");
    }
    test.press("]]]]] LLx");
    let screen = test.screen(SMALL);
    assert!(screen.contains("no ellipsoid zone + outer segments there"), "{screen}");
    let x = test.correction().ascan;
    assert!((test.row(Boundary::OnlEz, x) - test.row(Boundary::EzRpe, x)).abs() < 0.011);
    test.press("d");
    assert_eq!(test.correction().editor.row(2, Boundary::OnlEz, x), None);
    test.press("uu");
    assert_eq!(test.changed(), 0);
    test.press("x\x1b\x1b");
    assert!(test.screen(SMALL).contains("not saved"));
    test.press("→\x1b");
    assert!(test.app.view.correction.is_some(), "another key takes the question back");
    test.press("\x1b");
    assert!(test.app.view.correction.is_none() && test.app.view.zoomed);
}

#[test]
fn another_bscan_is_corrected_in_the_same_session_and_undo_returns() {
    let mut test = Test::new(Colours::None);
    test.press("a↓⇟");
    assert_eq!(test.correction().bscan(), 3);
    assert!(test.screen(SMALL).contains("its results"), "it is not in memory");
    test.press("u");
    assert_eq!((test.correction().bscan(), test.changed()), (2, 0));
    test.press("a>");
    assert!(test.screen(SMALL).contains("copied from B-scan 4"));
}

#[test]
fn the_mouse_chooses_lines_marks_stretches_and_drags_them() {
    let mut test = Test::new(Colours::None);
    test.screen((120, 40));
    let area = test.app.images.area();
    let (rows, _) = super::super::images::shown(
        test.correction().record().unwrap().1.segmented.as_ref().unwrap(),
        test.app.view.bscan_style(),
    );
    let cell_of = |ascan: usize, row: f32| {
        let x = area.x + (ascan * usize::from(area.width) / 384) as u16;
        let y = area.y + ((row - rows.start as f32) / rows.len() as f32 * f32::from(area.height)) as u16;
        (x, y)
    };
    let (from, to) = (cell_of(60, test.row(Boundary::EzRpe, 60)), cell_of(90, test.row(Boundary::EzRpe, 90)));
    test.mouse(MouseEventKind::Down(MouseButton::Left), from);
    assert!(matches!(test.correction().boundary, Boundary::OnlEz | Boundary::EzRpe | Boundary::RpeBm));
    test.mouse(MouseEventKind::Drag(MouseButton::Left), to);
    test.mouse(MouseEventKind::Up(MouseButton::Left), to);
    let stretch = test.correction().stretch().unwrap();
    assert!(stretch.len() > 20, "{stretch:?}");
    test.app.view.correction.as_mut().unwrap().boundary = Boundary::RpeBm;
    let before = test.row(Boundary::RpeBm, 75);
    let middle = cell_of(75, before);
    test.mouse(MouseEventKind::Down(MouseButton::Left), middle);
    test.mouse(MouseEventKind::Drag(MouseButton::Left), (middle.0, middle.1 + 2));
    test.mouse(MouseEventKind::Up(MouseButton::Left), (middle.0, middle.1 + 2));
    let moved = test.row(Boundary::RpeBm, 75) - before;
    let cell = rows.len() as f32 / f32::from(area.height);
    assert!((moved - 2.0 * cell).abs() < 0.1, "{moved} for two cells of {cell} rows");
    test.mouse(MouseEventKind::Down(MouseButton::Right), middle);
    assert_eq!(test.correction().points.len(), 1);
}

#[test]
fn screens_of_a_correction() {
    let mut test = Test::new(Colours::None);
    test.press("] LLL↑↑");
    insta::assert_snapshot!(test.screen(SMALL));
    insta::assert_snapshot!(test.screen((120, 40)));
    test.press("?");
    insta::assert_snapshot!(test.screen(SMALL));
    let mut test = Test::new(Colours::True);
    test.press("] LLL↑↑");
    let screen = drawn(&mut test.app, 120, 40);
    let green = ratatui::style::Color::Rgb(57, 255, 20);
    let marked = screen.backend().buffer().content.iter().filter(|cell| cell.fg == green || cell.bg == green).count();
    assert!(marked > 40, "{marked} cells show the stretch");
}

#[test]
fn the_fovea_is_stated_on_the_map() {
    let (mut app, folder) = reopened(Colours::None);
    app.view.reviewer = "Eva".to_owned();
    let mut test = Test { app, changes: Changes::default(), _folder: folder };
    test.press("F");
    let centre = test.app.view.centring.unwrap();
    test.press("LL→↑");
    let screen = test.screen((100, 30));
    assert!(screen.contains("the fovea is at"), "{screen}");
    insta::assert_snapshot!(screen);
    test.press("\r");
    let changes = test.changes.0.take();
    let [LedgerChange::Recentre { path, centre: Some(Place { x, y }) }] = &changes[..] else { panic!("{changes:?}") };
    assert_eq!(path, "P0099_OD.vol");
    assert!((x - centre.x - 1.05).abs() < 2e-3 && (y - centre.y + 0.05).abs() < 2e-3, "{centre:?} {x} {y}");
    test.press("Fx");
    assert!(matches!(&test.changes.0.take()[..], [LedgerChange::Recentre { centre: None, .. }]));
    test.press("F\x1b");
    assert!(test.app.view.centring.is_none() && test.app.view.zoomed);
}

#[test]
fn an_event_that_is_no_error_ends_nothing() {
    let mut test = Test::new(Colours::None);
    test.press("a↓w\r");
    let notice = |level| -> Event { event(20.0, EventKind::Notice { level, code: None, text: "hello".into() }) };
    test.app.handle_event(&notice(Level::Info));
    assert!(test.correction().saving);
    // Nothing is edited while the results are made.
    let before = test.changed();
    test.press("u");
    assert_eq!(test.changed(), before);
}
