//! Draws a B-scan, its boundaries and its lesions as pixels of any size, or as characters.

use std::ops::Range;

use octrls_core::{layer::Boundary, scan::BScan, segment::SegmentedBScan};

use super::{
    lesion_cells::{lesion_cells, letter},
    marks::Frame,
    overlay_lines::{OverlayLine, lines},
    render_style::{Overlay, RenderStyle},
};

/// Share of a lesion's colour in its pixels; the rest is the B-scan.
const TINT: f32 = 0.55;

/// Columns from one name of a line to the next, where dots draw the lines.
const NAME_EVERY: usize = 28;

/// RGB pixels, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BScanImage {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) rgb: Vec<[u8; 3]>,
}

impl BScanImage {
    /// Draws `bscan` scaled to `width` x `height` pixels.
    pub(crate) fn render(bscan: &SegmentedBScan, style: RenderStyle, width: usize, height: usize) -> Self {
        let (rows, columns) = shown(bscan, style);
        let grey = grey_levels(&bscan.bscan, (&rows, &columns), width, height);
        let mut rgb: Vec<[u8; 3]> = grey.iter().map(|g| [(g * 255.0).round() as u8; 3]).collect();
        if style.overlay != Overlay::None {
            for (i, lesion) in lesion_cells(bscan, (&rows, &columns), width, height) {
                let mixed = |own: u8, tint: u8| (f32::from(own) * (1.0 - TINT) + f32::from(tint) * TINT).round() as u8;
                rgb[i] = std::array::from_fn(|k| mixed(rgb[i][k], lesion.colour()[k]));
            }
        }
        let thickness = (height / 240).max(1);
        let frame = Frame { rows: &rows, columns: &columns, width, height };
        let lines = lines(bscan, style, &columns);
        if let Some(marks) = style.marks {
            marks.paint_cursor(&frame, &mut rgb);
        }
        for line in &lines {
            for (x, span) in line.spans(&rows, width, height).into_iter().enumerate() {
                let Some(span) = span.filter(|_| line.is_drawn(x, width)) else { continue };
                for y in span.start..(span.end + thickness - 1).min(height) {
                    rgb[y * width + x] = line.colour;
                }
            }
        }
        if let Some(marks) = style.marks {
            marks.paint(&frame, lines.last(), &mut rgb);
        }
        Self { width, height, rgb }
    }
}

/// Draws `bscan` as characters: shades for pixels, a letter for each lesion, each layer's number on its upper boundary,
/// `~` on the outer edge of a lifted RPE, and on the last boundary `=` where it is visible, `-` where it is inferred.
pub(crate) fn render_text(bscan: &SegmentedBScan, style: RenderStyle, width: usize, height: usize) -> Vec<String> {
    const SHADES: [char; 5] = [' ', '·', '░', '▒', '▓'];
    let (rows, columns) = shown(bscan, style);
    let grey = grey_levels(&bscan.bscan, (&rows, &columns), width, height);
    let mut cells: Vec<char> = grey.iter().map(|g| SHADES[((g * 5.0) as usize).min(4)]).collect();
    if style.overlay != Overlay::None {
        for (i, lesion) in lesion_cells(bscan, (&rows, &columns), width, height) {
            cells[i] = letter(lesion);
        }
    }
    let lines = lines(bscan, style, &columns);
    if style.dots {
        draw_dots(&lines, &rows, width, height, &mut cells);
    }
    for (i, line) in lines.iter().enumerate() {
        // The line that is corrected has its number everywhere.
        let dotted = style.dots && !(style.marks.is_some() && i + 1 == lines.len());
        for (x, span) in line.spans(&rows, width, height).into_iter().enumerate() {
            // Among dots, each line is named now and then, and no two in the same column.
            if dotted && x % NAME_EVERY != (2 + 3 * i) % NAME_EVERY {
                continue;
            }
            for y in span.unwrap_or_default().take(if style.dots { 1 } else { usize::MAX }) {
                cells[y * width + x] = line.mark(x, width);
            }
        }
    }
    if let Some(marks) = style.marks {
        marks.write(&Frame { rows: &rows, columns: &columns, width, height }, &mut cells);
    }
    cells.chunks(width.max(1)).map(|row| row.iter().collect()).collect()
}

