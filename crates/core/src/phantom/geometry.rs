//! Places the eye's boundaries on the scan's grid.

use super::{Padding, PhantomOptions, anatomy::Anatomy, random::Draw};
use crate::layer::{BOUNDARIES, LAYERS, Layer};

/// One A-scan of the eye.
pub(super) struct AScan {
    /// Position on the retina relative to the fovea, micrometres.
    pub(super) x: f32,
    pub(super) y: f32,
    /// Thickness of the layers, micrometres.
    pub(super) thickness: [f32; LAYERS],
    /// Upper boundary of each layer, micrometres below the ILM.
    pub(super) tops: [f32; LAYERS],
    /// Rows of the boundaries, not clipped to the frame.
    pub(super) rows: [f32; BOUNDARIES],
}

/// The eye on the scan's grid.
pub(super) struct Geometry {
    pub(super) ascans: Vec<AScan>,
    lateral_um: f32,
    axial_um: f32,
}

/// Thickness of the ellipsoid zone's bright band where the photoreceptors are intact, micrometres.
const EZ_BAND_UM: f32 = 12.0;

/// Share of the height kept free above the ILM and below Bruch's membrane, if the retina fits.
const MARGIN: f32 = 0.03;

impl AScan {
    /// Thickness of the bright band of the ellipsoid zone, above the outer segments, micrometres.
    pub(super) fn ez_band(&self) -> f32 {
        (0.45 * self.thickness[Layer::Ez.index()]).min(EZ_BAND_UM)
    }
}

impl Geometry {
    pub(super) fn new(anatomy: &Anatomy, options: &PhantomOptions) -> Self {
        let axial_um = options.axial_um as f32;
        let middle = 0.5 * (options.width as f64 - 1.0);
        let y = options.fovea_offset_um as f32;
        let mut ascans: Vec<AScan> = (0..options.width)
            .map(|column| {
                let x = ((column as f64 - middle) * options.lateral_um - options.fovea_um) as f32;
                let thickness = anatomy.thickness(x, y);
                let mut tops = [0.0; LAYERS];
                for i in 1..LAYERS {
                    tops[i] = tops[i - 1] + thickness[i - 1];
                }
                let bruch = anatomy.depth(x, y) / axial_um;
                let rows = std::array::from_fn(|i| match i {
                    LAYERS => bruch + thickness[LAYERS - 1] / axial_um,
                    i => bruch - (tops[LAYERS - 1] - tops[i]) / axial_um,
                });
                AScan { x, y, thickness, tops, rows }
            })
            .collect();

        let height = options.height as f32;
        let mut shift = options.position as f32 * height - ascans[options.width / 2].rows[LAYERS - 1];
        let lowest = ascans.iter().map(|a| a.rows[LAYERS - 1]).fold(f32::MIN, f32::max);
        shift = shift.min(height * (1.0 - MARGIN) - lowest);
        let highest = ascans.iter().map(|a| a.rows[0]).fold(f32::MAX, f32::min);
        shift = shift.max(height * MARGIN - highest);
        for row in ascans.iter_mut().flat_map(|a| &mut a.rows) {
            *row += shift;
        }
        Self { ascans, lateral_um: options.lateral_um as f32, axial_um }
    }

    /// Slope of the ILM at a column, in micrometres down per micrometre along.
    pub(super) fn slope(&self, column: usize) -> f32 {
        let (left, right) = (column.saturating_sub(2), (column + 2).min(self.ascans.len() - 1));
        if left == right {
            return 0.0;
        }
        let fall = self.ascans[right].rows[0] - self.ascans[left].rows[0];
        fall * self.axial_um / ((right - left) as f32 * self.lateral_um)
    }
}

/// The acquired part of a frame.
pub(super) struct Acquired {
    /// First acquired row at the left edge, and its change per column.
    top: (f32, f32),
    /// One past the last acquired row, and its change per column.
    bottom: (f32, f32),
    columns: std::ops::Range<usize>,
    /// Grey of the padding.
    pub(super) fill: f32,
}

impl Acquired {
    pub(super) fn draw(options: &PhantomOptions, draw: &mut Draw) -> Self {
        let (width, height) = (options.width, options.height as f32);
        let mut acquired = Self { top: (0.0, 0.0), bottom: (height, 0.0), columns: 0..width, fill: 0.0 };
        match options.padding {
            Padding::None => {}
            Padding::Black => {
                let band = (width as f32 * draw.between(0.0, 0.05)) as usize;
                acquired.columns = if draw.chance(0.5) { band..width } else { 0..width - band };
                acquired.top.0 = height * draw.between(-0.05, 0.05);
                acquired.bottom.0 = height * draw.between(0.93, 1.05);
            }
            Padding::White => {
                let slope = draw.between(0.01, 0.07) * if draw.chance(0.5) { -1.0 } else { 1.0 };
                let start = height * draw.between(-0.01, 0.04);
                let middle = 0.5 * width as f32 * slope;
                acquired.top = (start - middle, slope);
                acquired.bottom = (height - start - middle, slope);
                acquired.fill = 1.0;
            }
        }
        acquired
    }

    /// Acquired rows of a column, fractional; empty outside of the acquired columns.
    pub(super) fn rows(&self, column: usize, height: usize) -> std::ops::Range<f32> {
        if !self.columns.contains(&column) {
            return 0.0..0.0;
        }
        let at = |(start, slope): (f32, f32)| (start + slope * column as f32).clamp(0.0, height as f32);
        at(self.top)..at(self.bottom)
    }
}
