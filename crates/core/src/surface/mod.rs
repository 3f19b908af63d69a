//! From class scores to ordered, sub-pixel boundaries.

#[expect(clippy::inline_always, reason = "its caller decides for which instruction set it is compiled")]
mod chain;
mod extract;
mod smooth;
mod visibility;

pub use extract::{ExtractOptions, extract, extract_on};

use serde::{Deserialize, Serialize};

use crate::layer::{BOUNDARIES, Boundary, Layer, Measured};

/// The boundaries of one B-scan on the scan's own pixel grid.
///
/// Rows are 0-based and fractional; a boundary's row is the first row of the layer below it. In every A-scan the
/// determined boundaries are in anatomical order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Surfaces {
    width: usize,
    height: usize,
    rows: [Vec<Option<f32>>; BOUNDARIES],
    deviations: [Vec<f32>; BOUNDARIES],
    confidence: Vec<f32>,
    disc: Vec<bool>,
}

impl Surfaces {
    /// Surfaces of a scan of `width` A-scans and `height` samples, nothing determined.
    #[must_use]
    pub fn undetermined(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            rows: std::array::from_fn(|_| vec![None; width]),
            deviations: std::array::from_fn(|_| vec![f32::INFINITY; width]),
            confidence: vec![0.0; width],
            disc: vec![false; width],
        }
    }

    /// Surfaces that are known exactly, as those of a phantom or of a manual label.
    ///
    /// # Panics
    /// When a boundary is not of `width` A-scans.
    #[must_use]
    pub fn exact(height: usize, rows: [Vec<Option<f32>>; BOUNDARIES]) -> Self {
        let width = rows[0].len();
        assert!(rows.iter().all(|r| r.len() == width), "every boundary has one row for each A-scan");
        Self {
            width,
            height,
            deviations: std::array::from_fn(|_| vec![0.0; width]),
            confidence: vec![1.0; width],
            disc: vec![false; width],
            rows,
        }
    }

    /// The same surfaces with one standard deviation everywhere, in pixels.
    #[must_use]
    pub fn with_deviation(mut self, deviation: f32) -> Self {
        self.deviations.iter_mut().flatten().for_each(|d| *d = deviation);
        self
    }

    /// Whether every boundary has its row and deviation in each A-scan, as surfaces from elsewhere may not.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let width = self.width;
        let bounded = self.rows.iter().all(|r| r.len() == width) && self.deviations.iter().all(|d| d.len() == width);
        bounded && self.confidence.len() == width && self.disc.len() == width
    }

    /// Number of A-scans.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Samples along each A-scan.
    #[must_use]
    pub const fn height(&self) -> usize {
        self.height
    }

    /// Row of `boundary` in each A-scan; `None` where it was not determined.
    #[must_use]
    pub fn rows(&self, boundary: Boundary) -> &[Option<f32>] {
        &self.rows[boundary.index()]
    }

    /// Standard deviation of the error of `boundary` in each A-scan, in pixels: what the network's class probabilities
    /// imply, as calibrated.
    #[must_use]
    pub fn deviations(&self, boundary: Boundary) -> &[f32] {
        &self.deviations[boundary.index()]
    }

    /// Confidence in each A-scan, 0 to 1: how far the layers that the network sees in it, sample by sample, overlap
    /// (intersection over union) with the ordered layers between the boundaries.
    #[must_use]
    pub fn confidence(&self) -> &[f32] {
        &self.confidence
    }

    /// Mean confidence of the A-scans that have any, 0 to 1; 0 where none has.
    #[must_use]
    pub fn confidence_where_found(&self) -> f32 {
        let found = self.confidence.iter().filter(|&&c| c > 0.0);
        let (sum, n) = found.fold((0.0, 0_u32), |(sum, n), c| (sum + c, n + 1));
        sum / n.max(1) as f32
    }

    /// Whether A-scan `ascan` shows the optic disc: nerve fibres, and none of the layers below them.
    #[must_use]
    pub fn shows_disc(&self, ascan: usize) -> bool {
        self.disc[ascan]
    }

    /// Thickness in each A-scan in pixels, measured vertically; `None` where either boundary is missing and in the optic
    /// disc, whose fibres run along the A-scan.
    pub fn thickness_px(&self, of: Measured) -> impl Iterator<Item = Option<f32>> + '_ {
        let (upper, lower) = (self.rows(of.upper()), self.rows(of.lower()));
        let thickness = upper.iter().zip(lower).map(|(u, l)| Some(l.as_ref()? - u.as_ref()?));
        thickness.zip(&self.disc).map(|(thickness, disc)| thickness.filter(|_| !disc))
    }

    /// Whether any boundary is determined anywhere.
    #[must_use]
    pub fn has_lines(&self) -> bool {
        self.rows.iter().flatten().any(Option::is_some)
    }

    /// Index mask of the layers, `width * height` classes, row-major; 0 where nothing is determined.
    #[must_use]
    pub fn mask(&self) -> Vec<u8> {
        let mut mask = vec![0; self.width * self.height];
        for layer in Layer::ALL {
            let bounds = self.rows(layer.upper()).iter().zip(self.rows(layer.lower()));
            for (x, (upper, lower)) in bounds.enumerate() {
                let (Some(upper), Some(lower)) = (upper, lower) else { continue };
                for y in self.edge(*upper)..self.edge(*lower) {
                    mask[y * self.width + x] = layer.class();
                }
            }
        }
        mask
    }

    /// First whole row at or below an edge, within the scan.
    fn edge(&self, row: f32) -> usize {
        (row.round().max(0.0) as usize).min(self.height)
    }
}
