//! Snapshots of whole screens, drawn from the sample events at a fixed time.

use std::{path::PathBuf, sync::Arc};

use jiff::{SignedDuration, tz::TimeZone};
use octrls_core::measure::Verdict;
use octrls_engine::{EventKind, ScanChange, ScanId, ScanSummary};
use ratatui::{
    Terminal,
    backend::TestBackend,
    crossterm::event::{KeyCode, KeyEvent},
};

use super::*;
use super::{app::App, colours::Colours, images::ImageCache, theme::Theme};
use crate::fixtures::{self, event, scan_event};

pub(super) struct NoControls;

impl Controls for NoControls {
    fn drain(&self) {}
    fn abort(&self) {}
    fn pause(&self, _: bool) {}
    fn rescan(&self) {}

    fn retry(&self, _: ScanId) {}
    fn change_ledger(&self, _: crate::LedgerChange) {}
}

fn app(colours: Colours, events: &[Event]) -> App {
    let images = ImageCache::without_graphics(ImageMode::Auto, colours);
    let mut app = App::new(Theme::new(colours), images, "0.0.0".into(), TimeZone::UTC);
    for event in events {
        app.handle_event(event);
    }
    app
}

pub(super) fn press(app: &mut App, keys: &str) {
    for c in keys.chars() {
        let code = if c == '\t' { KeyCode::Tab } else { KeyCode::Char(c) };
        app.handle_key(KeyEvent::from(code), &NoControls);
    }
}

pub(super) fn drawn(app: &mut App, width: u16, height: u16) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let now = fixtures::start() + SignedDuration::from_millis(12_700);
    terminal.draw(|frame| app.draw(frame, now)).unwrap();
    terminal
}

/// The screen after the sample events and then `keys`.
fn screen_after(keys: &str, (width, height): (u16, u16)) -> String {
    let mut app = app(Colours::None, &fixtures::sample_events());
    press(&mut app, keys);
    drawn(&mut app, width, height).backend().to_string()
}

const LARGE: (u16, u16) = (120, 40);
const SMALL: (u16, u16) = (80, 24);

#[test]
fn large_in_colour() {
    let mut app = app(Colours::True, &fixtures::sample_events());
    insta::assert_snapshot!(drawn(&mut app, 120, 40).backend());
}

#[test]
fn large_without_colour() {
    insta::assert_snapshot!(screen_after("", LARGE));
}

#[test]
fn without_colour_no_cell_has_a_colour_or_attribute() {
    let mut app = app(Colours::None, &fixtures::sample_events());
    for keys in ["", "?", "q"] {
        press(&mut app, keys);
        let terminal = drawn(&mut app, 120, 40);
        let plain = |cell: &ratatui::buffer::Cell| cell.style() == ratatui::buffer::Cell::EMPTY.style();
        assert!(terminal.backend().buffer().content.iter().all(plain));
    }
}

#[test]
fn small() {
    insta::assert_snapshot!(screen_after("", SMALL));
}

#[test]
fn small_with_the_profile_of_another_layer() {
    insta::assert_snapshot!(screen_after("]4", SMALL));
}

#[test]
fn small_with_the_log() {
    insta::assert_snapshot!(screen_after("e", SMALL));
}

#[test]
fn smallest() {
    insta::assert_snapshot!(screen_after("", (60, 16)));
}

#[test]
fn too_small() {
    insta::assert_snapshot!(screen_after("", (59, 15)));
}

#[test]
fn help() {
    insta::assert_snapshot!(screen_after("?", SMALL));
    let scrolls = screen_after("?", (60, 16));
    assert!(scrolls.contains("scroll"), "{scrolls}");
}

#[test]
fn help_on_a_large_screen() {
    insta::assert_snapshot!(screen_after("?", LARGE));
}

#[test]
fn question_before_quitting() {
    insta::assert_snapshot!(screen_after("q", SMALL));
}

#[test]
fn zoomed_log() {
    insta::assert_snapshot!(screen_after("7z", SMALL));
}

#[test]
fn filter_being_typed_shows_why_a_scan_was_quarantined() {
    insta::assert_snapshot!(screen_after("/quar", LARGE));
}

#[test]
fn scan_without_axial_spacing() {
    insta::assert_snapshot!(screen_after("/OS_line", LARGE));
}

#[test]
fn before_the_first_scan() {
    insta::assert_snapshot!(drawn(&mut app(Colours::None, &[fixtures::started()]), 120, 40).backend());
}

#[test]
fn before_the_engine_has_started() {
    insta::assert_snapshot!(drawn(&mut app(Colours::None, &[]), 80, 24).backend());
}

