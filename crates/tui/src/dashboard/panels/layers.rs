//! Panel 3: thickness of every layer.
//!
//! ```text
//! ┌ 3 Layers · µm ────────────────── B-scan 31/49 ┐
//! │   layer       mean     min–max   cover  along │
//! │>1 NFL         31.2   12.0–58.3    100%  ▅▅▄▅▄ │
//! │ 8 Choroid    177.1  172.2–187.2   ~80%  ▂▂▂▄▇ │
//! └───────────────────────────────────────────────┘
//! ```
//! `~` before the cover of the choroid: its end is visible in that share of the A-scans, and inferred elsewhere.

use octrls_core::{
    layer::{LAYERS, Layer},
    measure::ThicknessUnit,
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use super::frame::PanelTitle;
use crate::{
    dashboard::{
        render_context::{RenderContext, unit_symbol},
        text,
    },
    state::LayerMeasurements,
};

/// Cells before the sparkline.
const COLUMNS: usize = 39;

pub(crate) fn draw(ctx: &RenderContext, area: Rect, buf: &mut Buffer) -> PanelTitle {
    let theme = ctx.theme;
    let width = usize::from(area.width);
    let heading = format!("   {:<8}{:>7}{:>13}{:>7}  along", "layer", "mean", "min–max", "cover");
    buf.set_string(area.x, area.y, text::truncate(&heading, width), theme.dim());
    let measurements = ctx.measurements();
    let segmented = ctx.bscan.and_then(|(_, bscan)| bscan.segmented.as_ref());
    let shown = usize::from(area.height.saturating_sub(1));
    let first = ctx.view.render_style.layer.index().saturating_sub(shown.saturating_sub(1)).min(LAYERS - 1);
    for (layer, y) in Layer::ALL.into_iter().skip(first).zip(area.top() + 1..area.bottom()) {
        let selected = layer == ctx.view.render_style.layer;
        if selected {
            buf.set_style(Rect { y, height: 1, ..area }, theme.selected());
        }
        let of_layer = measurements.as_ref().map(|m| m.layers[layer.index()]);
        let mut spans = vec![
            Span::styled(if selected { ">" } else { " " }, theme.focus()),
            Span::styled(format!("{} ", layer.class()), theme.boundary(layer.upper())),
            Span::styled(format!("{:<8}", layer.name()), if selected { theme.strong() } else { Style::new() }),
        ];
        let visible = measurements.as_ref().and_then(|m| m.choroid_visible).filter(|_| layer == Layer::Choroid);
        spans.extend(columns(ctx, of_layer, visible));
        if let Some(bscan) = segmented
            && let Some(bars) = text::sparkline(
                &bscan.thicknesses.layers[layer.index()].profile,
                width.saturating_sub(COLUMNS + 1).min(40),
            )
        {
            spans.push(Span::styled(format!("  {bars}"), theme.boundary(layer.upper())));
        }
        buf.set_line(area.x, y, &Line::from(spans), area.width);
    }
    title(ctx, measurements.map(|m| m.unit))
}

fn title(ctx: &RenderContext, known: Option<ThicknessUnit>) -> PanelTitle {
    let left = match known {
        Some(ThicknessUnit::Pixels) => "px (no axial spacing)".into(),
        Some(known) => unit_symbol(known).into(),
        None => String::new(),
    };
    let right = match (ctx.bscan, ctx.bscan_count()) {
        (Some((index, _)), Some(total)) => format!("B-scan {}/{total}", index + 1),
        (None, Some(total)) if known.is_some() => format!("mean of {total}"),
        _ => String::new(),
    };
    PanelTitle { left, right }
}

/// The figures of a layer. `visible` is the share of A-scans in which the end of the choroid is visible.
fn columns(ctx: &RenderContext, measurements: Option<LayerMeasurements>, visible: Option<f32>) -> Vec<Span<'static>> {
    let theme = ctx.theme;
    let Some(LayerMeasurements { mean, min, max, coverage }) = measurements else {
        return vec![Span::styled(format!("{:>7}{:>13}{:>7}", "-", "-", "-"), theme.dim())];
    };
    let one = |value: Option<f32>| value.map_or("-".to_owned(), |v| format!("{v:.1}"));
    let range = match (min, max) {
        (Some(min), Some(max)) => format!("{min:.1}–{max:.1}"),
        _ => "-".into(),
    };
    let inferred = visible.is_some_and(|visible| visible < 0.995);
    let coverage = coverage.map(|c| c * visible.unwrap_or(1.0));
    let cover = coverage.map_or("-".to_owned(), |c| format!("{:.0}%", c * 100.0));
    // The mark repeats the colour, which some terminals lack.
    let low = coverage.is_some_and(|c| c < 0.9);
    let mark = if inferred { "~" } else { ["", "!"][usize::from(low)] };
    vec![
        Span::styled(format!("{:>7}", one(mean)), theme.strong()),
        Span::raw(format!("{range:>13}")),
        Span::styled(format!("{:>7}", format!("{mark}{cover}")), if low { theme.warning() } else { theme.dim() }),
    ]
}
