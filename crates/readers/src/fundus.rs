//! The image of the fundus, and where on it the B-scans lie.

use octrls_core::scan::{BScan, Track};

/// Points that a circle is drawn through.
const STEPS: usize = 90;

/// The image of the fundus that a scanner takes beside its B-scans.
#[derive(Clone, Debug, PartialEq)]
pub struct FundusImage {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Grey values, row-major, `width * height`.
    pub pixels: Vec<u8>,
    /// Millimetres from column to column and from row to row, where that is known.
    pub pixel_mm: Option<[f64; 2]>,
    /// Where each B-scan lies on it, in their order: points in columns and rows from the upper left corner. Empty where that
    /// is not known.
    pub lines: Vec<Vec<[f32; 2]>>,
}

impl FundusImage {
    /// An image whose upper left corner is [`Place`](super::Place) 0, 0, and on which the B-scans lie along `tracks`.
    #[must_use]
    pub fn placed((width, height): (usize, usize), pixels: Vec<u8>, pixel_mm: [f64; 2], tracks: &[Track]) -> Self {
        let lines = tracks.iter().map(|track| points(track, pixel_mm)).collect();
        Self { width, height, pixels, pixel_mm: Some(pixel_mm), lines }
    }

    /// Grey values of an image that was read as a B-scan is.
    pub(crate) fn grey(image: &BScan) -> Vec<u8> {
        image.intensity.iter().map(|v| (v * 255.0).round() as u8).collect()
    }
}

/// The course of a track, in pixels of so many millimetres.
pub(crate) fn points(track: &Track, [mm_x, mm_y]: [f64; 2]) -> Vec<[f32; 2]> {
    match track {
        Track::Line { start, end } => [start, end].map(|p| [(p.x / mm_x) as f32, (p.y / mm_y) as f32]).into(),
        Track::Circle { .. } => {
            (0..=STEPS).map(|step| track.at(step, STEPS)).map(|p| [(p.x / mm_x) as f32, (p.y / mm_y) as f32]).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use octrls_core::scan::Place;

    #[test]
    fn lines_have_two_points_and_circles_close() {
        let place = |x, y| Place { x, y };
        let line = points(&Track::Line { start: place(1.0, 2.0), end: place(3.0, 2.0) }, [0.5, 0.25]);
        assert_eq!(line, [[2.0, 8.0], [6.0, 8.0]]);
        let circle = Track::Circle { centre: place(2.0, 2.0), start: place(3.0, 2.0), clockwise: true };
        let circle = points(&circle, [0.5, 0.25]);
        let (first, last) = (circle[0], circle[circle.len() - 1]);
        assert!((first[0] - 6.0).abs() < 1e-4 && (first[1] - 8.0).abs() < 1e-4, "{first:?}");
        assert!((first[0] - last[0]).abs() < 1e-4 && (first[1] - last[1]).abs() < 1e-4);
    }
}
