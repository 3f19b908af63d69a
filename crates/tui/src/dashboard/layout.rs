//! The layout of the panels.
//!
//! From 110 x 34 cells, all panels are visible:
//! ```text
//!  header                                                  clock
//!  counters
//! ┌ 1 Queue ───────────────────┬ 2 B-scan ──────────────────────┐
//! │                            │                                │
//! ├ 3 Layers ──────────────────┼ 4 Profile ──────┬ 5 Map ───────┤
//! │                            │                 │              │
//! ├ 6 Throughput ──────────────┼ 7 Log ──────────┴──────────────┤
//! │                            │                                │
//! └────────────────────────────┴────────────────────────────────┘
//!  hints
//! ```
//! On smaller screens, the lower five panels share one place as tabs; below 60 x 16, only a message is shown. A zoomed
//! panel replaces all others.

use ratatui::{
    Frame,
    buffer::Buffer,
    layout::{Constraint, Layout, Rect, Spacing},
};

use super::{
    image_cache::Pictures,
    panels::{self, Place},
    render_context::RenderContext,
    view::{Panel, Popup},
};

const SMALLEST: (u16, u16) = (60, 16);
const WHOLE: (u16, u16) = (110, 34);
/// Eight layers, the heading and two borders.
const LAYERS_HEIGHT: u16 = 11;
/// Five values side by side, the names of the sides and two borders.
const MAP_WIDTH: u16 = 36;

/// Draws everything; returns the number of rows in the focused panel.
pub(crate) fn draw(scene: &RenderContext, pictures: &mut Pictures, frame: &mut Frame) -> usize {
    let area = frame.area();
    let buf = frame.buffer_mut();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        panels::too_small(scene, SMALLEST, area, buf);
        return 1;
    }
    let rows =
        Layout::vertical([Constraint::Length(1), Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)]);
    let [header, counters, body, hints] = area.layout(&rows);
    panels::header::draw(scene, header, buf);
    panels::counters::draw(scene, counters, buf);
    let places = places(scene, body);
    panels::frames(scene, &places, buf);
    for place in &places {
        panels::draw(scene, pictures, place, buf);
    }
    panels::hints::draw(scene, hints, buf);
    popups(scene, pictures, body, buf);
    let focus = places.iter().find(|p| p.panel == scene.view.focus);
    focus.map_or(1, |p| usize::from(p.area.height.saturating_sub(2)))
}

fn popups(scene: &RenderContext, pictures: &Pictures, body: Rect, buf: &mut Buffer) {
    match scene.view.popup {
        Some(Popup::Help(line)) => panels::help::draw(scene, pictures, line, body, buf),
        Some(Popup::Quit) => panels::quit::draw(scene, body, buf),
        Some(Popup::Filter) | None => {}
    }
}

fn places(scene: &RenderContext, body: Rect) -> Vec<Place> {
    let view = scene.view;
    let whole = body.width >= WHOLE.0 && body.height + 3 >= WHOLE.1;
    if view.zoom {
        return vec![Place { panel: view.focus, area: body, tabs: false }];
    }
    let split = |area: Rect, left: u16| {
        let columns = Layout::horizontal([Constraint::Length(left), Constraint::Fill(1)]);
        area.layout::<2>(&columns.spacing(Spacing::Overlap(1)))
    };
    if !whole {
        let lower = LAYERS_HEIGHT.min(body.height / 2 + 1);
        let rows = Layout::vertical([Constraint::Fill(1), Constraint::Length(lower)]);
        let [top, bottom] = body.layout(&rows.spacing(Spacing::Overlap(1)));
        let [queue, preview] = split(top, body.width * 48 / 100);
        return vec![
            Place { panel: Panel::Queue, area: queue, tabs: false },
            Place { panel: Panel::Preview, area: preview, tabs: false },
            Place { panel: view.tab, area: bottom, tabs: true },
        ];
    }
    let low = if body.height >= 50 { 10 } else { 6 };
    let rows = Layout::vertical([Constraint::Fill(1), Constraint::Length(LAYERS_HEIGHT), Constraint::Length(low)]);
    let bands: [Rect; 3] = body.layout(&rows.spacing(Spacing::Overlap(1)));
    let left = (body.width * 42 / 100).min(74);
    let pairs = [(Panel::Queue, Panel::Preview), (Panel::Layers, Panel::Profile), (Panel::Throughput, Panel::Log)];
    let map = |area: Rect| split(area, area.width.saturating_sub(MAP_WIDTH - 1));
    let place = |panel, area| Place { panel, area, tabs: false };
    bands
        .into_iter()
        .zip(pairs)
        .flat_map(|(band, (one, two))| {
            let [l, r] = split(band, left);
            if two == Panel::Profile {
                let [profile, grid] = map(r);
                return vec![place(one, l), place(two, profile), place(Panel::Map, grid)];
            }
            vec![place(one, l), place(two, r)]
        })
        .collect()
}
