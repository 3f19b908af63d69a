//! Exports the results of many scans as one Parquet file, one row per A-scan.
//!
//! | column | content |
//! | --- | --- |
//! | `scan`, `sha256`, `series` | path and digest of the scan's file; the series, if the file has several |
//! | `eye`, `verdict` | `OD`, `OS` or null; the verdict on the B-scan |
//! | `bscan`, `ascan` | 0-based |
//! | `ILM` ... `CSB` | row of each boundary, fractional; null where not determined |
//! | `nfl_um` ... `retina_um` | thickness in micrometres; null where not determined, or if no spacing is known |
//! | `confidence` | 0 to 1 |
//! | `review`, `reviewer` | the last decision of a person on the result, and the name; null without one |
//! | `EZ_END`, `RPE_OUTER`, `CSB_kind` | as in `boundaries.csv`; null in results of `octrls.result/1`, which lack them |

mod contact_sheet;
mod csv_table;
mod eyes;
mod fhir;
mod rows;

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use octrls_core::{
    ErrorCode,
    layer::{Boundary, Measured},
};
use parquet::{
    basic::Compression,
    data_type::{ByteArrayType, DataType, FloatType, Int32Type},
    errors::ParquetError,
    file::{
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::parser::parse_message_type,
};
use serde::Deserialize;

pub use self::contact_sheet::ContactSheet;
pub use self::eyes::{
    Column, EyePatient, EyeRow, EyeTable, PatientIdentity, ScanIdentity, patient_identity, write_dictionary,
};
pub use self::fhir::FhirBundle;
use self::rows::Rows;
use super::{RESULT_FILE, record::READABLE_SCHEMAS};

/// Smallest number of rows in a row group, except the last; a scan is never split.
const MIN_GROUP_ROWS: usize = 250_000;

/// An error of exporting results.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A result folder is incomplete or damaged.
    #[error("incomplete result in {folder}: {reason}", folder = folder.display())]
    Result {
        /// The folder.
        folder: PathBuf,
        /// What is missing or damaged.
        reason: String,
    },
    /// The file could not be written.
    #[error("cannot write the export")]
    Write(#[from] ParquetError),
}

impl ExportError {
    /// Stable error code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Result { .. } => ErrorCode::ExportResult,
            Self::Write(_) => ErrorCode::OutIo,
        }
    }
}

/// Writes the A-scans of result folders to a Parquet file.
pub struct Export<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    /// Rows that are not written yet.
    rows: Rows,
}

/// The part of any `result.json` that tells its kind.
#[derive(Deserialize)]
struct SchemaHead {
    schema: String,
}

/// Whether `folder` holds the result of a scan. The list of a file's series is not one.
#[must_use]
pub fn is_result(folder: &Path) -> bool {
    let head = std::fs::read(folder.join(RESULT_FILE)).ok();
    let head = head.and_then(|text| serde_json::from_slice::<SchemaHead>(&text).ok());
    head.is_some_and(|head| READABLE_SCHEMAS.contains(&head.schema.as_str()))
}

/// Whether `folder` holds the result of the scan whose content has the digest `sha256`.
#[must_use]
pub fn is_result_of(folder: &Path, sha256: &str) -> bool {
    #[derive(Deserialize)]
    struct Head {
        scan: Scan,
    }
    #[derive(Deserialize)]
    struct Scan {
        sha256: String,
    }
    let text = std::fs::read(folder.join(RESULT_FILE)).ok().filter(|_| is_result(folder));
    let head = text.and_then(|text| serde_json::from_slice::<Head>(&text).ok());
    head.is_some_and(|head| head.scan.sha256 == sha256)
}

impl<W: Write + Send> Export<W> {
    /// Starts the file.
    ///
    /// # Errors
    /// [`ExportError::Write`] if it cannot be written.
    pub fn begin(file: W) -> Result<Self, ExportError> {
        let boundaries = Boundary::ALL.map(|b| format!("optional float {};", b.name())).concat();
        let thickness = Measured::all().map(|m| format!("optional float {}_um;", m.key())).concat();
        let schema = format!(
            "message ascans {{
                required binary scan (UTF8); required binary sha256 (UTF8); optional int32 series;
                optional binary eye (UTF8); required binary verdict (UTF8);
                required int32 bscan; required int32 ascan;
                {boundaries} {thickness} required float confidence;
                optional float EZ_END; optional float RPE_OUTER; optional binary CSB_kind (UTF8);
                optional binary review (UTF8); optional binary reviewer (UTF8); }}"
        );
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let schema = Arc::new(parse_message_type(&schema)?);
        let writer = SerializedFileWriter::new(file, schema, Arc::new(properties))?;
        Ok(Self { writer, rows: Rows::default() })
    }

    /// Adds the result in `folder`; returns the number of its A-scans.
    ///
    /// # Errors
    /// [`ExportError::Result`] if the result is incomplete, in which case nothing is added; [`ExportError::Write`].
    pub fn add(&mut self, folder: &Path) -> Result<usize, ExportError> {
        let rows = Rows::read(folder).map_err(|reason| ExportError::Result { folder: folder.to_owned(), reason })?;
        let count = rows.len();
        self.rows.append(rows);
        if self.rows.len() >= MIN_GROUP_ROWS {
            self.flush()?;
        }
        Ok(count)
    }

    /// Completes the file.
    ///
    /// # Errors
    /// [`ExportError::Write`] if it cannot be written.
    pub fn finish(mut self) -> Result<W, ExportError> {
        self.flush()?;
        Ok(self.writer.into_inner()?)
    }

    fn flush(&mut self) -> Result<(), ExportError> {
        let rows = std::mem::take(&mut self.rows);
        if rows.len() == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        required::<ByteArrayType, _>(&mut group, &rows.scan)?;
        required::<ByteArrayType, _>(&mut group, &rows.sha256)?;
        optional::<Int32Type, _>(&mut group, &rows.series)?;
        optional::<ByteArrayType, _>(&mut group, &rows.eye)?;
        required::<ByteArrayType, _>(&mut group, &rows.verdict)?;
        required::<Int32Type, _>(&mut group, &rows.bscan)?;
        required::<Int32Type, _>(&mut group, &rows.ascan)?;
        for column in rows.boundaries.iter().chain(&rows.thickness) {
            optional::<FloatType, _>(&mut group, column)?;
        }
        required::<FloatType, _>(&mut group, &rows.confidence)?;
        optional::<FloatType, _>(&mut group, &rows.ez_end)?;
        optional::<FloatType, _>(&mut group, &rows.rpe_outer)?;
        optional::<ByteArrayType, _>(&mut group, &rows.csb_kind)?;
        optional::<ByteArrayType, _>(&mut group, &rows.review)?;
        optional::<ByteArrayType, _>(&mut group, &rows.reviewer)?;
        group.close()?;
        Ok(())
    }
}

/// Writes the next column, in which every row has a value.
fn required<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
) -> Result<(), ParquetError> {
    if let Some(mut column) = group.next_column()? {
        column.typed::<T>().write_batch(values, None, None)?;
        column.close()?;
    }
    Ok(())
}

/// Writes the next column, in which rows may be null.
fn optional<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[Option<T::T>],
) -> Result<(), ParquetError> {
    if let Some(mut column) = group.next_column()? {
        let known: Vec<T::T> = values.iter().flatten().cloned().collect();
        let levels: Vec<i16> = values.iter().map(|v| v.is_some().into()).collect();
        column.typed::<T>().write_batch(&known, Some(&levels), None)?;
        column.close()?;
    }
    Ok(())
}
