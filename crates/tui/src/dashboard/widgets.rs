//! Small pieces that several parts of the dashboard draw.

use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Margin, Rect},
    style::Style,
    text::Line,
    widgets::{Paragraph, Widget},
};

use super::text;

/// Draws a message in the middle of an empty area.
pub(crate) fn centered_message(message: &str, style: Style, area: Rect, buf: &mut Buffer) {
    let area = area.inner(Margin::new(2, 0));
    let lines = text::wrap(message, usize::from(area.width));
    let area = area.centered_vertically(Constraint::Length((lines.len() as u16).min(area.height)));
    let lines: Vec<Line> = lines.into_iter().map(Line::from).collect();
    Paragraph::new(lines).style(style).centered().render(area, buf);
}
