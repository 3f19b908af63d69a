//! The last line: the active keys, or a message about the last one.
//!
//! ```text
//!  q quit  ? help  space pause  1-7 panel  z zoom  ↑ ↓ move  ← → B-scan  [ ] layer
//! ```

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use crate::dashboard::{keymap, render_context::RenderContext};

pub(crate) fn draw(ctx: &RenderContext, area: Rect, buf: &mut Buffer) {
    let theme = ctx.theme;
    if let Some(message) = ctx.view.message {
        buf.set_line(area.x, area.y, &Line::styled(format!(" {message}"), theme.warning()), area.width);
        return;
    }
    let mut line = Line::from(" ");
    for hint in keymap::hints(ctx.view.key_context()) {
        let next = [Span::styled(hint.keys, theme.key()), Span::styled(format!(" {}  ", hint.text), theme.dim())];
        // Never cut a hint, except for the two blanks after it.
        if line.width() + next.iter().map(Span::width).sum::<usize>() > usize::from(area.width) + 2 {
            break;
        }
        line.spans.extend(next);
    }
    buf.set_line(area.x, area.y, &line, area.width);
}
