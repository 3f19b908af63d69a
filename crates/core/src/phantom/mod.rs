//! Synthetic B-scans with exact labels.
//!
//! A [`Phantom`] follows the formation of a real scan: an eye (layer thicknesses over the macula, globe, vessels,
//! lesions), the light that its tissue reflects, and a scanner with speckle, noise and grey curve. Boundaries are exact
//! to a fraction of a pixel. A seed gives the same result on every platform.

mod anatomy;
mod geometry;
mod lesion;
mod maths;
mod options;
mod random;
mod scanner;
mod tissue;

#[cfg(test)]
mod tests;

pub use options::{Display, Padding, PhantomOptions};

use crate::{
    layer::{BOUNDARIES, LAYERS, Layer},
    scan::{BScan, Eye},
    surface::Surfaces,
};
use anatomy::Anatomy;
use geometry::{AScan, Acquired, Geometry};
use random::Draw;
use tissue::Tissue;

/// Generator of synthetic B-scans.
pub struct Phantom;

/// A synthetic B-scan and its ground truth.
#[derive(Clone, Debug)]
pub struct PhantomScan {
    /// The scan.
    pub bscan: BScan,
    /// Every boundary, exact; `None` outside of the acquired frame.
    pub surfaces: Surfaces,
    /// Thickness of the layers in each A-scan in micrometres, in the order of [`Layer::ALL`].
    pub thickness_um: [Vec<f32>; LAYERS],
    /// Thickness of the ellipsoid zone's bright band in micrometres, without the outer segments.
    pub ez_band_um: Vec<f32>,
    /// Which samples are intraretinal fluid; row-major.
    pub fluid: Vec<bool>,
    /// Which samples were acquired; row-major. Others are padding.
    pub acquired: Vec<bool>,
    /// Micrometres between samples.
    pub axial_um: f64,
    /// Micrometres between A-scans.
    pub lateral_um: f64,
    /// Column of the fovea, if the B-scan passes within 100 um of it.
    pub fovea: Option<f64>,
    /// The eye; the scan is horizontal.
    pub eye: Eye,
    /// Whether the choroid-sclera boundary is above the noise in most A-scans.
    pub choroid_visible: bool,
}

impl Phantom {
    /// Draws one B-scan.
    ///
    /// `seed` fixes everything. With [`PhantomOptions::anatomy_seed`], that seed fixes the eye instead: other values of
    /// `seed` are other exposures of it, other values of `fovea_offset_um` other slices through it.
    ///
    /// # Panics
    /// When the frame is smaller than 8 x 8, or a spacing is not positive.
    #[must_use]
    pub fn generate(options: &PhantomOptions, seed: u64) -> PhantomScan {
        let (width, height) = (options.width, options.height);
        assert!(width >= 8 && height >= 8, "a phantom needs at least 8 x 8 samples");
        assert!(options.axial_um > 0.0 && options.lateral_um > 0.0, "spacings must be positive");
        let anatomy = Anatomy::new(options.anatomy_seed.unwrap_or(seed), options);
        let geometry = Geometry::new(&anatomy, options);
        let tissue = Tissue::new(&anatomy, options, &mut Draw::new(seed, 4));
        let frame = Acquired::draw(options, &mut Draw::new(seed, 5));

        let mut intensity = vec![0.0; width * height];
        let mut fluid = vec![false; width * height];
        let (mut power, mut share) = (vec![0.0; height], vec![0.0; height]);
        for column in 0..width {
            tissue.fill(&geometry, column, &mut power, &mut share);
            for y in 0..height {
                intensity[y * width + column] = power[y];
                fluid[y * width + column] = share[y] > 0.5;
            }
        }
        scanner::expose(&mut intensity, options, &mut Draw::new(seed, 6));

        let mut acquired = vec![true; width * height];
        let mut rows: [Vec<Option<f32>>; BOUNDARIES] = std::array::from_fn(|_| Vec::with_capacity(width));
        for (column, ascan) in geometry.ascans.iter().enumerate() {
            let inside = frame.rows(column, height);
            for (rows, &row) in rows.iter_mut().zip(&ascan.rows) {
                rows.push((inside.start < inside.end && row >= inside.start && row <= inside.end).then_some(row));
            }
            for y in (0..height).filter(|&y| !inside.contains(&(y as f32 + 0.5))) {
                acquired[y * width + column] = false;
                intensity[y * width + column] = frame.fill;
                fluid[y * width + column] = false;
            }
        }

        let fovea = 0.5 * (width as f64 - 1.0) + options.fovea_um / options.lateral_um;
        let passes = options.fovea_offset_um.abs() <= 100.0 && (0.0..=width as f64 - 1.0).contains(&fovea);
        PhantomScan {
            bscan: BScan { width, height, intensity },
            choroid_visible: choroid_visible(&geometry, options),
            surfaces: Surfaces::exact(height, rows),
            thickness_um: std::array::from_fn(|i| geometry.ascans.iter().map(|a| a.thickness[i]).collect()),
            ez_band_um: geometry.ascans.iter().map(AScan::ez_band).collect(),
            fluid,
            acquired,
            axial_um: options.axial_um,
            lateral_um: options.lateral_um,
            fovea: passes.then_some(fovea),
            eye: if options.nasal_right { Eye::Right } else { Eye::Left },
        }
    }
}

/// Whether light from the choroid-sclera boundary is well above the averaged noise in most A-scans. The boundary must
/// show as an edge, otherwise the depth at which light fades would look like it.
fn choroid_visible(geometry: &Geometry, options: &PhantomOptions) -> bool {
    let noise = maths::decibel(options.noise_db) * (0.5 + 3.0 / options.averaging.max(1.0).sqrt());
    let choroid = Layer::Choroid.index();
    let visible = |thickness: f32| 0.1 * maths::exp(-thickness / options.penetration_um) > 4.0 * noise;
    2 * geometry.ascans.iter().filter(|a| visible(a.thickness[choroid])).count() > geometry.ascans.len()
}
