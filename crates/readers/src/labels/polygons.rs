//! Polygons in VGG JSON, as exported by makesense.ai.

use std::{collections::BTreeMap, path::Path};

use octrls_core::layer::Layer;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Entry {
    filename: String,
    regions: Regions,
}

/// The regions of an image, as an object or a list, depending on the exporter.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Regions {
    Numbered(BTreeMap<String, Region>),
    Listed(Vec<Region>),
}

#[derive(Debug, Deserialize)]
struct Region {
    shape_attributes: Shape,
    region_attributes: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Shape {
    name: String,
    #[serde(default)]
    all_points_x: Vec<f64>,
    #[serde(default)]
    all_points_y: Vec<f64>,
}

/// The polygon of one layer, corners in pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Polygon {
    /// The layer.
    pub layer: Layer,
    /// The corners.
    pub corners: Vec<[f64; 2]>,
}

/// The polygons of each image, by its file name.
pub type ImagePolygons = BTreeMap<String, Vec<Polygon>>;

/// Parses an annotation file: the polygons of each image, by file name.
///
/// # Errors
/// In words, if it is malformed, names a path, or if a region is not a polygon or has an unknown label.
pub fn parse_polygons(text: &[u8]) -> Result<ImagePolygons, String> {
    let entries: BTreeMap<String, Entry> = serde_json::from_slice(text).map_err(|e| e.to_string())?;
    let mut images = BTreeMap::new();
    for entry in entries.into_values() {
        // A path in a name could read and write outside the given folders.
        if Path::new(&entry.filename).file_name().is_none_or(|name| name != entry.filename.as_str()) {
            return Err(format!("{:?} is not a file name", entry.filename));
        }
        let mut regions: Vec<(String, Region)> = match entry.regions {
            Regions::Numbered(all) => all.into_iter().collect(),
            Regions::Listed(all) => all.into_iter().enumerate().map(|(i, r)| (i.to_string(), r)).collect(),
        };
        // The later region wins where two overlap. Sorted as numbers: as text, region 10 would precede region 2.
        regions.sort_by_key(|(key, _)| key.parse().unwrap_or(u64::MAX));
        let polygons: Result<Vec<_>, _> = regions
            .into_iter()
            .map(|(key, region)| polygon(region).map_err(|e| format!("{}, region {key}: {e}", entry.filename)))
            .collect();
        images.insert(entry.filename, polygons?);
    }
    Ok(images)
}

fn polygon(region: Region) -> Result<Polygon, String> {
    let shape = region.shape_attributes;
    if shape.name != "polygon" {
        return Err(format!("expected a polygon, found {}", shape.name));
    }
    if shape.all_points_x.len() != shape.all_points_y.len() || shape.all_points_x.len() < 3 {
        return Err("a polygon needs at least three corners, each with x and y".to_owned());
    }
    let label = region.region_attributes.get("label").ok_or("no label")?;
    let layer = layer_of(label).ok_or_else(|| format!("unknown label {label:?}"))?;
    let corners = shape.all_points_x.into_iter().zip(shape.all_points_y).map(|(x, y)| [x, y]).collect();
    Ok(Polygon { layer, corners })
}

fn layer_of(label: &str) -> Option<Layer> {
    match label {
        // The second is a common misspelling in existing annotations.
        "Ellipsoid Zone" | "Elipsoid Zone" => Some(Layer::Ez),
        other => Layer::ALL.into_iter().filter(|&l| l != Layer::Ez).find(|l| l.name() == other),
    }
}

/// The index mask of `polygons`; the later one wins where they overlap.
#[must_use]
pub fn rasterise(polygons: &[Polygon], width: usize, height: usize) -> Vec<u8> {
    let mut mask = vec![0; width * height];
    for polygon in polygons {
        for y in 0..height {
            let mut crossings: Vec<f64> = polygon.crossings(1, y as f64 + 0.5).collect();
            crossings.sort_by(f64::total_cmp);
            for pair in crossings.chunks_exact(2) {
                // Pixels whose centre is between the two edges.
                let column = |x: f64| ((x - 0.5).ceil().max(0.0) as usize).min(width);
                mask[y * width..][column(pair[0])..column(pair[1])].fill(polygon.layer.class());
            }
        }
    }
    mask
}

impl Polygon {
    /// Intersections of the edges with the line on which coordinate `axis`, 0 for x and 1 for y, is `at`: the other
    /// coordinate, unsorted.
    pub fn crossings(&self, axis: usize, at: f64) -> impl Iterator<Item = f64> {
        let next = self.corners.iter().cycle().skip(1);
        let crossed = self.corners.iter().zip(next).filter(move |(a, b)| (a[axis] <= at) != (b[axis] <= at));
        let other = 1 - axis;
        crossed.map(move |(a, b)| a[other] + (at - a[axis]) / (b[axis] - a[axis]) * (b[other] - a[other]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(label: &str) -> String {
        format!(
            r#"{{"a.png": {{"filename": "a.png", "size": 9, "file_attributes": {{}}, "regions": {{"0": {{
                "shape_attributes": {{"name": "polygon", "all_points_x": [1, 4, 4, 1], "all_points_y": [1, 1, 3, 3]}},
                "region_attributes": {{"label": "{label}"}}}}}}}}}}"#
        )
    }

    #[test]
    fn labels_map_to_layers_and_fill_their_polygons() {
        let labels = ["NFL", "GCL+IPL", "INL", "OPL", "ONL", "Ellipsoid Zone", "RPE", "Choroid"];
        for (label, layer) in labels.into_iter().zip(Layer::ALL).chain([("Elipsoid Zone", Layer::Ez)]) {
            let images = parse_polygons(json(label).as_bytes()).unwrap();
            let c = layer.class();
            let expected = [[0; 5], [0, c, c, c, 0], [0, c, c, c, 0], [0; 5]].concat();
            assert_eq!(rasterise(&images["a.png"], 5, 4), expected, "{label}");
        }
    }

    #[test]
    fn unknown_label_error_names_the_region() {
        let error = parse_polygons(json("Sclera").as_bytes()).unwrap_err();
        assert!(error.contains("a.png, region 0") && error.contains("Sclera"), "{error}");
    }

    #[test]
    fn rejects_other_shapes_and_paths() {
        assert!(parse_polygons(json("NFL").replace("polygon", "rect").as_bytes()).unwrap_err().contains("rect"));
        assert!(parse_polygons(json("NFL").replace("a.png", "../a.png").as_bytes()).is_err());
        assert!(parse_polygons(b"[]").is_err());
    }

    #[test]
    fn polygons_are_clipped_to_the_image() {
        let corners = vec![[-3.0, -2.0], [9.0, -2.0], [9.0, 1.0], [-3.0, 1.0]];
        assert_eq!(rasterise(&[Polygon { layer: Layer::Nfl, corners }], 2, 2), [1, 1, 0, 0]);
    }
}
