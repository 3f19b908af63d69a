//! The second line: number of scans by state, and speed.
//!
//! ```text
//!  ✓ 128 done │ ▶ 2 running │ · 7 queued │ ↻ 1 retry │ ✗ 1 quarantined          4.9 B-scan/s │ p50 42 ms │ p95 57 ms
//! ```

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use crate::dashboard::{render_context::RenderContext, text};

pub(crate) fn draw(ctx: &RenderContext, area: Rect, buf: &mut Buffer) {
    let theme = ctx.theme;
    let counts = ctx.model.counts();
    let lit = |n: u64, style: Style| if n == 0 { theme.dim() } else { style };
    let mut parts = vec![
        (format!("✓ {} done", counts.done), lit(counts.done, theme.success())),
        (format!("▶ {} running", counts.running), lit(counts.running, theme.active())),
        (format!("· {} queued", counts.waiting), lit(counts.waiting, Style::new())),
        (format!("↻ {} retry", counts.retry), lit(counts.retry, theme.warning())),
        (format!("✗ {} quarantined", counts.quarantined), lit(counts.quarantined, theme.error())),
    ];
    let wide = area.width >= 110;
    if wide && counts.known > 0 {
        parts.insert(1, (format!("= {} known", counts.known), theme.dim()));
    }
    let rates = &ctx.model.rates;
    let mut figures = vec![text::rate(rates.per_second(ctx.now), wide)];
    for (name, q) in [("p50", 0.5), ("p95", 0.95)] {
        if let Some(latency) = rates.latency(q).filter(|_| wide || q > 0.9) {
            figures.push(format!("{name} {}", text::latency(latency)));
        }
    }
    let right = Line::styled(figures.join(" │ ") + " ", theme.strong());
    let mut room = usize::from(area.width).saturating_sub(right.width());
    for separator in [" │ ", "  ", " "] {
        let left = joined(&parts, separator, theme.frame());
        if left.width() < room {
            room = left.width();
            buf.set_line(area.x, area.y, &left, area.width);
            break;
        }
        if separator == " " {
            let tight: Vec<_> = parts.iter().map(|(t, s)| (t.replacen(' ', "", 1), *s)).collect();
            let left = joined(&tight, " ", theme.frame());
            // On the narrowest screens, the counts matter more than the speed.
            room = left.width();
            buf.set_line(area.x, area.y, &left, area.width);
        }
    }
    if room + right.width() <= usize::from(area.width) {
        buf.set_line(area.right() - right.width() as u16, area.y, &right, area.width);
    }
}

fn joined(parts: &[(String, Style)], separator: &'static str, style: Style) -> Line<'static> {
    let mut spans = vec![Span::raw(" ")];
    for (i, (text, own)) in parts.iter().enumerate() {
        if i > 0 {
            spans.push(Span::styled(separator, style));
        }
        spans.push(Span::styled(text.clone(), *own));
    }
    Line::from(spans)
}
