//! The message on a terminal that is too small for the panels.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use crate::dashboard::{
    keymap::{Action, KeyContext},
    render_context::RenderContext,
    view::Popup,
    widgets::centered_message,
};

/// Draws the size that the dashboard needs, or the question before quitting.
pub(crate) fn draw(ctx: &RenderContext, (width, height): (u16, u16), area: Rect, buf: &mut Buffer) {
    let message = if ctx.view.popup == Some(Popup::Quit) {
        let hints: Vec<String> =
            ctx.keys.hints(KeyContext::Quit).into_iter().map(|hint| format!("{} {}", hint.keys, hint.text)).collect();
        format!("scans are running: {}", hints.join(", "))
    } else {
        let quit = ctx.keys.key_of(KeyContext::Main, Action::Quit);
        format!("terminal too small: need {width}x{height}\n({quit} quits, work continues)")
    };
    centered_message(&message, Style::new(), area, buf);
}
