//! Panel 6: B-scans per second, newest on the right.
//!
//! ```text
//! ┌ 6 Throughput · B-scan/s ────────── max 5.2 ┐
//! │   ▄  ▂▁ ▁  ▂ ▂  ▃▁    ▂ ▂  ▃  ▁    ▂▂ ▂ ▃▃ │
//! │▄████▅██▇█▆▄███▇▅██▅█▇▆█▆██▇█▇▄██▆█▅██▇█▇██ │
//! └────────────────────────────────────────────┘
//! ```

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    widgets::{Sparkline, Widget},
};

use super::{Title, sentence};
use crate::dashboard::{render_context::RenderContext, text};

pub(crate) fn draw(scene: &RenderContext, area: Rect, buf: &mut Buffer) -> Title {
    let history = scene.model.rates.history(scene.now, usize::from(area.width));
    let max = history.iter().copied().fold(0.0, f32::max);
    let seconds = history.len();
    let left = format!("B-scan/s, {seconds} s");
    if max <= 0.0 {
        sentence("no recent B-scans", scene.theme.quiet(), area, buf);
        return Title { left, right: String::new() };
    }
    let columns: Vec<u64> = history.iter().map(|rate| (rate * 1000.0) as u64).collect();
    Sparkline::default().data(columns).style(scene.theme.active()).render(area, buf);
    Title { left, right: if max < 0.95 { format!("best {}", text::rate(max, false)) } else { format!("max {max:.1}") } }
}
