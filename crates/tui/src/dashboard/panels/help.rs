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

use super::popup;
use crate::dashboard::{
    image_cache::Pictures,
    keymap::{self, Context},
    render_context::RenderContext,
    text,
};

pub(crate) fn draw(scene: &RenderContext, pictures: &Pictures, first: usize, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let mut lines: Vec<Line> = keymap::help(Context::Main)
        .into_iter()
        .map(|line| {
            let keys = Span::styled(text::fit(&line.keys, 14), theme.key());
            Line::from(vec![keys, Span::raw(line.text)])
        })
        .collect();
    lines.push(Line::default());
    lines.push(Line::styled("! in panel 3: found in fewer than 90% of the A-scans", theme.quiet()));
    lines.push(Line::styled(format!("images: {}; change with --image", pictures.word()), theme.quiet()));
    let width = lines.iter().map(Line::width).max().unwrap_or(0) as u16 + 4;
    let height = (lines.len() as u16 + 2).min(area.height);
    let shown = usize::from(height - 2);
    let first = first.min(lines.len().saturating_sub(shown));
    let title = if shown < lines.len() { "Help · ↑ ↓ scroll · Esc closes" } else { "Help · Esc closes" };
    let inner = popup(scene, title, (width, height), area, buf);
    for (line, y) in lines.iter().skip(first).zip(inner.top()..inner.bottom()) {
        buf.set_line(inner.x, y, line, inner.width);
    }
}