/// Draws lines with two columns and four rows of dots in each of `width` x `height` cells.
fn draw_dots(lines: &[OverlayLine], rows: &Range<usize>, width: usize, height: usize, cells: &mut [char]) {
    /// Bits of the dots of a braille character, by column and row.
    const BITS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
    let mut dots = vec![0_u8; width * height];
    for line in lines {
        for (x, span) in line.spans(rows, 2 * width, 4 * height).into_iter().enumerate() {
            let Some(span) = span.filter(|_| line.is_drawn(x, 2 * width)) else { continue };
            for y in span {
                dots[y / 4 * width + x / 2] |= BITS[x % 2][y % 4];
            }
        }
    }
    for (cell, dots) in cells.iter_mut().zip(dots).filter(|(_, dots)| *dots != 0) {
        *cell = char::from_u32(0x2800 + u32::from(dots)).unwrap_or(' ');
    }
}

/// The rows and columns to show.
pub(crate) fn shown(bscan: &SegmentedBScan, style: RenderStyle) -> (Range<usize>, Range<usize>) {
    let cropped = style.cropped_rows.filter(|_| style.crop).map(|(from, to)| from as usize..to as usize);
    let rows = cropped.unwrap_or_else(|| visible_rows(bscan, style.crop));
    (style.window.rows(&rows), style.window.columns(bscan.bscan.width))
}

/// The rows of a cropped B-scan with room to move its lines.
pub(crate) fn crop_of(bscan: &SegmentedBScan) -> (u32, u32) {
    let rows = visible_rows(bscan, true);
    let room = rows.len() / 8;
    (rows.start.saturating_sub(room) as u32, (rows.end + room).min(bscan.bscan.height) as u32)
}

/// The rows to show: all, or from ILM to Bruch's membrane with a margin.
fn visible_rows(bscan: &SegmentedBScan, crop: bool) -> Range<usize> {
    let height = bscan.bscan.height;
    let known = |boundary| bscan.surfaces.rows(boundary).iter().flatten().copied();
    let top = known(Boundary::Ilm).reduce(f32::min);
    let bottom = known(Boundary::RpeBm).reduce(f32::max);
    match (top, bottom) {
        (Some(top), Some(bottom)) if crop && bottom > top => {
            let margin = (bottom - top) * 0.06 + 2.0;
            let from = (top - margin).max(0.0) as usize;
            let to = ((bottom + margin).ceil() as usize).min(height);
            if from < to { from..to } else { 0..height }
        }
        _ => 0..height,
    }
}

/// Mean intensity of each pixel's area, stretched so that the darkest and the brightest percent become black and white.
fn grey_levels(
    bscan: &BScan,
    (rows, columns): (&Range<usize>, &Range<usize>),
    width: usize,
    height: usize,
) -> Vec<f32> {
    if columns.is_empty() || rows.is_empty() {
        return vec![0.0; width * height];
    }
    let bin = |i: usize, n: usize, size: usize| {
        let from = i * size / n;
        from..((i + 1) * size / n).max(from + 1)
    };
    let mut out = Vec::with_capacity(width * height);
    for y in 0..height {
        let ys = bin(y, height, rows.len());
        for x in 0..width {
            let xs = bin(x, width, columns.len());
            let area = ys.len() * xs.len();
            let row = |y: usize| {
                let start = (rows.start + y) * bscan.width + columns.start;
                bscan.intensity[start + xs.start..start + xs.end].iter().sum::<f32>()
            };
            out.push(ys.clone().map(row).sum::<f32>() / area as f32);
        }
    }
    let mut sorted = out.clone();
    sorted.sort_unstable_by(f32::total_cmp);
    let at = |q: f32| sorted.get(((sorted.len().max(1) - 1) as f32 * q) as usize).copied().unwrap_or(0.0);
    let (low, high) = (at(0.01), at(0.99));
    let scale = if high - low > 1e-3 { 1.0 / (high - low) } else { 1.0 };
    out.iter().map(|v| ((v - low) * scale).clamp(0.0, 1.0)).collect()
}

