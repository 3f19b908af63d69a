//! Sample events of a morning in a clinic: most scans succeed, one is retried, one is quarantined.
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
    layer::{BOUNDARIES, LAYERS, MEASURED, Measured},
    measure::{
        EtdrsSummary, Quality, Signal, ThicknessUnit, Thicknesses, Verdict, enface::CentreSource, reference::Standing,
    },
    scan::{BScan, Eye, Pattern, Provenance, ScanHeader, Spacing},
    segment::SegmentedBScan,
    surface::Surfaces,
};
use octrls_engine::{Event, EventKind, Level, ScanChange, ScanId, ScanSummary, Session};

/// Axial spacing of the sample volumes.
pub const AXIAL: Spacing = Spacing { um: 3.87, from: Provenance::Header };

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

/// A retina with a foveal pit that moves with `index`: bands of grey between wavy boundaries.
#[must_use]
pub fn segmented_bscan(index: usize, axial: Option<Spacing>) -> SegmentedBScan {
    const WIDTH: usize = 384;
    const HEIGHT: usize = 256;
    // Thickness of each layer in pixels, beside the fovea and in its centre.
    const BESIDE: [f32; LAYERS] = [9.0, 18.0, 9.0, 8.0, 20.0, 10.0, 6.0, 45.0];
    const FOVEA: [f32; LAYERS] = [1.0, 4.0, 2.0, 4.0, 30.0, 11.0, 6.0, 48.0];
    const GREY: [f32; LAYERS + 2] = [0.06, 0.85, 0.6, 0.4, 0.62, 0.28, 0.8, 0.95, 0.45, 0.2];
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
            // The choroid's end is not visible on one side, and a vessel shadows a few A-scans.
            let lost = k == 8 && t > 0.8 || k < 3 && (0.20..0.24).contains(&t);
            boundary.push((!lost).then_some(row));
            row += if k < LAYERS { thickness(k).max(0.6) } else { 0.0 };
        }
    }
    let mut intensity = vec![0.0; WIDTH * HEIGHT];
    for x in 0..WIDTH {
        let edges: Vec<(f32, usize)> = (0..BOUNDARIES).filter_map(|k| Some((rows[k][x]?, k + 1))).collect();
        let (mut band, mut below) = (0, edges.iter().peekable());
        for y in 0..HEIGHT {
            while let Some((_, next)) = below.next_if(|(row, _)| y as f32 >= *row) {
                band = *next;
            }
            // Deterministic speckle.
            let speckle = ((x * 7919 + y * 104_729 + index * 31) % 97) as f32 / 97.0 - 0.5;
            intensity[y * WIDTH + x] = (GREY[band] * (1.0 + 0.35 * speckle)).clamp(0.0, 1.0);
        }
    }
    let surfaces = Surfaces::exact(HEIGHT, rows);
    let thicknesses = Thicknesses::measure(&surfaces, axial);
    let bscan = BScan { width: WIDTH, height: HEIGHT, intensity };
    SegmentedBScan {
        index,
        signal: Signal::of(&bscan, &surfaces),
        quality: Quality::of(&bscan, &surfaces),
        bscan,
        surfaces,
        lesions: None,
        no_retina: None,
        thicknesses,
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
        lateral: axial.map(|_| Spacing { um: 11.4, from: Provenance::Header }),
        eye: Some(Eye::Right),
        eye_from: None,
        pattern: if bscans > 1 { Pattern::RasterVolume } else { Pattern::Unknown },
        pattern_from: None,
        tracks: Vec::new(),
        places: None,
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
        confidence: 0.93,
        follow_up: None,
        out: PathBuf::from("/srv/oct/out/scan"),
        elapsed: Duration::from_secs_f64(seconds),
    }))
}

/// Retinal thickness by subfield; one is below its reference, one is not covered.
fn etdrs() -> EtdrsSummary {
    let retina = [261.0, 335.0, 340.0, 330.0, 322.0, 301.0, 312.0, 249.0].map(Some);
    let mut summary =
        EtdrsSummary { mean_um: [[None; 9]; MEASURED], standing: [[None; 9]; MEASURED], centre: CentreSource::Fovea };
    let of = Measured::Retina.index();
    summary.mean_um[of][..8].copy_from_slice(&retina);
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
    let mut single = |id: u64, at: f64| {
        out.push(scan_event(at, id, ScanChange::Running { attempt: 1 }));
        out.push(scan_event(at + 0.02, id, opened(1, None)));
        out.push(scan_event(at + 0.15, id, ScanChange::BScan(Arc::new(segmented_bscan(0, None)))));
        out.push(scan_event(at + 0.2, id, done(1, 0.2)));
    };
    single(0, 4.2);
    single(1, 4.6);
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
            out.push(scan_event(at + 0.05, 5, ScanChange::BScan(Arc::new(segmented_bscan(index / 9, Some(AXIAL))))));
        }
    }
    out
}
