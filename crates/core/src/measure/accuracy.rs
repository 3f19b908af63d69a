//! Segmentation accuracy against a reference: IoU and Dice per class, mean absolute error per boundary.

use crate::layer::{BOUNDARIES, Boundary, CLASSES, Layer};

/// Mask value of an unlabelled pixel.
pub const IGNORE: u8 = 255;

/// Counts of agreeing and differing pixels per class, summed over B-scans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overlap {
    intersection: [u64; CLASSES],
    predicted: [u64; CLASSES],
    labelled: [u64; CLASSES],
}

impl Overlap {
    /// Adds a pair of index masks of equal length. Pixels labelled [`IGNORE`] do not count.
    ///
    /// # Panics
    /// When the masks differ in length or contain an unknown class.
    pub fn add(&mut self, predicted: &[u8], labelled: &[u8]) {
        assert_eq!(predicted.len(), labelled.len(), "masks of one scan");
        for (&p, &l) in predicted.iter().zip(labelled) {
            if l == IGNORE {
                continue;
            }
            self.predicted[usize::from(p)] += 1;
            self.labelled[usize::from(l)] += 1;
            self.intersection[usize::from(l)] += u64::from(p == l);
        }
    }

    /// Intersection over union of `class`; `None` if neither mask contains it.
    #[must_use]
    pub fn iou(&self, class: usize) -> Option<f64> {
        let union = self.predicted[class] + self.labelled[class] - self.intersection[class];
        (union > 0).then(|| self.intersection[class] as f64 / union as f64)
    }

    /// Dice coefficient of `class`; `None` if neither mask contains it.
    #[must_use]
    pub fn dice(&self, class: usize) -> Option<f64> {
        let total = self.predicted[class] + self.labelled[class];
        (total > 0).then(|| 2.0 * self.intersection[class] as f64 / total as f64)
    }

    /// Share of labelled pixels whose class agrees; `None` if no pixel is labelled.
    #[must_use]
    pub fn pixel_accuracy(&self) -> Option<f64> {
        let total: u64 = self.labelled.iter().sum();
        (total > 0).then(|| self.intersection.iter().sum::<u64>() as f64 / total as f64)
    }

    /// Whether any pixel of `class` is labelled.
    #[must_use]
    pub const fn is_labelled(&self, class: usize) -> bool {
        self.labelled[class] > 0
    }
}

/// Error of one boundary over labelled A-scans, summed over B-scans.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BoundaryError {
    /// Labelled A-scans in which the boundary was determined.
    pub compared: u64,
    /// Labelled A-scans in which the boundary was not determined.
    pub missed: u64,
    absolute: f64,
    signed: f64,
}

impl BoundaryError {
    /// Adds one boundary of a B-scan: one row per A-scan, `None` where not determined or not labelled.
    pub fn add(&mut self, predicted: &[Option<f32>], labelled: &[Option<f32>]) {
        for (p, l) in predicted.iter().zip(labelled) {
            match (p, l) {
                (Some(p), Some(l)) => {
                    let difference = f64::from(p - l);
                    self.compared += 1;
                    self.absolute += difference.abs();
                    self.signed += difference;
                }
                (None, Some(_)) => self.missed += 1,
                (_, None) => {}
            }
        }
    }

    /// Mean absolute error in pixels; `None` if nothing was compared.
    #[must_use]
    pub fn mean_absolute(&self) -> Option<f64> {
        (self.compared > 0).then(|| self.absolute / self.compared as f64)
    }

    /// Mean signed error in pixels, positive if the prediction lies deeper.
    #[must_use]
    pub fn bias(&self) -> Option<f64> {
        (self.compared > 0).then(|| self.signed / self.compared as f64)
    }
}

