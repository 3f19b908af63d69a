//! Reads a result folder back: the scan's facts and measures from `result.json`, its lines from the tables, its lesions
//! from their masks. The pixels of the scan are not in the folder; [`StoredResult::bscan`] takes them from its caller.

mod boundary_table;
mod drawn_lines;
mod in_order;
mod lines;
mod record;

use std::{
    fs::{self, File},
    io::BufReader,
    path::{Path, PathBuf},
};

use octrls_core::{
    ErrorCode,
    layer::{BOUNDARIES, Boundary, EzConvention},
    measure::{
        Thicknesses,
        enface::{Centre, ThicknessMap, Volume},
    },
    scan::{BScan, ScanHeader},
    segment::SegmentedBScan,
    surface::{LesionMask, Surfaces},
};

use self::record::StoredRecord;
use crate::{ModelRecord, RESULT_FILE, ScanRecord, ScanSummary, record::READABLE_SCHEMAS};

pub use boundary_table::{TableError, read_boundary_table};
pub use lines::{BScanLines, Grid, LineStretch, with_stretches};
pub use record::StoredCriterion;

/// Size limit of `result.json`, in bytes; that of a volume of a thousand B-scans has 8 MiB.
const MAX_RECORD: u64 = 256 << 20;

/// Why a result cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// The system cannot read a file of the folder.
    #[error("cannot read {path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A file of the folder is damaged, or not of a known version.
    #[error("{path} is damaged: {reason}", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl StoredError {
    /// Stable error code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Io { .. } => ErrorCode::ReadIo,
            Self::Damaged { .. } => ErrorCode::ExportResult,
        }
    }
}

/// A result folder, read back.
#[derive(Clone, Debug)]
pub struct StoredResult {
    folder: PathBuf,
    record: StoredRecord,
    header: ScanHeader,
}

/// The part of any `result.json` that tells its kind; the list of a file's series names their folders.
#[derive(serde::Deserialize)]
struct Head {
    schema: String,
    #[serde(default)]
    series: Vec<SeriesHead>,
}

#[derive(serde::Deserialize)]
struct SeriesHead {
    folder: Option<String>,
}

impl StoredResult {
    /// Reads `result.json` of `folder`. Of a file with several series, reads the first with results.
    ///
    /// # Errors
    /// [`StoredError`] if it is missing or damaged.
    pub fn open(folder: &Path) -> Result<Self, StoredError> {
        let text = read_record(&folder.join(RESULT_FILE))?;
        let damaged = |reason: String| StoredError::Damaged { path: folder.join(RESULT_FILE), reason };
        let head: Head = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        if head.schema == crate::series::SERIES_SCHEMA {
            let of_series = head.series.into_iter().find_map(|series| series.folder);
            let name = of_series.ok_or_else(|| damaged("no series has results".to_owned()))?;
            // A name with folders in it could lead out of this one.
            if Path::new(&name).components().count() != 1 || name == ".." {
                return Err(damaged("a series has an impossible folder".to_owned()));
            }
            return Self::read(&folder.join(name));
        }
        Self::read(folder)
    }

    fn read(folder: &Path) -> Result<Self, StoredError> {
        let path = folder.join(RESULT_FILE);
        let text = read_record(&path)?;
        let damaged = |reason: String| StoredError::Damaged { path: path.clone(), reason };
        let record: StoredRecord = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        if !READABLE_SCHEMAS.contains(&record.schema.as_str()) {
            return Err(damaged(format!("it is of the unknown version {}", record.schema)));
        }
        if !record.is_consistent() {
            return Err(damaged("its sizes contradict each other".to_owned()));
        }
        let header = record.header();
        Ok(Self { folder: folder.to_owned(), record, header })
    }

    /// The folder that holds the tables: that of the result, or of its first series.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Facts about the scan, as they were when it was measured.
    #[must_use]
    pub const fn header(&self) -> &ScanHeader {
        &self.header
    }

    /// What a screen shows of the scan. The comparison with an earlier visit is not read back.
    #[must_use]
    pub fn summary(&self) -> ScanSummary {
        self.record.summary(&self.folder)
    }

    /// The scan, as described in the result.
    #[must_use]
    pub fn scan(&self) -> ScanRecord {
        self.record.scan_record()
    }

    /// The model that found the lines.
    #[must_use]
    pub fn model(&self) -> ModelRecord {
        self.record.model_record()
    }

    /// Where the ellipsoid zone ends, by convention.
    #[must_use]
    pub const fn ellipsoid_zone(&self) -> EzConvention {
        self.record.ellipsoid_zone
    }

