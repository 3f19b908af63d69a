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

use octrls_core::ErrorCode;
use std::{
    collections::HashMap,
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use parquet::{
    basic::Compression,
    data_type::{ByteArray, ByteArrayType, DataType, FloatType, Int32Type},
    errors::ParquetError,
    file::{
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::parser::parse_message_type,
};
use serde::Deserialize;

use super::{RESULT_FILE, RESULT_SCHEMA};
use octrls_core::layer::{BOUNDARIES, Boundary, MEASURED, Measured};

/// Smallest number of rows in a row group; a scan is never split.
const ROWS: usize = 250_000;

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
    rows: Rows,
}

/// Columns not yet written.
#[derive(Default)]
struct Rows {
    scan: Vec<ByteArray>,
    sha256: Vec<ByteArray>,
    series: Vec<Option<i32>>,
    eye: Vec<Option<ByteArray>>,
    verdict: Vec<ByteArray>,
    bscan: Vec<i32>,
    ascan: Vec<i32>,
    boundaries: [Vec<Option<f32>>; BOUNDARIES],
    thickness: [Vec<Option<f32>>; MEASURED],
    confidence: Vec<f32>,
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

#[derive(Deserialize)]
struct SchemaHead {
    schema: String,
}

/// Whether `folder` holds the result of a scan. The list of a file's series is not one.
#[must_use]
pub fn is_result(folder: &Path) -> bool {
    let head = std::fs::read(folder.join(RESULT_FILE)).ok();
    let head = head.and_then(|text| serde_json::from_slice::<SchemaHead>(&text).ok());
    head.is_some_and(|head| head.schema == RESULT_SCHEMA)
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
                {boundaries} {thickness} required float confidence; }}"
        );
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let schema = Arc::new(parse_message_type(&schema)?);
        Ok(Self { writer: SerializedFileWriter::new(file, schema, Arc::new(properties))?, rows: Rows::default() })
    }

    /// Adds the result in `folder`; returns the number of its A-scans.
    ///
    /// # Errors
    /// [`ExportError::Result`] if the result is incomplete, in which case nothing is added; [`ExportError::Write`].
    pub fn add(&mut self, folder: &Path) -> Result<usize, ExportError> {
        let broken = |reason: String| ExportError::Result { folder: folder.to_owned(), reason };
        let text = std::fs::read(folder.join(RESULT_FILE)).map_err(|e| broken(e.to_string()))?;
        let head: ResultHead = serde_json::from_slice(&text).map_err(|e| broken(e.to_string()))?;
        let columns = |name: &str| Columns::read(&folder.join(name)).map_err(|e| broken(format!("{name}: {e}")));
        let (boundaries, thickness) = (columns("boundaries.csv")?, columns("thickness.csv")?);
        let added = Rows::of(&head, &boundaries, &thickness).map_err(broken)?;
        let count = added.bscan.len();
        self.rows.append(added);
        if self.rows.bscan.len() >= ROWS {
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
        if rows.bscan.is_empty() {
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
        group.close()?;
        Ok(())
    }
}

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

fn optional<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[Option<T::T>],
) -> Result<(), ParquetError> {
    if let Some(mut column) = group.next_column()? {
        let known: Vec<T::T> = values.iter().flatten().cloned().collect();
        let there: Vec<i16> = values.iter().map(|v| v.is_some().into()).collect();
        column.typed::<T>().write_batch(&known, Some(&there), None)?;
        column.close()?;
    }
    Ok(())
}

/// The columns of a numeric CSV file, by name.
struct Columns {
    by_name: HashMap<String, Vec<Option<f32>>>,
    rows: usize,
}

impl Columns {
    fn read(path: &Path) -> Result<Self, String> {
        let text = |e: &dyn std::fmt::Display| e.to_string();
        let mut reader = csv::Reader::from_reader(File::open(path).map_err(|e| text(&e))?);
        let names: Vec<String> = reader.headers().map_err(|e| text(&e))?.iter().map(str::to_owned).collect();
        let mut columns = vec![Vec::new(); names.len()];
        for record in reader.records() {
            for (column, cell) in columns.iter_mut().zip(&record.map_err(|e| text(&e))?) {
                let number = |cell: &str| cell.parse().map_err(|_| format!("'{cell}' is not a number"));
                column.push(if cell.is_empty() { None } else { Some(number(cell)?) });
            }
        }
        let rows = columns.first().map_or(0, Vec::len);
        Ok(Self { by_name: names.into_iter().zip(columns).collect(), rows })
    }

    fn get(&self, name: &str) -> Result<&[Option<f32>], String> {
        self.by_name.get(name).map(Vec::as_slice).ok_or_else(|| format!("column {name} is missing"))
    }

    /// A column without missing values.
    fn whole(&self, name: &str) -> Result<Vec<f32>, String> {
        let column = self.get(name)?.iter().copied().collect::<Option<_>>();
        column.ok_or_else(|| format!("column {name} has missing values"))
    }
}

impl Rows {
    fn of(head: &ResultHead, boundaries: &Columns, thickness: &Columns) -> Result<Self, String> {
        let count = boundaries.rows;
        if thickness.rows != count {
            return Err(format!("boundaries.csv has {count} A-scans, thickness.csv has {}", thickness.rows));
        }
        let mut rows = Self::default();
        let number = |v: f32| v as i32;
        rows.bscan = boundaries.whole("bscan")?.into_iter().map(number).collect();
        rows.ascan = boundaries.whole("ascan")?.into_iter().map(number).collect();
        rows.confidence = thickness.whole("confidence")?;
        let verdict = |&i: &i32| usize::try_from(i).ok().and_then(|i| head.bscans.get(i)).map(|b| bytes(&b.verdict));
        let verdicts = rows.bscan.iter().map(verdict).collect::<Option<_>>();
        rows.verdict = verdicts.ok_or("a B-scan of boundaries.csv is not in result.json")?;
        for (column, boundary) in rows.boundaries.iter_mut().zip(Boundary::ALL) {
            *column = boundaries.get(boundary.name())?.to_vec();
        }
        for (column, measured) in rows.thickness.iter_mut().zip(Measured::all()) {
            *column = match head.unit.as_str() {
                "um" => thickness.get(&format!("{}_um", measured.key()))?.to_vec(),
                _ => vec![None; count],
            };
        }
        rows.scan = vec![bytes(&head.scan.path); count];
        rows.sha256 = vec![bytes(&head.scan.sha256); count];
        rows.series = vec![head.scan.series; count];
        rows.eye = vec![head.scan.eye.as_deref().map(bytes); count];
        Ok(rows)
    }

    fn append(&mut self, mut other: Self) {
        self.scan.append(&mut other.scan);
        self.sha256.append(&mut other.sha256);
        self.series.append(&mut other.series);
        self.eye.append(&mut other.eye);
        self.verdict.append(&mut other.verdict);
        self.bscan.append(&mut other.bscan);
        self.ascan.append(&mut other.ascan);
        self.confidence.append(&mut other.confidence);
        let own = self.boundaries.iter_mut().chain(&mut self.thickness);
        for (column, more) in own.zip(other.boundaries.iter_mut().chain(&mut other.thickness)) {
            column.append(more);
        }
    }
}

fn bytes(text: &str) -> ByteArray {
    ByteArray::from(text)
}
