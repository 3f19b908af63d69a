//! Segments and measures one B-scan: network, surfaces, measures.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::{
    layer::{Boundary, EzConvention, Measured},
    measure::{Finding, LesionFigures, NoRetina, Quality, Signal, Thicknesses, Verdict, is_interrupted},
    network::{ModelError, Network, Placement, Preprocessing, retina_crop},
    scan::{BScan, Spacing},
    surface::{ExtractOptions, LesionMask, Surfaces, extract_parallel},
};

/// Result of segmenting one B-scan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SegmentedBScan {
    /// 0-based position in the scan.
    pub index: usize,
    /// The pixels.
    pub bscan: BScan,
    /// The boundaries, on the scan's own pixel grid.
    pub surfaces: Surfaces,
    /// The lesions, on the same grid; `None` if the network knows none, or the image shows no retina.
    #[serde(default)]
    pub lesions: Option<LesionMask>,
    /// Quality of the boundaries, on which the verdict is based.
    pub quality: Quality,
    /// Why it shows no retina; `None` if it shows one.
    #[serde(default)]
    pub no_retina: Option<NoRetina>,
    /// Quality of the image.
    pub signal: Signal,
    /// Thickness of every layer.
    pub thicknesses: Thicknesses,
    /// Time in the network.
    pub network_time: Duration,
    /// Time outside the network, from pixels to measures.
    pub surface_time: Duration,
}

impl SegmentedBScan {
    /// Whether the boundaries can be trusted: the verdict on their quality, but never good if the retina has a hole or
    /// lacks a layer.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        verdict(&self.quality, &self.surfaces, self.lesions.as_ref())
    }

    /// Area and height of every lesion with a pixel, by its class. Spacings as in [`LesionFigures::measure`].
    #[must_use]
    pub fn lesion_figures(&self, axial: Option<Spacing>, lateral: Option<Spacing>) -> Vec<LesionFigures> {
        self.lesions.as_ref().map_or_else(Vec::new, |mask| LesionFigures::measure(mask, axial, lateral))
    }

    /// What a person should look at in this B-scan, see [`Finding::of`].
    #[must_use]
    pub fn findings(&self, axial: Option<Spacing>, lateral: Option<Spacing>) -> Vec<Finding> {
        let extent = |lesion| self.lesions.as_ref().map_or(0..0, |mask| mask.extent(lesion));
        Finding::of(&self.surfaces, &self.lesion_figures(axial, lateral), extent)
    }

    /// Mean confidence over all A-scans, 0 to 1.
    #[must_use]
    pub fn confidence(&self) -> f32 {
        let all = self.surfaces.confidence();
        all.iter().sum::<f32>() / all.len().max(1) as f32
    }
}

/// Boundaries found in a B-scan, whatever their quality.
#[derive(Clone, Debug)]
pub struct FoundSurfaces {
    /// The boundaries, on the scan's own pixel grid.
    pub surfaces: Surfaces,
    /// The lesions, on the same grid; `None` if the network knows none.
    pub lesions: Option<LesionMask>,
    /// Quality of the boundaries, on which a verdict is based.
    pub quality: Quality,
    /// Time in the network.
    pub network_time: Duration,
}

impl FoundSurfaces {
    /// Whether the boundaries can be trusted, see [`SegmentedBScan::verdict`].
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        verdict(&self.quality, &self.surfaces, self.lesions.as_ref())
    }
}

fn verdict(quality: &Quality, surfaces: &Surfaces, lesions: Option<&LesionMask>) -> Verdict {
    match quality.verdict() {
        Verdict::Good if is_interrupted(surfaces, lesions) => Verdict::Doubtful,
        verdict => verdict,
    }
}

/// Axial spacing in micrometres of most scans used for training. Scans of much coarser spacing are enlarged to it.
const TRAINED_UM: f64 = 3.87;
/// Axial spacing from which a scan is coarse.
const COARSE_UM: f64 = 5.8;
/// Thickness of most retinas in rows at the spacing used for training, and the thickness below which a scan of unknown
/// spacing is coarse: half of the thinnest healthy retina.
const TRAINED_ROWS: f32 = 75.0;
const COARSE_ROWS: f32 = 36.0;
/// Maximum enlargement.
const MAX_ENLARGEMENT: f32 = 4.0;

