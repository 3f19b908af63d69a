//! Panel 4: thickness of the selected layer along the B-scan.
//!
//! ```text
//! ┌ 4 Profile · GCL+IPL µm ──────── mean 68.9 ┐
//! │100│⣀⠤⠤⠤⠤⠤⣀                     ⣀⠤⠤⠤⠤⠤⠤⣀  │
//! │ 50│       ⠉⠲⡀            ⢀⠎⠁           ⠉⠉│
//! │  0│         ⠑⠒⠒⠤⠤⠤⠤⠒⠒⠊⠁                 │
//! │   └─────────────────────────────────────  │
//! │   0               2.2 mm            4.4 mm │
//! └────────────────────────────────────────────┘
//! ```

use octrls_core::measure::LayerThickness;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    symbols::Marker,
    widgets::{Axis, Chart, Dataset, GraphType, Widget},
};

use super::frame::PanelTitle;
use crate::dashboard::{
    render_context::{RenderContext, unit_symbol},
    text,
    widgets::centered_message,
};

pub(crate) fn draw(ctx: &RenderContext, area: Rect, buf: &mut Buffer) -> PanelTitle {
    let layer = ctx.view.render_style.layer;
    let Some(bscan) = ctx.bscan.and_then(|(_, bscan)| bscan.segmented.as_ref()) else {
        let words = if ctx.bscan.is_some() { "the profile is no longer in memory" } else { "no profile yet" };
        centered_message(words, ctx.theme.dim(), area, buf);
        return PanelTitle { left: layer.name().into(), ..PanelTitle::default() };
    };
    let thickness = &bscan.thicknesses.layers[layer.index()];
    let unit = unit_symbol(bscan.thicknesses.unit);
    let left = format!("{} {unit}", layer.name());
    let Some(top) = thickness.max else {
        centered_message("this layer was not found", ctx.theme.dim(), area, buf);
        return PanelTitle { left, ..PanelTitle::default() };
    };
    chart(ctx, thickness, f64::from(top), area, buf);
    let left = ctx.view.pointed.map_or(left, |share| pointed(ctx, thickness, share, unit));
    let right = thickness.mean.map_or_else(String::new, |mean| format!("mean {mean:.1} {unit}"));
    PanelTitle { left, right }
}

fn chart(ctx: &RenderContext, thickness: &LayerThickness, top: f64, area: Rect, buf: &mut Buffer) {
    let theme = ctx.theme;
    let lateral = ctx.scan.and_then(|s| s.header.as_ref()).and_then(|h| h.lateral);
    let count = thickness.profile.len();
    let end = lateral.map_or(count as f64, |spacing| count as f64 * spacing.um / 1000.0);
    // A braille cell has two columns of dots.
    let bins = count.min(2 * usize::from(area.width)).max(1);
    let values = text::bin_means(&thickness.profile, bins);
    let runs: Vec<Vec<(f64, f64)>> = runs(&values)
        .into_iter()
        .map(|run| run.into_iter().map(|(i, v)| ((i as f64 + 0.5) / bins as f64 * end, f64::from(v))).collect())
        .collect();
    let pointed: Vec<(f64, f64)> = ctx
        .view
        .pointed
        .map(|share| (0..60).map(|i| (f64::from(share) * end, f64::from(i) / 60.0 * top)).collect())
        .unwrap_or_default();
    let pointer = Dataset::default().data(&pointed).marker(Marker::Braille).style(theme.dim());
    let datasets = std::iter::once(pointer.graph_type(GraphType::Scatter))
        .filter(|_| !pointed.is_empty())
        .chain(runs.iter().map(|run| {
            let set = Dataset::default().data(run).marker(Marker::Braille).style(theme.boundary(thickness.of.upper()));
            set.graph_type(if run.len() > 1 { GraphType::Line } else { GraphType::Scatter })
        }))
        .collect();
    let ceiling = ceiling(top);
    let digits = usize::from(ceiling < 4.0);
    let rows = [0.0, ceiling / 2.0, ceiling].map(|v| format!("{v:.digits$}"));
    let columns = match lateral {
        Some(_) => ["0".to_owned(), format!("{:.1}", end / 2.0), format!("{end:.1} mm")],
        None => ["1".to_owned(), (count / 2).to_string(), format!("A-scan {count}")],
    };
    let axis = |bounds, labels: [String; 3]| Axis::default().bounds(bounds).labels(labels).style(theme.dim());
    Chart::new(datasets)
        .x_axis(axis([0.0, end], columns))
        .y_axis(axis([0.0, ceiling], rows))
        .legend_position(None)
        .render(area, buf);
}

/// The thickness at a share of the B-scan's width.
fn pointed(ctx: &RenderContext, thickness: &LayerThickness, share: f32, unit: &str) -> String {
    let count = thickness.profile.len();
    let ascan = ((share * count as f32) as usize).min(count.saturating_sub(1));
    let lateral = ctx.scan.and_then(|s| s.header.as_ref()).and_then(|h| h.lateral);
    let at = lateral.map_or_else(|| format!("A-scan {ascan}"), |s| format!("{:.2} mm", ascan as f64 * s.um / 1000.0));
    match thickness.profile.get(ascan).copied().flatten() {
        Some(value) => format!("{value:.1} {unit}, {at}"),
        None => format!("none, {at}"),
    }
}

/// The runs of values without a gap, each value with its position.
fn runs(values: &[Option<f32>]) -> Vec<Vec<(usize, f32)>> {
    let mut runs = vec![Vec::new()];
    for (i, value) in values.iter().enumerate() {
        match (value, runs.last_mut()) {
            (Some(value), Some(run)) => run.push((i, *value)),
            (None, Some(run)) if !run.is_empty() => runs.push(Vec::new()),
            _ => {}
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

/// The next round number from `value` upwards.
fn ceiling(value: f64) -> f64 {
    let value = value.max(0.1);
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 1.2, 1.6, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    steps.into_iter().map(|s| s * power).find(|s| *s >= value).unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_part_the_curve() {
        let values = [None, Some(1.0), Some(2.0), None, None, Some(3.0), None];
        assert_eq!(runs(&values), [vec![(1, 1.0), (2, 2.0)], vec![(5, 3.0)]]);
        assert!(runs(&[None]).is_empty());
    }

    #[test]
    fn the_axis_ends_on_a_round_number() {
        for (value, expected) in [(95.0, 100.0), (101.0, 120.0), (0.0, 0.1), (31.2, 40.0), (7.0, 8.0)] {
            assert!((ceiling(value) - expected).abs() < 1e-9, "{value}");
        }
    }
}
