//! The rows of a result: its tables and what `result.json` tells of the scan.

use std::{fs, path::Path};

use octrls_core::layer::{BOUNDARIES, Boundary, MEASURED, Measured};
use parquet::data_type::ByteArray;
use serde::Deserialize;

use super::csv_table::CsvTable;
use crate::{RESULT_FILE, REVIEW_FILE};

/// Rows of the exported table, column by column.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) scan: Vec<ByteArray>,
    pub(super) sha256: Vec<ByteArray>,
    pub(super) series: Vec<Option<i32>>,
    pub(super) eye: Vec<Option<ByteArray>>,
    pub(super) verdict: Vec<ByteArray>,
    pub(super) bscan: Vec<i32>,
    pub(super) ascan: Vec<i32>,
    pub(super) boundaries: [Vec<Option<f32>>; BOUNDARIES],
    pub(super) thickness: [Vec<Option<f32>>; MEASURED],
    pub(super) confidence: Vec<f32>,
    pub(super) ez_end: Vec<Option<f32>>,
    pub(super) rpe_outer: Vec<Option<f32>>,
    pub(super) csb_kind: Vec<Option<ByteArray>>,
    pub(super) review: Vec<Option<ByteArray>>,
    pub(super) reviewer: Vec<Option<ByteArray>>,
}

/// The parts of `review.json` that are exported.
#[derive(Default, Deserialize)]
struct ReviewHead {
    state: Option<String>,
    reviewer: Option<String>,
}

/// The parts of `result.json` that are exported.
#[derive(Deserialize)]
struct ResultHead {
    scan: ScanHead,
    unit: String,
    bscans: Vec<BScanHead>,
}

#[derive(Deserialize)]
struct ScanHead {
    path: String,
    sha256: String,
    series: Option<i32>,
    eye: Option<String>,
}

#[derive(Deserialize)]
struct BScanHead {
    verdict: String,
}

impl Rows {
    /// Reads the result in `folder`.
    ///
    /// # Errors
    /// What is missing or damaged.
    pub(super) fn read(folder: &Path) -> Result<Self, String> {
        let text = fs::read(folder.join(RESULT_FILE)).map_err(|e| e.to_string())?;
        let head: ResultHead = serde_json::from_slice(&text).map_err(|e| e.to_string())?;
        let table = |name: &str| CsvTable::read(&folder.join(name), &["CSB_kind"]).map_err(|e| format!("{name}: {e}"));
        let mut rows = Self::new(&head, &table("boundaries.csv")?, &table("thickness.csv")?)?;
        let review = fs::read(folder.join(REVIEW_FILE)).ok();
        let review: ReviewHead = match review {
            Some(text) => serde_json::from_slice(&text).map_err(|e| format!("{REVIEW_FILE}: {e}"))?,
            None => ReviewHead::default(),
        };
        rows.review = vec![review.state.as_deref().map(bytes); rows.len()];
        rows.reviewer = vec![review.reviewer.as_deref().map(bytes); rows.len()];
        Ok(rows)
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.bscan.len()
    }

    fn new(head: &ResultHead, boundaries: &CsvTable, thickness: &CsvTable) -> Result<Self, String> {
        let count = boundaries.rows;
        if thickness.rows != count {
            return Err(format!("boundaries.csv has {count} A-scans, thickness.csv has {}", thickness.rows));
        }
        let mut rows = Self::default();
        let index = |v: f32| v as i32;
        rows.bscan = boundaries.complete("bscan")?.into_iter().map(index).collect();
        rows.ascan = boundaries.complete("ascan")?.into_iter().map(index).collect();
        rows.confidence = thickness.complete("confidence")?;
        let verdict = |&i: &i32| usize::try_from(i).ok().and_then(|i| head.bscans.get(i)).map(|b| bytes(&b.verdict));
        let verdicts = rows.bscan.iter().map(verdict).collect::<Option<_>>();
        rows.verdict = verdicts.ok_or("a B-scan of boundaries.csv is not in result.json")?;
        for (column, boundary) in rows.boundaries.iter_mut().zip(Boundary::ALL) {
            *column = boundaries.optional(boundary.name())?.to_vec();
        }
        for (column, measured) in rows.thickness.iter_mut().zip(Measured::all()) {
            *column = match head.unit.as_str() {
                "um" => thickness.optional(&format!("{}_um", measured.key()))?.to_vec(),
                _ => vec![None; count],
            };
        }
        rows.ez_end = boundaries.later("EZ_END");
        rows.rpe_outer = boundaries.later("RPE_OUTER");
        let kinds = boundaries.later_text("CSB_kind");
        rows.csb_kind = kinds.into_iter().map(|kind| kind.as_deref().map(bytes)).collect();
        rows.scan = vec![bytes(&head.scan.path); count];
        rows.sha256 = vec![bytes(&head.scan.sha256); count];
        rows.series = vec![head.scan.series; count];
        rows.eye = vec![head.scan.eye.as_deref().map(bytes); count];
        Ok(rows)
    }

    /// Adds the rows of `other`.
    pub(super) fn append(&mut self, mut other: Self) {
        self.scan.append(&mut other.scan);
        self.sha256.append(&mut other.sha256);
        self.series.append(&mut other.series);
        self.eye.append(&mut other.eye);
        self.verdict.append(&mut other.verdict);
        self.bscan.append(&mut other.bscan);
        self.ascan.append(&mut other.ascan);
        self.confidence.append(&mut other.confidence);
        self.ez_end.append(&mut other.ez_end);
        self.rpe_outer.append(&mut other.rpe_outer);
        self.csb_kind.append(&mut other.csb_kind);
        self.review.append(&mut other.review);
        self.reviewer.append(&mut other.reviewer);
        let own = self.boundaries.iter_mut().chain(&mut self.thickness);
        for (column, more) in own.zip(other.boundaries.iter_mut().chain(&mut other.thickness)) {
            column.append(more);
        }
    }
}

fn bytes(text: &str) -> ByteArray {
    ByteArray::from(text)
}
