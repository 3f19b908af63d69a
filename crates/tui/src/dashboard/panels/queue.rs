//! Panel 1: the scans.
//!
//! ```text
//! ┌ 1 Queue · 10 scans ────────────────── follow ┐
//! │>▶ P0041_OD.vol       running     31/49 ███▊░ │
//! │ ↻ P0038_OD.vol       retry       #2 in 12 s  │
//! │ ✗ P0037_OD.vol       quarantined E-READ-TRU… │
//! │ ✓ P0036_OS_line.png  done        SRF no EZ   │
//! │ ✓ P0036_OD_line.png  done        0.2 s       │
//! └──────────────────────────────────────────────┘
//!   glyph  path          state       detail
//! ```

use std::time::Duration;

use jiff::Timestamp;
use octrls_core::measure::{FindingKind, Verdict, flag_words};
use octrls_engine::ReviewState;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use super::{frame::PanelTitle, queue_table};
use crate::{
    dashboard::{
        keymap::{Action, KeyContext},
        panel::Panel,
        render_context::RenderContext,
        text,
        view::Popup,
        widgets::centered_message,
    },
    display_path::display_paths,
    short_findings::short_findings,
    state::{ScanRecord, ScanState},
};

pub(crate) fn draw(ctx: &RenderContext, area: Rect, buf: &mut Buffer) -> PanelTitle {
    let rows = &ctx.rows;
    if rows.is_empty() {
        let message = match &ctx.model.session {
            _ if !ctx.view.query.filter.is_empty() => "no scan matches the filter".into(),
            _ if ctx.view.query.wanting_eyes => "no scan wants a look".into(),
            Some(session) if !ctx.model.online => {
                format!("the folder is offline\n\n{}\n\nwaiting; no scan is lost", display_paths(&session.roots))
            }
            Some(_) if ctx.view.browsing => "the ledger holds no scans".into(),
            Some(session) => format!("no scans yet\n\nput OCT files into\n{}", display_paths(&session.roots)),
            None => "starting".into(),
        };
        centered_message(&message, ctx.theme.dim(), area, buf);
    }
    let height = usize::from(area.height);
    if ctx.view.zoomed && area.width >= queue_table::MIN_WIDTH && !rows.is_empty() {
        let table = queue_table::draw(ctx, area, buf);
        return PanelTitle { right: table.right, ..title(ctx, height) };
    }
    let visible = ctx.rows_in(height);
    let paths: Vec<&str> = visible.iter().map(|scan| scan.name.as_str()).collect();
    let names = text::shorten_apart(&paths, name_cells(usize::from(area.width)));
    for ((scan, name), y) in visible.iter().zip(&names).zip(area.top()..area.bottom()) {
        let selected = Some(scan.id) == ctx.view.selected;
        let row = Rect { y, height: 1, ..area };
        if selected {
            buf.set_style(row, ctx.theme.selected());
        }
        buf.set_line(area.x, y, &line(ctx, scan, name, selected, usize::from(area.width)), area.width);
    }
    title(ctx, height)
}

fn title(ctx: &RenderContext, height: usize) -> PanelTitle {
    let n = ctx.rows.len();
    let typing = if ctx.view.popup == Some(Popup::Filter) { "▏" } else { "" };
    let scans = if n == 1 { "1 scan".into() } else { format!("{n} scans") };
    let which = if ctx.view.query.wanting_eyes { " to review" } else { "" };
    let left = match &ctx.view.query.filter[..] {
        "" if typing.is_empty() => format!("{scans}{which}"),
        filter => format!("{n}{which} with “{filter}{typing}”"),
    };
    let right = if ctx.view.following {
        "follow".into()
    } else if n > height && ctx.view.focus == Panel::Queue {
        let [up, down] = [Action::Up, Action::Down].map(|action| ctx.keys.key_of(KeyContext::Main, action));
        format!("{up}{down} more")
    } else {
        String::new()
    };
    PanelTitle { left, right }
}

/// Cells for state and detail in a line of `width` cells.
fn status_cells(width: usize) -> usize {
    match width {
        44.. => 27.min(width / 2 + 1),
        34.. => 18,
        _ => 13,
    }
}

/// Cells for the name in a line of `width` cells.
fn name_cells(width: usize) -> usize {
    width.saturating_sub(4 + status_cells(width))
}

