//! The overlay: the scan with its boundaries and lesions, and a legend with the thicknesses.

use image::{Rgb, RgbImage};
use octrls_core::{
    layer::{Boundary, MEASURED},
    measure::{ChoroidVisibility, ThicknessUnit, Verdict, enface::Coverage},
    segment::SegmentedBScan,
};

use super::canvas::{self, BACKGROUND, FAINT_TEXT, TEXT};
use crate::drawing::{drawn_lines, lesions_in, tinted};

const MARGIN: u32 = 12;
const LINE: u32 = 14;
/// Characters in a line of the legend.
const LEGEND_CHARACTERS: u32 = 26;
/// Length of the dashes of an inferred line, in pixels of the picture.
const DASH: u32 = 6;
/// Smaller scans are enlarged by a whole factor, up to four, to keep lines apart.
const MIN_SIDE: u32 = 400;

/// Draws `bscan` with its boundaries, its lesions and a legend.
#[must_use]
pub fn overlay(bscan: &SegmentedBScan) -> RgbImage {
    let (width, height) = (bscan.bscan.width as u32, bscan.bscan.height as u32);
    let zoom = MIN_SIDE.div_ceil(width.min(height)).clamp(1, 4);
    let (shown_width, shown_height) = (width * zoom, height * zoom);
    let legend_width = canvas::text_width(LEGEND_CHARACTERS, 1) + 2 * MARGIN;
    let lesion_lines = bscan.lesions.as_ref().map_or(0, |mask| 1 + lesions_in(mask).len().max(1));
    let legend_height = 2 * MARGIN + LINE * (Boundary::ALL.len() + MEASURED + 8 + lesion_lines) as u32;

    let mut image = RgbImage::from_pixel(shown_width + legend_width, shown_height.max(legend_height), Rgb(BACKGROUND));
    draw_scan(&mut image, bscan, zoom);
    for line in drawn_lines(&bscan.surfaces, (DASH / zoom).max(1) as usize) {
        canvas::curve(&mut image, 0, &enlarged(&line.rows, zoom), 1.3, line.colour);
    }
    // A curve may extend below the scan's last row; clear that part.
    canvas::fill(&mut image, 0, shown_height, shown_width, legend_height, BACKGROUND);
    draw_legend(&mut image, bscan, shown_width + MARGIN);
    image
}

fn draw_scan(image: &mut RgbImage, bscan: &SegmentedBScan, zoom: u32) {
    let scan = &bscan.bscan;
    for (i, colour) in tinted(scan, bscan.lesions.as_ref()).enumerate() {
        let (x, y) = ((i % scan.width) as u32, (i / scan.width) as u32);
        canvas::fill(image, x * zoom, y * zoom, zoom, zoom, colour);
    }
}

/// Rows for each column of an enlarged scan.
fn enlarged(rows: &[Option<f32>], zoom: u32) -> Vec<Option<f32>> {
    let scale = zoom as f32;
    rows.iter().flat_map(|row| std::iter::repeat_n(row.map(|r| r * scale), zoom as usize)).collect()
}

