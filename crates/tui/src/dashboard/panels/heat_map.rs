//! The thickness of a volume from the front, with its scale and the ETDRS subfields; panel 5 where there is room.
//!
//! ```text
//!  ▒▒▒▒▒▒▒▒▒▒▒▒▓▓▓▓▓▓▓▓▒▒▒▒▒▒▒▒▒▒▒   350
//!  ▒▒▒▒▒▒▒▓▓▓▓▓▓▓ 301 ▓▓▓▓▓▓▓▒▒▒▒▒   ███
//!  ▒▒▒▒▓▓▓▓▓▓▓▓▓▓ 335 ▓▓▓▓▓▓▓▓▒▒▒▒   ▓▓▓
//!  ▒▒ 278 ▓ 322 ▒ 261 ▒ 340 ▓ 312    175
//! ```

use octrls_core::{
    layer::Measured,
    measure::{
        EtdrsSummary,
        enface::{Centre, CentreSource, ETDRS_RADII_MM, Subfield, ThicknessMap},
    },
    scan::{Eye, Place},
};
use octrls_report::viridis;
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::Style,
};

use crate::dashboard::render_context::RenderContext;

/// Least size of a panel that shows the area.
pub(super) const MIN_SIZE: (u16, u16) = (46, 16);
/// Cells of the scale, with its gap.
const SCALE_WIDTH: u16 = 8;
/// Colour where thickness is unknown.
const UNKNOWN: [u8; 3] = [60, 60, 66];
/// Colour of the circles.
const RING: [u8; 3] = [255, 255, 255];
/// The top of the scale is a multiple of this, in micrometres.
const SCALE_STEP_UM: f32 = 10.0;
/// Characters from thin to thick, where there are no colours.
const SHADES: [char; 5] = ['·', '░', '▒', '▓', '█'];

/// Where the area lies on the screen; a pixel is half a cell high.
struct Plot {
    area: Rect,
    corner: Place,
    mm_per_pixel: f64,
}

impl Plot {
    fn new(map: &ThicknessMap, area: Rect) -> Option<Self> {
        let (low, high) = map.extent();
        let (across, down) = (high.x - low.x, high.y - low.y);
        if across <= 0.0 || down <= 0.0 {
            return None;
        }
        let mm_per_pixel = (across / f64::from(area.width)).max(down / (2.0 * f64::from(area.height)));
        let width = ((across / mm_per_pixel).round() as u16).clamp(1, area.width);
        let height = ((down / mm_per_pixel / 2.0).round() as u16).clamp(1, area.height);
        let area = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
        Some(Self { area, corner: low, mm_per_pixel })
    }

    /// The place of the middle of a pixel.
    fn place(&self, x: u16, y: u16) -> Place {
        let mm = |pixel: u16| (f64::from(pixel) + 0.5) * self.mm_per_pixel;
        Place { x: self.corner.x + mm(x), y: self.corner.y + mm(y) }
    }

    /// The cell of a place, if it is inside.
    fn cell(&self, place: Place) -> Option<(u16, u16)> {
        let pixels = |mm: f64| mm / self.mm_per_pixel;
        let (x, y) = (pixels(place.x - self.corner.x), pixels(place.y - self.corner.y) / 2.0);
        let inside = x >= 0.0 && y >= 0.0 && x < f64::from(self.area.width) && y < f64::from(self.area.height);
        inside.then(|| (self.area.x + x as u16, self.area.y + y as u16))
    }

    fn is_on_ring(&self, place: Place, centre: Place) -> bool {
        ETDRS_RADII_MM.iter().any(|radius| (place.distance(centre) - radius).abs() < 0.55 * self.mm_per_pixel)
    }
}

/// The part of a panel's `area` that holds the map; the rest is its scale and a note.
fn field_of(area: Rect) -> Rect {
    Rect { width: area.width.saturating_sub(SCALE_WIDTH), height: area.height.saturating_sub(1), ..area }
}

/// The place at a cell of the panel that shows `map` inside `area`.
pub(super) fn place_at(map: &ThicknessMap, area: Rect, at: Position) -> Option<Place> {
    let plot = Plot::new(map, field_of(area))?;
    plot.area.contains(at).then(|| plot.place(at.x - plot.area.x, 2 * (at.y - plot.area.y)))
}

