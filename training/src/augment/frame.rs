//! A scan with targets, before it is cropped.

use octrls_core::{
    layer::EzConvention,
    network::{InputSize, Placement},
    scan::BScan,
};

use crate::data::{PixelLabel, Sample, pixel_labels};

/// Longest side of the network's input.
pub const MAX_SIDE: usize = 640;
/// A scan with one label per pixel.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The intensities.
    pub bscan: BScan,
    /// The labels, `width * height`.
    pub labels: Vec<PixelLabel>,
    /// Where the ellipsoid zone ends in the labels, by convention.
    pub ez: EzConvention,
}

impl Frame {
    /// The unchanged frame of a sample.
    #[must_use]
    pub fn of(sample: &Sample) -> Self {
        Self { bscan: sample.bscan.clone(), labels: pixel_labels(sample), ez: sample.ez }
    }

    /// The frame on the network's grid: fitted to the input and standardised as in the runtime.
    pub(super) fn placed(&self) -> Self {
        let BScan { width, height, .. } = self.bscan;
        let input = InputSize { width: width.min(MAX_SIDE), height: height.min(MAX_SIDE) };
        let row = |y: usize| (2 * y + 1) * height / (2 * input.height) * width;
        let column = |x: usize| (2 * x + 1) * width / (2 * input.width);
        let labels = (0..input.height).flat_map(|y| (0..input.width).map(move |x| self.labels[row(y) + column(x)]));
        let intensity = Placement::new(width, height, input).input_of(&self.bscan);
        let bscan = BScan { width: input.width, height: input.height, intensity };
        Self { labels: labels.collect(), bscan, ez: self.ez }
    }

    /// Standardises the display intensities as the runtime does.
    pub(super) fn standardise(&mut self) {
        let BScan { width, height, .. } = self.bscan;
        self.bscan.intensity = Placement::new(width, height, InputSize { width, height }).input_of(&self.bscan);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placement_shrinks_labels_and_intensities_together() {
        let (width, height) = (MAX_SIDE * 2, 420);
        let bright = |i: usize| i / width >= 210 && i % width >= MAX_SIDE;
        let frame = Frame {
            bscan: BScan {
                width,
                height,
                // With texture: a flat border would not count.
                intensity: (0..width * height)
                    .map(|i| f32::from(u8::from(bright(i))) + 0.02 * (i % 7) as f32)
                    .collect(),
            },
            labels: (0..width * height).map(|i| PixelLabel::of_code(u8::from(bright(i)))).collect(),
            ez: EzConvention::BandAlone,
        };
        let placed = frame.placed();
        assert_eq!((placed.bscan.width, placed.bscan.height, placed.ez), (MAX_SIDE, height, EzConvention::BandAlone));
        assert!(placed.labels.iter().zip(&placed.bscan.intensity).all(|(l, &v)| (l.layer() == Some(1)) == (v > 0.0)));
    }
}
