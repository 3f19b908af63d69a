//! The summary that a stub processor returns for a scan.

use std::{path::Path, time::Duration};

use octrls_core::{
    layer::LAYERS,
    measure::{ThicknessUnit, Verdict},
};
use octrls_engine::ScanSummary;

pub(crate) fn summary(out: &Path) -> ScanSummary {
    ScanSummary {
        series: 1,
        bscans: 1,
        eye: None,
        unit: ThicknessUnit::Pixels,
        mean_thickness: [None; LAYERS],
        etdrs: None,
        verdict: Verdict::Good,
        no_retina: None,
        flags: String::new(),
        findings: Vec::new(),
        lesions: Vec::new(),
        notes: Vec::new(),
        confidence: 1.0,
        follow_up: None,
        out: out.to_owned(),
        elapsed: Duration::ZERO,
    }
}