/// Boundaries of an index mask: in each A-scan, the first row of the layer below.
///
/// A boundary is `None` if neither adjacent layer is labelled next to it. In the optic disc, only the ILM has rows.
/// Returns one vector per boundary.
#[must_use]
pub fn boundaries_of_mask(mask: &[u8], width: usize) -> [Vec<Option<f32>>; BOUNDARIES] {
    let height = mask.len() / width.max(1);
    let mut out: [Vec<Option<f32>>; BOUNDARIES] = std::array::from_fn(|_| vec![None; width]);
    for x in 0..width {
        for y in 1..height {
            let (above, below) = (mask[(y - 1) * width + x], mask[y * width + x]);
            if above == below || above == IGNORE || below == IGNORE {
                continue;
            }
            for (k, rows) in out.iter_mut().enumerate() {
                if crosses(above, below, k) {
                    rows[x] = Some(y as f32);
                }
            }
        }
    }
    for x in (0..width).filter(|&x| is_disc((0..height).map(|y| mask[y * width + x]))) {
        out[Boundary::NflGcl.index()..].iter_mut().for_each(|rows| rows[x] = None);
    }
    out[Boundary::Csb.index()].iter_mut().zip(0..width).for_each(|(row, x)| {
        // Without a labelled choroid, the lower edge of the RPE is not the choroid-sclera boundary.
        if !(0..height).any(|y| mask[y * width + x] == Layer::Choroid.class()) {
            *row = None;
        }
    });
    out
}

/// Whether an A-scan lies in the optic disc: it is fully labelled and nerve fibres are its only retinal layer. There,
/// fibres run along the A-scan and their labelled end has no meaning.
fn is_disc(mut classes: impl Iterator<Item = u8> + Clone) -> bool {
    let is = |layer: Layer, class: u8| class == layer.class();
    let fibres = classes.clone().any(|c| is(Layer::Nfl, c));
    fibres && !classes.any(|c| c == IGNORE || is(Layer::Onl, c) || is(Layer::Ez, c) || is(Layer::Rpe, c))
}

/// Whether the step down from class `above` to class `below` crosses boundary `k`.
fn crosses(above: u8, below: u8, k: usize) -> bool {
    // Class 0 below a layer is tissue; above a layer it is the vitreous.
    let from = if above == 0 { 0 } else { usize::from(above) };
    let to = if below == 0 { CLASSES } else { usize::from(below) };
    from <= k && k < to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlap_counts_classes_and_leaves_ignored_pixels_out() {
        let mut overlap = Overlap::default();
        overlap.add(&[0, 1, 1, 2, 2], &[0, 1, 2, 2, IGNORE]);
        assert_eq!(overlap.iou(1), Some(0.5));
        assert_eq!(overlap.dice(2), Some(2.0 / 3.0));
        assert_eq!(overlap.iou(5), None);
        assert_eq!(overlap.pixel_accuracy(), Some(0.75));
    }

    #[test]
    fn boundary_error_tells_misses_from_differences() {
        let mut error = BoundaryError::default();
        error.add(&[Some(3.0), Some(5.0), None, Some(1.0)], &[Some(2.0), Some(7.0), Some(1.0), None]);
        assert_eq!((error.compared, error.missed), (2, 1));
        assert_eq!(error.mean_absolute(), Some(1.5));
        assert_eq!(error.bias(), Some(-0.5));
    }

    #[test]
    fn boundaries_come_from_the_mask_also_where_a_layer_is_absent() {
        // One A-scan: vitreous, NFL, INL (GCL+IPL absent), RPE, background.
        let rows = boundaries_of_mask(&[0, 0, 1, 3, 3, 7, 0, 0], 1).map(|r| r[0]);
        assert_eq!(rows[0], Some(2.0));
        assert_eq!((rows[1], rows[2]), (Some(3.0), Some(3.0)));
        assert_eq!((rows[6], rows[7]), (Some(5.0), Some(6.0)));
        assert_eq!(rows[8], None);
        let unlabelled = boundaries_of_mask(&[0, IGNORE, 1, IGNORE], 1).map(|r| r[0]);
        assert!(unlabelled.iter().all(Option::is_none));
    }

    #[test]
    fn in_the_optic_disc_only_the_ilm_is_a_boundary() {
        let rows = boundaries_of_mask(&[0, 1, 1, 1, 0], 1).map(|r| r[0]);
        assert_eq!(rows[0], Some(1.0));
        assert!(rows[1..].iter().all(Option::is_none));
    }
}
