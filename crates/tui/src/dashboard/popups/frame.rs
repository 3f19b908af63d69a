//! The frame of a popup.

use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Margin, Rect},
    text::Span,
    widgets::{Block, BorderType, Clear, Widget},
};

use crate::dashboard::{render_context::RenderContext, text};

/// Draws an empty frame of this size in the middle of `area`, over the panels; returns its inner area.
pub(super) fn draw_popup_frame(
    ctx: &RenderContext,
    title: &str,
    (width, height): (u16, u16),
    area: Rect,
    buf: &mut Buffer,
) -> Rect {
    let area = area.centered(Constraint::Length(width), Constraint::Length(height));
    // Half of a wide character would shift the frame.
    for y in area.top()..area.bottom() {
        if let Some(cell) = area.x.checked_sub(1).and_then(|x| buf.cell_mut((x, y)))
            && text::width(cell.symbol()) > 1
        {
            cell.set_symbol(" ");
        }
    }
    Clear.render(area, buf);
    let style = ctx.theme.focus();
    let block = Block::bordered().border_type(BorderType::Thick).border_style(style);
    let block = block.title(Span::styled(format!(" {title} "), style));
    block.render(area, buf);
    area.inner(Margin::new(2, 1))
}
