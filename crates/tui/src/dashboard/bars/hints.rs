//! The last line: the active keys, or a message about the last one.
//!
//! ```text
//!  q quit  ? help  space pause  1-7 panel  z zoom  ↑ ↓ move  ← → B-scan  [ ] layer
//! ```

use octrls_engine::ReviewState;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use crate::dashboard::{render_context::RenderContext, view::Popup};

pub(crate) fn draw(ctx: &RenderContext, area: Rect, buf: &mut Buffer) {
    let theme = ctx.theme;
    if let Some(message) = &ctx.view.message {
        buf.set_line(area.x, area.y, &Line::styled(format!(" {message}"), theme.warning()), area.width);
        return;
    }
    let mut line = Line::from(" ");
    if let Some(Popup::Review(state)) = ctx.view.popup {
        let asked = if state == ReviewState::Rejected { "reason: " } else { "comment: " };
        line.spans.push(Span::styled(asked, theme.strong()));
        let room = usize::from(area.width).saturating_sub(36);
        let start = ctx.view.comment.chars().count().saturating_sub(room);
        let shown: String = ctx.view.comment.chars().skip(start).collect();
        line.spans.push(Span::raw(format!("{shown}▏  ")));
    }
    for hint in ctx.keys.hints(ctx.view.key_context()) {
        let next = [Span::styled(hint.keys, theme.key()), Span::styled(format!(" {}  ", hint.text), theme.dim())];
        // Never cut a hint, except for the two blanks after it; a shorter one may still fit.
        if line.width() + next.iter().map(Span::width).sum::<usize>() <= usize::from(area.width) + 2 {
            line.spans.extend(next);
        }
    }
    buf.set_line(area.x, area.y, &line, area.width);
}
