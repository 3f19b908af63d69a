//! One B-scan through the whole core: network, surfaces, measures.

use std::time::{Duration, Instant};

use crate::{
    layer::EzConvention,
    measure::{Quality, Signal, Thicknesses, Verdict},
    network::{ModelError, Network},
    scan::{BScan, Spacing},
    surface::{ExtractOptions, Surfaces, extract},
};

/// What the core makes of one B-scan.
#[derive(Clone, Debug)]
pub struct SegmentedBScan {
    /// 0-based position in the scan.
    pub index: usize,
    /// The pixels.
    pub bscan: BScan,
    /// The boundaries, on the scan's own pixel grid.
    pub surfaces: Surfaces,
    /// What was found, and what the verdict rests on.
    pub quality: Quality,
    /// How good the image is.
    pub signal: Signal,
    /// Thickness of every layer.
    pub thicknesses: Thicknesses,
    /// Time in the network, preprocessing included.
    pub network_time: Duration,
    /// Time from class scores to measures.
    pub surface_time: Duration,
}

impl SegmentedBScan {
    /// Whether the boundaries can be trusted.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.quality.verdict()
    }

    /// Mean confidence over all A-scans, 0 to 1.
    #[must_use]
    pub fn confidence(&self) -> f32 {
        let all = self.surfaces.confidence();
        all.iter().sum::<f32>() / all.len().max(1) as f32
    }
}

/// Segments and measures one B-scan; `axial` is the spacing along its A-scans, where it is known, `ez` where the
/// ellipsoid zone ends. What shows no retina gets no boundaries.
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
    let (logits, placement) = network.run(&bscan)?;
    let network_time = start.elapsed();
    let after_network = Instant::now();
    let found = extract(&logits, &placement, &ExtractOptions::of(network.metadata(), ez));
    let quality = Quality::of(&found);
    let surfaces = match quality.verdict() {
        Verdict::NotARetina => Surfaces::undetermined(bscan.width, bscan.height),
        Verdict::Good | Verdict::Doubtful => found,
    };
    let signal = Signal::of(&bscan, &surfaces);
    let thicknesses = Thicknesses::measure(&surfaces, axial);
    let surface_time = after_network.elapsed();
    Ok(SegmentedBScan { index, bscan, surfaces, quality, signal, thicknesses, network_time, surface_time })
}