    /// The series of the file, if it has several.
    #[must_use]
    pub const fn series(&self) -> Option<u32> {
        self.record.scan.series
    }

    /// SHA-256 of the scan, hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.record.scan.sha256
    }

    /// When the result was written.
    #[must_use]
    pub const fn created(&self) -> jiff::Timestamp {
        self.record.created
    }

    /// The centre of the grids; `None` unless the scan is a volume.
    #[must_use]
    pub fn centre(&self) -> Option<Centre> {
        let centre = &self.record.volume.as_ref()?.centre;
        Some(Centre { place: centre.place, from: centre.from, confidence: centre.confidence })
    }

    /// Every measure of every quality criterion.
    #[must_use]
    pub fn criteria(&self) -> &[StoredCriterion] {
        &self.record.quality.criteria
    }

    /// The comparison with the previous visit as `result.json` holds it.
    #[must_use]
    pub const fn follow_up(&self) -> Option<&serde_json::Value> {
        self.record.follow_up.as_ref()
    }

    /// Names of the other files in the folder.
    #[must_use]
    pub fn files(&self) -> &[String] {
        &self.record.files
    }

    /// Size of the scan.
    #[must_use]
    pub const fn grid(&self) -> Grid {
        Grid { bscans: self.header.bscans, width: self.header.width, height: self.header.height }
    }

    /// The lines of every B-scan as the table holds them.
    ///
    /// # Errors
    /// [`StoredError`] if the table is missing or damaged.
    pub fn lines(&self) -> Result<Vec<BScanLines>, StoredError> {
        self.table("boundaries.csv", |table| read_boundary_table(table, self.grid()))
    }

    /// Whether a person corrected the lines.
    #[must_use]
    pub const fn is_corrected(&self) -> bool {
        self.record.correction.is_some()
    }

    /// The lines of every B-scan with what the network knew of them.
    ///
    /// # Errors
    /// [`StoredError`] if a table is missing or damaged.
    pub fn surfaces(&self) -> Result<Vec<Surfaces>, StoredError> {
        let lines = self.lines()?;
        let deviations =
            self.table("uncertainty.csv", |table| self.columns(table, &Boundary::ALL.map(Boundary::name)))?;
        let first_layer = format!("nfl_{}", self.record.summary(&self.folder).unit.symbol());
        let measured = self.table("thickness.csv", |table| self.columns(table, &[&first_layer, "confidence"]))?;
        let width = self.header.width;
        let surfaces = lines.into_iter().enumerate().map(|(index, lines)| {
            let own = index * width..(index + 1) * width;
            let (nfl, confidence) = (&measured[0][own.clone()], &measured[1][own.clone()]);
            // The disc has nerve fibres without a thickness, and nothing below them.
            let disc = (0..width).map(|x| {
                let known = |boundary: Boundary| lines.rows[boundary.index()][x].is_some();
                let below = Boundary::ALL.into_iter().skip(Boundary::NflGcl.index() + 1).any(known);
                known(Boundary::Ilm) && known(Boundary::NflGcl) && !below && nfl[x].is_none()
            });
            let disc = disc.collect();
            let of =
                |column: &Vec<Option<f32>>| column[own.clone()].iter().map(|d| d.unwrap_or(f32::INFINITY)).collect();
            let mut estimates: [Vec<f32>; BOUNDARIES] = std::array::from_fn(|_| Vec::new());
            for (estimate, column) in estimates.iter_mut().zip(&deviations) {
                *estimate = of(column);
            }
            let confidence = confidence.iter().map(|c| c.unwrap_or(0.0)).collect();
            let BScanLines { rows, ez_end, rpe_outer, choroid_visible } = lines;
            Surfaces::exact(self.header.height, rows)
                .with_choroid_visible(choroid_visible)
                .with_fluid(ez_end, rpe_outer)
                .with_estimates(estimates, confidence, disc)
        });
        Ok(surfaces.collect())
    }

    /// The lesions of the B-scan at `index`; `None` if it was not searched for lesions.
    ///
    /// # Errors
    /// [`StoredError`] if their mask is damaged.
    pub fn lesions(&self, index: usize) -> Result<Option<LesionMask>, StoredError> {
        let name = if self.header.bscans == 1 { "lesions.png".to_owned() } else { format!("lesions-{index:03}.png") };
        if !self.record.files.contains(&name) {
            return Ok(None);
        }
        let path = self.folder.join(name);
        let damaged = |reason: String| StoredError::Damaged { path: path.clone(), reason };
        let mut reader =
            image::ImageReader::open(&path).map_err(|source| StoredError::Io { path: path.clone(), source })?;
        let (width, height) = (self.header.width as u32, self.header.height as u32);
        let mut limits = image::Limits::default();
        (limits.max_image_width, limits.max_image_height) = (Some(width), Some(height));
        reader.limits(limits);
        let mask = reader.decode().map_err(|error| damaged(error.to_string()))?;
        let image::DynamicImage::ImageLuma8(mask) = mask else { return Err(damaged("it is no index mask".to_owned())) };
        if mask.dimensions() != (width, height) {
            return Err(damaged("it has another size than the scan".to_owned()));
        }
        let mask = LesionMask::new(self.header.width, mask.into_raw());
        mask.map(Some).ok_or_else(|| damaged("it holds an unknown class".to_owned()))
    }

    /// The B-scan at `index` with `pixels`, its `surfaces` and its lesions, as it was when it was measured.
    ///
    /// # Errors
    /// [`StoredError`] if there is no such B-scan, or its lesions are damaged.
    pub fn bscan(&self, index: usize, pixels: BScan, surfaces: Surfaces) -> Result<SegmentedBScan, StoredError> {
        let stored = self.record.bscans.get(index).ok_or_else(|| StoredError::Damaged {
            path: self.folder.join(RESULT_FILE),
            reason: format!("it has no B-scan {index}"),
        })?;
        let [network_time, surface_time] = stored.times();
        Ok(SegmentedBScan {
            index,
            lesions: self.lesions(index)?,
            quality: stored.quality,
            no_retina: stored.no_retina,
            signal: stored.signal,
            thicknesses: Thicknesses::measure(&surfaces, self.header.axial),
            bscan: pixels,
            surfaces,
            network_time,
            surface_time,
        })
    }

    /// Thickness of every layer and of the retina over the scanned area, in the order of `Measured::all`; `None` if the
    /// B-scans cover no area.
    #[must_use]
    pub fn maps(&self, surfaces: &[Surfaces]) -> Option<Vec<ThicknessMap>> {
        let mut volume = Volume::new(self.header.eye);
        for (position, surfaces) in self.header.tracks.iter().zip(surfaces) {
            volume.add(*position, &Thicknesses::measure(surfaces, self.header.axial));
        }
        self.header.axial.and_then(|_| volume.thickness_maps())
    }

    fn table<T>(
        &self,
        name: &str,
        read: impl FnOnce(BufReader<File>) -> Result<T, TableError>,
    ) -> Result<T, StoredError> {
        let path = self.folder.join(name);
        let file = File::open(&path).map_err(|source| StoredError::Io { path: path.clone(), source })?;
        read(BufReader::new(file)).map_err(|error| StoredError::Damaged { path, reason: error.to_string() })
    }

    /// Columns of a table with a line for each A-scan, in order.
    fn columns(&self, table: BufReader<File>, names: &[&str]) -> Result<Vec<Vec<Option<f32>>>, TableError> {
        let failed = |line: Option<u64>, problem: &str| TableError { line, problem: problem.to_owned() };
        let mut csv = csv::Reader::from_reader(table);
        let headers = csv.headers().map_err(|_| failed(Some(1), "it is no CSV"))?.clone();
        let place = |name: &&str| headers.iter().position(|header| header == *name);
        let places: Option<Vec<usize>> = names.iter().map(place).collect();
        let places = places.ok_or_else(|| failed(Some(1), "a column is missing"))?;
        let count = self.header.bscans * self.header.width;
        let mut columns = vec![Vec::with_capacity(count); names.len()];
        let mut record = csv::StringRecord::new();
        while csv
            .read_record(&mut record)
            .map_err(|error| failed(error.position().map(csv::Position::line), "it is no CSV"))?
        {
            let line = record.position().map(csv::Position::line);
            for (column, place) in columns.iter_mut().zip(&places) {
                let text = record.get(*place).unwrap_or_default();
                let value = if text.is_empty() { None } else { Some(text.parse::<f32>()) };
                column.push(value.transpose().map_err(|_| failed(line, "it holds no number"))?);
            }
        }
        if columns.iter().any(|column| column.len() != count) {
            return Err(failed(None, "it has not one line for each A-scan"));
        }
        Ok(columns)
    }
}

fn read_record(path: &Path) -> Result<Vec<u8>, StoredError> {
    let failed = |source| StoredError::Io { path: path.to_owned(), source };
    if fs::metadata(path).map_err(failed)?.len() > MAX_RECORD {
        return Err(StoredError::Damaged { path: path.to_owned(), reason: "it is too large".to_owned() });
    }
    fs::read(path).map_err(failed)
}

#[cfg(test)]
mod tests;
