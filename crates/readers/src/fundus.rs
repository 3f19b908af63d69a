//! The fundus image, and the B-scans' position on it.

use octrls_core::scan::{BScan, BScanPosition};

/// Points used to draw a circle.
const STEPS: usize = 90;

/// The fundus image that a scanner takes along with its B-scans.
#[derive(Clone, Debug, PartialEq)]
pub struct FundusImage {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Grey values, row-major, `width * height`.
    pub pixels: Vec<u8>,
    /// Millimetres per pixel across and down, if known.
    pub pixel_mm: Option<[f64; 2]>,
    /// Course of each B-scan on the image, in scan order: points as column and row from the upper left corner. Empty if
    /// unknown.
    pub lines: Vec<Vec<[f32; 2]>>,
}

impl FundusImage {
    /// An image whose upper left corner is [`Place`](octrls_core::scan::Place) 0, 0, with B-scans along `tracks`.
    pub(crate) fn with_tracks(
        (width, height): (usize, usize),
        pixels: Vec<u8>,
        pixel_mm: [f64; 2],
        tracks: &[BScanPosition],
    ) -> Self {
        let lines = tracks.iter().map(|track| points(track, pixel_mm)).collect();
        Self { width, height, pixels, pixel_mm: Some(pixel_mm), lines }
    }

    /// Grey values of an image that was read like a B-scan.
    pub(crate) fn grey(image: &BScan) -> Vec<u8> {
        image.intensity.iter().map(|v| (v * 255.0).round() as u8).collect()
    }
}

/// Points along a track in pixels, given the millimetres per pixel.
pub(crate) fn points(track: &BScanPosition, [mm_x, mm_y]: [f64; 2]) -> Vec<[f32; 2]> {
    match track {
        BScanPosition::Line { start, end } => [start, end].map(|p| [(p.x / mm_x) as f32, (p.y / mm_y) as f32]).into(),
        BScanPosition::Circle { .. } => {
            (0..=STEPS).map(|step| track.at(step, STEPS)).map(|p| [(p.x / mm_x) as f32, (p.y / mm_y) as f32]).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use octrls_core::scan::Place;

    use super::*;

    #[test]
    fn lines_have_two_points_and_circles_close() {
        let place = |x, y| Place { x, y };
        let line = points(&BScanPosition::Line { start: place(1.0, 2.0), end: place(3.0, 2.0) }, [0.5, 0.25]);
        assert_eq!(line, [[2.0, 8.0], [6.0, 8.0]]);
        let circle = BScanPosition::Circle { centre: place(2.0, 2.0), start: place(3.0, 2.0), clockwise: true };
        let circle = points(&circle, [0.5, 0.25]);
        let (first, last) = (circle[0], circle[circle.len() - 1]);
        assert!((first[0] - 6.0).abs() < 1e-4 && (first[1] - 8.0).abs() < 1e-4, "{first:?}");
        assert!((first[0] - last[0]).abs() < 1e-4 && (first[1] - last[1]).abs() < 1e-4);
    }
}
