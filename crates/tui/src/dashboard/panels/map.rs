//! Panel 5: thickness in the nine ETDRS subfields, in fundus view.
//!
//! ```text
//! ┌ 5 Map · Retina µm ────── OD ┐
//! │              S              │
//! │             301             │
//! │             335             │
//! │                             │
//! │T 278   322   261   340  312 N│
//! │                             │
//! │             330             │
//! │             289▼            │
//! │▼▲ reference  I              │
//! └─────────────────────────────┘
//! ```

use octrls_core::{
    layer::Measured,
    measure::{
        EtdrsSummary, ThicknessUnit,
        enface::{CentreSource, Subfield},
        reference::Standing,
    },
    scan::Eye,
};
use octrls_report::viridis;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Style},
};

use super::frame::PanelTitle;
use crate::{
    dashboard::{
        render_context::{RenderContext, unit_symbol},
        widgets::centered_message,
    },
    state::{ScanRecord, ScanState},
};

/// Cells for a value of three digits, its mark and a gap.
const STEP: u16 = 6;
/// Five values side by side, the names of the sides and their gaps.
const WIDTH: u16 = 5 * STEP + 4;
/// Five values one above the other, and the names of the sides.
const HEIGHT: u16 = 7;

pub(crate) fn draw(ctx: &RenderContext, area: Rect, buf: &mut Buffer) -> PanelTitle {
    let of = if ctx.view.layer_map { Measured::Layer(ctx.view.render_style.layer) } else { Measured::Retina };
    let left = format!("{} {}", of.name(), unit_symbol(ThicknessUnit::Micrometres));
    let Some((summary, etdrs)) = ctx.scan.and_then(|s| s.summary.as_deref()).and_then(|s| Some((s, s.etdrs.as_ref()?)))
    else {
        centered_message(why_not(ctx.scan), ctx.theme.dim(), area, buf);
        return PanelTitle { left, ..PanelTitle::default() };
    };
    if area.width < WIDTH || area.height < HEIGHT {
        centered_message("panel too small", ctx.theme.dim(), area, buf);
        return PanelTitle { left, ..PanelTitle::default() };
    }
    grid(ctx, etdrs, of, summary.eye, area, buf);
    let right = match (etdrs.centre, summary.eye) {
        (CentreSource::ScanMiddle, _) => "no fovea found",
        (CentreSource::Fovea, Some(Eye::Right)) => "OD",
        (CentreSource::Fovea, Some(Eye::Left)) => "OS",
        (CentreSource::Fovea, None) => "unknown eye",
    };
    PanelTitle { left, right: right.into() }
}

const fn why_not(scan: Option<&ScanRecord>) -> &'static str {
    match scan {
        Some(scan) if matches!(scan.state, ScanState::Running | ScanState::Queued | ScanState::Seen) => {
            "appears when the scan is done"
        }
        Some(_) => "the map needs a volume with known B-scan positions and spacing",
        None => "no volume yet",
    }
}

fn grid(ctx: &RenderContext, etdrs: &EtdrsSummary, of: Measured, eye: Option<Eye>, area: Rect, buf: &mut Buffer) {
    let theme = ctx.theme;
    // If there is room, separate the rings vertically as they are horizontally.
    let spread = |ring: i16| if area.height >= 9 { 2 * ring - ring.signum() } else { ring };
    let middle = (area.x + area.width / 2, area.y + area.height / 2);
    let means = &etdrs.mean_um[of.index()];
    let known = || means.iter().flatten().copied();
    let (low, high) = (known().fold(f32::MAX, f32::min), known().fold(0.0, f32::max));
    for (i, subfield) in Subfield::all(eye).into_iter().enumerate() {
        let (right, down) = subfield.middle(eye);
        let x = middle.0.saturating_add_signed(ring(right) * STEP as i16);
        let y = middle.1.saturating_add_signed(spread(ring(down)));
        let Some(mean) = means[i] else {
            buf.set_string(x - 1, y, " - ", theme.dim());
            continue;
        };
        let share = if high > low { (mean - low) / (high - low) } else { 0.5 };
        buf.set_string(x - 2, y, format!("{mean:>4.0} "), heat(ctx, share));
        let mark = match etdrs.standing[of.index()][i] {
            Some(Standing::Below) => "▼",
            Some(Standing::Above) => "▲",
            Some(Standing::Within) | None => "",
        };
        buf.set_string(x + 3, y, mark, theme.warning());
    }
    if etdrs.standing[of.index()].iter().flatten().any(|s| *s != Standing::Within) {
        buf.set_string(area.x, area.bottom() - 1, "▼▲ reference", theme.dim());
    }
    sides(eye, middle, area.height, theme.dim(), buf);
}

/// Draws the names of the grid's sides around `middle`.
fn sides(eye: Option<Eye>, middle: (u16, u16), height: u16, style: Style, buf: &mut Buffer) {
    let (left, right) = match eye {
        Some(Eye::Right) => ("T", "N"),
        Some(Eye::Left) => ("N", "T"),
        None => ("L", "R"),
    };
    let (reach, top) = (2 * STEP + 4, height.min(9) / 2);
    for (x, y, name) in [
        (middle.0 - reach, middle.1, left),
        (middle.0 + reach, middle.1, right),
        (middle.0, middle.1 - top, "S"),
        (middle.0, middle.1 + top, "I"),
    ] {
        buf.set_string(x, y, name, style);
    }
}

/// The ring at a distance in millimetres from the centre, with the sign of the distance.
fn ring(mm: f64) -> i16 {
    let rings = if mm.abs() > 1.5 { 2 } else { i16::from(mm.abs() > 0.5) };
    if mm < 0.0 { -rings } else { rings }
}

/// A viridis background, as in the thickness maps; plain without colours.
fn heat(ctx: &RenderContext, share: f32) -> Style {
    let ink = if share > 0.5 { Color::Black } else { Color::White };
    let ground = ctx.theme.colour(viridis(share));
    ground.map_or_else(Style::new, |ground| Style::new().bg(ground).fg(ink))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_has_its_ring() {
        assert_eq!([0.0, 1.0, -1.0, 2.25, -2.25].map(ring), [0, 1, -1, 2, -2]);
    }
}