fn draw_legend(image: &mut RgbImage, bscan: &SegmentedBScan, x: u32) {
    let mut y = MARGIN;
    let mut line = |image: &mut RgbImage, colour: [u8; 3], text: &str| {
        canvas::text(image, x, y, 1, colour, text);
        y += LINE;
        y - LINE
    };
    line(image, TEXT, &format!("B-scan {} (file {:03})", bscan.index + 1, bscan.index));
    // The verdict is about the lines, whatever the eye shows.
    let verdict = match bscan.verdict() {
        Verdict::NotARetina => Verdict::NotARetina.words().to_owned(),
        verdict => format!("lines {}", verdict.words()),
    };
    line(image, TEXT, &verdict);
    line(image, TEXT, &format!("confidence {:.2}", bscan.confidence()));
    line(image, TEXT, "");
    for boundary in Boundary::ALL {
        let found = bscan.surfaces.rows(boundary).iter().any(Option::is_some);
        let note = match found {
            false => " not found".to_owned(),
            true if boundary == Boundary::Csb => visible_share(bscan),
            true => String::new(),
        };
        let at = line(image, if found { TEXT } else { FAINT_TEXT }, &format!("    {}{note}", boundary.label()));
        canvas::fill(image, x, at + 2, 24, 4, boundary.colour());
    }
    line(image, TEXT, "");
    if let Some(mask) = &bscan.lesions {
        let lesions = lesions_in(mask);
        if lesions.is_empty() {
            line(image, FAINT_TEXT, "no lesion found");
        }
        for lesion in lesions {
            let at = line(image, TEXT, &format!("    {}", lesion.name()));
            canvas::fill(image, x, at, 24, 8, lesion.colour());
        }
        line(image, TEXT, "");
    }
    let unit = bscan.thicknesses.unit;
    line(image, TEXT, &format!("thickness, mean ({})", unit.symbol()));
    for layer in bscan.thicknesses.iter() {
        let coverage = Coverage::of(layer.coverage);
        let mean = layer.mean.and_then(|m| coverage.shown(m)).map_or("-".to_owned(), |m| format!("{m:.1}"));
        // A partial mean must not pass for a mean over the whole scan.
        let part =
            layer.mean.filter(|_| coverage != Coverage::Whole).map(|_| format!("{:.0} %", 100.0 * layer.coverage));
        line(image, TEXT, &format!("{:<10}{mean:>8}{:>7}", layer.of.name(), part.unwrap_or_default()));
    }
    if unit == ThicknessUnit::Pixels {
        line(image, FAINT_TEXT, "no axial spacing known");
    }
    line(image, TEXT, "");
    line(image, FAINT_TEXT, "research use only");
}

/// The share of the choroid-sclera boundary that can be seen; nothing if all of it can.
fn visible_share(bscan: &SegmentedBScan) -> String {
    match ChoroidVisibility::of(&bscan.surfaces).share() {
        Some(0.0) => " inferred".to_owned(),
        Some(share) if share < 1.0 => format!(" {:.0} % visible", 100.0 * share),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use octrls_core::lesion::Lesion;

    use super::*;
    use crate::fixtures::{FLUID, segmented};

    #[test]
    fn a_lesion_is_tinted_and_named_in_the_legend() {
        let (with, without) = (segmented(0, true), segmented(0, false));
        let x = usize::midpoint(FLUID.columns.start, FLUID.columns.end);
        let y = with.surfaces.rows(Boundary::EzRpe)[x].expect("a row") - 0.5 * FLUID.top;
        let (with, without) = (overlay(&with), overlay(&without));
        let pixel = |image: &RgbImage| image.get_pixel(x as u32, y as u32).0.map(i32::from);
        let (tint, grey) = (pixel(&with), pixel(&without));
        assert!(tint[2] - tint[0] > 40 && grey[0] == grey[2], "{tint:?} {grey:?}");
        let legend = |image: &RgbImage, colour: [u8; 3]| image.pixels().filter(|p| p.0 == colour).count();
        let colour = Lesion::Srf.colour();
        assert!(legend(&with, colour) >= 24 * 8 && legend(&without, colour) == 0);
    }

    #[test]
    fn the_inferred_part_of_the_choroid_s_end_is_dashed() {
        let bscan = segmented(0, false);
        let image = overlay(&bscan);
        let colour = Boundary::Csb.colour();
        // In the left half of the scan, the boundary can be seen.
        let half = (FLUID.width / 2) as u32;
        let drawn = |columns: std::ops::Range<u32>| {
            let strong = |x: &u32| {
                let row = bscan.surfaces.rows(Boundary::Csb)[*x as usize].expect("a row") as u32;
                (row - 1..=row + 1).any(|y| {
                    let pixel = image.get_pixel(*x, y).0;
                    pixel.iter().zip(colour).all(|(&p, c)| p.abs_diff(c) < 50)
                })
            };
            columns.clone().filter(strong).count() as f32 / columns.len() as f32
        };
        assert!(drawn(0..half) > 0.95 && (0.3..0.75).contains(&drawn(half..2 * half)), "{}", drawn(half..2 * half));
    }
}
