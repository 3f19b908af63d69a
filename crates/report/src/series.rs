//! The results of a file with several series: one folder per series, and a `result.json` that lists them.

use octrls_core::ErrorCode;
use std::{
    collections::BTreeSet,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::ScanSummary;
use super::{
    OutputError, RESULT_FILE, Staging,
    staging::{Cancelled, StagedFolder},
};
use octrls_core::{layer::LAYERS, measure::Verdict, scan::Eye};

/// Version of the list's structure.
pub(super) const SERIES_SCHEMA: &str = "octrls.series/1";

/// The folder of a file with several series; it appears only at [`SeriesFolder::finish`].
pub struct SeriesFolder {
    folder: StagedFolder,
    series: Vec<SeriesRecord>,
    summaries: Vec<ScanSummary>,
}

/// A series of the file.
#[derive(Serialize)]
struct SeriesRecord {
    series: u32,
    folder: Option<String>,
    eye: Option<Eye>,
    bscans: Option<usize>,
    code: Option<ErrorCode>,
    reason: Option<String>,
}

#[derive(Serialize)]
struct ListRecord<'a> {
    schema: &'static str,
    octrls: &'static str,
    created: jiff::Timestamp,
    path: &'a str,
    sha256: &'a str,
    series: &'a [SeriesRecord],
    notice: &'static str,
}

impl SeriesFolder {
    /// Starts the folder.
    ///
    /// # Errors
    /// [`OutputError`] if it cannot be created.
    pub fn begin(staging: &Staging) -> Result<Self, OutputError> {
        Ok(Self { folder: staging.begin()?, series: Vec::new(), summaries: Vec::new() })
    }

    /// Path for the results of a series, in the staged folder.
    #[must_use]
    pub fn of(&self, number: u32) -> PathBuf {
        self.folder.place().join(folder_name(number))
    }

    /// Records a series with results.
    pub fn done(&mut self, number: u32, summary: &ScanSummary) {
        self.series.push(SeriesRecord {
            series: number,
            folder: Some(folder_name(number)),
            eye: summary.eye,
            bscans: Some(summary.bscans),
            code: None,
            reason: None,
        });
        self.summaries.push(summary.clone());
    }

    /// Records a series without results.
    pub fn failed(&mut self, number: u32, code: ErrorCode, reason: &str) {
        let (code, reason) = (Some(code), Some(reason.to_owned()));
        self.series.push(SeriesRecord { series: number, folder: None, eye: None, bscans: None, code, reason });
    }

    /// Publishes the folder at `target`. Returns `None` and publishes nothing if no series has results.
    ///
    /// `path` and `sha256` are those of the file. `last_call` runs right before publishing, and may cancel
    /// it.
    ///
    /// # Errors
    /// [`OutputError`] if the folder cannot be written or published, or `last_call` cancels.
    pub fn finish(
        self,
        path: &str,
        sha256: &str,
        target: &Path,
        last_call: &mut dyn FnMut() -> ControlFlow<Cancelled>,
    ) -> Result<Option<ScanSummary>, OutputError> {
        let Some(summary) = merged(&self.summaries, target) else { return Ok(None) };
        let list = ListRecord {
            schema: SERIES_SCHEMA,
            octrls: env!("CARGO_PKG_VERSION"),
            created: jiff::Timestamp::now(),
            path,
            sha256,
            series: &self.series,
            notice: "research use only, not a medical device",
        };
        let json = serde_json::to_vec_pretty(&list)
            .map_err(|e| OutputError::Encode { file: RESULT_FILE.to_owned(), reason: e.to_string() })?;
        self.folder.write(RESULT_FILE, &json)?;
        self.folder.publish(target, last_call)?;
        Ok(Some(summary))
    }
}

fn folder_name(number: u32) -> String {
    format!("series-{number}")
}

/// Merges the summaries of several series; thickness and confidence are weighted by the number of B-scans.
fn merged(all: &[ScanSummary], out: &Path) -> Option<ScanSummary> {
    let first = all.first()?;
    let same = |unit| all.iter().all(|s| s.unit == unit);
    let weighted = |value: &dyn Fn(&ScanSummary) -> Option<f32>| {
        let known = all.iter().filter_map(|s| Some((value(s)?, s.bscans as f32)));
        let (sum, weight) = known.fold((0.0, 0.0), |(sum, weight), (v, w)| (sum + v * w, weight + w));
        (weight > 0.0).then(|| sum / weight)
    };
    let mean_thickness: [Option<f32>; LAYERS] =
        std::array::from_fn(|i| weighted(&|s| s.mean_thickness[i]).filter(|_| same(first.unit)));
    let letters = ["O", "S", "C", "A", "R", "I", "B"];
    let follow_ups: Vec<&str> = all.iter().filter_map(|s| s.follow_up.as_deref()).collect();
    Some(ScanSummary {
        series: all.len() as u32,
        bscans: all.iter().map(|s| s.bscans).sum(),
        eye: first.eye.filter(|&eye| all.iter().all(|s| s.eye == Some(eye))),
        unit: first.unit,
        mean_thickness,
        etdrs: if let [one] = all { one.etdrs.clone() } else { None },
        verdict: Verdict::combine(all.iter().map(|s| s.verdict)),
        no_retina: None,
        flags: letters.into_iter().filter(|letter| all.iter().any(|s| s.flags.contains(letter))).collect(),
        findings: all.iter().flat_map(|s| s.findings.iter().copied()).collect::<BTreeSet<_>>().into_iter().collect(),
        lesions: if let [one] = all { one.lesions.clone() } else { Vec::new() },
        notes: all.iter().flat_map(|s| s.notes.iter().copied()).collect::<BTreeSet<_>>().into_iter().collect(),
        confidence: weighted(&|s| Some(s.confidence)).unwrap_or_default(),
        follow_up: (!follow_ups.is_empty()).then(|| follow_ups.join("; ")),
        out: out.to_owned(),
        elapsed: all.iter().map(|s| s.elapsed).sum(),
    })
}
