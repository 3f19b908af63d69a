//! Drawing on an RGB image: anti-aliased polylines, rectangles and text.

use font8x8::{BASIC_FONTS, LATIN_FONTS, UnicodeFonts};
use image::{Rgb, RgbImage};

/// Background.
pub(crate) const BACKGROUND: [u8; 3] = [24, 24, 28];
/// Text.
pub(super) const TEXT: [u8; 3] = [225, 225, 225];
/// Secondary text.
pub(super) const FAINT_TEXT: [u8; 3] = [150, 150, 155];
/// Side of a character cell before scaling.
const CELL: u32 = 8;

/// Blends `colour` over a pixel; positions outside the image are ignored.
fn blend(image: &mut RgbImage, x: i64, y: i64, colour: [u8; 3], share: f32) {
    let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return };
    let Some(pixel) = image.get_pixel_mut_checked(x, y) else { return };
    for (under, over) in pixel.0.iter_mut().zip(colour) {
        *under = (f32::from(*under) + (f32::from(over) - f32::from(*under)) * share).round() as u8;
    }
}

/// Draws a line with one row per column, starting at column `x0`; `None` leaves a gap.
///
/// `rows` are continuous row coordinates of the image: pixel `y` covers `y` to `y + 1`.
pub(super) fn curve(image: &mut RgbImage, x0: u32, rows: &[Option<f32>], thickness: f32, colour: [u8; 3]) {
    for (i, row) in rows.iter().enumerate() {
        let Some(row) = *row else { continue };
        // Fill steep parts half-way to each neighbour, to avoid holes in the line.
        let reach = |other: Option<&Option<f32>>| other.copied().flatten().map_or(row, |o| row.midpoint(o));
        let (before, after) = (reach(i.checked_sub(1).and_then(|j| rows.get(j))), reach(rows.get(i + 1)));
        let top = row.min(before).min(after) - thickness / 2.0;
        let bottom = row.max(before).max(after) + thickness / 2.0;
        for y in top.floor() as i64..bottom.ceil() as i64 {
            let covered = (bottom.min(y as f32 + 1.0) - top.max(y as f32)).clamp(0.0, 1.0);
            blend(image, i64::from(x0) + i as i64, y, colour, covered);
        }
    }
}

/// Fills a rectangle.
pub(super) fn fill(image: &mut RgbImage, x: u32, y: u32, width: u32, height: u32, colour: [u8; 3]) {
    for py in y..(y + height).min(image.height()) {
        for px in x..(x + width).min(image.width()) {
            image.put_pixel(px, py, Rgb(colour));
        }
    }
}

/// Writes a line of text with its upper left corner at `x, y`; characters missing in the font become `?`.
pub(super) fn text(image: &mut RgbImage, x: u32, y: u32, scale: u32, colour: [u8; 3], line: &str) {
    for (i, character) in line.chars().enumerate() {
        let glyph = BASIC_FONTS
            .get(character)
            .or_else(|| LATIN_FONTS.get(character))
            .or_else(|| BASIC_FONTS.get('?'))
            .unwrap_or_default();
        for (dy, bits) in glyph.into_iter().enumerate() {
            for dx in (0..CELL).filter(|dx| bits >> dx & 1 == 1) {
                let left = x + (i as u32 * CELL + dx) * scale;
                fill(image, left, y + dy as u32 * scale, scale, scale, colour);
            }
        }
    }
}

/// Width of a line of `characters` characters.
pub(super) const fn text_width(characters: u32, scale: u32) -> u32 {
    characters * CELL * scale
}