#[test]
fn offline() {
    let events = [fixtures::started(), event(1.0, EventKind::RootOnline(false))];
    insta::assert_snapshot!(drawn(&mut app(Colours::None, &events), 80, 24).backend());
}

#[test]
fn paused_then_draining() {
    let mut app = app(Colours::None, &fixtures::sample_events());
    press(&mut app, " ");
    let first_line = |app: &mut App| drawn(app, 120, 40).backend().to_string().lines().next().unwrap_or("").to_owned();
    assert!(first_line(&mut app).contains("‖ PAUSED"));
    app.handle_event(&event(13.0, EventKind::Draining { running: 2 }));
    assert!(first_line(&mut app).contains("◆ DRAINING"));
    press(&mut app, "qa");
    assert!(first_line(&mut app).contains("◆ STOPPING"));
    app.handle_event(&event(14.0, EventKind::Stopped(Totals::default())));
    assert!(first_line(&mut app).contains("■ STOPPED"));
}

#[test]
fn doubtful_and_flagged_scans_are_marked() {
    let mut events = fixtures::sample_events();
    for (id, verdict) in [(0, Verdict::Doubtful), (1, Verdict::NotARetina)] {
        let ScanChange::Done(summary) = fixtures::done(1, 0.2) else { panic!("a finished scan") };
        let summary = ScanSummary { verdict, ..(*summary).clone() };
        events.push(scan_event(12.0, id, ScanChange::Done(Arc::new(summary))));
    }
    let ScanChange::Done(summary) = fixtures::done(1, 0.2) else { panic!("a finished scan") };
    let flagged = ScanSummary { flags: "SI".into(), ..(*summary).clone() };
    events.push(scan_event(12.0, 2, ScanChange::Done(Arc::new(flagged))));
    let screen = drawn(&mut app(Colours::None, &events), 120, 40).backend().to_string();
    for words in [
        "P0036_OD_line.png   doubtful",
        "P0036_OS_line.png   no retina",
        "P0036_OS_line.png not a retina: ",
        "flagged     weak sign",
    ] {
        assert!(screen.contains(words), "{words}\n{screen}");
    }
}

#[test]
fn long_folders_are_shortened() {
    let mut events = fixtures::sample_events();
    if let EventKind::Started(session) = &mut events[0].kind {
        session.roots = vec![PathBuf::from("/mnt/clinic/scanner-room-2/spectralis/export/2026/incoming scans")];
        session.out = PathBuf::from("/mnt/clinic/results/octrls/spectralis/2026/results");
        session.model = "a-model-with-a-rather-long-name".into();
    }
    for (width, height) in [SMALL, LARGE, (60, 16)] {
        let screen = drawn(&mut app(Colours::None, &events), width, height).backend().to_string();
        let line = screen.lines().next().unwrap_or("").to_owned();
        assert!(line.contains("research use only") && line.contains("● LIVE 10:00:12"), "{line}");
    }
}

#[test]
fn a_finished_volume_without_pixels_shows_its_measurements() {
    let mut events = fixtures::sample_events();
    events.push(scan_event(12.0, 4, fixtures::done(49, 9.0)));
    let mut app = app(Colours::None, &events);
    press(&mut app, "/P0041");
    app.handle_key(KeyEvent::from(KeyCode::Enter), &NoControls);
    for _ in 0..30 {
        app.handle_key(KeyEvent::from(KeyCode::Left), &NoControls);
    }
    let screen = drawn(&mut app, 120, 40).backend().to_string();
    assert!(screen.contains("its results are on disk"), "{screen}");
    assert!(screen.contains("B-scan 1/49"), "{screen}");
}

/// The screen after the second volume of the sample events is done and selected, and `keys` are pressed.
fn screen_of_finished_volume(keys: &str, (width, height): (u16, u16)) -> String {
    let mut events = fixtures::sample_events();
    events.push(scan_event(12.0, 4, fixtures::done(49, 9.0)));
    let mut app = app(Colours::None, &events);
    press(&mut app, "/P0041");
    app.handle_key(KeyEvent::from(KeyCode::Enter), &NoControls);
    press(&mut app, keys);
    drawn(&mut app, width, height).backend().to_string()
}

#[test]
fn map_of_a_finished_volume() {
    insta::assert_snapshot!(screen_of_finished_volume("", LARGE));
    insta::assert_snapshot!(screen_of_finished_volume("5", SMALL));
}

