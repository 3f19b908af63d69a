//! Manual annotations: polygons in VGG JSON, as exported by makesense.ai.

use std::{collections::BTreeMap, path::Path};

use octrls_readers::{Polygon, ReadOptions, open, parse_polygons, rasterise};

use super::{ChoroidLabel, DataError, Sample};

/// Reads an annotation file: the polygons of each image, by file name.
///
/// # Errors
/// [`DataError`] if the file cannot be read or is malformed, or if a region is not a polygon or has an unknown label.
pub fn read_annotations(path: &Path) -> Result<BTreeMap<String, Vec<Polygon>>, DataError> {
    let text = std::fs::read(path).map_err(DataError::io(path))?;
    parse_polygons(&text).map_err(|reason| DataError::label(path, reason))
}

/// Reads the annotated images of `folder` as samples, usable like those of any set.
///
/// # Errors
/// As [`read_annotations`], or if an image cannot be read.
pub fn annotated_samples(annotations: &Path, folder: &Path) -> Result<Vec<Sample>, DataError> {
    let images = read_annotations(annotations)?;
    images.into_iter().map(|(name, polygons)| sample(&folder.join(&name), &name, &polygons)).collect()
}

fn sample(path: &Path, name: &str, polygons: &[Polygon]) -> Result<Sample, DataError> {
    let scan_error = |source| DataError::Scan { path: path.to_owned(), source };
    let bscan = open(path, ReadOptions::default()).and_then(|mut r| r.bscan(0)).map_err(scan_error)?;
    let id = Path::new(name).file_stem().and_then(|s| s.to_str()).unwrap_or(name).to_owned();
    let mask = rasterise(polygons, bscan.width, bscan.height);
    Ok(Sample {
        set: "annotations".to_owned(),
        subject: id.clone(),
        id,
        choroid: ChoroidLabel::from_mask(&mask),
        ..Sample::new(bscan, mask)
    })
}
