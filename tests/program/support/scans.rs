//! Small scans for tests that need many.

use octrls_core::phantom::{Phantom, PhantomOptions};

/// A small scan as PNG, different for each seed.
pub(crate) fn scan(seed: u64) -> Vec<u8> {
    let options = PhantomOptions { width: 128, ..PhantomOptions::default() };
    let bscan = Phantom::generate(&options, seed).bscan;
    let pixels = bscan.intensity.iter().map(|v| (255.0 * v) as u8).collect();
    let image = image::GrayImage::from_raw(bscan.width as u32, bscan.height as u32, pixels);
    let image = image.expect("as many pixels as the size says");
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).expect("memory takes it");
    bytes.into_inner()
}