/// The screen with the volume with lesions selected, running or `done`, after `keys`.
fn screen_of_lesions(colours: Colours, is_done: bool, keys: &str, (width, height): (u16, u16)) -> String {
    let mut events = fixtures::sample_events();
    if is_done {
        events.push(scan_event(12.0, 5, fixtures::done_with_lesions(49, 9.0)));
    }
    let mut app = app(colours, &events);
    press(&mut app, "/P0042");
    app.handle_key(KeyEvent::from(KeyCode::Enter), &NoControls);
    press(&mut app, keys);
    drawn(&mut app, width, height).backend().to_string()
}

#[test]
fn lesions_of_a_running_volume() {
    insta::assert_snapshot!(screen_of_lesions(Colours::None, false, "c", LARGE));
}

#[test]
fn lesions_of_a_finished_volume() {
    insta::assert_snapshot!(screen_of_lesions(Colours::None, true, "", LARGE));
    insta::assert_snapshot!(screen_of_lesions(Colours::None, true, "", (100, 30)));
    insta::assert_snapshot!(screen_of_lesions(Colours::None, true, "", SMALL));
    insta::assert_snapshot!(screen_of_lesions(Colours::None, true, "", (60, 16)));
}

#[test]
fn lesions_of_a_finished_volume_in_colour() {
    insta::assert_snapshot!(screen_of_lesions(Colours::True, true, "", LARGE));
}

#[test]
fn a_layer_without_a_grid_has_an_empty_map() {
    let screen = screen_of_finished_volume("m5z", SMALL);
    assert!(screen.contains("5 Map · NFL µm") && !screen.contains("261"), "{screen}");
}

#[test]
fn a_queued_scan_is_shown_as_waiting() {
    let events =
        [fixtures::started(), scan_event(1.0, 1, fixtures::seen("a.png")), scan_event(2.0, 1, ScanChange::Queued)];
    let screen = drawn(&mut app(Colours::None, &events), 80, 24).backend().to_string();
    assert!(screen.contains("waiting for a worker"), "{screen}");
}

#[test]
fn the_summary_is_one_line() {
    let totals = Totals { done: 128, already_done: 0, quarantined: 1, left: 0 };
    assert_eq!(summary(&totals), "octrls: 128 done, 1 quarantined, none left");
    let totals = Totals { already_done: 3, left: 7, ..totals };
    assert_eq!(summary(&totals), "octrls: 128 done, 3 known, 1 quarantined, 7 left for the next start");
}

/// A volume whose results are on disk, read again; the third B-scan is in memory.
pub(super) fn reopened(colours: Colours) -> (App, tempfile::TempDir) {
    use octrls_core::{
        layer::EzConvention,
        measure::Gates,
        scan::{BScanPosition, Pattern, Place, ScanHeader},
    };
    use octrls_report::{DeviceFindings, Pictures, ResultWriter, ScanContext, Staging, StoredResult};

    use crate::archive::{Answer, Facts, LedgerScan, LedgerState, OpenedResult};

    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("P0099_OD.vol");
    let ScanChange::Opened(header) = fixtures::opened(7, Some(fixtures::AXIAL)) else { panic!("a header") };
    let track = |i: usize| {
        let y = 0.4 * i as f64;
        BScanPosition::Line { start: Place { x: 0.0, y }, end: Place { x: 4.4, y } }
    };
    let header =
        ScanHeader { pattern: Pattern::RasterVolume, tracks: (0..7).map(track).collect(), ..(*header).clone() };
    let mut writer = ResultWriter::begin(&Staging::of(folder.path()), &target, &header).unwrap();
    for index in 0..7 {
        let bscan = fixtures::segmented_bscan(index, Some(fixtures::AXIAL));
        writer.add(&bscan, &DeviceFindings::default(), &Pictures::draw(&bscan).unwrap()).unwrap();
    }
    let context = ScanContext {
        scan: &octrls_report::ScanRecord::new("P0099_OD.vol".into(), "0".repeat(64), None, &header),
        model: &octrls_report::ModelRecord::named("unet-640", "4.0", &"1".repeat(64)),
        ellipsoid_zone: EzConvention::default(),
        gates: &Gates::default(),
        reference: None,
        history: None,
        elapsed: std::time::Duration::from_secs(2),
    };
    writer.finish(context, &mut || std::ops::ControlFlow::Continue(())).unwrap();
    let result = StoredResult::open(&target).unwrap();
    let surfaces = result.surfaces().unwrap();
    let facts = Facts { header: Arc::new(result.header().clone()), summary: Arc::new(result.summary()) };
    let scan = LedgerScan {
        name: "P0099_OD.vol".into(),
        state: LedgerState::Done,
        folder: Some(target),
        bytes: 1,
        attempts: 1,
        error: None,
        at: fixtures::start(),
        reviews: Vec::new(),
    };
    let mut app = app(colours, &[fixtures::started()]);
    app.handle_answer(Answer::Ledger(Ok(vec![scan])));
    let id = app.view.selected.unwrap();
    let pixels = fixtures::segmented_bscan(2, Some(fixtures::AXIAL)).bscan;
    let bscan = result.bscan(2, pixels, surfaces[2].clone()).unwrap();
    let maps = result.maps(&surfaces);
    app.handle_answer(Answer::Opened {
        id,
        scan: Arc::new(OpenedResult { facts, maps, without_pixels: None, result }),
    });
    app.handle_answer(Answer::BScan { id, bscan: Arc::new(bscan) });
    app.view.bscan_index = Some(2);
    (app, folder)
}

