//! Findings as `result.json` and the report tell them.

use std::collections::BTreeMap;

use octrls_core::measure::{Finding, FindingKind};
use serde::Serialize;

/// The kind of a finding, as named in results.
#[derive(Clone, Debug, Serialize)]
struct KindRecord {
    finding: &'static str,
    /// Key of the lesion or layer.
    of: Option<&'static str>,
    words: String,
}

impl KindRecord {
    fn new(kind: FindingKind) -> Self {
        let (finding, of) = match kind {
            FindingKind::Lesion(lesion) => ("lesion", Some(lesion.key())),
            FindingKind::LayerAbsent(layer) => ("layer_absent", Some(layer.key())),
            FindingKind::OpticDisc => ("optic_disc", None),
        };
        Self { finding, of, words: kind.words() }
    }
}

/// A finding in a B-scan.
#[derive(Clone, Debug, Serialize)]
pub(super) struct FindingRecord {
    #[serde(skip)]
    kind: FindingKind,
    #[serde(flatten)]
    name: KindRecord,
    first_ascan: usize,
    last_ascan: usize,
}

impl FindingRecord {
    pub(super) fn new(finding: &Finding) -> Self {
        let Finding { kind, ascans } = finding;
        let last_ascan = ascans.end.saturating_sub(1);
        Self { kind: *kind, name: KindRecord::new(*kind), first_ascan: ascans.start, last_ascan }
    }
}

impl FindingRecord {
    /// The finding in words.
    pub(super) fn words(&self) -> &str {
        &self.name.words
    }
}

/// The findings of a scan, collected B-scan by B-scan.
#[derive(Clone, Debug, Default)]
pub(super) struct ScanFindings(BTreeMap<FindingKind, Vec<usize>>);

impl ScanFindings {
    /// Adds the findings of the B-scan at `index`; B-scans come in order.
    pub(super) fn add(&mut self, index: usize, findings: &[FindingRecord]) {
        for finding in findings {
            let shown = self.0.entry(finding.kind).or_default();
            if shown.last() != Some(&index) {
                shown.push(index);
            }
        }
    }

    /// Each finding with the B-scans that show it: lesions by class, then absent layers, then the disc.
    pub(super) fn iter(&self) -> impl Iterator<Item = (FindingKind, &[usize])> {
        self.0.iter().map(|(kind, bscans)| (*kind, bscans.as_slice()))
    }

    /// The findings without their places.
    pub(super) fn kinds(&self) -> Vec<FindingKind> {
        self.0.keys().copied().collect()
    }

    /// The findings as results tell them.
    pub(super) fn summaries(&self) -> Vec<FindingSummary> {
        let summary = |(kind, bscans): (FindingKind, &[usize])| FindingSummary {
            kind,
            name: KindRecord::new(kind),
            bscans: bscans.to_vec(),
        };
        self.iter().map(summary).collect()
    }
}

/// The B-scans that show a kind of finding.
#[derive(Clone, Debug, Serialize)]
pub(super) struct FindingSummary {
    #[serde(skip)]
    kind: FindingKind,
    #[serde(flatten)]
    name: KindRecord,
    /// 0-based indices, in order.
    pub(super) bscans: Vec<usize>,
}

impl FindingSummary {
    /// Whether it may be of a disease.
    pub(super) fn is_of_disease(&self) -> bool {
        self.kind.is_of_disease()
    }

    /// The finding in words.
    pub(super) fn words(&self) -> &str {
        &self.name.words
    }
}

#[cfg(test)]
mod tests {
    use octrls_core::{layer::Layer, lesion::Lesion};

    use super::*;

    fn record(kind: FindingKind, ascans: std::ops::Range<usize>) -> FindingRecord {
        FindingRecord::new(&Finding { kind, ascans })
    }

    #[test]
    fn kinds_are_in_order_and_name_each_bscan_once() {
        let (disc, srf) = (FindingKind::OpticDisc, FindingKind::Lesion(Lesion::Srf));
        let ez = FindingKind::LayerAbsent(Layer::Ez);
        let first = [record(disc, 0..20), record(ez, 3..30), record(ez, 40..60)];
        let second = [record(srf, 1..5), record(ez, 0..12)];
        let mut findings = ScanFindings::default();
        for (index, found) in [(2, &first[..]), (5, &second[..]), (6, &[][..])] {
            findings.add(index, found);
        }
        let all = findings.summaries();
        assert_eq!(findings.kinds(), [srf, ez, disc]);
        let shown: Vec<_> = all.iter().map(|s| (s.words(), s.bscans.as_slice())).collect();
        let expected: [(&str, &[usize]); 3] =
            [("subretinal fluid", &[5]), ("no ellipsoid zone + outer segments", &[2, 5]), ("optic disc", &[2])];
        assert_eq!(shown, expected);
        let json = serde_json::to_value(&first[1]).expect("JSON");
        let expected = serde_json::json!({
            "finding": "layer_absent", "of": "ez", "words": "no ellipsoid zone + outer segments",
            "first_ascan": 3, "last_ascan": 29
        });
        assert_eq!(json, expected);
    }
}
