//! How scans are read and what is written for them.

use std::{path::PathBuf, sync::Arc};

use clap::{
    Args,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};

use octrls_core::{
    layer::EzConvention,
    measure::{
        Gates, GatesError,
        reference::{ReferenceError, ReferenceTable},
    },
};
use octrls_engine::SegmenterOptions;
use octrls_readers::{NamePattern, RawScan, ReadOptions};
use octrls_report::{DicomResults, ReportOptions};

use super::{
    heading::SCANS,
    number::{spacing, um_per_degree},
};
use crate::cli::{error::coded, files::read_text};

#[derive(Args)]
pub(crate) struct ReadArguments {
    /// Axial spacing in micrometres, for scans that do not state it
    #[arg(long, value_name = "UM", value_parser = spacing)]
    pub(crate) axial_um: Option<f64>,
    /// Lateral spacing in micrometres, for scans that do not state it
    #[arg(long, value_name = "UM", value_parser = spacing)]
    pub(crate) lateral_um: Option<f64>,
    /// Micrometres per degree on the retina, for files that state positions in degrees only (.E2E); typically 293
    #[arg(long, value_name = "UM", value_parser = um_per_degree)]
    pub(crate) um_per_degree: Option<f64>,
    /// Accept exports with missing images
    #[arg(long)]
    pub(crate) allow_missing: bool,
    /// Process only this series of files that hold several; counts from 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) series: Option<u32>,
    /// Content of raw .img files whose names do not state it: A-scans and B-scans of a Zeiss Cirrus, as in
    /// cirrus:512x128
    #[arg(id = "as", long = "as", value_name = "cirrus:AxB")]
    pub(crate) raw: Option<RawScan>,
}

impl ReadArguments {
    pub(crate) const fn options(&self) -> ReadOptions {
        let Self { axial_um, lateral_um, um_per_degree, allow_missing, series, raw } = *self;
        ReadOptions { axial_um, lateral_um, um_per_degree, allow_missing, series, raw }
    }
}

/// Parses an ellipsoid zone convention by its name.
fn ez_convention() -> impl TypedValueParser<Value = EzConvention> {
    let values = EzConvention::ALL.map(|c| PossibleValue::new(c.option()).help(c.description()));
    PossibleValuesParser::new(values).try_map(|name| {
        EzConvention::ALL.into_iter().find(|c| c.option() == name).ok_or("not an ellipsoid zone convention")
    })
}

#[derive(Args)]
pub(crate) struct ConventionArguments {
    /// Where the ellipsoid zone ends: at the RPE (with-outer-segments), or below its bright band (band-alone)
    #[arg(long, value_name = "HOW", default_value = "with-outer-segments", value_parser = ez_convention())]
    pub(crate) ellipsoid_zone: EzConvention,
}

#[derive(Args)]
pub(crate) struct ResultArguments {
    /// DICOM objects to write for a DICOM scan, in the scan's study
    #[arg(long, value_name = "WHICH", default_value = "standard")]
    pub(crate) dicom: DicomResults,
    /// TOML file with image quality limits; scans outside them are flagged
    #[arg(long, value_name = "FILE")]
    pub(crate) gates: Option<PathBuf>,
    /// Reference thickness for volumes: the shipped table, your own TOML file, or none
    #[arg(long, value_name = "xu-2018|FILE|none", default_value = SHIPPED_REFERENCE)]
    pub(crate) reference: PathBuf,
    #[command(flatten)]
    pub(crate) convention: ConventionArguments,
    /// Write the patient's name into the report, as far as a DICOM scan states it; otherwise there is a line to write it on
    #[arg(long)]
    pub(crate) identify: bool,
    /// What names of files and folders state where the files do not, as in '{patient}/{eye}_{date}'; fields: patient,
    /// eye, date, time, axial_um, lateral_um, and * for anything
    #[arg(long, value_name = "PATTERN", help_heading = SCANS)]
    pub(crate) name_pattern: Option<NamePattern>,
    #[command(flatten, next_help_heading = SCANS)]
    pub(crate) read: ReadArguments,
}

/// Name of the shipped reference table.
const SHIPPED_REFERENCE: &str = "xu-2018";

impl ResultArguments {
    /// The segmenter options; reads the files that the arguments name.
    pub(crate) fn options(&self) -> anyhow::Result<SegmenterOptions> {
        let gates = match &self.gates {
            Some(file) => Gates::parse(&read_text(file, GatesError::CODE)?).map_err(|e| coded(GatesError::CODE, e))?,
            None => Gates::default(),
        };
        let reference = match self.reference.to_str() {
            Some("none") => None,
            Some(SHIPPED_REFERENCE) => Some(ReferenceTable::shipped()),
            _ => Some(ReferenceTable::parse(&read_text(&self.reference, ReferenceError::CODE)?)),
        };
        let reference = reference.transpose().map_err(|e| coded(ReferenceError::CODE, e))?;
        Ok(SegmenterOptions {
            read: self.read.options(),
            ez: self.convention.ellipsoid_zone,
            dicom: self.dicom,
            gates,
            reference: reference.map(Arc::new),
            names: self.name_pattern.clone(),
            report: ReportOptions { identify: self.identify },
        })
    }
}
