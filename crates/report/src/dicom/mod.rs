//! Results as DICOM objects that belong to the study of the scan.
//!
//! | file | object |
//! | --- | --- |
//! | `surfaces.dcm` | Height Map Segmentation: the row of every boundary, B-scan by B-scan |
//! | `measures.dcm` | Comprehensive Structured Report by TID 1500: every thickness, lesion and finding |
//! | `report.dcm` | Encapsulated PDF: the report |
//! | `label-map.dcm` | Label Map Segmentation, on request: the number of the layer or lesion of every pixel |
//! | `masks.dcm` | Segmentation, binary, on request: one mask per layer, lesion and B-scan |
//!
//! The identifier of an object follows its content, so that results sent again are the same objects. A new version has a
//! new identifier and names the one it replaces. `docs/dicom.md` lists the attributes of each object and their sources in the standard.

mod codes;
mod content;
mod earlier;
mod elements;
mod encapsulated_pdf;
mod height_map;
mod heights;
mod label_map;
mod lesion_measures;
mod lesion_runs;
mod masks;
mod measures;
mod object;
mod plane;
mod segments;

pub use earlier::EarlierResult;
pub(super) use heights::Heights;
pub(super) use lesion_runs::LesionRuns;

use octrls_core::{measure::Verdict, scan::ScanHeader};
use octrls_readers::{DicomOrigin, DicomReference};
use serde::{Deserialize, Serialize};

use super::{
    OutputError,
    findings::ScanFindings,
    lesions::LesionTotals,
    pages::RenderedReport,
    record::{DicomRecord, ResultRecord, SourceRecord},
};

/// The DICOM objects to write for a DICOM scan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum DicomResults {
    /// None.
    None,
    /// Surfaces, measures and report.
    #[default]
    Standard,
    /// As standard, and masks for systems that do not read height maps.
    WithMasks,
    /// As standard, and a label map for systems that read them; one byte per pixel.
    WithLabelMap,
}

impl DicomResults {
    /// Name in the ledger.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Standard => "standard",
            Self::WithMasks => "with_masks",
            Self::WithLabelMap => "with_label_map",
        }
    }
}

/// The results of a scan, as needed for its objects.
pub(super) struct ScanResults<'a> {
    pub(super) origin: &'a DicomOrigin,
    pub(super) header: &'a ScanHeader,
    pub(super) record: &'a ResultRecord<'a>,
    /// The boundaries of every B-scan.
    pub(super) heights: &'a Heights,
    /// The lesions of every B-scan.
    pub(super) lesions: &'a LesionRuns,
    /// What a person should look at.
    pub(super) findings: &'a ScanFindings,
    /// The lesions over all B-scans.
    pub(super) lesion_totals: &'a LesionTotals,
    /// The report, if there is one.
    pub(super) report: Option<&'a RenderedReport>,
    /// The result that this one replaces.
    pub(super) earlier: &'a EarlierResult,
}

/// File name and content.
pub(super) type File = (&'static str, Vec<u8>);

impl ScanResults<'_> {
    /// Creates the objects selected by `which`.
    ///
    /// # Errors
    /// [`OutputError`] if an object cannot be encoded.
    pub(super) fn objects(&self, which: DicomResults) -> Result<(Vec<File>, DicomRecord), OutputError> {
        let (mut files, mut record) = (Vec::new(), DicomRecord::default());
        if which == DicomResults::None {
            return Ok((files, record));
        }
        let Some(reference) = &self.origin.reference else {
            let reason = "the scan does not state its study, series, instance and class";
            record.left_out.push(reason.to_owned());
            return Ok((files, record));
        };
        if self.record.verdict == Verdict::NotARetina {
            record.left_out.push("the scan shows no retina: there is nothing to deliver".to_owned());
            return Ok((files, record));
        }
        record.source = Some(SourceRecord::of(reference));
        let has_lines = self.heights.has_lines();
        let earlier = self.earlier.objects_of(&self.record.scan.sha256, reference);
        // Surfaces and masks must have the size of the frames that they refer to.
        let whole = self.record.scan.crop.is_none();
        let mut add = |object: object::Object| {
            let object::Finished { file, record: described } = object.finish(&earlier)?;
            record.objects.push(described);
            files.push(file);
            Ok::<(), OutputError>(())
        };
        if has_lines && whole {
            add(height_map::object(self, reference))?;
            match which {
                DicomResults::WithMasks => add(masks::object(self, reference))?,
                DicomResults::WithLabelMap => add(label_map::object(self, reference))?,
                DicomResults::None | DicomResults::Standard => {}
            }
        }
        add(measures::object(self, reference))?;
        if let Some(report) = self.report {
            add(encapsulated_pdf::object(self, reference, report))?;
        }
        if !whole {
            record.left_out.push("the lines are of a panel of the image: there are no surfaces".to_owned());
        }
        if !has_lines {
            record.left_out.push("no boundary was found: there are no surfaces".to_owned());
        }
        Ok((files, record))
    }

    /// A key of scan, model and settings; objects with the same key belong to the same series.
    fn identity(&self, reference: &DicomReference) -> String {
        let record = self.record;
        let program = record.octrls;
        let (scan, model, ez) = (&record.scan.sha256, record.model.sha256(), record.ellipsoid_zone.key());
        // The operator may have set spacing and eye.
        let operator_settings = format!("{:?} {:?} {:?}", self.header.axial, self.header.lateral, self.header.eye);
        format!("{program} {} {scan} {model} {ez} {operator_settings}", reference.key())
    }
}
