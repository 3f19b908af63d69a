//! Index masks: 8-bit grey PNG whose pixel values are classes.

use std::path::Path;

use image::{DynamicImage, GrayImage, ImageFormat};
use octrls_core::{layer::CLASSES, measure::accuracy::IGNORE};

use super::DataError;

/// Reads an index mask of `width` x `height` pixels.
///
/// # Errors
/// [`DataError`] if the file cannot be read, is not an 8-bit grey image, has another size, or contains a value that is
/// neither a class nor [`IGNORE`].
pub fn read_mask(path: &Path, width: usize, height: usize) -> Result<Vec<u8>, DataError> {
    let mask = read_index_image(path, width, height)?;
    match mask.iter().find(|&&v| usize::from(v) >= CLASSES && v != IGNORE) {
        Some(v) => Err(DataError::label(path, format!("{v} is not a class"))),
        None => Ok(mask),
    }
}

/// Reads an index image of `width` x `height` pixels with any values.
///
/// # Errors
/// [`DataError`] if the file cannot be read, is not an 8-bit grey image, or has another size.
pub(super) fn read_index_image(path: &Path, width: usize, height: usize) -> Result<Vec<u8>, DataError> {
    let bytes = std::fs::read(path).map_err(DataError::io(path))?;
    let image = image::load_from_memory_with_format(&bytes, ImageFormat::Png).map_err(|e| DataError::label(path, e))?;
    let DynamicImage::ImageLuma8(image) = image else {
        return Err(DataError::label(path, "an index mask must be an 8-bit grey PNG"));
    };
    if (image.width() as usize, image.height() as usize) != (width, height) {
        let size = format!("{} x {}", image.width(), image.height());
        return Err(DataError::label(path, format!("the mask is {size}, but the scan is {width} x {height}")));
    }
    Ok(image.into_raw())
}

/// Writes an index mask of `width` columns.
///
/// # Errors
/// [`DataError`] if the file cannot be written.
///
/// # Panics
/// If the last row of `mask` is incomplete.
pub fn write_mask(path: &Path, mask: &[u8], width: usize) -> Result<(), DataError> {
    let height = mask.len() / width.max(1);
    let image = GrayImage::from_raw(width as u32, height as u32, mask.to_vec()).expect("a mask of whole rows");
    image.save_with_format(path, ImageFormat::Png).map_err(|e| DataError::label(path, e))
}