/// The line of a scan, whose shortened path is `name`.
fn line(ctx: &RenderContext, scan: &ScanRecord, name: &str, selected: bool, width: usize) -> Line<'static> {
    let theme = ctx.theme;
    let wide = width >= 44;
    let flagged;
    let (word, style) = match (&scan.state, scan.summary.as_deref()) {
        _ if scan.decision().is_some() => review_word(ctx, scan),
        (ScanState::Done, Some(summary)) => match summary.verdict {
            Verdict::Doubtful => ("doubtful", theme.warning()),
            Verdict::NotARetina => ("no retina", theme.warning()),
            Verdict::Good if !summary.flags.is_empty() => {
                // On wide lines the detail names the flags in words.
                flagged = if wide { "flagged".to_owned() } else { format!("done {}", summary.flags) };
                (&*flagged, theme.warning())
            }
            Verdict::Good => (scan.state.word(), theme.state(&scan.state)),
        },
        (state, _) => (state.word(), theme.state(state)),
    };
    let word_cells = if wide { 11 } else { 7.max(word.len()) };
    let name_cells = name_cells(width);
    let detail_cells = status_cells(width).saturating_sub(word_cells + 1);
    let detail = if detail_cells < 4 { String::new() } else { detail(scan, ctx.now, detail_cells) };
    let has_findings = scan.summary.as_ref().is_some_and(|summary| !summary.findings.is_empty());
    let detail_style = match scan.state {
        ScanState::Running => style,
        ScanState::Done if has_findings => theme.strong(),
        _ => theme.dim(),
    };
    Line::from(vec![
        Span::styled(if selected { ">" } else { " " }, theme.focus()),
        Span::styled(format!("{} ", scan.state.glyph()), style),
        Span::raw(text::pad(name, name_cells)),
        Span::raw(" "),
        Span::styled(text::pad(word, word_cells), style),
        Span::raw(" "),
        Span::styled(text::truncate(&detail, detail_cells), detail_style),
    ])
}

/// What the last reviewer decided.
pub(super) fn review_word(ctx: &RenderContext, scan: &ScanRecord) -> (&'static str, Style) {
    match scan.decision().map(|review| review.state) {
        Some(ReviewState::Rejected) => (ReviewState::Rejected.name(), ctx.theme.error()),
        Some(state) => (state.name(), ctx.theme.success()),
        None => ("", Style::new()),
    }
}

fn detail(scan: &ScanRecord, now: Timestamp, cells: usize) -> String {
    match &scan.state {
        ScanState::Running => progress(scan, now, cells),
        ScanState::Retry { due, .. } => {
            let wait = text::elapsed(between(now, *due));
            if cells >= 11 { format!("#{} in {wait}", scan.attempt) } else { format!("in {wait}") }
        }
        ScanState::Done => match &scan.summary {
            Some(summary) if !summary.findings.is_empty() => findings(&summary.findings, cells),
            Some(summary) if cells >= 11 && !summary.flags.is_empty() => flag_words(&summary.flags),
            Some(summary) if cells >= 11 && summary.bscans > 1 => {
                format!("{} in {}", summary.bscans, text::duration(summary.elapsed))
            }
            Some(summary) => text::duration(summary.elapsed),
            None => String::new(),
        },
        ScanState::Quarantined { code, .. } => code.to_string(),
        ScanState::Seen | ScanState::Queued => format!("for {}", text::elapsed(between(scan.changed, now))),
        ScanState::Known if cells >= 11 => "same content".into(),
        ScanState::Known | ScanState::Vanished | ScanState::Interrupted | ScanState::Expired => String::new(),
    }
}

/// The findings in short words; those that do not fit are counted. The first is always named.
fn findings(findings: &[FindingKind], cells: usize) -> String {
    let shown = |n: usize| {
        let rest = if n < findings.len() { format!("+{}", findings.len() - n) } else { String::new() };
        format!("{}{rest}", short_findings(&findings[..n], " "))
    };
    let fits = |words: &String| text::width(words) <= cells;
    (1..=findings.len()).rev().map(shown).find(fits).unwrap_or_else(|| text::truncate(&shown(1), cells))
}

/// The number of B-scans done, a bar, and the time if there is room.
fn progress(scan: &ScanRecord, now: Timestamp, cells: usize) -> String {
    let elapsed = scan.started.map(|start| text::elapsed(between(start, now))).unwrap_or_default();
    let Some(total) = scan.bscan_count() else { return format!("opening {elapsed}") };
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

#[cfg(test)]
mod tests {
    use octrls_core::{layer::Layer, lesion::Lesion};

    use super::*;

    #[test]
    fn findings_fit_their_cells_and_none_is_hidden() {
        let of = [
            FindingKind::Lesion(Lesion::SubRpe),
            FindingKind::Lesion(Lesion::Shrm),
            FindingKind::LayerAbsent(Layer::Ez),
        ];
        let check = |cells, expected: &str| {
            let words = findings(&of, cells);
            assert_eq!(words, expected);
            assert!(text::width(&words) <= cells);
        };
        check(18, "sub-RPE SHRM no EZ");
        check(15, "sub-RPE SHRM+1");
        check(10, "sub-RPE+2");
        check(5, "sub-…");
    }
}
