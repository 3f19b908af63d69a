//! The last line: the active keys, or the reply to the last one.
//!
//! ```text
//!  q quit  ? help  space pause  1-7 panel  z zoom  ↑ ↓ move  ← → B-scan  [ ] layer
//! ```

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use crate::dashboard::{
    keymap::{self, Context},
    render_context::RenderContext,
    view::Popup,
};

pub(crate) fn draw(scene: &RenderContext, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let context = match scene.view.popup {
        None => Context::Main,
        Some(Popup::Help(_)) => Context::Help,
        Some(Popup::Quit) => Context::Quit,
        Some(Popup::Filter) => Context::Filter,
    };
    if let Some(reply) = scene.view.reply {
        buf.set_line(area.x, area.y, &Line::styled(format!(" {reply}"), theme.warn()), area.width);
        return;
    }
    let mut line = Line::from(" ");
    for hint in keymap::hints(context) {
        let next = [Span::styled(hint.keys, theme.key()), Span::styled(format!(" {}  ", hint.text), theme.quiet())];
        // Never cut a hint, except for the two blanks after it.
        if line.width() + next.iter().map(Span::width).sum::<usize>() > usize::from(area.width) + 2 {
            break;
        }
        line.spans.extend(next);
    }
    buf.set_line(area.x, area.y, &line, area.width);
}
