//! Panel 1 on the full screen: the scans with a column for each fact, sortable.
//!
//! ```text
//! ┌ 1 Queue · 10 scans · by latest ─────────────────────────────────────────────────────────────────────────────┐
//! │  scan               verdict     eye  B-scans  findings         flags         format         changed     took  │
//! │>✓ P0036_OS.vol      good        OS        49  SRF no EZ        weak signal   Heidelberg VOL 30 Nov 12:41  2 s │
//! └─────────────────────────────────────────────────────────────────────────────────────────────────────────────┘
//! ```

use octrls_core::{
    measure::{Verdict, flag_words},
    scan::Eye,
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use super::{frame::PanelTitle, queue::review_word};
use crate::{
    dashboard::{render_context::RenderContext, text},
    short_findings::short_findings,
    state::{ScanRecord, ScanState, SortBy},
};

/// Least width of the table.
pub(crate) const MIN_WIDTH: u16 = 76;
/// Cells between two columns.
const GAP: usize = 2;
/// Least width of the names.
const NAME: usize = 18;
/// Cells of the marker, the glyph and the blank after it.
const MARK: usize = 3;

/// A column besides the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    State,
    Eye,
    BScans,
    Findings,
    Flags,
    Format,
    Changed,
    Took,
}

impl Column {
    /// From left to right.
    const ALL: [Self; 8] =
        [Self::State, Self::Eye, Self::BScans, Self::Findings, Self::Flags, Self::Format, Self::Changed, Self::Took];
    /// Those that give way on a narrow screen, first to last.
    const OPTIONAL: [Self; 5] = [Self::Format, Self::BScans, Self::Took, Self::Flags, Self::Changed];

    const fn heading(self) -> &'static str {
        match self {
            Self::State => "verdict",
            Self::Eye => "eye",
            Self::BScans => "B-scans",
            Self::Findings => "findings",
            Self::Flags => "flags",
            Self::Format => "format",
            Self::Changed => "changed",
            Self::Took => "took",
        }
    }

    const fn width(self) -> usize {
        match self {
            Self::State | Self::Changed => 12,
            Self::Eye => 3,
            Self::BScans => 7,
            Self::Findings => 18,
            Self::Flags => 14,
            Self::Format => 15,
            Self::Took => 6,
        }
    }

    const fn sort(self) -> Option<SortBy> {
        match self {
            Self::State => Some(SortBy::State),
            Self::Eye => Some(SortBy::Eye),
            Self::Findings => Some(SortBy::Findings),
            Self::Format => Some(SortBy::Format),
            Self::Changed => Some(SortBy::Activity),
            Self::Took => Some(SortBy::Duration),
            Self::BScans | Self::Flags => None,
        }
    }
}

/// The columns that fit into `width` cells, and the width of the names.
fn columns(width: usize) -> (Vec<Column>, usize) {
    let mut shown = Column::ALL.to_vec();
    let used = |shown: &[Column]| MARK + shown.iter().map(|column| column.width() + GAP).sum::<usize>();
    for optional in Column::OPTIONAL {
        if used(&shown) + NAME > width {
            shown.retain(|column| *column != optional);
        }
    }
    let names = width.saturating_sub(used(&shown));
    (shown, names)
}

