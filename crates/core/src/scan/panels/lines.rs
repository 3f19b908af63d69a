//! Rows and columns of one value, strips of captions, and seams between panels.

use std::ops::Range;

use super::{Crop, MIN_SIDE};
use crate::scan::BScan;

/// Grey values that count as one value.
const SAME: u8 = 6;
/// The same within a block of lossy compression that an edge crosses.
const RINGING: u8 = 24;
/// Lines over which such a block reaches past the edge.
const RINGING_LINES: usize = 8;
/// Share of a line's pixels that have its value if it is flat.
const FLAT: f64 = 0.985;
/// The same in a gap between panels, whose ends lossy compression blurs.
const GAP_FLAT: f64 = 0.95;
/// The same in a strip of captions, where text takes the rest.
const STRIP: f64 = 0.55;
/// Share of a strip's first line that has its value: the margin of the text.
const MARGIN: f64 = 0.95;
/// Lines over which the edge of a strip may be blurred.
const EDGE: usize = 2;
/// The same share behind the edge of a strip, at most. A white wedge, which a scanner leaves when it turns a B-scan, ends
/// in a slanted edge.
const BEYOND: f64 = 0.6;
/// Strips are brighter than this: black rows are the vitreous of an ordinary scan.
const STRIP_GREY: u8 = 24;
/// Most strips on one side.
const MAX_STRIPS: usize = 4;
/// Smallest height of a strip of captions, in pixels.
const STRIP_ROWS: usize = 8;
/// Columns of a gap between panels.
const GAP: usize = 3;
/// Rows that are averaged on either side of a seam.
const SEAM_ROWS: usize = 8;
/// Columns that are averaged on either side of a seam.
const SEAM_COLUMNS: usize = 3;
/// Smallest step at a seam, in grey values.
const STEP: i32 = 12;
/// Smallest share of the rows that step at a seam.
const SEAM: f64 = 0.4;

/// A picture in 256 grey values.
pub(super) struct Grey {
    width: usize,
    pixels: Vec<u8>,
}

/// A side of a rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
    Top,
    Bottom,
}

impl Side {
    const ALL: [Self; 4] = [Self::Top, Self::Bottom, Self::Left, Self::Right];

    /// Lines of `crop` that are parallel to this side.
    const fn lines(self, crop: Crop) -> usize {
        match self {
            Self::Left | Self::Right => crop.width,
            Self::Top | Self::Bottom => crop.height,
        }
    }

    /// `crop` without `lines` lines at this side.
    const fn cut(self, crop: Crop, lines: usize) -> Crop {
        match self {
            Self::Left => Crop { left: crop.left + lines, width: crop.width - lines, ..crop },
            Self::Right => Crop { width: crop.width - lines, ..crop },
            Self::Top => Crop { top: crop.top + lines, height: crop.height - lines, ..crop },
            Self::Bottom => Crop { height: crop.height - lines, ..crop },
        }
    }
}

impl Grey {
    pub(super) fn of(picture: &BScan) -> Self {
        let max = picture.intensity.iter().copied().fold(0.0, f32::max);
        let scale = if max > 0.0 { 255.0 / max } else { 0.0 };
        let pixels = picture.intensity.iter().map(|&v| (v * scale + 0.5) as u8).collect();
        Self { width: picture.width, pixels }
    }

    pub(super) fn row(&self, y: usize, columns: Range<usize>) -> &[u8] {
        &self.pixels[y * self.width..][columns]
    }

    /// The line of `crop` that is `index` lines away from `side`.
    fn line(&self, crop: Crop, side: Side, index: usize) -> Vec<u8> {
        let column = |x: usize| (crop.top..crop.bottom()).map(|y| self.pixels[y * self.width + x]).collect();
        match side {
            Side::Left => column(crop.left + index),
            Side::Right => column(crop.right() - 1 - index),
            Side::Top => self.row(crop.top + index, crop.left..crop.right()).to_vec(),
            Side::Bottom => self.row(crop.bottom() - 1 - index, crop.left..crop.right()).to_vec(),
        }
    }

    /// `crop` without the flat lines at its sides.
    pub(super) fn trimmed(&self, mut crop: Crop) -> Crop {
        for side in [Side::Left, Side::Right, Side::Top, Side::Bottom] {
            let flat = |i: &usize| is_flat(&self.line(crop, side, *i));
            let lines = (0..side.lines(crop).saturating_sub(1)).take_while(flat).count();
            crop = side.cut(crop, lines);
        }
        crop
    }

    /// `crop` without the flat lines at its sides, but with dark ones above and below: they may be the vitreous, which
    /// the network needs.
    pub(super) fn trimmed_panel(&self, crop: Crop) -> Crop {
        let bright = |side: Side| {
            let line = |i: &usize| {
                let line = self.line(crop, side, *i);
                is_flat(&line) && value_of(&line) >= STRIP_GREY
            };
            (0..side.lines(crop).saturating_sub(1)).take_while(line).count()
        };
        let (above, below) = (bright(Side::Top), bright(Side::Bottom));
        let Crop { left, width, .. } = self.trimmed(crop);
        Crop { left, width, top: crop.top + above, height: crop.height.saturating_sub(above + below).max(1) }
    }