/// Draws `map`, the means of the subfields and the scale; false if there is no area to draw.
pub(super) fn draw(
    ctx: &RenderContext,
    (map, of): (&ThicknessMap, Measured),
    (etdrs, centre): (&EtdrsSummary, Centre),
    eye: Option<Eye>,
    area: Rect,
    buf: &mut Buffer,
) -> bool {
    let field = field_of(area);
    let Some(plot) = Plot::new(map, field) else { return false };
    let top = top_of_scale(map, &plot);
    // While the fovea is stated, the circles show where they will be.
    draw_field(ctx, map, &plot, ctx.view.centring.unwrap_or(centre.place), top, buf);
    if ctx.view.centring.is_none() {
        draw_means(ctx, &plot, etdrs, (of, centre.place, eye), buf);
    }
    draw_scale(
        ctx,
        top,
        Rect { x: area.right() - SCALE_WIDTH + 2, width: SCALE_WIDTH - 2, height: field.height, ..area },
        buf,
    );
    let about = match centre.from {
        CentreSource::Fovea => "the fovea",
        CentreSource::Stated => "the stated centre",
        CentreSource::ScanMiddle => "the scan's middle, no fovea found",
    };
    let note = match ctx.view.centring {
        Some(Place { x, y }) => {
            if let Some(cell) = plot.cell(Place { x, y }) {
                buf.set_string(cell.0, cell.1, "+", ctx.theme.label());
            }
            format!("the fovea is at {x:.2}, {y:.2} mm")
        }
        None => format!("circles of 1, 3, 6 mm about {about}"),
    };
    buf.set_stringn(area.x, area.bottom() - 1, note, usize::from(area.width), ctx.theme.dim());
    true
}

fn draw_field(ctx: &RenderContext, map: &ThicknessMap, plot: &Plot, centre: Place, top: f32, buf: &mut Buffer) {
    let colour = |x: u16, y: u16| {
        let place = plot.place(x, y);
        let rgb =
            if plot.is_on_ring(place, centre) { RING } else { map.at(place).map_or(UNKNOWN, |v| viridis(v / top)) };
        ctx.theme.colour(rgb)
    };
    for row in 0..plot.area.height {
        for column in 0..plot.area.width {
            let cell = &mut buf[(plot.area.x + column, plot.area.y + row)];
            if let (Some(upper), Some(lower)) = (colour(column, 2 * row), colour(column, 2 * row + 1)) {
                cell.set_symbol("▀").set_fg(upper).set_bg(lower);
                continue;
            }
            let places = [plot.place(column, 2 * row), plot.place(column, 2 * row + 1)];
            let shade = |value: f32| SHADES[((value / top * SHADES.len() as f32) as usize).min(SHADES.len() - 1)];
            let symbol = if places.iter().any(|place| plot.is_on_ring(*place, centre)) {
                'o'
            } else {
                map.at(places[0]).or_else(|| map.at(places[1])).map_or(' ', shade)
            };
            cell.set_char(symbol);
        }
    }
}

/// Draws the mean of each subfield at its place.
fn draw_means(
    ctx: &RenderContext,
    plot: &Plot,
    etdrs: &EtdrsSummary,
    (of, centre, eye): (Measured, Place, Option<Eye>),
    buf: &mut Buffer,
) {
    let style = ctx.theme.label();
    for (subfield, mean) in Subfield::all(eye).into_iter().zip(etdrs.mean_um[of.index()]) {
        let (right, down) = subfield.middle(eye);
        let Some((x, y)) = plot.cell(Place { x: centre.x + right, y: centre.y + down }) else { continue };
        let Some(mean) = mean else { continue };
        let text = format!(" {mean:.0} ");
        let x = x.saturating_sub(text.len() as u16 / 2).max(plot.area.x);
        if x + text.len() as u16 <= plot.area.right() {
            buf.set_string(x, y, text, style);
        }
    }
}

fn draw_scale(ctx: &RenderContext, top: f32, area: Rect, buf: &mut Buffer) {
    let rows = area.height.saturating_sub(2);
    for row in 0..rows {
        let share = 1.0 - (f32::from(row) + 0.5) / f32::from(rows.max(1));
        let y = area.y + 1 + row;
        match ctx.theme.colour(viridis(share)) {
            Some(colour) => buf.set_string(area.x, y, "  ", Style::new().bg(colour)),
            None => {
                buf.set_string(area.x, y, SHADES[((share * 5.0) as usize).min(4)].to_string().repeat(2), Style::new());
            }
        }
        if row == rows / 2 {
            buf.set_string(area.x + 3, y, format!("{:.0}", top / 2.0), ctx.theme.dim());
        }
    }
    buf.set_string(area.x, area.y, format!("{top:.0} µm"), ctx.theme.dim());
    buf.set_string(area.x, area.bottom() - 1, "0", ctx.theme.dim());
}

/// The 99th percentile, rounded up.
fn top_of_scale(map: &ThicknessMap, plot: &Plot) -> f32 {
    let pixels = (0..2 * plot.area.height).flat_map(|y| (0..plot.area.width).map(move |x| (x, y)));
    let mut known: Vec<f32> = pixels.filter_map(|(x, y)| map.at(plot.place(x, y))).collect();
    known.sort_by(f32::total_cmp);
    let high = known.get(known.len() * 99 / 100).copied().unwrap_or(SCALE_STEP_UM);
    (high / SCALE_STEP_UM).ceil().max(1.0) * SCALE_STEP_UM
}
