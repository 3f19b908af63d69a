//! Draws phantoms as PNG files, each with and without its boundaries: `phantom_sheet <folder> [random count]`.

use std::{path::PathBuf, time::Instant};

use image::{Rgb, RgbImage};
use octrls_core::{
    layer::Boundary,
    phantom::{Phantom, PhantomOptions, PhantomScan},
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("usage: phantom_sheet <folder> [random count]")?);
    let count = arguments.next().map_or(Ok(12), |n| n.parse())?;
    std::fs::create_dir_all(&folder)?;
    let scanners = [
        ("spectralis", PhantomOptions::spectralis()),
        ("enhanced_depth", PhantomOptions::enhanced_depth()),
        ("cirrus", PhantomOptions::cirrus()),
        ("optovue", PhantomOptions::optovue()),
        ("topcon", PhantomOptions::topcon()),
        ("bioptigen", PhantomOptions::bioptigen()),
        ("diseased", PhantomOptions { pathology: 0.9, ..PhantomOptions::spectralis() }),
        ("diseased_optovue", PhantomOptions { pathology: 0.9, ..PhantomOptions::optovue() }),
        ("mild", PhantomOptions { pathology: 0.3, ..PhantomOptions::spectralis() }),
    ]
    .map(|(name, options)| (name.to_owned(), options));
    let random = (0..count).map(|seed| (format!("random_{seed:02}"), PhantomOptions::random(seed)));
    for (seed, (name, options)) in scanners.into_iter().chain(random).enumerate() {
        let start = Instant::now();
        let scan = Phantom::generate(&options, seed as u64);
        println!("{name}: {:?}, choroid visible: {}", start.elapsed(), scan.choroid_visible);
        render(&scan, false).save(folder.join(format!("{name}.png")))?;
        render(&scan, true).save(folder.join(format!("{name}_lines.png")))?;
    }
    Ok(())
}

/// Draws the scan, with its boundaries if `lines`.
fn render(scan: &PhantomScan, lines: bool) -> RgbImage {
    let (width, height) = (scan.bscan.width, scan.bscan.height);
    let mut image = RgbImage::from_fn(width as u32, height as u32, |x, y| {
        Rgb([(scan.bscan.intensity[y as usize * width + x as usize] * 255.0).round() as u8; 3])
    });
    for boundary in Boundary::ALL.into_iter().filter(|_| lines) {
        for (x, row) in scan.surfaces.rows(boundary).iter().enumerate() {
            if let Some(y) = row.map(|r| r.round() as usize).filter(|&y| y < height) {
                image.put_pixel(x as u32, y as u32, Rgb(boundary.colour()));
            }
        }
    }
    image
}
