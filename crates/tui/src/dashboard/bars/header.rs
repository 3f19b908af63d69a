//! The first line: version, folders, model and state.
//!
//! ```text
//!  octrls 0.1.0 │ /srv/oct/in → /srv/oct/out │ unet-640 9f2c1ab │ 2 workers │ research use only     ● LIVE 12:41:07
//! ```

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use crate::{
    dashboard::{render_context::RenderContext, text},
    display_path::{display_path, display_paths},
};

pub(crate) fn draw(ctx: &RenderContext, area: Rect, buf: &mut Buffer) {
    let theme = ctx.theme;
    let (state, style) = state(ctx);
    let right = Line::from(vec![
        Span::styled(state, style),
        Span::raw(" "),
        Span::styled(ctx.clock(ctx.now), theme.strong()),
        Span::raw(" "),
    ]);
    let room = usize::from(area.width).saturating_sub(right.width() + 2);
    buf.set_line(area.x, area.y, &left(ctx, room), room as u16);
    buf.set_line(area.right() - right.width() as u16, area.y, &right, area.width);
}

fn state(ctx: &RenderContext) -> (&'static str, Style) {
    let (model, theme) = (ctx.model, ctx.theme);
    if model.stopped.is_some() {
        ("■ STOPPED", theme.strong())
    } else if ctx.view.aborting {
        ("◆ STOPPING", theme.warning())
    } else if model.draining || ctx.view.quitting {
        ("◆ DRAINING", theme.warning())
    } else if !model.online {
        ("✗ OFFLINE", theme.error())
    } else if ctx.view.paused {
        ("‖ PAUSED", theme.warning())
    } else if ctx.view.browsing {
        ("▤ BROWSE", theme.strong())
    } else if model.session.is_none() {
        ("○ STARTING", theme.dim())
    } else {
        ("● LIVE", theme.success())
    }
}

/// The left part in at most `room` cells: first the folders are shortened, then less important parts are left out.
fn left(ctx: &RenderContext, room: usize) -> Line<'static> {
    let theme = ctx.theme;
    let name = format!(" octrls {}", ctx.version);
    let research = "research use only".to_owned();
    let Some(session) = &ctx.model.session else {
        return joined(vec![(name, theme.strong()), (research, theme.dim())], theme.frame());
    };
    let hash: String = session.model_sha256.chars().take(7).collect();
    let model = format!("{} {hash}", session.model);
    let workers = if session.workers == 1 { "1 worker".into() } else { format!("{} workers", session.workers) };
    let (root, out) = (display_paths(&session.roots), display_path(&session.out));
    let folders_width = text::width(&root) + text::width(&out);
    let width_left = |facts: &[String]| {
        let facts_width = facts.iter().map(|fact| text::width(fact) + 3).sum::<usize>();
        room.saturating_sub(text::width(&name) + facts_width + 6)
    };
    // Drops the workers first, then the model; "research use only" always stays.
    if ctx.view.browsing {
        let folder = text::shorten_path(&out, room.saturating_sub(text::width(&name) + text::width(&research) + 6));
        return joined(vec![(name, theme.strong()), (folder, Style::new()), (research, theme.dim())], theme.frame());
    }
    let facts = [vec![model.clone(), workers, research.clone()], vec![model, research.clone()]]
        .into_iter()
        .find(|facts| width_left(facts) >= folders_width.min(20))
        .unwrap_or_else(|| vec![research]);
    let cells = width_left(&facts);
    let cells_each = if cells >= folders_width { usize::MAX } else { cells / 2 };
    let mut parts = vec![(name, theme.strong())];
    // Three letters of a folder are useless.
    if cells_each >= 4 {
        let folders = [root, out].map(|folder| text::shorten_path(&folder, cells_each)).join(" → ");
        parts.push((folders, Style::new()));
    }
    parts.extend(facts.into_iter().map(|fact| (fact, theme.dim())));
    joined(parts, theme.frame())
}

/// `parts` in one line, each in its style, with separators in the style `separator`.
fn joined(parts: Vec<(String, Style)>, separator: Style) -> Line<'static> {
    let mut spans = Vec::new();
    for (text, style) in parts {
        if !spans.is_empty() {
            spans.push(Span::styled(" │ ", separator));
        }
        spans.push(Span::styled(text, style));
    }
    Line::from(spans)
}
