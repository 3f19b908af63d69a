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
//! On smaller screens, the lower five panels share one area as tabs; below 60 x 16, only the queue is shown, and below
//! 24 x 5 a message. A zoomed panel replaces all others.

use ratatui::{
    Frame,
    buffer::Buffer,
    layout::{Constraint, Layout, Rect, Spacing},
};

use super::{
    bars::{counters, header, hints},
    images::ImageCache,
    panel::Panel,
    panels::{self, PanelArea},
    popups,
    render_context::RenderContext,
    view::Popup,
};

/// Least width and height of a screen.
const MIN_SIZE: (u16, u16) = (60, 16);
/// Least width and height of a screen that lists the scans.
const LIST_SIZE: (u16, u16) = (24, 5);
/// Least width and height of a screen that shows all panels.
const FULL_SIZE: (u16, u16) = (110, 34);
/// Eight layers, the heading and two borders.
const LAYERS_HEIGHT: u16 = 11;
/// Five values side by side, the names of the sides and two borders.
const MAP_WIDTH: u16 = 36;

/// What was drawn where.
pub(crate) struct Drawn {
    /// The visible panels.
    pub(crate) areas: Vec<PanelArea>,
    /// Number of rows in the focused panel.
    pub(crate) page_rows: usize,
}

/// Draws everything.
pub(crate) fn draw(ctx: &RenderContext, images: &mut ImageCache, frame: &mut Frame) -> Drawn {
    let area = frame.area();
    let buf = frame.buffer_mut();
    if area.width < MIN_SIZE.0 || area.height < MIN_SIZE.1 {
        let is_tiny = area.width < LIST_SIZE.0 || area.height < LIST_SIZE.1;
        if is_tiny || matches!(ctx.view.popup, Some(Popup::Quit)) {
            popups::draw_too_small(ctx, MIN_SIZE, area, buf);
            return Drawn { areas: Vec::new(), page_rows: 1 };
        }
        return Drawn { areas: Vec::new(), page_rows: draw_list(ctx, area, buf) };
    }
    let rows =
        Layout::vertical([Constraint::Length(1), Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)]);
    let [header_area, counters_area, body, hints_area] = area.layout(&rows);
    header::draw(ctx, header_area, buf);
    counters::draw(ctx, counters_area, buf);
    let areas = panel_areas(ctx, body);
    panels::draw_frames(ctx, &areas, buf);
    for area in &areas {
        panels::draw(ctx, images, area, buf);
    }
    hints::draw(ctx, hints_area, buf);
    popups::draw(ctx, images, body, buf);
    let focused = areas.iter().find(|area| area.panel == ctx.view.focus);
    let page_rows = focused.map_or(1, |area| usize::from(area.area.height.saturating_sub(2)));
    Drawn { areas, page_rows }
}

/// Draws the counts and the queue alone; returns the number of rows in the queue.
fn draw_list(ctx: &RenderContext, area: Rect, buf: &mut Buffer) -> usize {
    let rows = Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)]);
    let [counters_area, queue, hints_area] = area.layout(&rows);
    counters::draw(ctx, counters_area, buf);
    panels::draw_queue(ctx, queue, buf);
    hints::draw(ctx, hints_area, buf);
    usize::from(queue.height)
}

/// The visible panels and their areas within `body`.
fn panel_areas(ctx: &RenderContext, body: Rect) -> Vec<PanelArea> {
    let view = ctx.view;
    let shows_all = body.width >= FULL_SIZE.0 && body.height + 3 >= FULL_SIZE.1;
    if view.zoomed {
        return vec![PanelArea { panel: view.focus, area: body, tabs: false }];
    }
    let split = |area: Rect, left: u16| {
        let columns = Layout::horizontal([Constraint::Length(left), Constraint::Fill(1)]);
        area.layout::<2>(&columns.spacing(Spacing::Overlap(1)))
    };
    if !shows_all {
        let lower = LAYERS_HEIGHT.min(body.height / 2 + 1);
        let rows = Layout::vertical([Constraint::Fill(1), Constraint::Length(lower)]);
        let [top, bottom] = body.layout(&rows.spacing(Spacing::Overlap(1)));
        let [queue, preview] = split(top, body.width * 48 / 100);
        return vec![
            PanelArea { panel: Panel::Queue, area: queue, tabs: false },
            PanelArea { panel: Panel::Preview, area: preview, tabs: false },
            PanelArea { panel: view.tab, area: bottom, tabs: true },
        ];
    }
    let lowest = if body.height >= 50 { 10 } else { 6 };
    let rows = Layout::vertical([Constraint::Fill(1), Constraint::Length(LAYERS_HEIGHT), Constraint::Length(lowest)]);
    let bands: [Rect; 3] = body.layout(&rows.spacing(Spacing::Overlap(1)));
    let left = (body.width * 42 / 100).min(74);
    let pairs = [(Panel::Queue, Panel::Preview), (Panel::Layers, Panel::Profile), (Panel::Throughput, Panel::Log)];
    let panel_area = |panel, area| PanelArea { panel, area, tabs: false };
    bands
        .into_iter()
        .zip(pairs)
        .flat_map(|(band, (left_panel, right_panel))| {
            let [left_area, right_area] = split(band, left);
            let left_panel = panel_area(left_panel, left_area);
            if right_panel != Panel::Profile {
                return vec![left_panel, panel_area(right_panel, right_area)];
            }
            let [profile, map] = split(right_area, right_area.width.saturating_sub(MAP_WIDTH - 1));
            vec![left_panel, panel_area(right_panel, profile), panel_area(Panel::Map, map)]
        })
        .collect()
}