pub(super) fn draw(ctx: &RenderContext, area: Rect, buf: &mut Buffer) -> PanelTitle {
    let theme = ctx.theme;
    let (columns, name_cells) = columns(usize::from(area.width));
    let query = &ctx.view.query;
    let arrow = if query.reversed { "▴" } else { "▾" };
    let heading = |name: &str, by: Option<SortBy>, cells: usize| {
        let sorted = by == Some(query.sort);
        let words = if sorted { format!("{name}{arrow}") } else { name.to_owned() };
        Span::styled(text::pad(&words, cells), if sorted { theme.strong() } else { theme.dim() })
    };
    let mut spans = vec![Span::raw(" ".repeat(MARK)), heading("scan", Some(SortBy::Name), name_cells)];
    for column in &columns {
        spans.push(Span::raw(" ".repeat(GAP)));
        spans.push(heading(column.heading(), column.sort(), column.width()));
    }
    buf.set_line(area.x, area.y, &Line::from(spans), area.width);
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let height = usize::from(body.height);
    let rows = ctx.rows_in(height);
    let paths: Vec<&str> = rows.iter().map(|scan| scan.name.as_str()).collect();
    let names = text::shorten_apart(&paths, name_cells);
    for ((scan, name), y) in rows.iter().zip(&names).zip(body.top()..body.bottom()) {
        let selected = Some(scan.id) == ctx.view.selected;
        if selected {
            buf.set_style(Rect { y, height: 1, ..area }, theme.selected());
        }
        let (word, style) = verdict(ctx, scan);
        let mut spans = vec![
            Span::styled(if selected { ">" } else { " " }, theme.focus()),
            Span::styled(format!("{} ", scan.state.glyph()), style),
            Span::raw(text::pad(name, name_cells)),
        ];
        for column in &columns {
            let (value, style) =
                if *column == Column::State { (word.clone(), style) } else { value(ctx, scan, *column) };
            spans.push(Span::raw(" ".repeat(GAP)));
            spans.push(Span::styled(text::pad(&value, column.width()), style));
        }
        buf.set_line(area.x, y, &Line::from(spans), area.width);
    }
    PanelTitle { left: String::new(), right: format!("by {}{arrow}", query.sort.word()) }
}

/// The verdict on a finished scan, or the state of another.
fn verdict(ctx: &RenderContext, scan: &ScanRecord) -> (String, Style) {
    let theme = ctx.theme;
    match (&scan.state, scan.summary.as_deref()) {
        _ if scan.decision().is_some() => {
            let (word, style) = review_word(ctx, scan);
            (word.to_owned(), style)
        }
        (ScanState::Done | ScanState::Known, Some(summary)) => {
            let style = if summary.verdict == Verdict::Good { theme.success() } else { theme.warning() };
            (summary.verdict.words().to_owned(), style)
        }
        (state, _) => (state.word().to_owned(), theme.state(state)),
    }
}

fn value(ctx: &RenderContext, scan: &ScanRecord, column: Column) -> (String, Style) {
    let theme = ctx.theme;
    let summary = scan.summary.as_deref();
    match column {
        Column::State => verdict(ctx, scan),
        Column::Eye => (scan.eye().map_or_else(|| "-".into(), |eye: Eye| eye.code().to_owned()), Style::new()),
        Column::BScans => {
            let count = scan.bscan_count().map_or_else(|| "-".to_owned(), |n| n.to_string());
            (format!("{count:>7}"), Style::new())
        }
        Column::Findings => match (&scan.state, summary) {
            (ScanState::Quarantined { code, .. } | ScanState::Retry { code, .. }, _) => {
                (code.to_string(), theme.warning())
            }
            (_, Some(summary)) => (short_findings(&summary.findings, " "), theme.strong()),
            _ => (String::new(), Style::new()),
        },
        Column::Flags => (summary.map_or_else(String::new, |s| flag_words(&s.flags)), theme.warning()),
        Column::Format => (scan.header.as_ref().map_or_else(String::new, |h| h.format.to_string()), theme.dim()),
        Column::Changed => (ctx.day_and_time(scan.changed), theme.dim()),
        Column::Took => (summary.map_or_else(String::new, |s| text::duration(s.elapsed)), theme.dim()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_needed_columns_give_way() {
        let (all, names) = columns(200);
        assert_eq!((all.len(), names > 60), (8, true));
        for width in usize::from(MIN_WIDTH)..200 {
            let (shown, names) = columns(width);
            let used: usize = shown.iter().map(|column| column.width() + GAP).sum();
            assert!(names >= NAME && MARK + names + used <= width, "{width}");
            assert!(
                shown.contains(&Column::State) && shown.contains(&Column::Eye) && shown.contains(&Column::Findings)
            );
        }
    }
}
