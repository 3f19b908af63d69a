//! The processor that segments: reader, network, surfaces, measures, results.

use std::{path::Path, sync::Arc, time::Instant};

use crate::{
    digest::sha256_of_file,
    layer::EzConvention,
    network::{ModelError, Network},
    output::{ModelRecord, OutputError, RESULT_SCHEMA, ResultWriter, ScanRecord, Staging},
    scan::{self, ReadError, ReadOptions},
    segment::segment,
};

use super::{ProcessError, Processor, ScanChange, ScanSummary};

/// Segments every B-scan of a scan and writes its results.
pub struct Segmenter {
    network: Network,
    read: ReadOptions,
    ez: EzConvention,
    staging: Staging,
}

impl Segmenter {
    /// A segmenter that writes below the result root `out`; `read` states what scan files may not, `ez` where the
    /// ellipsoid zone ends.
    #[must_use]
    pub fn new(network: Network, read: ReadOptions, ez: EzConvention, out: &Path) -> Self {
        Self { network, read, ez, staging: Staging::of(out) }
    }
}

impl Processor for Segmenter {
    fn process(
        &self,
        scan: &Path,
        name: &Path,
        out: &Path,
        report: &mut dyn FnMut(ScanChange),
    ) -> Result<ScanSummary, ProcessError> {
        let start = Instant::now();
        let sha256 = sha256_of_file(scan).map_err(|source| ReadError::Io { path: name.to_owned(), source })?;
        let mut reader = scan::open(scan, self.read).map_err(|e| named(e, name))?;
        let header = reader.header().clone();
        report(ScanChange::Opened(Arc::new(header.clone())));

        let mut results = ResultWriter::begin(&self.staging, out, &header)?;
        for index in 0..header.bscans {
            let pixels = reader.bscan(index).map_err(|e| named(e, name))?;
            let bscan = segment(&self.network, index, pixels, header.axial, self.ez)?;
            let device = reader.device_boundaries(index).map_err(|e| named(e, name))?;
            results.add(&bscan, &device)?;
            report(ScanChange::BScan(Arc::new(bscan)));
        }
        let scan = ScanRecord::new(slashed(name), sha256, self.read.series, &header);
        Ok(results.finish(&scan, &ModelRecord::new(&self.network), self.ez, start.elapsed())?)
    }

    fn recover(&self) -> Result<(), ProcessError> {
        Ok(self.staging.clear()?)
    }

    fn fingerprint(&self) -> String {
        let um = |v: Option<f64>| v.map_or("-".to_owned(), |v| v.to_string());
        let ReadOptions { axial_um, lateral_um, allow_missing, series } = self.read;
        let model = self.network.file_sha256();
        let missing = if allow_missing { "missing" } else { "whole" };
        let series = series.map_or(String::new(), |n| format!(" series {n}"));
        format!("{RESULT_SCHEMA} {model} {} {} {} {missing}{series}", um(axial_um), um(lateral_um), self.ez.key())
    }
}

/// A reader's error with the path below the root, since folders above it may name a patient.
fn named(error: ReadError, name: &Path) -> ProcessError {
    match error {
        ReadError::Io { source, .. } => ReadError::Io { path: name.to_owned(), source }.into(),
        ReadError::Sidecar { reason, .. } => {
            ReadError::Sidecar { path: name.with_added_extension("toml"), reason }.into()
        }
        other => other.into(),
    }
}

/// A path as results carry it: with `/` on every system.
fn slashed(path: &Path) -> String {
    path.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

impl From<ReadError> for ProcessError {
    fn from(error: ReadError) -> Self {
        Self { code: error.code(), transient: error.is_transient(), reason: error.to_string() }
    }
}

impl From<ModelError> for ProcessError {
    fn from(error: ModelError) -> Self {
        Self { code: error.code(), transient: false, reason: error.to_string() }
    }
}

impl From<OutputError> for ProcessError {
    fn from(error: OutputError) -> Self {
        Self { code: error.code(), transient: error.is_transient(), reason: error.to_string() }
    }
}