#[cfg(test)]
mod tests {
    use octrls_core::{layer::Layer, lesion::Lesion, surface::Surfaces};

    use super::*;
    use crate::dashboard::{images::render_style::Window, theme::LineColours};
    use crate::fixtures::{bscan_with_lesions, segmented_bscan};

    /// Colours of the lines as the screen has them.
    const LINES: LineColours = LineColours::SCREEN;
    const STYLE: RenderStyle = RenderStyle::START;

    #[test]
    fn the_crop_contains_every_retinal_boundary() {
        let bscan = segmented_bscan(0, None);
        let rows = visible_rows(&bscan, true);
        assert!(rows.len() < bscan.bscan.height);
        for boundary in &Boundary::ALL[..8] {
            let inside = |row: &f32| rows.contains(&(*row as usize));
            assert!(bscan.surfaces.rows(*boundary).iter().flatten().all(inside), "{boundary:?}");
        }
        assert_eq!(visible_rows(&bscan, false), 0..256);
    }

    #[test]
    fn without_boundaries_the_whole_bscan_is_shown() {
        let mut bscan = segmented_bscan(0, None);
        bscan.surfaces = Surfaces::undetermined(384, 256);
        assert_eq!(visible_rows(&bscan, true), 0..256);
        let image = BScanImage::render(&bscan, STYLE, 40, 20);
        assert!(image.rgb.iter().all(|[r, g, b]| r == g && g == b), "no line anywhere");
    }

    #[test]
    fn boundaries_are_drawn_in_their_colours() {
        let colours = |style, width, height| {
            let image = BScanImage::render(&segmented_bscan(0, None), style, width, height);
            assert_eq!(image.rgb.len(), width * height);
            let drawn = |b: &Boundary| image.rgb.contains(&LINES.of(*b));
            Boundary::ALL.into_iter().filter(drawn).collect::<Vec<_>>()
        };
        assert_eq!(colours(STYLE, 200, 160).len(), 8);
        let layer = RenderStyle { overlay: Overlay::Layer, ..STYLE };
        assert_eq!(colours(layer, 70, 40), [Boundary::Ilm, Boundary::NflGcl]);
        assert_eq!(colours(RenderStyle { overlay: Overlay::None, ..STYLE }, 70, 40), []);
    }

    #[test]
    fn images_of_any_size_can_be_rendered() {
        for (width, height) in [(1, 1), (3, 900), (900, 3), (384, 256), (0, 0)] {
            for crop in [false, true] {
                let style = RenderStyle { crop, ..STYLE };
                assert_eq!(
                    BScanImage::render(&segmented_bscan(0, None), style, width, height).rgb.len(),
                    width * height
                );
                render_text(&segmented_bscan(0, None), style, width, height);
            }
        }
    }