#[test]
fn a_reopened_volume_shows_lines_profile_and_map() {
    let (mut app, _folder) = reopened(Colours::None);
    let screen = drawn(&mut app, 120, 40).backend().to_string();
    for words in ["3/7 P0099_OD.vol OD", "B-scan 3/7", "done", "conf. 1.00", "mean "] {
        assert!(screen.contains(words), "{words}\n{screen}");
    }
}

#[test]
fn a_full_screen_map_has_its_scale_and_its_subfields() {
    let (mut app, _folder) = reopened(Colours::None);
    press(&mut app, "5z");
    insta::assert_snapshot!(drawn(&mut app, 100, 30).backend());
    let (mut app, _folder) = reopened(Colours::True);
    press(&mut app, "5z");
    let terminal = drawn(&mut app, 100, 30);
    let painted = terminal.backend().buffer().content.iter().filter(|cell| cell.symbol() == "▀").count();
    assert!(painted > 500, "{painted}");
}

#[test]
fn a_full_screen_bscan_is_magnified() {
    let (mut app, _folder) = reopened(Colours::None);
    press(&mut app, "2z");
    insta::assert_snapshot!(drawn(&mut app, 100, 30).backend());
    press(&mut app, "++L");
    let screen = drawn(&mut app, 100, 30).backend().to_string();
    assert!(screen.contains("×4"), "{screen}");
}

#[test]
fn details_tell_where_facts_come_from_and_why_a_scan_is_judged_so() {
    let (mut app, _folder) = reopened(Colours::None);
    app.handle_key(KeyEvent::from(KeyCode::Enter), &NoControls);
    let screen = drawn(&mut app, 120, 40).backend().to_string();
    for words in ["axial", "3.87 µm/px (stated by the scanner)", "confidence 1.00", "boundaries.csv", "folder"] {
        assert!(screen.contains(words), "{words}\n{screen}");
    }
}

#[test]
fn a_full_screen_queue_has_columns() {
    insta::assert_snapshot!(screen_after("z", LARGE));
    insta::assert_snapshot!(screen_after("zs", (200, 60)));
    let narrow = screen_after("z", SMALL);
    assert!(narrow.contains("verdict") && narrow.contains("eye"), "{narrow}");
}

#[test]
fn a_medium_screen() {
    insta::assert_snapshot!(screen_after("", (100, 30)));
}

#[test]
fn a_large_screen_of_200_by_60() {
    insta::assert_snapshot!(screen_after("", (200, 60)));
}

#[test]
fn a_light_theme_has_dark_text() {
    use ratatui::style::Color;

    use super::theme::{Brightness, Theme};

    let images = ImageCache::without_graphics(ImageMode::Text, Colours::True);
    let theme = Theme::with(Colours::True, Brightness::Light, &[]);
    let mut app = App::new(theme, images, "0.0.0".into(), TimeZone::UTC);
    for event in &fixtures::sample_events() {
        app.handle_event(event);
    }
    let terminal = drawn(&mut app, 120, 40);
    let letters = terminal.backend().buffer().content.iter().filter(|c| c.symbol().chars().all(char::is_alphanumeric));
    for cell in letters {
        if let Color::Rgb(r, g, b) = cell.fg {
            let light = u32::from(r) + u32::from(g) + u32::from(b);
            assert!(light < 480, "{} is {:?}", cell.symbol(), cell.fg);
        }
    }
}

#[test]
fn hints_drop_whole_at_every_width() {
    let all = super::keymap::Keymap::default().hints(super::keymap::KeyContext::Main);
    for width in 60..140 {
        let screen = screen_after("", (width, 24));
        let line = screen.lines().last().unwrap().trim_matches('"').trim().to_owned();
        let mut rest = line.as_str();
        for hint in &all {
            let text = format!("{} {}", hint.keys, hint.text);
            rest = rest.strip_prefix(&text).map_or(rest, str::trim_start);
        }
        assert!(rest.is_empty(), "{width}: {rest:?} of {line:?}");
    }
}