/// Finds the boundaries of one B-scan, whose spacing along the A-scans is `axial` if it is known. A scan of coarse
/// spacing is enlarged first; without known spacing, the thickness of the retina tells.
///
/// # Errors
/// [`ModelError`] when the network fails.
pub fn find_surfaces(
    network: &Network,
    bscan: &BScan,
    axial: Option<Spacing>,
    ez: EzConvention,
) -> Result<FoundSurfaces, ModelError> {
    let factor = match axial {
        Some(spacing) if spacing.um > COARSE_UM => ((spacing.um / TRAINED_UM) as f32).min(MAX_ENLARGEMENT),
        _ => 1.0,
    };
    let found = find_at_scale(network, bscan, factor, ez)?;
    if axial.is_some() || network.metadata().preprocessing != Preprocessing::ShrinkCentreStandardise {
        return Ok(found);
    }
    match median_thickness(&found.surfaces) {
        Some(rows) if rows < COARSE_ROWS => {
            let factor = (TRAINED_ROWS / rows).min(MAX_ENLARGEMENT);
            let enlarged = find_at_scale(network, bscan, factor, ez)?;
            let better = enlarged.surfaces.confidence_where_found() > found.surfaces.confidence_where_found();
            Ok(if better { enlarged } else { found })
        }
        _ => Ok(found),
    }
}

/// Median distance of Bruch's membrane from the ILM in rows of the scan; `None` without a retina.
fn median_thickness(surfaces: &Surfaces) -> Option<f32> {
    let mut rows: Vec<f32> = surfaces.thickness_px(Measured::Retina).flatten().collect();
    rows.sort_by(f32::total_cmp);
    rows.get(rows.len() / 2).copied()
}

/// Runs the network on the rows that seem to hold the retina and, if that result is doubtful, on the whole scan.
fn find_at_scale(network: &Network, bscan: &BScan, factor: f32, ez: EzConvention) -> Result<FoundSurfaces, ModelError> {
    let options = ExtractOptions::for_model(network.metadata(), ez);
    let mut network_time = Duration::ZERO;
    let permit = network.acquire();
    let mut run = |placement: &Placement, prepared: &[f32]| -> Result<FoundSurfaces, ModelError> {
        let start = Instant::now();
        let logits = permit.run_prepared(placement, prepared)?;
        network_time += start.elapsed();
        let surfaces = extract_parallel(permit.threads(), &logits, placement, &options);
        let lesions = LesionMask::find(&logits, placement, &surfaces);
        let quality = Quality::of(bscan, &surfaces);
        Ok(FoundSurfaces { surfaces, lesions, quality, network_time })
    };
    let whole = network.placement_enlarged(bscan, factor);
    let prepared = whole.prepare(bscan);
    if let Some(crop) = retina_crop(&whole, &prepared) {
        let placement = network.cropped_placement(whole, &crop);
        if !placement.holds_whole_scan() {
            let found = run(&placement, &prepared)?;
            if found.quality.verdict() == Verdict::Good && shows_whole_retina(&found.surfaces, &placement) {
                return Ok(found);
            }
        }
    }
    run(&whole, &prepared)
}

/// Rows of the grid required between a boundary and a cut edge.
const CLEARANCE: f32 = 16.0;
/// Rows of the grid required between Bruch's membrane and a cut edge, enough to see the end of the choroid.
const CHOROID_CLEARANCE: f32 = 64.0;

/// Whether a cropped scan shows the whole retina: every A-scan has an ILM and, outside the optic disc, a Bruch's
/// membrane, and no boundary is close to a cut edge.
fn shows_whole_retina(surfaces: &Surfaces, placement: &Placement) -> bool {
    let top = if placement.above == 0 { f32::MIN } else { placement.scan_row(CLEARANCE) };
    let cut_below = placement.above + placement.height < placement.resized_height;
    let bottom = |rows: f32| if cut_below { placement.scan_row(placement.height as f32 - rows) } else { f32::MAX };
    let rows = |boundary, ascan: usize| surfaces.rows(boundary)[ascan];
    (0..surfaces.width()).all(|ascan| {
        let disc = surfaces.shows_disc(ascan);
        let nfl = rows(Boundary::NflGcl, ascan).is_none_or(|row| row <= bottom(CLEARANCE));
        let choroid = rows(Boundary::Csb, ascan).map_or(disc || !cut_below, |row| row <= bottom(CLEARANCE));
        rows(Boundary::Ilm, ascan).is_some_and(|row| row >= top)
            && rows(Boundary::RpeBm, ascan).map_or(disc, |row| row <= bottom(CHOROID_CLEARANCE))
            && nfl
            && choroid
    })
}

