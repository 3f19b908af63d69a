//! Position of a B-scan on the network's grid, with the mapping in both directions.

use std::ops::Range;

use fast_image_resize::{
    FilterType, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::F32,
};

use crate::scan::BScan;

use super::{InputSize, flat_border::flat_border};

/// Position of a scan on the network's grid.
///
/// Rows of a boundary are edges: the number is the first row of the layer below, so an edge maps by scale and offset
/// alone. Columns are A-scan centres.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Size of the network's input.
    pub input: InputSize,
    /// A-scans of the scan.
    pub scan_width: usize,
    /// Samples along its A-scans.
    pub scan_height: usize,
    /// Columns of the grid that the scan covers.
    pub width: usize,
    /// Rows of the grid that the scan covers.
    pub height: usize,
    /// First column of the scan on the grid.
    pub left: usize,
    /// First row of the scan on the grid.
    pub top: usize,
    /// Rows of the resized scan above the grid.
    pub above: usize,
    /// Rows of the resized scan; the grid holds `height` of them.
    pub resized_height: usize,
}

/// [`Placement::enlarged`] enlarges scans with fewer rows to this many.
const MIN_ROWS: usize = 400;
/// Maximum enlargement.
const MAX_ENLARGEMENT: usize = 4;

impl Placement {
    /// Places a scan on the grid: shrinks each axis that is too long, and centres the result.
    #[must_use]
    pub fn new(scan_width: usize, scan_height: usize, input: InputSize) -> Self {
        Self::resized((scan_width, scan_height), (scan_width, scan_height), input)
    }

    /// As [`Placement::new`], but first enlarges a scan of few rows, for models that were trained so.
    #[must_use]
    pub fn enlarged(scan_width: usize, scan_height: usize, input: InputSize) -> Self {
        let rows = MIN_ROWS.min(scan_height * MAX_ENLARGEMENT).max(scan_height);
        Self::resized((scan_width, scan_height), (scan_width * rows / scan_height.max(1), rows), input)
    }

    /// As [`Placement::new`], but first enlarges the scan by `factor`, for scans of coarse spacing.
    #[must_use]
    pub fn scaled(scan_width: usize, scan_height: usize, input: InputSize, factor: f32) -> Self {
        let side = |length: usize| ((length as f32 * factor).round() as usize).max(1);
        Self::resized((scan_width, scan_height), (side(scan_width), side(scan_height)), input)
    }

    fn resized((scan_width, scan_height): (usize, usize), (width, height): (usize, usize), input: InputSize) -> Self {
        let width = width.min(input.width);
        let height = height.min(input.height);
        Self {
            input,
            scan_width,
            scan_height,
            width,
            height,
            left: (input.width - width) / 2,
            top: (input.height - height) / 2,
            above: 0,
            resized_height: height,
        }
    }

    /// The same on a grid that is no larger than the scan needs, with sides that are multiples of `multiple`.
    #[must_use]
    pub fn on_smallest_grid(self, multiple: usize) -> Self {
        let input = InputSize {
            width: self.width.next_multiple_of(multiple).min(self.input.width),
            height: self.height.next_multiple_of(multiple).min(self.input.height),
        };
        Self { input, left: (input.width - self.width) / 2, top: (input.height - self.height) / 2, ..self }
    }

    /// The same with only the rows `crop` of the resized scan on the grid.
    #[must_use]
    pub fn cropped(self, crop: &Range<usize>, multiple: usize) -> Self {
        let height = crop.len().min(self.resized_height - crop.start);
        Self { height, above: crop.start, ..self }.on_smallest_grid(multiple)
    }

    /// The network's input for `bscan`: `input.height * input.width` values, row-major.
    ///
    /// # Panics
    /// When `bscan` does not have the size that was placed.
    #[must_use]
    pub fn input_of(&self, bscan: &BScan) -> Vec<f32> {
        self.input_of_prepared(&self.prepare(bscan))
    }

    /// The resized scan, standardised without flat white or grey borders, which become 0 as what lies outside the scan:
    /// `resized_height * width` values, row-major.
    ///
    /// # Panics
    /// When `bscan` does not have the size that was placed.
    #[must_use]
    pub fn prepare(&self, bscan: &BScan) -> Vec<f32> {
        assert_eq!(
            (bscan.width, bscan.height),
            (self.scan_width, self.scan_height),
            "the placed scan has another size"
        );
        let mut pixels = self.resize(bscan);
        match flat_border(&pixels, self.width) {
            Some(border) => standardise_inside(&mut pixels, &border),
            None => standardise(&mut pixels),
        }
        pixels
    }

    /// The network's input for a scan that [`Placement::prepare`] made: `input.height * input.width` values, row-major.
    #[must_use]
    pub fn input_of_prepared(&self, prepared: &[f32]) -> Vec<f32> {
        let mut input = vec![0.0; self.input.width * self.input.height];
        let lines = prepared.chunks_exact(self.width).skip(self.above).take(self.height);
        for (row, line) in lines.enumerate() {
            let start = (self.top + row) * self.input.width + self.left;
            input[start..start + self.width].copy_from_slice(line);
        }
        input
    }

    fn resize(&self, bscan: &BScan) -> Vec<f32> {
        if (self.width, self.resized_height) == (bscan.width, bscan.height) {
            return bscan.intensity.clone();
        }
        let pixels: Vec<F32> = bscan.intensity.iter().map(|&v| F32::new(v)).collect();
        let source = TypedImageRef::new(bscan.width as u32, bscan.height as u32, &pixels)
            .expect("a B-scan has width * height intensities");
        let mut resized = TypedImage::new(self.width as u32, self.resized_height as u32);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
        Resizer::new().resize_typed(&source, &mut resized, &options).expect("a whole image can be resized");
        resized.pixels().iter().map(|pixel| pixel.0).collect()
    }

