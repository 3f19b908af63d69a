//! What covers the panels: help, details of a scan, the question before quitting, and the message on a terminal that is too small.

pub(crate) mod details;
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
        Some(Popup::Details { first_line }) => details::draw(ctx, first_line, area, buf),
        Some(Popup::Quit) => quit::draw(ctx, area, buf),
        Some(Popup::Filter | Popup::Find | Popup::Review(_)) | None => {}
    }
}
