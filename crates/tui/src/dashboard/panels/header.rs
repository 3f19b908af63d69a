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
    lines::{folders, printed},
};

pub(crate) fn draw(scene: &RenderContext, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let (state, style) = state(scene);
    let right = Line::from(vec![
        Span::styled(state, style),
        Span::raw(" "),
        Span::styled(scene.clock(scene.now), theme.strong()),
        Span::raw(" "),
    ]);
    let room = usize::from(area.width).saturating_sub(right.width() + 2);
    buf.set_line(area.x, area.y, &left(scene, room), room as u16);
    buf.set_line(area.right() - right.width() as u16, area.y, &right, area.width);
}

fn state(scene: &RenderContext) -> (&'static str, Style) {
    let (model, theme) = (scene.model, scene.theme);
    if model.stopped.is_some() {
        ("■ STOPPED", theme.strong())
    } else if scene.view.aborting {
        ("◆ STOPPING", theme.warn())
    } else if model.draining || scene.view.leaving {
        ("◆ DRAINING", theme.warn())
    } else if !model.online {
        ("✗ OFFLINE", theme.bad())
    } else if scene.view.paused {
        ("‖ PAUSED", theme.warn())
    } else if model.session.is_none() {
        ("○ STARTING", theme.quiet())
    } else {
        ("● LIVE", theme.good())
    }
}

/// The left part in at most `room` cells: first the folders are shortened, then less important parts are left out.
fn left(scene: &RenderContext, room: usize) -> Line<'static> {
    let theme = scene.theme;
    let name = format!(" octrls {}", scene.version);
    let research = "research use only".to_owned();
    let mut parts = vec![(name, theme.strong())];
    if let Some(session) = &scene.model.session {
        let hash: String = session.model_sha256.chars().take(7).collect();
        let workers = if session.workers == 1 { "1 worker".into() } else { format!("{} workers", session.workers) };
        let all = [format!("{} {hash}", session.model), workers, research];
        let length = |parts: &[String]| parts.iter().map(|p| text::width(p) + 3).sum::<usize>();
        // Drops the workers first, then the model; "research use only" always stays.
        let kept: &[&[usize]] = &[&[0, 1, 2], &[0, 2], &[2]];
        let (root, out) = (folders(&session.roots), printed(&session.out));
        for indices in kept {
            let rest: Vec<String> = indices.iter().map(|i| all[*i].clone()).collect();
            let cells = room.saturating_sub(text::width(&parts[0].0) + length(&rest) + 6);
            let whole = text::width(&root) + text::width(&out);
            if cells >= whole.min(20) || indices.len() == 1 {
                let each = if cells >= whole { usize::MAX } else { cells / 2 };
                // Three letters of a folder are useless.
                if each < 4 {
                    parts.extend(rest.into_iter().map(|text| (text, theme.quiet())));
                    break;
                }
                let folders = format!("{} → {}", text::path(&root, each), text::path(&out, each));
                parts.push((folders, Style::new()));
                parts.extend(rest.into_iter().map(|text| (text, theme.quiet())));
                break;
            }
        }
    } else {
        parts.push((research, theme.quiet()));
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
