//! The panels, one file each, and their frames.

use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Margin, Rect},
    style::Style,
    symbols::merge::MergeStrategy,
    text::{Line, Span},
    widgets::{Block, BorderType, Clear, Paragraph, Widget},
};

use super::{
    image_cache::Pictures,
    keymap::{self, Context},
    render_context::RenderContext,
    text,
    view::{Panel, Popup},
};

pub(crate) mod counters;
pub(crate) mod header;
pub(crate) mod help;
pub(crate) mod hints;
mod layers;
mod log;
mod map;
mod preview;
mod profile;
mod queue;
pub(crate) mod quit;
mod throughput;

/// A panel and its area, including the frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) panel: Panel,
    pub(crate) area: Rect,
    /// Whether the frame shows the tabs of the panels that share the place.
    pub(crate) tabs: bool,
}

/// Texts in a panel's upper border.
struct Title {
    /// After the panel's number and name.
    left: String,
    /// At the right end, if there is room.
    right: String,
}

/// Draws all frames, the focused one last. Titles are drawn later, because neighbours share borders.
pub(crate) fn frames(scene: &RenderContext, places: &[Place], buf: &mut Buffer) {
    let focused = |place: &Place| place.panel == scene.view.focus;
    let block = |kind, style| Block::bordered().border_type(kind).border_style(style);
    for place in places {
        let style = scene.theme.frame();
        block(BorderType::Plain, style).merge_borders(MergeStrategy::Exact).render(place.area, buf);
    }
    for place in places.iter().filter(|p| focused(p)) {
        let style = scene.theme.focus();
        block(BorderType::Thick, style).merge_borders(MergeStrategy::Exact).render(place.area, buf);
    }
}

/// Draws a panel's content and title into its frame.
pub(crate) fn draw(scene: &RenderContext, pictures: &mut Pictures, place: &Place, buf: &mut Buffer) {
    let inner = place.area.inner(Margin::new(1, 1));
    let title = match place.panel {
        Panel::Queue => queue::draw(scene, inner, buf),
        Panel::Preview => preview::draw(scene, pictures, inner, buf),
        Panel::Layers => layers::draw(scene, inner, buf),
        Panel::Profile => profile::draw(scene, inner, buf),
        Panel::Map => map::draw(scene, inner, buf),
        Panel::Throughput => throughput::draw(scene, inner, buf),
        Panel::Log => log::draw(scene, inner, buf),
    };
    heading(scene, place, &title, buf);
}

fn heading(scene: &RenderContext, place: &Place, title: &Title, buf: &mut Buffer) {
    let theme = scene.theme;
    let focused = place.panel == scene.view.focus;
    let style = if focused { theme.focus() } else { theme.strong() };
    let name = |panel: Panel| format!("{} {}", panel.number(), panel.name());
    let mut left = if place.tabs {
        tabs(scene, place.panel)
    } else {
        vec![Span::styled(format!(" {} ", name(place.panel)), style)]
    };
    let room = usize::from(place.area.width.saturating_sub(4));
    let used: usize = left.iter().map(Span::width).sum();
    let rest = text::head(&title.left, room.saturating_sub(used + 3));
    if !rest.is_empty() {
        left.push(Span::styled(format!("· {rest} "), theme.quiet()));
    }
    let used: usize = left.iter().map(Span::width).sum();
    buf.set_line(place.area.x + 1, place.area.y, &Line::from(left), place.area.width - 2);
    let right = text::width(&title.right);
    if right > 0 && used + right + 3 <= room {
        let x = place.area.right() - 3 - right as u16;
        buf.set_string(x, place.area.y, format!(" {} ", title.right), theme.quiet());
    }
}

/// The tabs of the panels that share a place, the visible one in brackets.
fn tabs(scene: &RenderContext, shown: Panel) -> Vec<Span<'static>> {
    let theme = scene.theme;
    let tab = |panel: Panel| {
        if panel == shown {
            let style = if panel == scene.view.focus { theme.focus() } else { theme.strong() };
            Span::styled(format!("[{} {}]", panel.number(), panel.name()), style)
        } else {
            Span::styled(format!(" {} {} ", panel.number(), panel.name()), theme.quiet())
        }
    };
    Panel::TABS.into_iter().map(tab).chain((shown == Panel::Log).then(|| Span::raw(" "))).collect()
}

/// Draws a message in the middle of an empty panel.
fn sentence(words: &str, style: Style, area: Rect, buf: &mut Buffer) {
    let area = area.inner(Margin::new(2, 0));
    let lines = text::wrapped(words, usize::from(area.width));
    let area = area.centered_vertically(Constraint::Length((lines.len() as u16).min(area.height)));
    let lines: Vec<Line> = lines.into_iter().map(Line::from).collect();
    Paragraph::new(lines).style(style).centered().render(area, buf);
}

/// Draws an empty frame of this size in the middle of `area`, over the panels; returns its inner area.
fn popup(scene: &RenderContext, title: &str, (width, height): (u16, u16), area: Rect, buf: &mut Buffer) -> Rect {
    let area = area.centered(Constraint::Length(width), Constraint::Length(height));
    // Half of a wide character would shift the frame.
    for y in area.top()..area.bottom() {
        if let Some(cell) = area.x.checked_sub(1).and_then(|x| buf.cell_mut((x, y)))
            && text::width(cell.symbol()) > 1
        {
            cell.set_symbol(" ");
        }
    }
    Clear.render(area, buf);
    let style = scene.theme.focus();
    let block = Block::bordered().border_type(BorderType::Thick).border_style(style);
    let block = block.title(Span::styled(format!(" {title} "), style));
    block.render(area, buf);
    area.inner(Margin::new(2, 1))
}

/// Draws the message for a terminal that is too small for the panels.
pub(crate) fn too_small(scene: &RenderContext, (width, height): (u16, u16), area: Rect, buf: &mut Buffer) {
    let words = if scene.view.popup == Some(Popup::Quit) {
        let keys: Vec<String> =
            keymap::hints(Context::Quit).into_iter().map(|hint| format!("{} {}", hint.keys, hint.text)).collect();
        format!("scans are running: {}", keys.join(", "))
    } else {
        format!("terminal too small: need {width}x{height}\n(q quits, work continues)")
    };
    sentence(&words, Style::new(), area, buf);
}
