//! The change of the retina's thickness since the previous visit, as a picture.

use image::{Rgb, RgbImage};
use octrls_core::{
    measure::{
        enface::{ETDRS_RADII_MM, Side},
        follow_up::{FollowUp, FoveaMap, MAP_CELL_MM, MAP_CELLS},
    },
    scan::Eye,
};

use super::canvas::{self, BACKGROUND, FAINT_TEXT, TEXT};

/// Colour where a visit has no thickness.
const UNKNOWN: [u8; 3] = [60, 60, 66];
/// No change, and the ends of the scale: thinner and thicker. Both ends are darker than the middle, so that a grey print
/// shows the size of a change; signs show its direction.
const SAME: [u8; 3] = [240, 240, 236];
const THINNER: [u8; 3] = [33, 102, 172];
const THICKER: [u8; 3] = [178, 88, 24];
/// Smallest end of the scale in micrometres, and its step.
const SCALE_STEP_UM: f32 = 10.0;
const LEAST_TOP_UM: f32 = 20.0;
/// Side of a cell in pixels.
const CELL: u32 = 18;
const MARGIN: u32 = 16;
const LINE: u32 = 22;
const BAR: u32 = 14;

/// How changes are drawn: the ends of the scale, and what may be chance.
#[derive(Clone, Copy)]
pub(crate) struct DifferenceScale {
    /// Change at the ends of the scale, in micrometres.
    pub(crate) top_um: f32,
    /// Largest repeatability of a subfield; `None` if unknown.
    pub(crate) within_um: Option<f32>,
}

impl DifferenceScale {
    /// The scale for the map of `follow_up`.
    pub(crate) fn of(follow_up: &FollowUp, map: &FoveaMap) -> Self {
        let mut sizes: Vec<f32> = map.rows().flatten().flatten().map(|um| um.abs()).collect();
        sizes.sort_by(f32::total_cmp);
        let high = sizes.get(sizes.len() * 98 / 100).copied().unwrap_or_default();
        let subfields = follow_up.changes.iter().filter(|change| change.measure.starts_with("etdrs/retina/"));
        Self {
            top_um: ((high / SCALE_STEP_UM).ceil() * SCALE_STEP_UM).max(LEAST_TOP_UM),
            within_um: subfields.filter_map(|change| change.repeatability_um).reduce(f32::max),
        }
    }

    /// The colour of a change.
    pub(crate) fn colour(&self, um: f32) -> [u8; 3] {
        let share = (um.abs() / self.top_um).min(1.0);
        let end = if um < 0.0 { THINNER } else { THICKER };
        std::array::from_fn(|i| (f32::from(SAME[i]) + share * (f32::from(end[i]) - f32::from(SAME[i]))) as u8)
    }

    /// The sign of a change beyond the repeatability; nothing if that is unknown.
    pub(crate) fn sign(&self, um: f32) -> &'static str {
        match self.within_um {
            Some(within) if um > within => "+",
            Some(within) if um < -within => "-",
            _ => "",
        }
    }
}

/// Draws the map of `follow_up`; `None` if it has none.
#[must_use]
pub(crate) fn difference_map(follow_up: &FollowUp, eye: Option<Eye>) -> Option<RgbImage> {
    let map = follow_up.difference_map.as_ref()?;
    let scale = DifferenceScale::of(follow_up, map);
    let side = MAP_CELLS as u32 * CELL;
    let (left, top) = (MARGIN, MARGIN + LINE);
    let mut image = RgbImage::from_pixel(side + 2 * MARGIN + 90, side + 2 * MARGIN + 4 * LINE, Rgb(BACKGROUND));
    canvas::text(&mut image, left, MARGIN, 2, TEXT, "Retina, change in \u{b5}m");
    for (row, cells) in (0..).zip(map.rows()) {
        for (column, cell) in (0..).zip(cells) {
            let (x, y) = (left + column * CELL, top + row * CELL);
            canvas::fill(&mut image, x, y, CELL, CELL, cell.map_or(UNKNOWN, |um| scale.colour(um)));
            let sign = cell.map_or("", |um| scale.sign(um));
            canvas::text(&mut image, x + CELL / 2 - 4, y + CELL / 2 - 4, 1, BACKGROUND, sign);
        }
    }
    draw_circles(&mut image, (left, top), side);
    let letter = |right: f64| match Side::of_direction((right, 0.0), eye) {
        Side::Nasal => "N",
        Side::Temporal => "T",
        Side::Left => "left",
        _ => "right",
    };
    canvas::text(&mut image, left, top + side + 4, 1, TEXT, letter(-1.0));
    let right = letter(1.0);
    let width = canvas::text_width(right.len() as u32, 1);
    canvas::text(&mut image, left + side - width, top + side + 4, 1, TEXT, right);
    for y in 0..side {
        let um = scale.top_um * (1.0 - 2.0 * (y as f32 + 0.5) / side as f32);
        canvas::fill(&mut image, left + side + 8, top + y, BAR, 1, scale.colour(um));
    }
    let ends = [scale.top_um, -scale.top_um].map(|um| format!("{um:+.0}"));
    for (share, text) in [(0.0, ends[0].as_str()), (0.5, "0"), (1.0, &ends[1])] {
        let y = top + (share * (side - 16) as f32) as u32;
        canvas::text(&mut image, left + side + 12 + BAR, y, 2, FAINT_TEXT, text);
    }
    let day = |moment: &str| moment.split('T').next().unwrap_or_default().to_owned();
    let dates = format!("{} minus {}", day(&follow_up.acquired), day(&follow_up.previous.acquired));
    let beyond = match scale.within_um {
        Some(um) => format!("+ -: more than {um:.1} \u{b5}m, the repeatability of subfields"),
        None => "repeatability not known".to_owned(),
    };
    for (i, line) in (0..).zip([dates.as_str(), &beyond, "registered by the fovea; research use only"]) {
        canvas::text(&mut image, left, top + side + LINE + i * LINE, 1, FAINT_TEXT, line);
    }
    Some(image)
}

fn draw_circles(image: &mut RgbImage, (left, top): (u32, u32), side: u32) {
    let (middle, mm) = (f64::from(side) / 2.0, f64::from(CELL) / MAP_CELL_MM);
    for radius in ETDRS_RADII_MM {
        for step in 0..4000 {
            let (sin, cos) = (std::f64::consts::TAU * f64::from(step) / 4000.0).sin_cos();
            let at = |part: f64| (middle + radius * mm * part).clamp(0.0, f64::from(side - 1)) as u32;
            image.put_pixel(left + at(cos), top + at(sin), Rgb([90, 90, 90]));
        }
    }
}
