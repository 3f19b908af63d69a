//! Traced choroids: polygons that complete the labels of a set, one VGG JSON file per set.

use std::path::Path;

use octrls_core::layer::Layer;

use super::{ChoroidLabel, DataError, Polygon, Sample, read_annotations};

/// Adds the choroid-sclera boundary to every sample with a traced choroid in `<folder>/<set>.json`; returns their
/// number.
///
/// Only the lower edge of a trace is used; the upper edge is the set's RPE. An image without polygons means that a
/// reader found no visible choroid-sclera boundary.
///
/// # Errors
/// [`DataError`] if a file cannot be read, is malformed, or contains another layer.
pub fn add_choroids(samples: &mut [Sample], folder: &Path) -> Result<usize, DataError> {
    let mut sets: Vec<String> = samples.iter().map(|s| s.set.clone()).collect();
    sets.dedup();
    let mut added = 0;
    for set in sets {
        let path = folder.join(format!("{set}.json"));
        if !path.exists() {
            continue;
        }
        for (name, polygons) in read_annotations(&path)? {
            if let Some(other) = polygons.iter().find(|p| p.layer != Layer::Choroid) {
                return Err(DataError::label(&path, format!("{name}: expected Choroid, found {}", other.layer.name())));
            }
            let id = Path::new(&name).file_stem().and_then(|s| s.to_str()).unwrap_or_default();
            for sample in samples.iter_mut().filter(|s| s.set == set && s.id == id) {
                sample.choroid = if polygons.is_empty() {
                    ChoroidLabel::NotVisible
                } else {
                    ChoroidLabel::Traced(lower_edge(&polygons, sample.bscan.width))
                };
                added += 1;
            }
        }
    }
    Ok(added)
}

/// The deepest row of the polygons in each of `width` A-scans; `None` outside the polygons.
fn lower_edge(polygons: &[Polygon], width: usize) -> Vec<Option<f32>> {
    let deepest = |x: usize| polygons.iter().flat_map(|p| p.crossings(0, x as f64 + 0.5)).reduce(f64::max);
    (0..width).map(|x| deepest(x).map(|row| row as f32)).collect()
}

#[cfg(test)]
mod tests {
    use octrls_core::scan::BScan;

    use super::*;

    const TRACED: &str = r#"{"a.png": {"filename": "a.png", "regions": [{
        "shape_attributes": {"name": "polygon", "all_points_x": [1, 3, 3, 1], "all_points_y": [2, 2, 7, 5]},
        "region_attributes": {"label": "Choroid"}}]}}"#;

    fn samples() -> Vec<Sample> {
        let bscan = BScan { width: 4, height: 8, intensity: vec![0.0; 32] };
        let of = |set: &str, id: &str| Sample {
            set: set.to_owned(),
            id: id.to_owned(),
            ..Sample::new(bscan.clone(), vec![0; 32])
        };
        vec![of("s", "a"), of("s", "b"), of("t", "a")]
    }

    #[test]
    fn traces_belong_to_one_scan_of_one_set() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("s.json"), TRACED).expect("a file");
        let mut samples = samples();
        assert_eq!(add_choroids(&mut samples, folder.path()).expect("valid"), 1);
        assert_eq!(samples[0].choroid, ChoroidLabel::Traced(vec![None, Some(5.5), Some(6.5), None]));
        assert!(samples[1..].iter().all(|s| s.choroid == ChoroidLabel::Unlabelled));
    }

    #[test]
    fn image_without_polygons_has_no_visible_choroid() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("s.json"), r#"{"b.png": {"filename": "b.png", "regions": {}}}"#)
            .expect("a file");
        let mut samples = samples();
        add_choroids(&mut samples, folder.path()).expect("valid");
        assert_eq!(samples[1].choroid, ChoroidLabel::NotVisible);
    }

    #[test]
    fn other_layers_are_errors() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("s.json"), TRACED.replace("Choroid", "INL")).expect("a file");
        assert!(matches!(add_choroids(&mut samples(), folder.path()), Err(DataError::Label { .. })));
    }
}
