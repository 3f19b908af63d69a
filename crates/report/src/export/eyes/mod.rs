//! A table with one row for each scan of an eye, and its data dictionary.
//!
//! A row holds what `result.json` says, in columns that are the same for every scan. A value that is not known, not
//! measured, or measured in too small a part of its area is an empty cell; `missing` and `partial` say which and why.

mod centre_point;
mod columns;
mod dictionary;
mod identity;
pub(super) mod measures;
mod result;

use std::{fs, io::Write, path::Path};

use super::ExportError;
use crate::{RESULT_FILE, record::READABLE_SCHEMAS};

use self::columns::columns;
pub(super) use self::result::{EyeResult, rounded};
pub use self::{columns::Column, dictionary::write_dictionary, identity::patient_identity};

/// Who the patient of a scan is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EyePatient {
    /// Pseudonym, the same in all scans of a patient; `None` if the scan's patient is not known.
    pub pseudonym: Option<String>,
    /// What identifies the patient, if it was asked for.
    pub identity: Option<PatientIdentity>,
}

/// What identifies the patient of a scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatientIdentity {
    /// Patient ID.
    pub id: Option<String>,
    /// Who assigned it.
    pub issuer: Option<String>,
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EyeRow {
    /// The scan: the start of its digest, and its series if the file has several.
    pub record_id: String,
    /// When the result was made, as `result.json` states it.
    pub created: String,
    cells: Vec<Option<String>>,
}

/// The table's columns; those that identify a patient only if asked for.
#[derive(Debug)]
pub struct EyeTable {
    columns: Vec<Column>,
}

impl EyeTable {
    /// The columns of a table, with what identifies patients if `identify`.
    #[must_use]
    pub fn new(identify: bool) -> Self {
        Self { columns: columns().into_iter().filter(|column| identify || !column.identifies).collect() }
    }

    /// The columns in order.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Reads the result in `folder`; `patient` is asked for whose scan it is, by the digest and the series of the scan.
    ///
    /// # Errors
    /// [`ExportError::Result`] if the result is incomplete or damaged.
    pub fn read(
        &self,
        folder: &Path,
        patient: impl FnOnce(&ScanIdentity<'_>) -> EyePatient,
    ) -> Result<EyeRow, ExportError> {
        let failed = |reason: String| ExportError::Result { folder: folder.to_owned(), reason };
        let text = fs::read(folder.join(RESULT_FILE)).map_err(|e| failed(e.to_string()))?;
        let result: serde_json::Value = serde_json::from_slice(&text).map_err(|e| failed(e.to_string()))?;
        let schema = result["schema"].as_str().unwrap_or_default();
        if !READABLE_SCHEMAS.contains(&schema) {
            return Err(failed(format!("the schema is {schema:?}")));
        }
        let eye = EyeResult::new(result, folder).map_err(failed)?;
        let patient = patient(&eye.identity());
        let cells = self.columns.iter().map(|column| column.value(&eye, &patient)).collect();
        Ok(EyeRow { record_id: eye.record_id(), created: eye.created().to_owned(), cells })
    }

    /// Writes the table as CSV.
    ///
    /// # Errors
    /// That of `out`.
    pub fn write_csv<'a>(&self, out: impl Write, rows: impl IntoIterator<Item = &'a EyeRow>) -> std::io::Result<()> {
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record(self.columns.iter().map(|column| column.name.as_str()))?;
        for row in rows {
            csv.write_record(row.cells.iter().map(|cell| cell.as_deref().unwrap_or_default()))?;
        }
        csv.flush()
    }
}

/// By what a scan is found in the follow-up history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanIdentity<'a> {
    /// SHA-256 of the scan.
    pub sha256: &'a str,
    /// The series, if the file has several.
    pub series: Option<u32>,
    /// UID of the DICOM series, if the scan consists of its objects.
    pub series_uid: Option<&'a str>,
}
