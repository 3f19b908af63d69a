//! Phantoms as labelled samples.

use octrls_core::{
    layer::{Boundary, EzConvention},
    measure::accuracy::IGNORE,
    phantom::{Phantom, PhantomOptions},
    surface::Surfaces,
};

use super::{BELOW_RPE, ChoroidLabel, Sample};

/// Name of the set of phantoms.
pub const PHANTOMS: &str = "phantom";

/// Distance of the ILM label above the tissue's edge, in axial resolutions. Display compression moves the visible edge
/// up, by 1.3 px (median) in phantoms; graders draw their lines 0.1 to 1.1 px above the visible edge.
const ILM_LIFT: f32 = 0.85;

/// Distance of the visible edge of the ellipsoid zone's band below its true edge, in axial resolutions.
const EZ_DROP: f32 = 0.5;

/// The phantom of `seed`, with random scanner, anatomy and quality.
///
/// Even and odd seeds use different conventions for the ellipsoid zone. The choroid counts as labelled if its outer
/// boundary is above the noise. Fluid, padding and columns in which the frame cuts the retina are unlabelled.
#[must_use]
pub fn phantom(seed: u64) -> Sample {
    let options = PhantomOptions::random(seed);
    let scan = Phantom::generate(&options, seed);
    let lift = ILM_LIFT * options.resolution_um / scan.axial_um as f32;
    let ez = if seed.is_multiple_of(2) { EzConvention::WithOuterSegments } else { EzConvention::BandAlone };
    let band_end = |x: usize| {
        let upper = scan.surfaces.rows(Boundary::OnlEz)[x]?;
        let band = scan.ez_band_um[x] + EZ_DROP * options.resolution_um;
        Some((upper + band / scan.axial_um as f32).min(scan.surfaces.rows(Boundary::EzRpe)[x]?))
    };
    let labelled = Boundary::ALL.map(|b| {
        let rows = scan.surfaces.rows(b);
        match b {
            Boundary::Ilm => rows.iter().map(|r| Some((r.as_ref()? - lift).max(0.0))).collect(),
            Boundary::EzRpe if ez == EzConvention::BandAlone => (0..rows.len()).map(band_end).collect(),
            _ => rows.to_vec(),
        }
    });
    let labelled = Surfaces::exact(scan.bscan.height, labelled);
    let (width, height) = (scan.bscan.width, scan.bscan.height);
    let mut mask = labelled.mask();
    for x in 0..width {
        let row = |b: Boundary| labelled.rows(b)[x];
        let whole = Boundary::ALL.into_iter().filter(|&b| b != Boundary::Csb).all(|b| row(b).is_some());
        let open_choroid = row(Boundary::Csb).is_none();
        let below = row(Boundary::RpeBm).map_or(height, |r| r.round() as usize);
        for y in 0..height {
            let i = y * width + x;
            if !whole || scan.fluid[i] || !scan.acquired[i] {
                mask[i] = IGNORE;
            } else if y >= below && (open_choroid || !scan.choroid_visible) {
                mask[i] = BELOW_RPE;
            }
        }
    }
    let drawn = |b: Boundary| (b != Boundary::Csb || scan.choroid_visible).then(|| labelled.rows(b).to_vec());
    let boundaries = Boundary::ALL.map(|b| drawn(b).unwrap_or_else(|| vec![None; width]));
    Sample {
        set: PHANTOMS.to_owned(),
        subject: seed.to_string(),
        id: seed.to_string(),
        boundaries: Some(boundaries),
        choroid: ChoroidLabel::InMask,
        ez,
        axial_um: Some(scan.axial_um),
        ..Sample::new(scan.bscan, mask)
    }
}
