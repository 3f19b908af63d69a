//! The frames of the panels and the titles in their upper borders.
//!
//! ```text
//! ┌ 1 Queue · 10 scans ──────── follow ┐   ┌[3 Layers] 4 Profile  5 Map · µm ────┐
//!   name      left       right             tabs of a small screen
//! ```

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    symbols::merge::MergeStrategy,
    text::{Line, Span},
    widgets::{Block, BorderType, Widget},
};

use crate::dashboard::{panel::Panel, render_context::RenderContext, text};

/// A panel and its area, including the frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PanelArea {
    pub(crate) panel: Panel,
    pub(crate) area: Rect,
    /// Whether the frame shows the tabs of the panels that share this area.
    pub(crate) tabs: bool,
}

/// Texts in a panel's upper border.
#[derive(Debug, Default)]
pub(super) struct PanelTitle {
    /// After the panel's number and name.
    pub(super) left: String,
    /// At the right end, if there is room.
    pub(super) right: String,
}

/// Draws all frames, the focused one last. Titles are drawn later, because neighbours share borders.
pub(crate) fn draw_frames(ctx: &RenderContext, areas: &[PanelArea], buf: &mut Buffer) {
    let block = |kind, style| Block::bordered().border_type(kind).border_style(style);
    for area in areas {
        let style = ctx.theme.frame();
        block(BorderType::Plain, style).merge_borders(MergeStrategy::Exact).render(area.area, buf);
    }
    for area in areas.iter().filter(|area| area.panel == ctx.view.focus) {
        let style = ctx.theme.focus();
        block(BorderType::Thick, style).merge_borders(MergeStrategy::Exact).render(area.area, buf);
    }
}

/// Draws a panel's number, name and title into its upper border.
pub(super) fn draw_title(ctx: &RenderContext, area: &PanelArea, title: &PanelTitle, buf: &mut Buffer) {
    let theme = ctx.theme;
    let PanelArea { panel, area, tabs } = *area;
    let style = if panel == ctx.view.focus { theme.focus() } else { theme.strong() };
    let mut left = if tabs {
        tab_titles(ctx, panel)
    } else {
        vec![Span::styled(format!(" {} {} ", panel.number(), panel.name()), style)]
    };
    let room = usize::from(area.width.saturating_sub(4));
    let used: usize = left.iter().map(Span::width).sum();
    let rest = text::truncate(&title.left, room.saturating_sub(used + 3));
    if !rest.is_empty() {
        left.push(Span::styled(format!("· {rest} "), theme.dim()));
    }
    let used: usize = left.iter().map(Span::width).sum();
    buf.set_line(area.x + 1, area.y, &Line::from(left), area.width - 2);
    let right = text::width(&title.right);
    if right > 0 && used + right + 3 <= room {
        let x = area.right() - 3 - right as u16;
        buf.set_string(x, area.y, format!(" {} ", title.right), theme.dim());
    }
}

/// The panel whose tab is at column `x` in the border of `area`, if it has tabs.
pub(crate) fn tab_at(area: &PanelArea, x: u16) -> Option<Panel> {
    let mut at = area.area.x + 1;
    Panel::TABS.into_iter().filter(|_| area.tabs).find(|panel| {
        at += text::width(panel.name()) as u16 + 4;
        x < at
    })
}

/// The tabs of the panels that share an area, the visible one in brackets.
fn tab_titles(ctx: &RenderContext, visible: Panel) -> Vec<Span<'static>> {
    let theme = ctx.theme;
    let tab = |panel: Panel| {
        if panel == visible {
            let style = if panel == ctx.view.focus { theme.focus() } else { theme.strong() };
            Span::styled(format!("[{} {}]", panel.number(), panel.name()), style)
        } else {
            Span::styled(format!(" {} {} ", panel.number(), panel.name()), theme.dim())
        }
    };
    Panel::TABS.into_iter().map(tab).chain((visible == Panel::Log).then(|| Span::raw(" "))).collect()
}
