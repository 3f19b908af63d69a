//! Lines that a person corrected: who, when, and where they differ from the program's.

use octrls_core::layer::{BOUNDARIES, Boundary};
use serde::Serialize;

use crate::BScanLines;

/// The program's own lines, beside the corrected ones.
pub const MACHINE_LINES_FILE: &str = "boundaries-machine.csv";
/// Rows that differ by more than this were corrected; tables hold two decimals.
const CHANGED: f32 = 0.006;
/// Most boundaries that a sentence names.
const MAX_NAMED: usize = 4;

/// A stretch of a boundary that was corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CorrectedExtent {
    /// Index of the B-scan, 0-based.
    pub bscan: usize,
    /// Name of the boundary.
    pub boundary: &'static str,
    /// First and last A-scan, 0-based.
    pub first_ascan: usize,
    /// The last one.
    pub last_ascan: usize,
}

/// A correction as `result.json` tells it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CorrectionRecord {
    /// Who corrected the lines.
    pub reviewer: String,
    /// When.
    pub at: jiff::Timestamp,
    /// Why; may be empty.
    pub comment: String,
    /// Where they differ from the program's lines.
    pub extents: Vec<CorrectedExtent>,
    /// Table with the program's lines.
    pub machine: &'static str,
}

impl CorrectionRecord {
    /// The correction in a sentence without the comment.
    #[must_use]
    pub fn words(&self) -> String {
        let mut bscans: Vec<usize> = self.extents.iter().map(|extent| extent.bscan + 1).collect();
        bscans.dedup();
        let of = |boundary: &Boundary| self.extents.iter().any(|extent| extent.boundary == boundary.name());
        let names: Vec<&str> = Boundary::ALL.iter().filter(|b| of(b)).map(|b| b.name()).collect();
        let more = if names.len() > MAX_NAMED { ", ..." } else { "" };
        let named = names.iter().take(MAX_NAMED).copied().collect::<Vec<_>>().join(", ");
        let ascans: usize = self.extents.iter().map(|extent| extent.last_ascan + 1 - extent.first_ascan).sum();
        let date = self.at.strftime("%Y-%m-%d");
        let places = match bscans.as_slice() {
            [one] => format!("B-scan {one}"),
            all => format!("{} B-scans", all.len()),
        };
        format!("Lines corrected by hand by {} on {date}: {named}{more} in {places}, {ascans} points.", self.reviewer)
    }
}

/// The stretches in which the lines of B-scan `bscan` differ from the program's.
#[must_use]
pub fn corrected_extents(bscan: usize, machine: &BScanLines, corrected: &BScanLines) -> Vec<CorrectedExtent> {
    let mut extents = Vec::new();
    for boundary in Boundary::ALL {
        let differs = |x: usize| changed_at(machine, corrected, boundary, x);
        let width = corrected.rows[boundary.index()].len();
        let mut x = 0;
        while x < width {
            if !differs(x) {
                x += 1;
                continue;
            }
            let first = x;
            while x < width && differs(x) {
                x += 1;
            }
            extents.push(CorrectedExtent { bscan, boundary: boundary.name(), first_ascan: first, last_ascan: x - 1 });
        }
    }
    extents
}

/// Whether a boundary was corrected in A-scan `x`, or a line that belongs to it.
pub(crate) fn changed_at(machine: &BScanLines, corrected: &BScanLines, boundary: Boundary, x: usize) -> bool {
    let differs = |a: Option<f32>, b: Option<f32>| match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() > CHANGED,
        (a, b) => a.is_some() != b.is_some(),
    };
    let own = differs(machine.rows[boundary.index()][x], corrected.rows[boundary.index()][x]);
    own || match boundary {
        Boundary::EzRpe => differs(machine.ez_end[x], corrected.ez_end[x]),
        Boundary::RpeBm => differs(machine.rpe_outer[x], corrected.rpe_outer[x]),
        Boundary::Csb => machine.choroid_visible[x] != corrected.choroid_visible[x],
        _ => false,
    }
}

/// For each boundary, whether it was corrected in each A-scan.
#[must_use]
pub fn corrected_mask(machine: &BScanLines, corrected: &BScanLines) -> [Vec<bool>; BOUNDARIES] {
    Boundary::ALL.map(|boundary| {
        let width = corrected.rows[boundary.index()].len();
        (0..width).map(|x| changed_at(machine, corrected, boundary, x)).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> BScanLines {
        let rows = std::array::from_fn(|k| vec![Some(10.0 * k as f32); 8]);
        BScanLines { ez_end: vec![Some(60.0); 8], rpe_outer: vec![Some(70.0); 8], choroid_visible: vec![true; 8], rows }
    }

    #[test]
    fn corrections_are_told_by_stretches() {
        let mut corrected = lines();
        assert!(corrected_extents(3, &lines(), &corrected).is_empty());
        for x in [1, 2, 5] {
            corrected.rows[0][x] = Some(2.0);
        }
        corrected.rows[8][7] = None;
        corrected.ez_end[4] = Some(58.0);
        let extents = corrected_extents(3, &lines(), &corrected);
        let found: Vec<_> = extents.iter().map(|e| (e.boundary, e.first_ascan, e.last_ascan)).collect();
        assert_eq!(found, [("ILM", 1, 2), ("ILM", 5, 5), ("EZ_RPE", 4, 4), ("CSB", 7, 7)]);
        let record = CorrectionRecord {
            reviewer: "Eva".into(),
            at: "2026-11-30T10:00:00Z".parse().unwrap(),
            comment: String::new(),
            extents,
            machine: MACHINE_LINES_FILE,
        };
        let words = "Lines corrected by hand by Eva on 2026-11-30: ILM, EZ_RPE, CSB in B-scan 4, 5 points.";
        assert_eq!(record.words(), words);
    }
}
