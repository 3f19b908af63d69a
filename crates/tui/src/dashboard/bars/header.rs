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
    let mut parts = vec![(name, theme.strong())];
    if let Some(session) = &ctx.model.session {
        let hash: String = session.model_sha256.chars().take(7).collect();
        let workers = if session.workers == 1 { "1 worker".into() } else { format!("{} workers", session.workers) };
        let all = [format!("{} {hash}", session.model), workers, research];
        let length = |parts: &[String]| parts.iter().map(|p| text::width(p) + 3).sum::<usize>();
        // Drops the workers first, then the model; "research use only" always stays.
        let kept: &[&[usize]] = &[&[0, 1, 2], &[0, 2], &[2]];
        let (root, out) = (display_paths(&session.roots), display_path(&session.out));
        for indices in kept {
            let rest: Vec<String> = indices.iter().map(|i| all[*i].clone()).collect();
            let cells = room.saturating_sub(text::width(&parts[0].0) + length(&rest) + 6);
            let whole = text::width(&root) + text::width(&out);
            if cells >= whole.min(20) || indices.len() == 1 {
                let each = if cells >= whole { usize::MAX } else { cells / 2 };
                // Three letters of a folder are useless.
                if each < 4 {
                    parts.extend(rest.into_iter().map(|text| (text, theme.dim())));
                    break;
                }
                let folders = format!("{} → {}", text::shorten_path(&root, each), text::shorten_path(&out, each));
                parts.push((folders, Style::new()));
                parts.extend(rest.into_iter().map(|text| (text, theme.dim())));
                break;
            }
        }
    } else {
        parts.push((research, theme.dim()));
    }
    let mut spans = Vec::new();
    for (i, (text, style)) in parts.into_iter().enumerate() {
        if i > 0 {
            spans.push(Span::styled(" │ ", theme.frame()));
        }
        spans.push(Span::styled(text, style));
    }
    Line::from(spans)
}