    #[test]
    fn lesions_are_tinted_in_their_colours() {
        let bscan = bscan_with_lesions(0, None);
        let (width, height) = (bscan.bscan.width, bscan.bscan.height);
        let render = |overlay| BScanImage::render(&bscan, RenderStyle { crop: false, overlay, ..STYLE }, width, height);
        let (plain, layer) = (render(Overlay::None), render(Overlay::Layer));
        assert!(plain.rgb.iter().all(|[r, g, b]| r == g && g == b), "no tint without an overlay");
        let classes = bscan.lesions.as_ref().unwrap().classes();
        for (i, (tinted, grey)) in layer.rgb.iter().zip(&plain.rgb).enumerate() {
            let Some(lesion) = Lesion::ALL.into_iter().find(|l| l.class() == classes[i]) else { continue };
            for k in 0..3 {
                let mixed = (1.0 - TINT) * f32::from(grey[k]) + TINT * f32::from(lesion.colour()[k]);
                assert!((f32::from(tinted[k]) - mixed).abs() < 1.0, "{lesion:?}");
            }
        }
        assert!(plain.rgb != layer.rgb);
    }

    #[test]
    fn characters_name_lesions_the_lifted_rpe_and_an_inferred_choroid() {
        let whole = RenderStyle { crop: false, ..STYLE };
        let text = render_text(&bscan_with_lesions(0, None), whole, 96, 64).concat();
        for mark in ['I', 'S', 'R', '~', '=', '-'] {
            assert!(text.contains(mark), "{mark}\n{text}");
        }
        let text = render_text(&segmented_bscan(0, None), whole, 96, 64).concat();
        assert!(!text.contains(['I', 'S', 'R', '~']) && text.contains('=') && text.contains('-'));
    }

    #[test]
    fn an_inferred_choroid_is_dashed() {
        let whole = RenderStyle { crop: false, layer: Layer::Choroid, ..STYLE };
        let bscan = segmented_bscan(0, None);
        let image = BScanImage::render(&bscan, whole, 384, 256);
        let shows = |x: &usize| (0..256).any(|y| image.rgb[y * 384 + x] == Boundary::Csb.colour());
        let end = bscan.surfaces.choroid_visible().iter().position(|visible| !visible).unwrap();
        assert_eq!((0..end).filter(shows).count(), end);
        let dashed = (end..384).filter(shows).count() as f32 / (384 - end) as f32;
        assert!((0.4..0.6).contains(&dashed), "{dashed}");
    }

    #[test]
    fn a_window_magnifies_a_part() {
        let bscan = segmented_bscan(0, None);
        let whole = RenderStyle { crop: false, overlay: Overlay::None, ..STYLE };
        let part = RenderStyle { window: Window::WHOLE.magnified(1), ..whole };
        let (all, part) = (BScanImage::render(&bscan, whole, 384, 256), BScanImage::render(&bscan, part, 192, 128));
        // Both are stretched by their own darkest and brightest pixels, so the order of brightness is compared.
        let inside = |x: usize, y: usize| all.rgb[(y + 64) * 384 + x + 96][0];
        let pairs = (0..128).flat_map(|y| (0..192).map(move |x| (x, y)));
        let (mut same, mut pixels) = (0, 0);
        for (x, y) in pairs {
            pixels += 1;
            same += usize::from(inside(x, y).abs_diff(part.rgb[y * 192 + x][0]) < 40);
        }
        assert!(same * 10 > 9 * pixels, "{same} of {pixels}");
    }

    #[test]
    fn dots_draw_lines_between_the_rows_of_cells_and_each_is_named() {
        let style = RenderStyle { dots: true, ..STYLE };
        let text = render_text(&segmented_bscan(0, None), style, 120, 40).concat();
        assert!(text.chars().filter(|c| ('\u{2801}'..='\u{28ff}').contains(c)).count() > 400);
        for digit in '1'..='8' {
            assert!(text.contains(digit), "{digit}");
        }
    }

    #[test]
    fn characters_number_the_layers() {
        let lines = render_text(&segmented_bscan(0, None), STYLE, 60, 40);
        assert_eq!(lines.len(), 40);
        let all = lines.concat();
        for digit in '1'..='8' {
            assert!(all.contains(digit), "{digit}");
        }
        let column: String = lines.iter().filter_map(|l| l.chars().nth(2)).filter(char::is_ascii_digit).collect();
        assert_eq!(column, "12345678");
    }
}
