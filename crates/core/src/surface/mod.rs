//! Ordered sub-pixel boundaries from class scores.

#[expect(clippy::inline_always, reason = "the caller decides for which instruction set it is compiled")]
mod chain;
mod choroid;
mod column;
mod extract;
mod lesions;
mod smooth;

pub use extract::{ExtractOptions, extract, extract_parallel};
pub use lesions::{Height, LesionMask};

use serde::{Deserialize, Serialize};

use crate::layer::{BOUNDARIES, Boundary, Layer, Measured};

/// The boundaries of one B-scan on the scan's own pixel grid.
///
/// Rows are 0-based and fractional; the row of a boundary is the first row of the layer below it. In every A-scan, the
/// determined boundaries are in anatomical order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Surfaces {
    width: usize,
    height: usize,
    rows: [Vec<Option<f32>>; BOUNDARIES],
    deviations: [Vec<f32>; BOUNDARIES],
    /// Row at which the photoreceptors end.
    ez_end: Vec<Option<f32>>,
    /// Row of the outer edge of the RPE.
    rpe_outer: Vec<Option<f32>>,
    confidence: Vec<f32>,
    disc: Vec<bool>,
    choroid_visible: Vec<bool>,
}

impl Surfaces {
    /// Surfaces of a scan of `width` A-scans and `height` samples, with no boundary determined.
    #[must_use]
    pub fn undetermined(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            rows: std::array::from_fn(|_| vec![None; width]),
            deviations: std::array::from_fn(|_| vec![f32::INFINITY; width]),
            ez_end: vec![None; width],
            rpe_outer: vec![None; width],
            confidence: vec![0.0; width],
            disc: vec![false; width],
            choroid_visible: vec![false; width],
        }
    }

    /// Exactly known surfaces, such as those of a phantom or a manual label, in an eye without fluid above or below the
    /// RPE.
    ///
    /// # Panics
    /// When a boundary does not have `width` rows.
    #[must_use]
    pub fn exact(height: usize, rows: [Vec<Option<f32>>; BOUNDARIES]) -> Self {
        let width = rows[0].len();
        assert!(rows.iter().all(|r| r.len() == width), "every boundary has one row for each A-scan");
        Self {
            width,
            height,
            deviations: std::array::from_fn(|_| vec![0.0; width]),
            ez_end: rows[Boundary::EzRpe.index()].clone(),
            rpe_outer: rows[Boundary::RpeBm.index()].clone(),
            confidence: vec![1.0; width],
            disc: vec![false; width],
            choroid_visible: vec![true; width],
            rows,
        }
    }

    /// The same surfaces with one standard deviation everywhere, in pixels.
    #[must_use]
    pub fn with_deviation(mut self, deviation: f32) -> Self {
        self.deviations.iter_mut().flatten().for_each(|d| *d = deviation);
        self
    }

    /// The same surfaces with a choroid-sclera boundary that can be seen where `visible` holds, and is inferred
    /// elsewhere.
    ///
    /// # Panics
    /// When there is not one value for each A-scan.
    #[must_use]
    pub fn with_choroid_visible(self, visible: Vec<bool>) -> Self {
        assert_eq!(visible.len(), self.width, "one value for each A-scan");
        Self { choroid_visible: visible, ..self }
    }

    /// The same surfaces in an eye with fluid: rows at which the photoreceptors end, and rows of the outer edge of the
    /// RPE.
    ///
    /// # Panics
    /// When there is not one row of each for each A-scan.
    #[must_use]
    pub fn with_fluid(self, ez_end: Vec<Option<f32>>, rpe_outer: Vec<Option<f32>>) -> Self {
        assert!([&ez_end, &rpe_outer].iter().all(|rows| rows.len() == self.width), "one row for each A-scan");
        Self { ez_end, rpe_outer, ..self }
    }

    /// The same surfaces with what the network knew of each A-scan: standard deviations in pixels, a confidence of 0 to
    /// 1, and whether it shows the optic disc.
    ///
    /// # Panics
    /// When there is not one value of each for each A-scan.
    #[must_use]
    pub fn with_estimates(self, deviations: [Vec<f32>; BOUNDARIES], confidence: Vec<f32>, disc: Vec<bool>) -> Self {
        let is_complete = deviations.iter().all(|d| d.len() == self.width);
        assert!(is_complete && confidence.len() == self.width && disc.len() == self.width, "one value for each A-scan");
        Self { deviations, confidence, disc, ..self }
    }

    /// Whether every boundary has a row and a deviation for each A-scan. Deserialised surfaces may not.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        let width = self.width;
        let bounded = self.rows.iter().all(|r| r.len() == width) && self.deviations.iter().all(|d| d.len() == width);
        let lines = [&self.ez_end, &self.rpe_outer].into_iter().all(|line| line.len() == width);
        let flags = [&self.disc, &self.choroid_visible].into_iter().all(|flag| flag.len() == width);
        bounded && lines && flags && self.confidence.len() == width
    }

    /// Number of A-scans.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Number of samples along each A-scan.
    #[must_use]
    pub const fn height(&self) -> usize {
        self.height
    }

    /// Row of `boundary` in each A-scan; `None` where it was not determined.
    #[must_use]
    pub fn rows(&self, boundary: Boundary) -> &[Option<f32>] {
        &self.rows[boundary.index()]
    }

    /// Standard deviation of the error of `boundary` in each A-scan, in pixels, from the network's calibrated class
    /// probabilities.
    #[must_use]
    pub fn deviations(&self, boundary: Boundary) -> &[f32] {
        &self.deviations[boundary.index()]
    }

    /// Confidence in each A-scan, 0 to 1: overlap (intersection over union) of the layers seen by the network sample by
    /// sample with the ordered layers between the boundaries.
    #[must_use]
    pub fn confidence(&self) -> &[f32] {
        &self.confidence
    }

    /// Mean confidence of the A-scans with a confidence above 0, 0 to 1; 0 if there are none.
    #[must_use]
    pub fn confidence_where_found(&self) -> f32 {
        let found = self.confidence.iter().filter(|&&c| c > 0.0);
        let (sum, n) = found.fold((0.0, 0_u32), |(sum, n), c| (sum + c, n + 1));
        sum / n.max(1) as f32
    }

    /// Whether A-scan `ascan` shows the optic disc: nerve fibres and no deeper layer of the retina.
    #[must_use]
    pub fn shows_disc(&self, ascan: usize) -> bool {
        self.disc[ascan]
    }

    /// Row at which the photoreceptors end in each A-scan: the [`Boundary::EzRpe`], but the roof of the fluid where
    /// there is fluid above the RPE.
    #[must_use]
    pub fn ez_end(&self) -> &[Option<f32>] {
        &self.ez_end
    }

    /// Row of the outer edge of the RPE in each A-scan: [`Boundary::RpeBm`], but above it where a lesion lifts the RPE
    /// from Bruch's membrane.
    #[must_use]
    pub fn rpe_outer(&self) -> &[Option<f32>] {
        &self.rpe_outer
    }

    /// Whether the choroid-sclera boundary can be seen in each A-scan; elsewhere it is inferred from where it can.
    #[must_use]
    pub fn choroid_visible(&self) -> &[bool] {
        &self.choroid_visible
    }

    /// Whether the choroid-sclera boundary can be seen in each A-scan; `None` in A-scans without that boundary.
    pub fn csb_visible(&self) -> impl Iterator<Item = Option<bool>> + '_ {
        self.rows(Boundary::Csb).iter().zip(&self.choroid_visible).map(|(row, &visible)| row.map(|_| visible))
    }

    /// The row on the vitreous side and on the scleral side of a layer, in each A-scan. Fluid is no part of a layer.
    fn edges_of(&self, layer: Layer) -> [&[Option<f32>]; 2] {
        match layer {
            Layer::Ez => [self.rows(layer.upper()), &self.ez_end],
            Layer::Rpe => [self.rows(layer.upper()), &self.rpe_outer],
            _ => [self.rows(layer.upper()), self.rows(layer.lower())],
        }
    }

    /// Vertical thickness in each A-scan in pixels. `None` where a boundary is missing, and in the optic disc, where
    /// fibres run along the A-scan. Fluid above and below the RPE belongs to the retina, but to no layer.
    pub fn thickness_px(&self, of: Measured) -> impl Iterator<Item = Option<f32>> + '_ {
        let [upper, lower] = match of {
            Measured::Layer(layer) => self.edges_of(layer),
            Measured::Retina => [self.rows(of.upper()), self.rows(of.lower())],
        };
        let thickness = upper.iter().zip(lower).map(|(u, l)| Some(l.as_ref()? - u.as_ref()?));
        thickness.zip(&self.disc).map(|(thickness, disc)| thickness.filter(|_| !disc))
    }

    /// Index mask of the layers, `width * height` classes, row-major; 0 where nothing is determined.
    #[must_use]
    pub fn mask(&self) -> Vec<u8> {
        let mut mask = vec![0; self.width * self.height];
        for layer in Layer::ALL {
            let [uppers, lowers] = self.edges_of(layer);
            for (x, (upper, lower)) in uppers.iter().zip(lowers).enumerate() {
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
