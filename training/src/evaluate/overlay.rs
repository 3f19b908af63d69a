//! Images of segmentations.

use image::{Rgb, RgbImage};
use octrls_core::{layer::Boundary, surface::Surfaces};

use crate::data::{BoundaryRows, Sample};

/// Image pixels per scan pixel.
const ZOOM: usize = 2;
/// Length of the dots and gaps of a label line, in image pixels.
const DOT: usize = 3;

/// Draws the scan with segmented boundaries as coloured lines and labels as dim white dots.
#[must_use]
pub fn overlay(sample: &Sample, surfaces: &Surfaces, truth: &BoundaryRows) -> RgbImage {
    let (width, height) = (sample.bscan.width, sample.bscan.height);
    let mut image = RgbImage::from_fn((width * ZOOM) as u32, (height * ZOOM) as u32, |x, y| {
        let v = sample.bscan.intensity[y as usize / ZOOM * width + x as usize / ZOOM];
        Rgb([(v * 255.0) as u8; 3])
    });
    for boundary in Boundary::ALL {
        line(&mut image, &truth[boundary.index()], [150; 3], |x| (x / DOT).is_multiple_of(2));
        line(&mut image, surfaces.rows(boundary), boundary.colour(), |_| true);
    }
    image
}

fn line(image: &mut RgbImage, rows: &[Option<f32>], colour: [u8; 3], draws: impl Fn(usize) -> bool) {
    for x in (0..rows.len() * ZOOM).filter(|&x| draws(x)) {
        let Some(row) = rows[x / ZOOM] else { continue };
        let y = (row * ZOOM as f32 - 0.5).round();
        if y >= 0.0 && y < image.height() as f32 {
            image.put_pixel(x as u32, y as u32, Rgb(colour));
        }
    }
}
