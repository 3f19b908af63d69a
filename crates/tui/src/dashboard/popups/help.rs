//! The help, over the panels, in two columns where there is room.
//!
//! ```text
//! ┏ Help · Esc closes ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
//! ┃ q          quit, or detach           o          lines: all, layer … ┃
//! ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
//! ```

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use super::frame::draw_popup_frame;
use crate::dashboard::{
    images::ImageCache,
    keymap::{Action, KeyContext},
    panel::Panel,
    render_context::RenderContext,
    text,
};

/// Cells of the keys, and of a line with keys and text.
const KEYS: usize = 11;
const COLUMN: usize = 36;
/// Cells between two columns.
const GAP: usize = 2;

pub(crate) fn draw(ctx: &RenderContext, images: &ImageCache, first_line: usize, area: Rect, buf: &mut Buffer) {
    let columns = if usize::from(area.width) >= 2 * COLUMN + GAP + 4 { 2 } else { 1 };
    let lines = lines(ctx, images, columns);
    let width = (columns * COLUMN + (columns - 1) * GAP + 4) as u16;
    let height = (lines.len() as u16 + 2).min(area.height);
    let shown = usize::from(height - 2);
    let first_line = first_line.min(lines.len().saturating_sub(shown));
    let title = title(ctx, shown < lines.len());
    let inner = draw_popup_frame(ctx, &title, (width, height), area, buf);
    for (line, y) in lines.iter().skip(first_line).zip(inner.top()..inner.bottom()) {
        buf.set_line(inner.x, y, line, inner.width);
    }
}

/// The keys in columns, and notes below them.
fn lines(ctx: &RenderContext, images: &ImageCache, columns: usize) -> Vec<Line<'static>> {
    let theme = ctx.theme;
    let all = ctx.keys.help(ctx.view.help_context());
    let rows = all.len().div_ceil(columns);
    let mut lines: Vec<Line> = (0..rows)
        .map(|row| {
            let mut spans = Vec::new();
            for (i, line) in all.iter().skip(row).step_by(rows).enumerate() {
                if i > 0 {
                    spans.push(Span::raw(" ".repeat(GAP)));
                }
                spans.push(Span::styled(text::pad(&line.keys, KEYS), theme.key()));
                spans.push(Span::raw(text::pad(line.text, COLUMN - KEYS)));
            }
            Line::from(spans)
        })
        .collect();
    let layers = Panel::Layers.number();
    let notes = [
        format!("panel {layers}: ! found in < 90% of A-scans"),
        "~ share with visible choroid".to_owned(),
        "lesions, findings: for a clinician".to_owned(),
        format!("images: {} (--image)", images.method_name()),
    ];
    for pair in notes.chunks(columns) {
        let padded: Vec<String> = pair.iter().map(|note| text::pad(note, COLUMN)).collect();
        lines.push(Line::styled(padded.join(&" ".repeat(GAP)), theme.dim()));
    }
    lines
}

/// The title with the keys that work in the help.
fn title(ctx: &RenderContext, scrolls: bool) -> String {
    let close = ctx.keys.key_of(KeyContext::Help, Action::Close);
    if !scrolls {
        return format!("Help · {close} closes");
    }
    let [up, down] = [Action::Up, Action::Down].map(|action| ctx.keys.key_of(KeyContext::Help, action));
    format!("Help · {up} {down} scroll · {close} closes")
}
