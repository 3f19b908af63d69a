//! Sample events of a morning in a clinic: most scans succeed, one is retried, one is quarantined;
//! two show lesions.
//!
//! Used by the screens' tests and by `examples/dashboard_replay.rs`.

use std::{
    path::PathBuf,
    sync::{Arc, LazyLock},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use octrls_core::{
    ErrorCode,
    layer::{BOUNDARIES, Boundary, LAYERS, Layer, MEASURED, Measured},
    lesion::Lesion,
    measure::{
        EtdrsSummary, FindingKind, Quality, Signal, ThicknessUnit, Thicknesses, Verdict,
        enface::{CentreSource, Coverage},
        reference::Standing,
    },
    scan::{BScan, Eye, Pattern, Provenance, ScanHeader, Spacing},
    segment::SegmentedBScan,
    surface::{LesionMask, Surfaces},
};
use octrls_engine::{Event, EventKind, Level, ScanChange, ScanId, ScanSummary, Session};
use octrls_report::{CoveredVolume, LesionSummary};

/// Axial spacing of the sample volumes.
pub const AXIAL: Spacing = Spacing { um: 3.87, from: Provenance::Header };

const LATERAL_UM: f64 = 11.4;

/// Time of the first sample event.
#[must_use]
pub fn start() -> Timestamp {
    Timestamp::from_second(1_795_428_000).expect("a date of this century")
}

/// An event `seconds` after [`start`].
#[must_use]
pub fn event(seconds: f64, kind: EventKind) -> Event {
    let at = start() + SignedDuration::from_secs_f64(seconds);
    Event { at, kind }
}

/// A change of scan `id`, `seconds` after [`start`].
#[must_use]
pub fn scan_event(seconds: f64, id: u64, change: ScanChange) -> Event {
    event(seconds, EventKind::Scan { id: ScanId(id), change })
}

/// The engine's first event.
#[must_use]
pub fn started() -> Event {
    event(
        0.0,
        EventKind::Started(Session {
            roots: vec![PathBuf::from("/srv/oct/in")],
            out: PathBuf::from("/srv/oct/out"),
            model: "unet-640".into(),
            model_sha256: "9f2c1ab4e1d0c7a2b36f5e8d9c0b1a2f3e4d5c6b7a8990817263544536271809".into(),
            workers: 2,
        }),
    )
}

const WIDTH: usize = 384;
const HEIGHT: usize = 256;

/// A retina with a foveal pit that moves with `index`: bands of grey between wavy boundaries.
#[must_use]
pub fn segmented_bscan(index: usize, axial: Option<Spacing>) -> SegmentedBScan {
    let surfaces = Surfaces::exact(HEIGHT, boundaries(index)).with_choroid_visible(choroid_visible());
    let pixels = painted(index, &surfaces, None);
    segmented(index, pixels, surfaces, None, axial)
}

/// The same retina with a cyst, a dome of subretinal fluid, a druse and a gap in the ellipsoid zone.
#[must_use]
pub fn bscan_with_lesions(index: usize, axial: Option<Spacing>) -> SegmentedBScan {
    let dome = |x: usize, middle: f32, half: f32| (1.0 - ((x as f32 - middle) / half).powi(2)).max(0.0);
    let mut rows = boundaries(index);
    let (mut ez_end, mut rpe_outer) = (Vec::with_capacity(WIDTH), Vec::with_capacity(WIDTH));
    for x in 0..WIDTH {
        let (fluid, druse) = (18.0 * dome(x, 185.0, 45.0), 14.0 * dome(x, 285.0, 30.0));
        let mut lift = |boundary: Boundary, by: f32| {
            let row = &mut rows[boundary.index()][x];
            *row = row.map(|row| row - by);
        };
        for boundary in &Boundary::ALL[..Boundary::EzRpe.index()] {
            lift(*boundary, fluid + druse);
        }
        lift(Boundary::EzRpe, druse);
        rpe_outer.push(rows[Boundary::RpeBm.index()][x].map(|row| row - druse));
        ez_end.push(rows[Boundary::EzRpe.index()][x].map(|row| row - fluid));
        if (330..352).contains(&x) {
            rows[Boundary::OnlEz.index()][x] = ez_end[x];
        }
    }
    let surfaces = Surfaces::exact(HEIGHT, rows).with_choroid_visible(choroid_visible());
    let surfaces = surfaces.with_fluid(ez_end, rpe_outer);
    let class = |i: usize| {
        let (x, y) = (i % WIDTH, (i / WIDTH) as f32 + 0.5);
        let row = |boundary: Boundary| surfaces.rows(boundary)[x];
        let between = |upper: Option<f32>, lower: Option<f32>| {
            upper.zip(lower).is_some_and(|(upper, lower)| (upper..lower).contains(&y))
        };
        let cyst = row(Boundary::OplOnl).is_some_and(|row| y - row < 16.0 * dome(x, 110.0, 22.0));
        if cyst && between(row(Boundary::OplOnl), row(Boundary::OnlEz)) {
            Lesion::Irf.class()
        } else if between(surfaces.ez_end()[x], row(Boundary::EzRpe)) {
            Lesion::Srf.class()
        } else if between(surfaces.rpe_outer()[x], row(Boundary::RpeBm)) {
            Lesion::SubRpe.class()
        } else {
            0
        }
    };
    let lesions = LesionMask::new(WIDTH, (0..WIDTH * HEIGHT).map(class).collect());
    let pixels = painted(index, &surfaces, lesions.as_ref());
    segmented(index, pixels, surfaces, lesions, axial)
}

fn boundaries(index: usize) -> [Vec<Option<f32>>; BOUNDARIES] {
    // Thickness of each layer in pixels, beside the fovea and in its centre.
    const BESIDE: [f32; LAYERS] = [9.0, 18.0, 9.0, 8.0, 20.0, 10.0, 6.0, 45.0];
    const FOVEA: [f32; LAYERS] = [1.0, 4.0, 2.0, 4.0, 30.0, 11.0, 6.0, 48.0];
    let centre = 0.5 + 0.02 * (index as f32 - 10.0) / 10.0;
    let mut rows: [Vec<Option<f32>>; BOUNDARIES] = std::array::from_fn(|_| Vec::with_capacity(WIDTH));
    for x in 0..WIDTH {
        let t = x as f32 / WIDTH as f32;
        let pit = (-((t - centre) / 0.11).powi(2)).exp();
        let nasal = 1.0 + 0.9 * t;
        let mut row = 168.0 + 14.0 * (t * 3.1).sin() + 0.4 * (x as f32 * 0.15).sin();
        let thickness = |k: usize| {
            let beside = if k == 0 { BESIDE[k] * nasal } else { BESIDE[k] };
            beside + (FOVEA[k] - beside) * pit + 0.5 * (x as f32 * 0.09 + k as f32).sin()
        };
        // The pit dents only the inner surface, so the boundaries are stacked upwards from Bruch's membrane.
        let above: f32 = (0..7).map(thickness).sum();
        row -= above - 12.0 * pit;
        for (k, boundary) in rows.iter_mut().enumerate() {
            // A vessel shadows a few A-scans.
            let lost = k < 3 && (0.20..0.24).contains(&t);
            boundary.push((!lost).then_some(row));
            row += if k < LAYERS { thickness(k).max(0.6) } else { 0.0 };
        }
    }
    rows
}

/// The choroid's end is inferred on one side.
fn choroid_visible() -> Vec<bool> {
    (0..WIDTH).map(|x| x as f32 / WIDTH as f32 <= 0.8).collect()
}

fn painted(index: usize, surfaces: &Surfaces, lesions: Option<&LesionMask>) -> BScan {
    const GREY: [f32; LAYERS + 2] = [0.06, 0.85, 0.6, 0.4, 0.62, 0.28, 0.8, 0.95, 0.45, 0.2];
    const FLUID: f32 = 0.08;
    const DRUSE: f32 = 0.5;
    let mut intensity = vec![0.0; WIDTH * HEIGHT];
    for x in 0..WIDTH {
        let row = |b: Boundary| Some((surfaces.rows(b)[x]?, b.index() + 1));
        let edges: Vec<(f32, usize)> = Boundary::ALL.into_iter().filter_map(row).collect();
        let (mut band, mut below) = (0, edges.iter().peekable());
        for y in 0..HEIGHT {
            while let Some((_, next)) = below.next_if(|(row, _)| y as f32 >= *row) {
                band = *next;
            }
            let class = lesions.map_or(0, |mask| mask.classes()[y * WIDTH + x]);
            let grey = if class == Lesion::SubRpe.class() { DRUSE } else { FLUID };
            let grey = if class == 0 { GREY[band] } else { grey };
            // Deterministic speckle.
            let speckle = ((x * 7919 + y * 104_729 + index * 31) % 97) as f32 / 97.0 - 0.5;
            intensity[y * WIDTH + x] = (grey * (1.0 + 0.35 * speckle)).clamp(0.0, 1.0);
        }
    }
    BScan { width: WIDTH, height: HEIGHT, intensity }
}

fn segmented(
    index: usize,
    bscan: BScan,
    surfaces: Surfaces,
    lesions: Option<LesionMask>,
    axial: Option<Spacing>,
) -> SegmentedBScan {
    SegmentedBScan {
        index,
        signal: Signal::of(&bscan, &surfaces),
        quality: Quality::of(&bscan, &surfaces),
        thicknesses: Thicknesses::measure(&surfaces, axial),
        bscan,
        surfaces,
        lesions,
        no_retina: None,
        network_time: Duration::from_millis(31 + (index as u64 * 7) % 23),
        surface_time: Duration::from_millis(4),
    }
}

/// The header of a scan of `bscans` B-scans.
#[must_use]
pub fn opened(bscans: usize, axial: Option<Spacing>) -> ScanChange {
    ScanChange::Opened(Arc::new(ScanHeader {
        format: if bscans > 1 { "Heidelberg VOL".into() } else { "PNG".into() },
        bscans,
        width: 384,
        height: 256,
        axial,
        lateral: axial.map(|_| Spacing { um: LATERAL_UM, from: Provenance::Header }),
        eye: Some(Eye::Right),
        eye_from: None,
        pattern: if bscans > 1 { Pattern::RasterVolume } else { Pattern::Unknown },
        pattern_from: None,
        tracks: Vec::new(),
        places: None,
        notes: Vec::new(),
    }))
}

/// The summary of a finished scan.
#[must_use]
pub fn done(bscans: usize, seconds: f64) -> ScanChange {
    ScanChange::Done(Arc::new(ScanSummary {
        series: 1,
        bscans,
        eye: Some(Eye::Right),
        unit: ThicknessUnit::Micrometres,
        mean_thickness: [Some(31.2), Some(68.9), Some(34.0), Some(29.7), Some(87.5), Some(41.6), Some(17.4), None],
        etdrs: (bscans > 1).then(etdrs),
        verdict: Verdict::Good,
        no_retina: None,
        flags: String::new(),
        findings: Vec::new(),
        lesions: Vec::new(),
        notes: Vec::new(),
        confidence: 0.93,
        follow_up: None,
        out: PathBuf::from("/srv/oct/out/scan"),
        elapsed: Duration::from_secs_f64(seconds),
    }))
}

/// The summary of a finished scan of `bscans` B-scans such as [`bscan_with_lesions`]; a volume has spacings.
#[must_use]
pub fn done_with_lesions(bscans: usize, seconds: f64) -> ScanChange {
    let ScanChange::Done(summary) = done(bscans, seconds) else { unreachable!("a finished scan") };
    let is_volume = bscans > 1;
    let lesion = |lesion, area_px: f64, um: f64, nl: f64| {
        let mm2 = is_volume.then_some(area_px * AXIAL.um * LATERAL_UM / 1e6);
        let volume = CoveredVolume { diameter_mm: 6.0, nl, bounds_nl: [0.9 * nl, 1.2 * nl] };
        LesionSummary {
            lesion,
            bscans,
            area_px,
            area_mm2: mm2,
            area_bounds_mm2: mm2.map(|mm2| [0.9 * mm2, 1.2 * mm2]),
            height_um: is_volume.then_some(um),
            volume: is_volume.then_some(volume),
        }
    };
    let lesions =
        [(Lesion::Irf, 460.0, 62.0, 8.4), (Lesion::Srf, 1080.0, 70.0, 41.0), (Lesion::SubRpe, 560.0, 54.0, 19.0)];
    let findings = lesions.map(|(lesion, ..)| FindingKind::Lesion(lesion));
    ScanChange::Done(Arc::new(ScanSummary {
        findings: findings.into_iter().chain([FindingKind::LayerAbsent(Layer::Ez)]).collect(),
        lesions: lesions.map(|(of, area_px, um, nl)| lesion(of, area_px, um, nl)).into(),
        ..(*summary).clone()
    }))
}

/// Retinal thickness by subfield; one is below its reference, one is not covered.
fn etdrs() -> EtdrsSummary {
    let retina = [261.0, 335.0, 340.0, 330.0, 322.0, 301.0, 312.0, 249.0].map(Some);
    let mut summary = EtdrsSummary {
        mean_um: [[None; 9]; MEASURED],
        coverage: [[Coverage::Sparse; 9]; MEASURED],
        standing: [[None; 9]; MEASURED],
        centre: CentreSource::Fovea,
    };
    let of = Measured::Retina.index();
    summary.mean_um[of][..8].copy_from_slice(&retina);
    summary.coverage[of][..8].fill(Coverage::Whole);
    summary.standing[of][..8].fill(Some(Standing::Within));
    summary.standing[of][7] = Some(Standing::Below);
    summary
}

/// A file with this path is found.
#[must_use]
pub fn seen(path: &str) -> ScanChange {
    ScanChange::Seen { path: PathBuf::from(path), bytes: 380_928 }
}

/// The sample events, until the second volume is more than half done. They are made once, because rendering their
/// B-scans is slow without optimisation.
#[must_use]
pub fn sample_events() -> Vec<Event> {
    static EVENTS: LazyLock<Vec<Event>> = LazyLock::new(make_sample_events);
    EVENTS.clone()
}

fn make_sample_events() -> Vec<Event> {
    let mut out = vec![started()];
    let names = [
        "P0036_OD_line.png",
        "P0036_OS_line.png",
        "P0037_OD.vol",
        "P0038_OD.vol",
        "2026-11/P0041_OD_macula_volume.vol",
        "P0042_OS.vol",
        "P0043_OD_line.png",
        "P0043_OS_line.png",
        "P0036_OD_copy.png",
        "Zürich/網膜スキャン_右眼_二〇二六年十一月_P0044.png",
    ];
    for (id, name) in names.iter().enumerate() {
        out.push(scan_event(1.0 + 0.1 * id as f64, id as u64, seen(name)));
        out.push(scan_event(3.0 + 0.1 * id as f64, id as u64, ScanChange::Queued));
    }
    let mut single = |id: u64, at: f64, bscan: SegmentedBScan, done| {
        out.push(scan_event(at, id, ScanChange::Running { attempt: 1 }));
        out.push(scan_event(at + 0.02, id, opened(1, None)));
        out.push(scan_event(at + 0.15, id, ScanChange::BScan(Arc::new(bscan))));
        out.push(scan_event(at + 0.2, id, done));
    };
    single(0, 4.2, segmented_bscan(0, None), done(1, 0.2));
    single(1, 4.6, bscan_with_lesions(0, None), done_with_lesions(1, 0.2));
    out.push(scan_event(5.0, 8, ScanChange::AlreadyDone));
    out.push(scan_event(5.1, 2, ScanChange::Running { attempt: 1 }));
    let reason = "B-scan 12 ends after 4096 of 98304 bytes".to_owned();
    out.push(scan_event(5.3, 2, ScanChange::Quarantined { code: ErrorCode::ReadTruncated, reason }));
    out.push(scan_event(5.4, 3, ScanChange::Running { attempt: 1 }));
    let reason = "the file is locked by another program".to_owned();
    let after = Duration::from_secs(12);
    out.push(scan_event(5.6, 3, ScanChange::Retrying { code: ErrorCode::ReadIo, reason, next_attempt: 2, after }));
    let text = "less than 2 GiB left on the disk of the results".to_owned();
    out.push(event(5.8, EventKind::Notice { level: Level::Warning, code: Some(ErrorCode::EngineDisk), text }));
    out.push(scan_event(6.0, 5, ScanChange::Running { attempt: 1 }));
    out.push(scan_event(6.1, 5, opened(49, Some(AXIAL))));
    out.push(scan_event(6.2, 4, ScanChange::Running { attempt: 1 }));
    out.push(scan_event(6.3, 4, opened(49, Some(AXIAL))));
    for index in 0..31 {
        let at = 6.4 + 0.2 * index as f64 + if index % 7 == 0 { 0.1 } else { 0.0 };
        out.push(scan_event(at, 4, ScanChange::BScan(Arc::new(segmented_bscan(index, Some(AXIAL))))));
        if index % 9 == 8 {
            out.push(scan_event(at + 0.05, 5, ScanChange::BScan(Arc::new(bscan_with_lesions(index / 9, Some(AXIAL))))));
        }
    }
    out
}
