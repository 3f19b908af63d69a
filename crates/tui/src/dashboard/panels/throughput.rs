//! Panel 6: B-scans per second, newest on the right.
//!
//! ```text
//! ┌ 6 Throughput · B-scan/s, 44 s ──── max 5.2 ┐
//! │   ▄  ▂▁ ▁  ▂ ▂  ▃▁    ▂ ▂  ▃  ▁    ▂▂ ▂ ▃▃ │
//! │▄████▅██▇█▆▄███▇▅██▅█▇▆█▆██▇█▇▄██▆█▅██▇█▇██ │
//! └────────────────────────────────────────────┘
//! ```

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    widgets::{Sparkline, Widget},
};

use super::frame::PanelTitle;
use crate::dashboard::{render_context::RenderContext, text, widgets::centered_message};

pub(crate) fn draw(ctx: &RenderContext, area: Rect, buf: &mut Buffer) -> PanelTitle {
    let history = ctx.model.rates.history(ctx.now, usize::from(area.width));
    let max = history.iter().copied().fold(0.0, f32::max);
    let seconds = history.len();
    let left = format!("B-scan/s, {seconds} s");
    if max <= 0.0 {
        centered_message("no recent B-scans", ctx.theme.dim(), area, buf);
        return PanelTitle { left, ..PanelTitle::default() };
    }
    let columns: Vec<u64> = history.iter().map(|rate| (rate * 1000.0) as u64).collect();
    Sparkline::default().data(columns).style(ctx.theme.active()).render(area, buf);
    PanelTitle {
        left,
        right: if max < 0.95 { format!("best {}", text::rate(max, false)) } else { format!("max {max:.1}") },
    }
}
