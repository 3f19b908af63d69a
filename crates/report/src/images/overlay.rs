//! The overlay: the scan with its boundaries, and a legend with the thicknesses.

use image::{Rgb, RgbImage};
use octrls_core::{
    layer::{Boundary, MEASURED},
    measure::{ThicknessUnit, enface::COVERED},
    segment::SegmentedBScan,
};

use super::canvas::{self, BACKGROUND, FAINT_TEXT, TEXT};

const MARGIN: u32 = 12;
const LINE: u32 = 14;
/// Characters in a line of the legend.
const LEGEND_CHARACTERS: u32 = 26;
/// Smaller scans are enlarged by a whole factor, up to four, to keep lines apart.
const MIN_SIDE: u32 = 400;

/// Draws `bscan` with its boundaries and a legend.
#[must_use]
pub fn overlay(bscan: &SegmentedBScan) -> RgbImage {
    let (width, height) = (bscan.bscan.width as u32, bscan.bscan.height as u32);
    let zoom = MIN_SIDE.div_ceil(width.min(height)).clamp(1, 4);
    let (shown_width, shown_height) = (width * zoom, height * zoom);
    let legend_width = canvas::text_width(LEGEND_CHARACTERS, 1) + 2 * MARGIN;
    let legend_height = 2 * MARGIN + LINE * (Boundary::ALL.len() + MEASURED + 8) as u32;

    let mut image = RgbImage::from_pixel(shown_width + legend_width, shown_height.max(legend_height), Rgb(BACKGROUND));
    draw_scan(&mut image, bscan, zoom);
    for boundary in Boundary::ALL {
        let rows = enlarged(bscan.surfaces.rows(boundary), zoom);
        canvas::curve(&mut image, 0, &rows, 1.3, boundary.colour());
    }
    // A curve may extend below the scan's last row; clear that part.
    canvas::fill(&mut image, 0, shown_height, shown_width, legend_height, BACKGROUND);
    draw_legend(&mut image, bscan, shown_width + MARGIN);
    image
}

fn draw_scan(image: &mut RgbImage, bscan: &SegmentedBScan, zoom: u32) {
    let scan = &bscan.bscan;
    for (i, &intensity) in scan.intensity.iter().enumerate() {
        let (x, y) = ((i % scan.width) as u32, (i / scan.width) as u32);
        let grey = (intensity.clamp(0.0, 1.0) * 255.0).round() as u8;
        canvas::fill(image, x * zoom, y * zoom, zoom, zoom, [grey; 3]);
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
    line(image, TEXT, &format!("B-scan {}", bscan.index));
    line(image, TEXT, bscan.verdict().words());
    line(image, TEXT, &format!("confidence {:.2}", bscan.confidence()));
    line(image, TEXT, "");
    for boundary in Boundary::ALL {
        let found = bscan.surfaces.rows(boundary).iter().any(Option::is_some);
        let note = if found { "" } else { " not visible" };
        let at = line(image, if found { TEXT } else { FAINT_TEXT }, &format!("    {}{note}", boundary.name()));
        canvas::fill(image, x, at + 2, 24, 4, boundary.colour());
    }
    line(image, TEXT, "");
    let unit = bscan.thicknesses.unit;
    line(image, TEXT, &format!("thickness, mean ({})", unit.symbol()));
    for layer in bscan.thicknesses.iter() {
        let mean = layer.mean.map_or("-".to_owned(), |m| format!("{m:.1}"));
        // A partial mean must not pass for a mean over the whole scan.
        let part = layer.mean.filter(|_| layer.coverage < COVERED).map(|_| format!("{:.0} %", 100.0 * layer.coverage));
        line(image, TEXT, &format!("{:<10}{mean:>8}{:>7}", layer.of.name(), part.unwrap_or_default()));
    }
    if unit == ThicknessUnit::Pixels {
        line(image, FAINT_TEXT, "no axial spacing known");
    }
    line(image, TEXT, "");
    line(image, FAINT_TEXT, "research use only");
}