    /// `crop` without the strips at its sides, and whether one of them has a caption.
    pub(super) fn without_strips(&self, mut crop: Crop) -> (Crop, bool) {
        let mut captions = false;
        // A title bar and a margin below it are two strips.
        for _ in 0..MAX_STRIPS {
            let before = crop;
            for side in Side::ALL {
                if let Some((lines, caption)) = self.strip(crop, side) {
                    crop = side.cut(crop, lines);
                    captions |= caption;
                }
            }
            if crop == before {
                break;
            }
        }
        (crop, captions)
    }

    /// Lines of the strip at `side`, and whether text is on it; `None` without a strip. A strip has one value, which is not
    /// dark, and ends in a straight line.
    fn strip(&self, crop: Crop, side: Side) -> Option<(usize, bool)> {
        let value = value_of(&self.line(crop, side, 0));
        let lines = side.lines(crop);
        let share = |i: usize| share_of(&self.line(crop, side, i), value, SAME);
        let ringing = |i: usize| share_of(&self.line(crop, side, i), value, RINGING);
        let ends = |i: usize| {
            let line = self.line(crop, side, i);
            [line[0], line[line.len() - 1]].iter().all(|v| v.abs_diff(value) <= SAME)
        };
        if value < STRIP_GREY || share(0) < MARGIN {
            return None;
        }
        let clean = (0..lines / 2).take_while(|&i| share(i) >= STRIP && ends(i)).count();
        let strip = clean + (clean..lines / 2).take(RINGING_LINES).take_while(|&i| ringing(i) >= MARGIN).count();
        let beyond = strip + EDGE;
        let sharp = strip >= STRIP_ROWS && beyond < lines / 2 && ringing(strip - 1) >= MARGIN && share(beyond) < BEYOND;
        let text = (0..clean).map(ringing).filter(|&share| share < FLAT).count() >= 4;
        sharp.then_some((strip, text))
    }

    /// Ways to cut `region` in two: at each gap across its whole height or width, and at its sharpest seam.
    pub(super) fn splits(&self, region: Crop) -> Vec<(Crop, Crop)> {
        let mut found = Vec::new();
        for side in [Side::Left, Side::Top] {
            let lines = side.lines(region);
            // Columns cross the retina, so that only a gap is nearly of one value. Rows may lie in the vitreous.
            let same = if side == Side::Left { RINGING } else { SAME };
            let share = |line: &[u8]| share_of(line, value_of(line), same);
            let flat: Vec<bool> = (0..lines).map(|i| share(&self.line(region, side, i)) >= GAP_FLAT).collect();
            let mut at = 0;
            while at < lines {
                let end = at + flat[at..].iter().take_while(|&&f| f).count();
                if end - at >= GAP && at > 0 && end < lines {
                    found.push((opposite(side).cut(region, lines - at), side.cut(region, end)));
                }
                at = end.max(at + 1);
            }
        }
        if let Some(x) = self.seam(region) {
            found.push((Side::Right.cut(region, region.width - x), Side::Left.cut(region, x)));
        }
        found
    }

    /// The column of `region` with the sharpest full-height step, counted from its left edge.
    fn seam(&self, region: Crop) -> Option<usize> {
        let blocks = region.height / SEAM_ROWS;
        let reach = 2 * SEAM_COLUMNS;
        // The blurred rest of a frame is a seam too, but no panel lies beside it.
        let side = reach.max(MIN_SIDE);
        if blocks == 0 || region.width <= 2 * side {
            return None;
        }
        let mut steps = vec![0_usize; region.width];
        for block in 0..blocks {
            // Sums over the columns so far.
            let mut sums = vec![0_i32; region.width + 1];
            for y in block * SEAM_ROWS..(block + 1) * SEAM_ROWS {
                for (sum, &v) in sums[1..].iter_mut().zip(self.row(region.top + y, region.left..region.right())) {
                    *sum += i32::from(v);
                }
            }
            for x in 0..region.width {
                sums[x + 1] += sums[x];
            }
            let mean = |from: usize| (sums[from + SEAM_COLUMNS] - sums[from]) / (SEAM_COLUMNS * SEAM_ROWS) as i32;
            for (x, steps) in steps.iter_mut().enumerate().take(region.width - side).skip(side) {
                let (far_left, left, right, far_right) =
                    (mean(x - reach), mean(x - SEAM_COLUMNS), mean(x), mean(x + SEAM_COLUMNS));
                let within = (left - far_left).abs().max((far_right - right).abs());
                *steps += usize::from((right - left).abs() >= STEP.max(2 * within));
            }
        }
        let (x, &rows) = steps.iter().enumerate().max_by_key(|&(x, rows)| (rows, std::cmp::Reverse(x)))?;
        (rows as f64 >= SEAM * blocks as f64).then_some(x)
    }
}

const fn opposite(side: Side) -> Side {
    match side {
        Side::Left => Side::Right,
        Side::Right => Side::Left,
        Side::Top => Side::Bottom,
        Side::Bottom => Side::Top,
    }
}

/// The median of a line.
fn value_of(line: &[u8]) -> u8 {
    let mut counts = [0_usize; 256];
    for &v in line {
        counts[usize::from(v)] += 1;
    }
    let mut below = 0;
    let middle = counts.iter().position(|count| {
        below += count;
        2 * below >= line.len()
    });
    middle.unwrap_or_default() as u8
}

/// Share of a line's pixels that differ from `value` by at most `same`.
fn share_of(line: &[u8], value: u8, same: u8) -> f64 {
    line.iter().filter(|v| v.abs_diff(value) <= same).count() as f64 / line.len().max(1) as f64
}

fn is_flat(line: &[u8]) -> bool {
    share_of(line, value_of(line), SAME) >= FLAT
}
