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

use super::{frame::PanelTitle, heat_map};
use crate::{
    dashboard::{
        render_context::{RenderContext, unit_symbol},
        widgets::centered_message,
    },
    state::{ScanRecord, ScanState},
};

/// Cells for a value of three digits, its mark and a gap.
const VALUE_WIDTH: u16 = 6;
/// Five values side by side, the names of the sides and their gaps.
const MIN_WIDTH: u16 = 5 * VALUE_WIDTH + 4;
/// Five values one above the other, and the names of the sides.
const MIN_HEIGHT: u16 = 7;

pub(crate) fn draw(ctx: &RenderContext, area: Rect, buf: &mut Buffer) -> PanelTitle {
    let measured = if ctx.view.layer_map { Measured::Layer(ctx.view.render_style.layer) } else { Measured::Retina };
    let left = format!("{} {}", measured.name(), unit_symbol(ThicknessUnit::Micrometres));
    let Some((summary, etdrs)) = ctx.scan.and_then(|s| s.summary.as_deref()).and_then(|s| Some((s, s.etdrs.as_ref()?)))
    else {
        centered_message(reason_for_no_map(ctx.scan), ctx.theme.dim(), area, buf);
        return PanelTitle { left, ..PanelTitle::default() };
    };
    if area.width < MIN_WIDTH || area.height < MIN_HEIGHT {
        centered_message("panel too small", ctx.theme.dim(), area, buf);
        return PanelTitle { left, ..PanelTitle::default() };
    }
    if !draw_area(ctx, etdrs, measured, summary.eye, area, buf) {
        draw_grid(ctx, etdrs, measured, summary.eye, area, buf);
    }
    let right = match (etdrs.centre, summary.eye) {
        (CentreSource::ScanMiddle, _) => "no fovea found",
        (CentreSource::Fovea | CentreSource::Stated, Some(Eye::Right)) => "OD",
        (CentreSource::Fovea | CentreSource::Stated, Some(Eye::Left)) => "OS",
        (CentreSource::Fovea | CentreSource::Stated, None) => "unknown eye",
    };
    PanelTitle { left, right: right.into() }
}

/// Draws the thickness over the scanned area, if there is room and the result was opened; false otherwise.
fn draw_area(
    ctx: &RenderContext,
    etdrs: &EtdrsSummary,
    measured: Measured,
    eye: Option<Eye>,
    area: Rect,
    buf: &mut Buffer,
) -> bool {
    if area.width < heat_map::MIN_SIZE.0 || area.height < heat_map::MIN_SIZE.1 {
        return false;
    }
    let opened = ctx.result();
    let map = opened.and_then(|opened| opened.maps.as_ref()?.get(measured.index()));
    let centre = opened.and_then(|opened| opened.result.centre());
    match map.zip(centre) {
        Some((map, centre)) => heat_map::draw(ctx, (map, measured), (etdrs, centre), eye, area, buf),
        None => false,
    }
}

/// Why there is no map of `scan`.
const fn reason_for_no_map(scan: Option<&ScanRecord>) -> &'static str {
    match scan {
        Some(scan) if matches!(scan.state, ScanState::Running | ScanState::Queued | ScanState::Seen) => {
            "appears when the scan is done"
        }
        Some(scan) if scan.state.is_finished() && scan.summary.is_none() => "reading its results",
        Some(_) => "the map needs a volume with known B-scan positions and spacing",
        None => "no volume yet",
    }
}

/// Draws the mean of each subfield at its place.
fn draw_grid(
    ctx: &RenderContext,
    etdrs: &EtdrsSummary,
    measured: Measured,
    eye: Option<Eye>,
    area: Rect,
    buf: &mut Buffer,
) {
    let theme = ctx.theme;
    // If there is room, separate the rings vertically as they are horizontally.
    let rows_of_ring = |ring: i16| if area.height >= 9 { 2 * ring - ring.signum() } else { ring };
    let middle = (area.x + area.width / 2, area.y + area.height / 2);
    let means = &etdrs.mean_um[measured.index()];
    let known = || means.iter().flatten().copied();
    let (low, high) = (known().fold(f32::MAX, f32::min), known().fold(0.0, f32::max));
    for (i, subfield) in Subfield::all(eye).into_iter().enumerate() {
        let (right, down) = subfield.middle(eye);
        let x = middle.0.saturating_add_signed(ring_of(right) * VALUE_WIDTH as i16);
        let y = middle.1.saturating_add_signed(rows_of_ring(ring_of(down)));
        let Some(mean) = means[i] else {
            buf.set_string(x - 1, y, " - ", theme.dim());
            continue;
        };
        let share = if high > low { (mean - low) / (high - low) } else { 0.5 };
        let partial = etdrs.coverage[measured.index()][i].mark();
        buf.set_string(x - 2, y, format!("{mean:>4.0}{partial:1}"), heat_style(ctx, share));
        let mark = match etdrs.standing[measured.index()][i] {
            Some(Standing::Below) => "▼",
            Some(Standing::Above) => "▲",
            Some(Standing::Within) | None => "",
        };
        buf.set_string(x + 3, y, mark, theme.warning());
    }
    if etdrs.standing[measured.index()].iter().flatten().any(|s| *s != Standing::Within) {
        buf.set_string(area.x, area.bottom() - 1, "▼▲ reference", theme.dim());
    }
    draw_side_names(eye, middle, area.height, theme.dim(), buf);
}

/// Draws the names of the grid's sides around `middle`.
fn draw_side_names(eye: Option<Eye>, middle: (u16, u16), height: u16, style: Style, buf: &mut Buffer) {
    let (left, right) = match eye {
        Some(Eye::Right) => ("T", "N"),
        Some(Eye::Left) => ("N", "T"),
        None => ("L", "R"),
    };
    let (reach, top) = (2 * VALUE_WIDTH + 4, height.min(9) / 2);
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
fn ring_of(mm: f64) -> i16 {
    let rings = if mm.abs() > 1.5 { 2 } else { i16::from(mm.abs() > 0.5) };
    if mm < 0.0 { -rings } else { rings }
}

/// A viridis background, as in the thickness maps; plain without colours.
fn heat_style(ctx: &RenderContext, share: f32) -> Style {
    let foreground = if share > 0.5 { Color::Black } else { Color::White };
    let background = ctx.theme.colour(viridis(share));
    background.map_or_else(Style::new, |background| Style::new().bg(background).fg(foreground))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_map_to_rings() {
        assert_eq!([0.0, 1.0, -1.0, 2.25, -2.25].map(ring_of), [0, 1, -1, 2, -2]);
    }
}
