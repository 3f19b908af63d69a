//! Panel 7: messages, newest first.
//!
//! ```text
//! ┌ 7 Log · all ────────────────────────────── 1 error ┐
//! │12:41:05 info  P0040_OS.vol done: 49 B-scans in 2 s │
//! │12:40:51 ERROR P0037_OD.vol E-READ-TRUNCATED trunca…│
//! └────────────────────────────────────────────────────┘
//! ```

use octrls_engine::Level;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
    widgets::{Paragraph, Widget, Wrap},
};

use super::frame::PanelTitle;
use crate::dashboard::{render_context::RenderContext, view::Popup, widgets::centered_message};

pub(crate) fn draw(ctx: &RenderContext, area: Rect, buf: &mut Buffer) -> PanelTitle {
    let theme = ctx.theme;
    let entries = ctx.model.journal.newest(ctx.view.log_level).skip(ctx.view.log_scroll);
    let lines: Vec<Line> = entries
        .take(usize::from(area.height))
        .map(|entry| {
            Line::from(vec![
                Span::styled(format!("{} ", ctx.clock(entry.at)), theme.dim()),
                Span::styled(word(entry.level), theme.level(entry.level)),
                Span::raw(entry.text.as_str()),
            ])
        })
        .collect();
    if lines.is_empty() {
        centered_message("no messages", theme.dim(), area, buf);
    } else if ctx.view.zoomed {
        Paragraph::new(lines).wrap(Wrap { trim: false }).render(area, buf);
    } else {
        for (line, y) in lines.iter().zip(area.top()..area.bottom()) {
            buf.set_line(area.x, y, line, area.width);
            if line.width() > usize::from(area.width) {
                buf.set_string(area.right() - 1, y, "…", theme.dim());
            }
        }
    }
    let typing = if ctx.view.popup == Some(Popup::Find) { "▏" } else { "" };
    let found = match &ctx.view.find[..] {
        "" if typing.is_empty() => String::new(),
        find => format!(" · “{find}{typing}”"),
    };
    let left = match ctx.view.log_level {
        Level::Info => "all",
        Level::Warning => "warnings and errors",
        Level::Error => "errors",
    };
    let errors = ctx.model.journal.errors();
    let right = match errors {
        0 => String::new(),
        1 => "1 error".into(),
        n => format!("{n} errors"),
    };
    PanelTitle { left: format!("{left}{found}"), right }
}

const fn word(level: Level) -> &'static str {
    match level {
        Level::Info => "info  ",
        Level::Warning => "WARN  ",
        Level::Error => "ERROR ",
    }
}