/// Segments and measures one B-scan. `axial` is the spacing along its A-scans, if known; `ez` states where the
/// ellipsoid zone ends. A B-scan without a retina gets no boundaries.
///
/// # Errors
/// [`ModelError`] when the network fails.
pub fn segment(
    network: &Network,
    index: usize,
    bscan: BScan,
    axial: Option<Spacing>,
    ez: EzConvention,
) -> Result<SegmentedBScan, ModelError> {
    let start = Instant::now();
    let FoundSurfaces { surfaces, lesions, quality, network_time } = find_surfaces(network, &bscan, axial, ez)?;
    let (surfaces, lesions, no_retina) = match quality.verdict() {
        Verdict::NotARetina => {
            // The spacing along the columns of a turned picture is not known.
            let shows_retina = |turned: &BScan| {
                find_surfaces(network, turned, None, ez).map(|found| found.quality.verdict() != Verdict::NotARetina)
            };
            let reason = NoRetina::of(&bscan, shows_retina)?;
            (Surfaces::undetermined(bscan.width, bscan.height), None, Some(reason))
        }
        Verdict::Good | Verdict::Doubtful => (surfaces, lesions, None),
    };
    let signal = Signal::of(&bscan, &surfaces);
    let thicknesses = Thicknesses::measure(&surfaces, axial);
    let surface_time = start.elapsed().saturating_sub(network_time);
    Ok(SegmentedBScan {
        index,
        bscan,
        surfaces,
        lesions,
        quality,
        no_retina,
        signal,
        thicknesses,
        network_time,
        surface_time,
    })
}

#[cfg(all(test, feature = "embedded-model"))]
mod tests {
    use std::ops::Range;

    use super::*;
    use crate::{
        network::ShippedModel,
        phantom::{Phantom, PhantomOptions},
        surface::extract,
    };

    fn whole(network: &Network, bscan: &BScan) -> Surfaces {
        let (logits, placement) = network.run(bscan).expect("scores");
        extract(&logits, &placement, &ExtractOptions::for_model(network.metadata(), EzConvention::default()))
    }

    fn rows(surfaces: &Surfaces) -> Vec<Option<f32>> {
        let of_the_retina = Boundary::ALL.into_iter().filter(|&b| b != Boundary::Csb);
        of_the_retina.flat_map(|b| surfaces.rows(b).to_vec()).collect()
    }

    #[test]
    fn a_cropped_scan_gives_the_surfaces_of_the_whole_scan() {
        let network = Network::shipped(ShippedModel::Edge).expect("a model");
        for seed in 1..4 {
            let bscan = Phantom::generate(&PhantomOptions::spectralis(), seed).bscan;
            let placement = network.placement(&bscan);
            let crop = retina_crop(&placement, &placement.prepare(&bscan)).expect("a crop");
            assert!(crop.len() < placement.resized_height * 7 / 8);
            let found = find_surfaces(&network, &bscan, None, EzConvention::default()).expect("boundaries").surfaces;
            let (cropped, whole) = (rows(&found), rows(&whole(&network, &bscan)));
            let both: Vec<f32> =
                cropped.iter().zip(&whole).filter_map(|(c, w)| Some((c.as_ref()? - w.as_ref()?).abs())).collect();
            assert!(both.len() * 100 > 95 * whole.iter().flatten().count());
            let mean = both.iter().sum::<f32>() / both.len() as f32;
            assert!(mean < 0.1, "{mean} px");
        }
    }

    #[test]
    fn a_crop_that_cuts_the_retina_is_rejected() {
        let network = Network::shipped(ShippedModel::Edge).expect("a model");
        let bscan = Phantom::generate(&PhantomOptions::spectralis(), 2).bscan;
        let surfaces = whole(&network, &bscan);
        let ilm = surfaces.rows(Boundary::Ilm).iter().flatten().fold(f32::MAX, |a, &b| a.min(b));
        let bruch = surfaces.rows(Boundary::RpeBm).iter().flatten().fold(0.0_f32, |a, &b| a.max(b));
        let placement = network.placement(&bscan);
        let on = |crop: Range<usize>| network.cropped_placement(placement, &crop);
        let rows = placement.resized_height;
        let (ilm, bruch) = (ilm / placement.scan_rows_per_grid_row(), bruch / placement.scan_rows_per_grid_row());
        assert!(shows_whole_retina(&surfaces, &placement));
        assert!(!shows_whole_retina(&surfaces, &on(ilm as usize..rows)));
        assert!(!shows_whole_retina(&surfaces, &on(0..bruch as usize + 32)));
        assert!(shows_whole_retina(&surfaces, &on(ilm as usize - 40..rows)));
        assert!(!shows_whole_retina(&Surfaces::undetermined(bscan.width, bscan.height), &placement));
    }
}
