//! The help, over the panels.
//!
//! ```text
//! ┏ Help ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
//! ┃ q          quit (asks if scans are running)       ┃
//! ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
//! ```

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use super::frame::draw_popup_frame;
use crate::dashboard::{
    images::ImageCache,
    keymap::{self, Action, KeyContext},
    panel::Panel,
    render_context::RenderContext,
    text,
};

pub(crate) fn draw(ctx: &RenderContext, images: &ImageCache, first_line: usize, area: Rect, buf: &mut Buffer) {
    let theme = ctx.theme;
    let mut lines: Vec<Line> = keymap::help(KeyContext::Main)
        .into_iter()
        .map(|line| {
            let keys = Span::styled(text::pad(&line.keys, 14), theme.key());
            Line::from(vec![keys, Span::raw(line.text)])
        })
        .collect();
    lines.push(Line::default());
    let layers = Panel::Layers.number();
    lines.push(Line::styled(format!("! in panel {layers}: found in fewer than 90% of the A-scans"), theme.dim()));
    lines.push(Line::styled(format!("~ in panel {layers}: share with a visible end of the choroid"), theme.dim()));
    lines.push(Line::styled("lesions and findings are for a clinician to read", theme.dim()));
    lines.push(Line::styled(format!("images: {}; change with --image", images.method_name()), theme.dim()));
    let width = lines.iter().map(Line::width).max().unwrap_or(0) as u16 + 4;
    let height = (lines.len() as u16 + 2).min(area.height);
    let shown = usize::from(height - 2);
    let first_line = first_line.min(lines.len().saturating_sub(shown));
    let title = title(shown < lines.len());
    let inner = draw_popup_frame(ctx, &title, (width, height), area, buf);
    for (line, y) in lines.iter().skip(first_line).zip(inner.top()..inner.bottom()) {
        buf.set_line(inner.x, y, line, inner.width);
    }
}

/// The title with the keys that work in the help.
fn title(scrolls: bool) -> String {
    let close = keymap::key_of(KeyContext::Help, Action::Close);
    if !scrolls {
        return format!("Help · {close} closes");
    }
    let [up, down] = [Action::Up, Action::Down].map(|action| keymap::key_of(KeyContext::Help, action));
    format!("Help · {up} {down} scroll · {close} closes")
}
