//! Panel 7: messages, newest first.
//!
//! ```text
//! ┌ 7 Log · all ────────────────────────────── 1 error ┐
//! │12:41:05 info  P0040_OS.vol done: 49 B-scans in 2 s │
//! │12:40:51 ERROR P0037_OD.vol E-READ-TRUNCATED trunca…│
//! └────────────────────────────────────────────────────┘
//! ```

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
    widgets::{Paragraph, Widget, Wrap},
};

use super::{Title, sentence};
use crate::dashboard::render_context::RenderContext;
use octrls_engine::Level;

pub(crate) fn draw(scene: &RenderContext, area: Rect, buf: &mut Buffer) -> Title {
    let theme = scene.theme;
    let entries = scene.model.journal.newest(scene.view.level).skip(scene.view.log_scroll);
    let lines: Vec<Line> = entries
        .take(usize::from(area.height))
        .map(|entry| {
            Line::from(vec![
                Span::styled(format!("{} ", scene.clock(entry.at)), theme.quiet()),
                Span::styled(word(entry.level), theme.level(entry.level)),
                Span::raw(entry.text.as_str()),
            ])
        })
        .collect();
    if lines.is_empty() {
        sentence("no messages", theme.quiet(), area, buf);
    } else if scene.view.zoom {
        Paragraph::new(lines).wrap(Wrap { trim: false }).render(area, buf);
    } else {
        for (line, y) in lines.iter().zip(area.top()..area.bottom()) {
            buf.set_line(area.x, y, line, area.width);
            if line.width() > usize::from(area.width) {
                buf.set_string(area.right() - 1, y, "…", theme.quiet());
            }
        }
    }
    let left = match scene.view.level {
        Level::Info => "all",
        Level::Warning => "warnings and errors",
        Level::Error => "errors",
    };
    let errors = scene.model.journal.errors();
    let right = match errors {
        0 => String::new(),
        1 => "1 error".into(),
        n => format!("{n} errors"),
    };
    Title { left: left.into(), right }
}

const fn word(level: Level) -> &'static str {
    match level {
        Level::Info => "info  ",
        Level::Warning => "WARN  ",
        Level::Error => "ERROR ",
    }
}
