//! What covers the panels: help, the question before quitting, and the message on a terminal that is too small.

mod frame;
mod help;
mod quit;
mod too_small;

use ratatui::{buffer::Buffer, layout::Rect};

use super::{images::ImageCache, render_context::RenderContext, view::Popup};

pub(crate) use too_small::draw as draw_too_small;

/// Draws the open popup, if any, over the panels in `area`.
pub(crate) fn draw(ctx: &RenderContext, images: &ImageCache, area: Rect, buf: &mut Buffer) {
    match ctx.view.popup {
        Some(Popup::Help { first_line }) => help::draw(ctx, images, first_line, area, buf),
        Some(Popup::Quit) => quit::draw(ctx, area, buf),
        Some(Popup::Filter) | None => {}
    }
}
