//! The question before the watcher stops.
//!
//! ```text
//! ┏ Quit? ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
//! ┃ 2 scans are running, 4 wait …          ┃
//! ┃                                        ┃
//! ┃ d      finish running scans, then stop ┃
//! ┃ a      stop now; running scans start … ┃
//! ┃ Esc n  cancel                          ┃
//! ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
//! ```

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use super::frame::draw_popup_frame;
use crate::dashboard::{keymap::KeyContext, render_context::RenderContext, text};

pub(crate) fn draw(ctx: &RenderContext, area: Rect, buf: &mut Buffer) {
    let counts = ctx.model.counts();
    let waiting = counts.waiting + counts.retry;
    let question = match (counts.running, waiting) {
        (0, 0) => "Nothing is running. Stop the watcher?".into(),
        (0, 1) => "Nothing is running, 1 scan waits. Stop?".into(),
        (0, n) => format!("Nothing is running, {n} scans wait. Stop?"),
        (1, 0) => "1 scan is running.".into(),
        (n, 0) => format!("{n} scans are running."),
        (1, 1) => "1 scan is running, 1 waits for the next start.".into(),
        (1, n) => format!("1 scan is running, {n} wait for the next start."),
        (n, 1) => format!("{n} scans are running, 1 waits for the next start."),
        (n, m) => format!("{n} scans are running, {m} wait for the next start."),
    };
    let mut lines = vec![Line::from(question), Line::default()];
    lines.extend(ctx.keys.help(KeyContext::Quit).into_iter().map(|line| {
        let keys = Span::styled(text::pad(&line.keys, 7), ctx.theme.key());
        Line::from(vec![keys, Span::raw(line.text)])
    }));
    let width = lines.iter().map(Line::width).max().unwrap_or(0) as u16 + 4;
    let inner = draw_popup_frame(ctx, "Quit?", (width, lines.len() as u16 + 2), area, buf);
    for (line, y) in lines.iter().zip(inner.top()..inner.bottom()) {
        buf.set_line(inner.x, y, line, inner.width);
    }
}
