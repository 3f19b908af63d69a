//! Draws a B-scan and its boundaries as pixels of any size, or as characters.

use std::ops::Range;

use octrls_core::{
    layer::{Boundary, Layer},
    scan::BScan,
    segment::SegmentedBScan,
    surface::Surfaces,
};

use crate::dashboard::text::bin_means;

/// Which boundaries are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Overlay {
    All,
    /// The boundaries of the selected layer.
    Layer,
    None,
}

impl Overlay {
    pub(crate) const fn next(self) -> Self {
        match self {
            Self::All => Self::Layer,
            Self::Layer => Self::None,
            Self::None => Self::All,
        }
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Layer => "layer",
            Self::None => "none",
        }
    }
}

/// How a B-scan is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RenderStyle {
    /// Whether to show only the rows from ILM to Bruch's membrane.
    pub(crate) crop: bool,
    pub(crate) overlay: Overlay,
    /// The selected layer, whose boundaries are drawn on top.
    pub(crate) layer: Layer,
}

impl RenderStyle {
    /// The boundaries to draw, most important last.
    fn boundaries(self) -> Vec<Boundary> {
        let own = [self.layer.lower(), self.layer.upper()];
        match self.overlay {
            Overlay::All => Boundary::ALL.into_iter().rev().filter(|b| !own.contains(b)).chain(own).collect(),
            Overlay::Layer => own.into(),
            Overlay::None => Vec::new(),
        }
    }
}

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
        let rows = visible_rows(bscan, style.crop);
        let grey = grey_levels(&bscan.bscan, &rows, width, height);
        let mut rgb: Vec<[u8; 3]> = grey.iter().map(|g| [(g * 255.0).round() as u8; 3]).collect();
        let thickness = (height / 240).max(1);
        for boundary in style.boundaries() {
            for (x, span) in boundary_spans(&bscan.surfaces, boundary, &rows, width, height).into_iter().enumerate() {
                let Some(span) = span else { continue };
                for y in span.start..(span.end + thickness - 1).min(height) {
                    rgb[y * width + x] = boundary.colour();
                }
            }
        }
        Self { width, height, rgb }
    }
}

/// Draws `bscan` as characters: shades for pixels, each layer's number on its upper boundary, and `=` on the last
/// boundary.
pub(crate) fn render_text(bscan: &SegmentedBScan, style: RenderStyle, width: usize, height: usize) -> Vec<String> {
    const SHADES: [char; 5] = [' ', '·', '░', '▒', '▓'];
    let rows = visible_rows(bscan, style.crop);
    let grey = grey_levels(&bscan.bscan, &rows, width, height);
    let mut cells: Vec<char> = grey.iter().map(|g| SHADES[((g * 5.0) as usize).min(4)]).collect();
    for boundary in style.boundaries() {
        let mark = char::from_digit(boundary.index() as u32 + 1, 9).unwrap_or('=');
        for (x, span) in boundary_spans(&bscan.surfaces, boundary, &rows, width, height).into_iter().enumerate() {
            for y in span.unwrap_or_default() {
                cells[y * width + x] = mark;
            }
        }
    }
    cells.chunks(width.max(1)).map(|row| row.iter().collect()).collect()
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
fn grey_levels(bscan: &BScan, rows: &Range<usize>, width: usize, height: usize) -> Vec<f32> {
    if bscan.width == 0 || rows.is_empty() {
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
            let xs = bin(x, width, bscan.width);
            let area = ys.len() * xs.len();
            let row = |y: usize| {
                let start = (rows.start + y) * bscan.width;
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

/// The pixel rows of a boundary in each column; neighbouring columns are connected.
fn boundary_spans(
    surfaces: &Surfaces,
    boundary: Boundary,
    rows: &Range<usize>,
    width: usize,
    height: usize,
) -> Vec<Option<Range<usize>>> {
    let means = bin_means(surfaces.rows(boundary), width);
    let pixel = |row: f32| {
        let y = (row - rows.start as f32) / rows.len() as f32 * height as f32;
        (y >= 0.0 && y < height as f32).then_some(y as usize)
    };
    let mut previous = None;
    means
        .into_iter()
        .map(|mean| {
            let y = mean.and_then(pixel);
            let span = y.map(|y| match previous {
                Some(p) if p < y => p + 1..y + 1,
                Some(p) if p > y => y..p,
                _ => y..y + 1,
            });
            previous = y;
            span
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::segmented_bscan;

    const STYLE: RenderStyle = RenderStyle { crop: true, overlay: Overlay::All, layer: Layer::Nfl };

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
            let drawn = |b: &Boundary| image.rgb.contains(&b.colour());
            Boundary::ALL.into_iter().filter(drawn).collect::<Vec<_>>()
        };
        // White also occurs as a grey, so the white boundary is not counted.
        let without_white = |all: Vec<Boundary>| all.into_iter().filter(|b| *b != Boundary::OnlEz).collect::<Vec<_>>();
        assert_eq!(without_white(colours(STYLE, 200, 160)).len(), 7);
        let layer = RenderStyle { overlay: Overlay::Layer, ..STYLE };
        assert_eq!(without_white(colours(layer, 70, 40)), [Boundary::Ilm, Boundary::NflGcl]);
        assert_eq!(without_white(colours(RenderStyle { overlay: Overlay::None, ..STYLE }, 70, 40)), []);
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
