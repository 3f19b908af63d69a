//! The panels, one file each, and their frames.

mod findings;
mod frame;
mod heat_map;
mod layers;
mod log;
mod map;
mod preview;
mod profile;
mod queue;
mod queue_table;
mod throughput;

use octrls_core::{measure::enface::ThicknessMap, scan::Place};
use ratatui::{
    buffer::Buffer,
    layout::{Margin, Position, Rect},
};

use super::{images::ImageCache, panel::Panel, render_context::RenderContext};

pub(crate) use frame::{PanelArea, draw_frames, tab_at};
pub(crate) use queue_table::MIN_WIDTH as TABLE_WIDTH;

/// The place of `map` at a cell of the panel in `area`.
pub(crate) fn place_on_map(map: &ThicknessMap, area: Rect, at: Position) -> Option<Place> {
    heat_map::place_at(map, area.inner(Margin::new(1, 1)), at)
}

/// Draws the queue without a frame.
pub(crate) fn draw_queue(ctx: &RenderContext, area: Rect, buf: &mut Buffer) {
    queue::draw(ctx, area, buf);
}

/// Draws a panel's content and title into its frame.
pub(crate) fn draw(ctx: &RenderContext, images: &mut ImageCache, area: &PanelArea, buf: &mut Buffer) {
    let inner = area.area.inner(Margin::new(1, 1));
    let title = match area.panel {
        Panel::Queue => queue::draw(ctx, inner, buf),
        Panel::Preview => preview::draw(ctx, images, inner, buf),
        Panel::Layers => layers::draw(ctx, inner, buf),
        Panel::Profile => profile::draw(ctx, inner, buf),
        Panel::Map => map::draw(ctx, inner, buf),
        Panel::Throughput => throughput::draw(ctx, inner, buf),
        Panel::Log => log::draw(ctx, inner, buf),
    };
    frame::draw_title(ctx, area, &title, buf);
}
