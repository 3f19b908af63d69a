//! Validates events from another process, so that later code can rely on them.

use std::time::Duration;

use super::{ScanChange, ScanSummary};
use octrls_core::{layer::LAYERS, lesion::LESIONS, scan::ScanHeader, segment::SegmentedBScan, surface::LesionMask};
use octrls_readers::{MAX_PIXELS, MAX_SIDE};

/// Upper limit for the number of B-scans in a scan; far above what any reader accepts.
const MOST_BSCANS: usize = 1_000_000;

/// Number of kinds of finding.
pub const MOST_FINDINGS: usize = LESIONS + LAYERS + 1;

/// Upper limit for durations.
const LONGEST: Duration = Duration::from_hours(24 * 365);

/// Whether the change is plausible.
#[must_use]
pub fn change(change: &ScanChange) -> bool {
    match change {
        ScanChange::Opened(header) => is_possible(header),
        ScanChange::BScan(segmented) => bscan(segmented),
        ScanChange::Done(done) => summary(done),
        ScanChange::Retrying { after, .. } => *after < LONGEST,
        _ => true,
    }
}

/// Whether the summary of a scan is plausible.
#[must_use]
pub fn summary(summary: &ScanSummary) -> bool {
    let few = summary.lesions.len() <= LESIONS && summary.findings.len() <= MOST_FINDINGS;
    few && summary.bscans < MOST_BSCANS && summary.elapsed < LONGEST
}

fn is_possible(header: &ScanHeader) -> bool {
    let sides = header.width as u64 <= MAX_SIDE && header.height as u64 <= MAX_SIDE;
    sides && (1..MOST_BSCANS).contains(&header.bscans) && header.tracks.len() <= header.bscans
}

/// Whether a B-scan and its surfaces, thicknesses and times are consistent.
#[must_use]
pub fn bscan(segmented: &SegmentedBScan) -> bool {
    let (image, surfaces) = (&segmented.bscan, &segmented.surfaces);
    let pixels = (image.width as u64).checked_mul(image.height as u64);
    let is_complete = pixels.is_some_and(|n| n > 0 && n <= MAX_PIXELS && n == image.intensity.len() as u64);
    let size = (image.width, image.height);
    let fits = |lesions: &LesionMask| (lesions.width(), lesions.height()) == size && lesions.is_consistent();
    let layers = segmented.thicknesses.layers.iter().chain([&segmented.thicknesses.retina]);
    is_complete
        && segmented.index < MOST_BSCANS
        && surfaces.is_consistent()
        && (surfaces.width(), surfaces.height()) == size
        && segmented.lesions.as_ref().is_none_or(fits)
        && layers.into_iter().all(|layer| layer.profile.len() == image.width)
        && segmented.network_time < LONGEST
        && segmented.surface_time < LONGEST
}
