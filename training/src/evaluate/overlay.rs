//! Images of segmentations.

use image::{Rgb, RgbImage};
use octrls_core::{layer::Boundary, lesion::Lesion, segment::FoundSurfaces};

use crate::data::{BoundaryRows, Sample};

/// Image pixels per scan pixel.
const ZOOM: usize = 2;
/// Length of the dots and gaps of a label line, in image pixels.
const DOT: usize = 3;

/// Draws the scan with segmented boundaries as coloured lines, lesions as a tint, and labels as dim white dots. The
/// choroid-sclera boundary is dashed where it is inferred.
#[must_use]
pub fn overlay(sample: &Sample, found: &FoundSurfaces, truth: &BoundaryRows) -> RgbImage {
    let surfaces = &found.surfaces;
    let (width, height) = (sample.bscan.width, sample.bscan.height);
    let mut image = RgbImage::from_fn((width * ZOOM) as u32, (height * ZOOM) as u32, |x, y| {
        let at = y as usize / ZOOM * width + x as usize / ZOOM;
        let grey = (sample.bscan.intensity[at] * 255.0) as u8;
        let lesion =
            found.lesions.as_ref().and_then(|mask| Lesion::ALL.get(usize::from(mask.classes()[at]).checked_sub(1)?));
        Rgb(lesion.map_or([grey; 3], |lesion| lesion.colour().map(|c| grey / 2 + c / 2)))
    });
    line(&mut image, surfaces.rpe_outer(), Boundary::EzRpe.colour(), |_| true);
    line(&mut image, surfaces.ez_end(), Boundary::OnlEz.colour(), |_| true);
    for boundary in Boundary::ALL {
        line(&mut image, &truth[boundary.index()], [150; 3], |x| (x / DOT).is_multiple_of(2));
        let solid = |x: usize| {
            boundary != Boundary::Csb || surfaces.choroid_visible()[x / ZOOM] || !(x / DOT).is_multiple_of(3)
        };
        line(&mut image, surfaces.rows(boundary), boundary.colour(), solid);
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
