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

/// The B-scans that show a kind of finding.
#[derive(Clone, Debug, Serialize)]
pub(super) struct FindingSummary {
    #[serde(flatten)]
    name: KindRecord,
    /// 0-based indices, in order.
    pub(super) bscans: Vec<usize>,
}

impl FindingSummary {
    /// Summarises the findings of all B-scans, given with their indices in order: lesions, then absent layers, then the
    /// disc.
    pub(super) fn over<'a>(bscans: impl Iterator<Item = (usize, &'a [FindingRecord])>) -> Vec<Self> {
        let mut kinds = BTreeMap::<FindingKind, Vec<usize>>::new();
        for (index, findings) in bscans {
            for finding in findings {
                let shown = kinds.entry(finding.kind).or_default();
                if shown.last() != Some(&index) {
                    shown.push(index);
                }
            }
        }
        kinds.into_iter().map(|(kind, bscans)| Self { name: KindRecord::new(kind), bscans }).collect()
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
        let all = FindingSummary::over([(2, &first[..]), (5, &second[..]), (6, &[][..])].into_iter());
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
