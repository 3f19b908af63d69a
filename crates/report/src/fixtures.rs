//! Synthetic scans with fluid, for tests.

use std::{ops::Range, time::Duration};

use octrls_core::{
    layer::Boundary,
    lesion::Lesion,
    measure::{Quality, Signal, Thicknesses},
    phantom::{Phantom, PhantomOptions, PhantomScan},
    scan::{BScanPosition, Eye, Pattern, Place, Provenance, ScanHeader, Spacing},
    segment::SegmentedBScan,
    surface::{LesionMask, Surfaces},
};

/// Micrometres between A-scans.
const LATERAL_UM: f64 = 15.0;
/// Millimetres between B-scans.
const APART_MM: f64 = 0.24;

/// A dome of subretinal fluid in a B-scan.
pub(crate) struct Fluid {
    /// Width of the B-scan.
    pub(crate) width: usize,
    /// Height of the B-scan.
    pub(crate) height: usize,
    /// A-scans that show the fluid.
    pub(crate) columns: Range<usize>,
    /// Height of the dome in pixels.
    pub(crate) top: f32,
}

impl Fluid {
    /// Height of the fluid in A-scan `x`, in pixels.
    fn over(&self, x: usize) -> f32 {
        let (middle, half) = (0.5 * (self.columns.start + self.columns.end) as f32, 0.5 * self.columns.len() as f32);
        self.top * (1.0 - ((x as f32 - middle) / half).powi(2)).max(0.0)
    }
}

/// The fluid of [`segmented`].
pub(crate) const FLUID: Fluid = Fluid { width: 400, height: 496, columns: 60..120, top: 16.0 };

/// The header of a scan of such B-scans.
pub(crate) fn header(bscans: usize) -> ScanHeader {
    let spacing = |um| Some(Spacing { um, from: Provenance::Header });
    let line = |i: usize| {
        let y = APART_MM * i as f64;
        let end = FLUID.width as f64 * LATERAL_UM / 1000.0;
        BScanPosition::Line { start: Place { x: 0.0, y }, end: Place { x: end, y } }
    };
    ScanHeader {
        format: "phantom".into(),
        bscans,
        width: FLUID.width,
        height: FLUID.height,
        axial: spacing(PhantomOptions::spectralis().axial_um),
        lateral: spacing(LATERAL_UM),
        eye: Some(Eye::Right),
        eye_from: Some(Provenance::Header),
        pattern: if bscans > 1 { Pattern::RasterVolume } else { Pattern::Line },
        pattern_from: Some(Provenance::Header),
        tracks: if bscans > 1 { (0..bscans).map(line).collect() } else { Vec::new() },
        places: (bscans > 1).then_some(Provenance::Header),
        notes: Vec::new(),
    }
}

/// B-scan `index` of a phantom eye, with the end of its choroid visible in the left half only. If it was `searched` for
/// lesions, it shows [`FLUID`], which lifts the retina from the RPE.
pub(crate) fn segmented(index: usize, searched: bool) -> SegmentedBScan {
    let Fluid { width, height, .. } = FLUID;
    let options = PhantomOptions {
        width,
        height,
        lateral_um: LATERAL_UM,
        anatomy_seed: Some(7),
        fovea_offset_um: 1000.0 * APART_MM * (index as f64 - 6.0),
        ..PhantomOptions::enhanced_depth()
    };
    let PhantomScan { mut bscan, surfaces, axial_um, .. } = Phantom::generate(&options, 20 + index as u64);
    let mut rows = Boundary::ALL.map(|boundary| surfaces.rows(boundary).to_vec());
    let mut ez_end = rows[Boundary::EzRpe.index()].clone();
    let mut classes = vec![0; width * height];
    for x in FLUID.columns.filter(|_| searched) {
        let (lift, floor) = (FLUID.over(x), ez_end[x].expect("a row of a phantom"));
        for row in rows[..Boundary::EzRpe.index()].iter_mut().chain([&mut ez_end]) {
            row[x] = row[x].map(|row| row - lift);
        }
        let (floor, lift) = (floor.round() as usize, lift.round() as usize);
        for y in 0..floor {
            let is_fluid = y + lift >= floor;
            bscan.intensity[y * width + x] = if is_fluid { 0.1 } else { bscan.intensity[(y + lift) * width + x] };
            classes[y * width + x] = if is_fluid { Lesion::Srf.class() } else { 0 };
        }
    }
    let rpe_outer = rows[Boundary::RpeBm.index()].clone();
    let surfaces = Surfaces::exact(height, rows)
        .with_fluid(ez_end, rpe_outer)
        .with_choroid_visible((0..width).map(|x| x < width / 2).collect());
    let axial = Some(Spacing { um: axial_um, from: Provenance::Header });
    SegmentedBScan {
        no_retina: None,
        index,
        quality: Quality::of(&bscan, &surfaces),
        lesions: searched.then(|| LesionMask::new(width, classes).expect("a mask")),
        signal: Signal::of(&bscan, &surfaces),
        thicknesses: Thicknesses::measure(&surfaces, axial),
        bscan,
        surfaces,
        network_time: Duration::ZERO,
        surface_time: Duration::ZERO,
    }
}
