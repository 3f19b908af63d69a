//! Panel 1: the scans.
//!
//! ```text
//! ┌ 1 Queue · 10 scans ────────────────── follow ┐
//! │>▶ P0041_OD.vol       running     31/49 ███▊░ │
//! │ ↻ P0038_OD.vol       retry       #2 in 12 s  │
//! │ ✗ P0037_OD.vol       quarantined E-READ-TRU… │
//! │ ✓ P0036_OD_line.png  done        0.2 s       │
//! └──────────────────────────────────────────────┘
//!   glyph  path          state       detail
//! ```

use std::time::Duration;

use jiff::Timestamp;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use super::{Title, sentence};
use crate::{
    dashboard::{
        render_context::RenderContext,
        text,
        view::{Panel, Popup},
    },
    lines::folders,
    state::{Scan, State},
};
use octrls_core::measure::Verdict;

pub(crate) fn draw(scene: &RenderContext, area: Rect, buf: &mut Buffer) -> Title {
    let rows = &scene.rows;
    if rows.is_empty() {
        let words = match &scene.model.session {
            _ if !scene.view.filter.is_empty() => "no scan matches the filter".into(),
            Some(session) if !scene.model.online => {
                format!("the folder is offline\n\n{}\n\nwaiting; no scan is lost", folders(&session.roots))
            }
            Some(session) => format!("no scans yet\n\nput OCT files into\n{}", folders(&session.roots)),
            None => "starting".into(),
        };
        sentence(&words, scene.theme.quiet(), area, buf);
    }
    let height = usize::from(area.height);
    let at = rows.iter().position(|s| Some(s.id) == scene.view.selected).unwrap_or(0);
    let first = at.saturating_sub(height / 2).min(rows.len().saturating_sub(height));
    for (scan, y) in rows.iter().skip(first).zip(area.top()..area.bottom()) {
        let selected = Some(scan.id) == scene.view.selected;
        let row = Rect { y, height: 1, ..area };
        if selected {
            buf.set_style(row, scene.theme.selected());
        }
        buf.set_line(area.x, y, &line(scene, scan, selected, usize::from(area.width)), area.width);
    }
    title(scene, height)
}

fn title(scene: &RenderContext, height: usize) -> Title {
    let n = scene.rows.len();
    let typing = if scene.view.popup == Some(Popup::Filter) { "▏" } else { "" };
    let scans = if n == 1 { "1 scan".into() } else { format!("{n} scans") };
    let left = match &scene.view.filter[..] {
        "" if typing.is_empty() => scans,
        filter => format!("{n} with “{filter}{typing}”"),
    };
    let more = if n > height && scene.view.focus == Panel::Queue { "↑↓ more" } else { "" };
    let right = if scene.view.follow { "follow" } else { more };
    Title { left, right: right.into() }
}

fn line(scene: &RenderContext, scan: &Scan, selected: bool, width: usize) -> Line<'static> {
    let theme = scene.theme;
    let wide = width >= 44;
    let flagged;
    let (word, style) = match (&scan.state, scan.summary.as_deref()) {
        (State::Done, Some(summary)) => match summary.verdict {
            Verdict::Doubtful => ("doubtful", theme.warn()),
            Verdict::NotARetina => ("no retina", theme.warn()),
            Verdict::Good if !summary.flags.is_empty() => {
                flagged = format!("done {}", summary.flags);
                (&*flagged, theme.warn())
            }
            Verdict::Good => (scan.state.word(), theme.state(&scan.state)),
        },
        (state, _) => (state.word(), theme.state(state)),
    };
    let word_cells = if wide { 11 } else { 7.max(word.len()) };
    let status_cells = match width {
        44.. => 27.min(width / 2 + 1),
        34.. => 18,
        _ => 13,
    };
    let name_cells = width.saturating_sub(4 + status_cells);
    let detail_cells = status_cells.saturating_sub(word_cells + 1);
    let detail = if detail_cells < 4 { String::new() } else { detail(scan, scene.now, detail_cells) };
    let detail_style = if matches!(scan.state, State::Running) { style } else { theme.quiet() };
    Line::from(vec![
        Span::styled(if selected { ">" } else { " " }, theme.focus()),
        Span::styled(format!("{} ", scan.state.glyph()), style),
        Span::raw(text::fit(&text::path(&scan.name, name_cells), name_cells)),
        Span::raw(" "),
        Span::styled(text::fit(word, word_cells), style),
        Span::raw(" "),
        Span::styled(text::head(&detail, detail_cells), detail_style),
    ])
}

fn detail(scan: &Scan, now: Timestamp, cells: usize) -> String {
    match &scan.state {
        State::Running => progress(scan, now, cells),
        State::Retry { due, .. } => {
            let wait = text::whole(between(now, *due));
            if cells >= 11 { format!("#{} in {wait}", scan.attempt) } else { format!("in {wait}") }
        }
        State::Done => match &scan.summary {
            Some(summary) if cells >= 11 && summary.bscans > 1 => {
                format!("{} in {}", summary.bscans, text::span(summary.elapsed))
            }
            Some(summary) => text::span(summary.elapsed),
            None => String::new(),
        },
        State::Quarantined { code, .. } => code.to_string(),
        State::Seen | State::Queued => format!("for {}", text::whole(between(scan.changed, now))),
        State::Known if cells >= 11 => "same content".into(),
        State::Known | State::Vanished => String::new(),
    }
}

/// The number of B-scans done, a bar, and the time if there is room.
fn progress(scan: &Scan, now: Timestamp, cells: usize) -> String {
    let elapsed = scan.started.map(|start| text::whole(between(start, now))).unwrap_or_default();
    let Some(total) = scan.bscans() else { return format!("opening {elapsed}") };
    if total == 1 {
        return elapsed;
    }
    let digits = total.to_string().len();
    let count = format!("{:>digits$}/{total}", scan.progress);
    let room = cells.saturating_sub(count.len() + 1);
    let time = if room >= 9 { format!(" {elapsed}") } else { String::new() };
    let bar = text::bar(scan.progress as f64 / total as f64, room.saturating_sub(time.len()));
    format!("{count} {bar}{time}")
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    to.duration_since(from).try_into().unwrap_or_default()
}
