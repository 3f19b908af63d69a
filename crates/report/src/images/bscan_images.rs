//! The image files of one B-scan.

use std::io::Cursor;

use image::{
    ExtendedColorType, ImageEncoder,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};
use octrls_core::segment::SegmentedBScan;

use super::overlay::overlay;
use crate::OutputError;

/// The class maps and the overlay of a B-scan as PNG. After the network, this is the slowest step.
#[derive(Clone, Debug)]
pub struct Pictures {
    pub(crate) mask: Vec<u8>,
    pub(crate) overlay: Vec<u8>,
    /// The class map of lesions; `None` if the B-scan was not searched for them.
    pub(crate) lesions: Option<Vec<u8>>,
}

impl Pictures {
    /// Draws `bscan`.
    ///
    /// # Errors
    /// [`OutputError::Encode`] if an image cannot be encoded.
    pub fn draw(bscan: &SegmentedBScan) -> Result<Self, OutputError> {
        let (width, height) = (bscan.bscan.width as u32, bscan.bscan.height as u32);
        let mask = png("mask", &bscan.surfaces.mask(), (width, height), ExtendedColorType::L8)?;
        let lesions = bscan.lesions.as_ref();
        let lesions = lesions.map(|mask| png("lesions", mask.classes(), (width, height), ExtendedColorType::L8));
        let drawn = overlay(bscan);
        let overlay = png("overlay", drawn.as_raw(), drawn.dimensions(), ExtendedColorType::Rgb8)?;
        Ok(Self { mask, overlay, lesions: lesions.transpose()? })
    }
}

/// Encodes `pixels` as PNG; an error names `file`.
pub(crate) fn png(
    file: &str,
    pixels: &[u8],
    (width, height): (u32, u32),
    colour: ExtendedColorType,
) -> Result<Vec<u8>, OutputError> {
    let mut png = Cursor::new(Vec::new());
    PngEncoder::new_with_quality(&mut png, CompressionType::Fast, FilterType::Up)
        .write_image(pixels, width, height, colour)
        .map_err(|e| OutputError::Encode { file: file.to_owned(), reason: e.to_string() })?;
    Ok(png.into_inner())
}
