//! The second line: number of scans by state, and speed.
//!
//! ```text
//!  ✓ 128 done │ ▶ 2 running │ · 7 queued │ ↻ 1 retry │ ✗ 1 quarantined          4.9 B-scan/s │ p50 42 ms │ p95 57 ms
//! ```

use std::time::Duration;

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use crate::dashboard::{render_context::RenderContext, text};

/// Less time is not worth a word.
const MIN_LEFT: Duration = Duration::from_secs(10);

pub(crate) fn draw(ctx: &RenderContext, area: Rect, buf: &mut Buffer) {
    let theme = ctx.theme;
    let counts = ctx.model.counts();
    let style_of = |n: u64, style: Style| if n == 0 { theme.dim() } else { style };
    let mut parts = vec![
        (format!("✓ {} done", counts.done), style_of(counts.done, theme.success())),
        (format!("▶ {} running", counts.running), style_of(counts.running, theme.active())),
        (format!("· {} queued", counts.waiting), style_of(counts.waiting, Style::new())),
        (format!("↻ {} retry", counts.retry), style_of(counts.retry, theme.warning())),
        (format!("✗ {} quarantined", counts.quarantined), style_of(counts.quarantined, theme.error())),
    ];
    let wide = area.width >= 110;
    if wide && counts.known > 0 {
        parts.insert(1, (format!("= {} known", counts.known), theme.dim()));
    }
    let rates = &ctx.model.rates;
    let mut speed = vec![text::rate(rates.per_second(ctx.now), wide)];
    for (name, q) in [("p50", 0.5), ("p95", 0.95)] {
        if let Some(latency) = rates.latency(q).filter(|_| wide || q > 0.9) {
            speed.push(format!("{name} {}", text::latency(latency)));
        }
    }
    let width = usize::from(area.width);
    let loose = joined(&parts, " │ ", theme.frame()).width();
    let with_time = ctx.model.time_left(ctx.now).filter(|left| *left >= MIN_LEFT).map(|left| {
        let left = format!("about {} left", text::elapsed(left));
        [vec![left], speed.clone()].concat().join(" │ ") + " "
    });
    let speed = speed.join(" │ ") + " ";
    let right = with_time.filter(|words| loose + text::width(words) < width).unwrap_or(speed);
    let right = Line::styled(right, theme.strong());
    let room = width.saturating_sub(right.width());
    let spaced = [" │ ", "  ", " "].map(|separator| joined(&parts, separator, theme.frame()));
    let left = spaced.into_iter().find(|line| line.width() < room).unwrap_or_else(|| {
        let tight: Vec<_> = parts.iter().map(|(text, style)| (text.replacen(' ', "", 1), *style)).collect();
        joined(&tight, " ", theme.frame())
    });
    buf.set_line(area.x, area.y, &left, area.width);
    // On the narrowest screens, the counts matter more than the speed.
    if left.width() + right.width() <= width {
        buf.set_line(area.right() - right.width() as u16, area.y, &right, area.width);
    }
}

/// `parts` in one line, each in its style.
fn joined(parts: &[(String, Style)], separator: &'static str, style: Style) -> Line<'static> {
    let mut spans = vec![Span::raw(" ")];
    for (i, (text, part_style)) in parts.iter().enumerate() {
        if i > 0 {
            spans.push(Span::styled(separator, style));
        }
        spans.push(Span::styled(text.clone(), *part_style));
    }
    Line::from(spans)
}
