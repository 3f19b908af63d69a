//! Results as DICOM objects that belong to the study of the scan.
//!
//! | file | object |
//! | --- | --- |
//! | `surfaces.dcm` | Height Map Segmentation: the row of every boundary, B-scan by B-scan |
//! | `measures.dcm` | Comprehensive Structured Report after TID 1500: every thickness |
//! | `report.dcm` | Encapsulated PDF: the report to read |
//! | `label-map.dcm` | Label Map Segmentation, on request: the number of the layer of every pixel |
//! | `masks.dcm` | Segmentation, binary, on request: a mask for each layer and B-scan |
//!
//! Identifiers follow from the scan's content, the model, its settings and the kind of object: who sends the results of the
//! same scan again sends the same objects. `docs/dicom.md` has the attributes of each and where they are asked for.

mod build;
mod codes;
mod content;
mod document;
mod heightmap;
mod heights;
mod labelmap;
mod masks;
mod measures;
mod object;
mod plane;
mod segments;

pub(super) use heights::Heights;

use serde::{Deserialize, Serialize};

use super::{OutputError, record::ResultRecord};
use octrls_core::scan::ScanHeader;
use octrls_readers::{DicomOrigin, DicomReference};

/// Which DICOM objects the results of a DICOM scan have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum DicomResults {
    /// None.
    None,
    /// Surfaces, measures and the report.
    #[default]
    Standard,
    /// Masks of the layers too, for systems that do not know height maps.
    WithMasks,
    /// A map of the layers too, for systems that know label maps: a byte a pixel.
    WithLabelMap,
}

impl DicomResults {
    /// Name, as the ledger keeps it.
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

/// What `result.json` says of the DICOM objects.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct DicomRecord {
    objects: Vec<ObjectRecord>,
    /// Why objects that were asked for are not there.
    left_out: Vec<String>,
}

/// One object.
#[derive(Clone, Debug, Serialize)]
struct ObjectRecord {
    file: &'static str,
    sop_class_uid: &'static str,
    sop_instance_uid: String,
    series_instance_uid: String,
}

/// What the objects are made of.
pub(super) struct Results<'a> {
    pub(super) origin: &'a DicomOrigin,
    pub(super) header: &'a ScanHeader,
    pub(super) record: &'a ResultRecord<'a>,
    /// The boundaries of every B-scan.
    pub(super) heights: &'a Heights,
    /// The report, where there is one.
    pub(super) pdf: Option<&'a [u8]>,
}

/// A file that is to be written.
pub(super) type File = (&'static str, Vec<u8>);

impl Results<'_> {
    /// The objects that `which` asks for.
    ///
    /// # Errors
    /// [`OutputError`] when an object cannot be encoded.
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
        let seen = self.heights.has_lines();
        let mut add = |object: object::Object| {
            record.objects.push(object.record());
            files.push(object.encode()?);
            Ok::<(), OutputError>(())
        };
        if seen {
            add(heightmap::object(self, reference))?;
            match which {
                DicomResults::WithMasks => add(masks::object(self, reference))?,
                DicomResults::WithLabelMap => add(labelmap::object(self, reference))?,
                DicomResults::None | DicomResults::Standard => {}
            }
        }
        add(measures::object(self, reference))?;
        if let Some(pdf) = self.pdf {
            add(document::object(self, reference, pdf))?;
        }
        if !seen {
            record.left_out.push("no boundary was found: there are no surfaces".to_owned());
        }
        Ok((files, record))
    }

    /// What makes the objects of this scan, model and settings the same whenever they are made.
    fn identity(&self, reference: &DicomReference) -> String {
        let record = self.record;
        let program = record.octrls;
        let (scan, model, ez) = (&record.scan.sha256, record.model.sha256(), record.ellipsoid_zone.key());
        // Spacing and eye may be the operator's.
        let stated = format!("{:?} {:?} {:?}", self.header.axial, self.header.lateral, self.header.eye);
        format!("{program} {} {scan} {model} {ez} {stated}", reference.key())
    }
}