    /// Scan rows per row of the grid.
    #[must_use]
    pub fn scan_rows_per_grid_row(&self) -> f32 {
        self.scan_height as f32 / self.resized_height as f32
    }

    /// Scan row of a row of the placed region; both are edges.
    #[must_use]
    pub fn scan_row(&self, row: f32) -> f32 {
        (self.above as f32 + row) * self.scan_rows_per_grid_row()
    }

    /// Whether the grid holds all rows of the scan.
    #[must_use]
    pub const fn holds_whole_scan(&self) -> bool {
        self.height == self.resized_height
    }

    /// Column of the placed region (0-based, fractional) at the centre of A-scan `ascan`.
    #[must_use]
    pub fn grid_column(&self, ascan: usize) -> f32 {
        ((ascan as f32 + 0.5) * self.width as f32 / self.scan_width as f32 - 0.5).clamp(0.0, (self.width - 1) as f32)
    }
}

/// Brings `pixels` to mean 0 and variance 1; a uniform image becomes all zeros.
pub(super) fn standardise(pixels: &mut [f32]) {
    let n = pixels.len().max(1) as f64;
    let mean = pixels.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    let variance = pixels.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
    let scale = if variance > 1e-10 { variance.sqrt().recip() } else { 0.0 };
    for v in pixels {
        *v = ((f64::from(*v) - mean) * scale) as f32;
    }
}

/// As [`standardise`] for the pixels outside `border`; those inside become 0.
fn standardise_inside(pixels: &mut [f32], border: &[bool]) {
    let mut inside: Vec<f32> = pixels.iter().zip(border).filter(|&(_, &flat)| !flat).map(|(&v, _)| v).collect();
    standardise(&mut inside);
    let mut inside = inside.into_iter();
    for (pixel, &flat) in pixels.iter_mut().zip(border) {
        *pixel = if flat { 0.0 } else { inside.next().unwrap_or_default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUT: InputSize = InputSize { width: 64, height: 450 };

    fn gradient(width: usize, height: usize) -> BScan {
        let intensity = (0..height).flat_map(|y| vec![y as f32 / height as f32; width]).collect();
        BScan { width, height, intensity }
    }

    #[test]
    fn a_fitting_scan_keeps_its_pixels_and_is_centred() {
        let p = Placement::new(40, 420, INPUT);
        assert_eq!((p.width, p.height, p.left, p.top), (40, 420, 12, 15));
        let input = p.input_of(&gradient(40, 420));
        let inside = |x: usize, y: usize| (12..52).contains(&x) && (15..435).contains(&y);
        for y in 0..450 {
            for x in 0..64 {
                assert!(inside(x, y) || input[y * 64 + x] == 0.0, "padding at {x},{y}");
            }
        }
        assert!(input[15 * 64 + 12] < input[434 * 64 + 12]);
    }

    #[test]
    fn padding_does_not_affect_standardisation() {
        let p = Placement::new(40, 420, INPUT);
        let input = p.input_of(&gradient(40, 420));
        let n = 40.0 * 420.0;
        let mean = input.iter().sum::<f32>() / n;
        let variance = input.iter().map(|v| v * v).sum::<f32>() / n;
        assert!(mean.abs() < 1e-4 && (variance - 1.0).abs() < 1e-3, "{mean} {variance}");
    }

    #[test]
    fn a_large_scan_shrinks_on_each_axis_and_maps_back() {
        let p = Placement::new(128, 400, INPUT);
        assert_eq!((p.width, p.height, p.scan_rows_per_grid_row()), (64, 400, 1.0));
        assert!((p.grid_column(0) - 0.0).abs() < 1e-6);
        assert!((p.grid_column(64) - 31.75).abs() < 1e-6);
        let p = Placement::new(32, 900, INPUT);
        assert!((p.scan_rows_per_grid_row() - 2.0).abs() < 1e-6);
    }

    #[test]
    fn a_scan_of_few_rows_is_enlarged_up_to_four_times() {
        let p = Placement::enlarged(20, 200, INPUT);
        assert_eq!((p.width, p.height, p.scan_rows_per_grid_row()), (40, 400, 0.5));
        assert!((p.grid_column(10) - 20.5).abs() < 1e-6);
        let p = Placement::enlarged(30, 50, INPUT);
        assert_eq!((p.width, p.height), (64, 200), "four times, and cut to the grid");
        let p = Placement::new(20, 200, INPUT);
        assert_eq!((p.width, p.height), (20, 200), "newer models see every scan at its own scale");
        let p = Placement::scaled(20, 200, INPUT, 2.0);
        assert_eq!((p.width, p.height, p.scan_rows_per_grid_row()), (40, 400, 0.5));
    }

    #[test]
    fn a_white_strip_becomes_zeros_and_changes_no_other_pixel() {
        let mut plain = gradient(60, 200);
        plain.intensity.iter_mut().for_each(|v| *v *= 0.5);
        let mut with_strip = plain.clone();
        with_strip.height += 20;
        with_strip.intensity.resize(60 * 220, 1.0);
        let (placed, longer) = (Placement::new(60, 200, INPUT), Placement::new(60, 220, INPUT));
        let (want, got) = (placed.prepare(&plain), longer.prepare(&with_strip));
        assert!(got[..60 * 200] == want, "the scan differs");
        assert!(got[60 * 200..].iter().all(|&v| v == 0.0));
    }

    #[test]
    fn a_uniform_scan_becomes_zeros() {
        let p = Placement::new(20, 20, INPUT);
        let flat = BScan { width: 20, height: 20, intensity: vec![0.7; 400] };
        assert!(p.input_of(&flat).iter().all(|&v| v == 0.0));
    }
}
