//! Heidelberg `.E2E` exports.
//!
//! A database in one file: directories list chunks, each with its owner (patient, study, series, slice) and kind. A
//! series that holds B-scans is one scan; a file may hold several, of both eyes. Positions are in degrees, and the
//! millimetres per degree depend on the eye. If neither sidecar nor operator states them, lateral spacing and positions
//! are unknown, and the B-scans are only shown on the fundus image. Source: public descriptions (uocte, LibE2E,
//! private_eye, OCT-Converter); B-scans and chunks were checked on a file of a Spectralis.

mod container;
mod image;
mod metadata;
mod series;
mod slo;

use octrls_core::{
    layer::Boundary,
    scan::{
        Acquisition, BScan, BScanPosition, BoundaryRows, Clock, MILLIMETRE, Moment, Note, Pattern, Provenance,
        ScanHeader, Spacing, Subject, subject::latin,
    },
};

use self::{
    container::Container,
    metadata::{Metadata, check_count, pattern},
    series::{Series, Slice},
    slo::{Slo, scaled, scan_angle},
};
use super::{DEVICE, DEVICE_BOUNDARIES, boundary_rows, signal_db};
use crate::{
    FundusImage, ReadError, ReadOptions, ScanReader, header_ext::HeaderExt as _, little_endian::LittleEndian,
    sidecar::Hints, sized_file::SizedFile,
};

/// Bytes before the rows of a boundary.
const CONTOUR_HEADER_BYTES: u64 = 36;
/// An `.E2E` file with its list of series.
pub(crate) struct E2eFile {
    container: Container,
    series: Vec<Series>,
}

impl E2eFile {
    /// Whether `start`, the first bytes of a file, belong to an `.E2E` file.
    pub(crate) fn recognises(start: &[u8]) -> bool {
        Container::recognises(start)
    }

    pub(crate) fn open(file: SizedFile) -> Result<Self, ReadError> {
        let container = Container::open(file)?;
        let series = series::all(&container.entries);
        Ok(Self { container, series })
    }

    /// Number of series; one if none has B-scans, which opening a reader reports.
    pub(crate) fn series_count(&self) -> u32 {
        u32::try_from(self.series.len()).unwrap_or(u32::MAX).max(1)
    }
}

/// One series of an `.E2E` file; reads one B-scan at a time.
pub(crate) struct HeidelbergE2e {
    container: Container,
    header: ScanHeader,
    bscans: Vec<Slice>,
    slo: Option<Slo>,
}

/// Micrometres on the retina per degree of an eye of usual length, with which positions in degrees become millimetres if
/// nobody states another: 4.4 mm for 15 degrees.
const DEFAULT_UM_PER_DEGREE: u32 = 293;

impl HeidelbergE2e {
    /// Opens the series of `file` that `options` choose.
    pub(crate) fn open(file: &E2eFile, hints: &Hints, options: ReadOptions) -> Result<Self, ReadError> {
        let container = file.container.clone();
        let series = series::choose(&container, &file.series, options.series)?;
        let (eye, contradicted) = series.eye(&container)?;
        let degree = Spacing { um: DEFAULT_UM_PER_DEGREE.into(), from: Provenance::Default };
        let degree = hints.per_degree.unwrap_or(degree);
        let (fundus, angle) = (series.fundus, series.angle);
        let bscans = series.bscans;
        let mut sizes = Vec::with_capacity(bscans.len());
        let mut metadata = Vec::with_capacity(bscans.len());
        for slice in &bscans {
            let start = container.read(&slice.image, 0, image::HEADER_BYTES)?;
            let size = image::dimensions(&start, slice.image.size)?;
            sizes.push(size);
            if let Some(entry) = &slice.metadata {
                // Metadata with another size describes another image.
                metadata.extend(Some(Metadata::read(&container, entry)?).filter(|m| m.size == size));
            }
        }
        let (width, height) = sizes[0];
        if sizes.iter().any(|&size| size != (width, height)) {
            return Err(ReadError::Unsupported("a series of B-scans of different sizes".to_owned()));
        }
        // Metadata is used only if every B-scan has it.
        metadata.truncate(if metadata.len() == bscans.len() { bscans.len() } else { 0 });
        check_count(bscans.len(), &metadata, options.allow_missing)?;
        let axial_mm = metadata.first().map(|m| m.axial_mm);
        let axial_mm = axial_mm.filter(|mm| metadata.iter().all(|m| m.axial_mm.to_bits() == mm.to_bits()));
        let tracks: Vec<BScanPosition> = metadata.iter().filter_map(Metadata::track).collect();
        let tracks = if tracks.len() == bscans.len() { tracks } else { Vec::new() };
        let angle = angle.map(|entry| scan_angle(&container, &entry)).transpose()?.flatten();
        // A stated spacing comes before the default.
        let degree = Some(degree).filter(|d| d.from != Provenance::Default || hints.lateral.is_none());
        let lateral = degree.zip(tracks.first()).and_then(|(degree, track)| {
            Some(Spacing { from: degree.from, ..Spacing::of_file(degree.um * length(track) / width as f64)? })
        });
        let placed = degree.filter(|_| lateral.is_some() && !tracks.is_empty());
        let corner = 0.5 * angle.unwrap_or(0.0);
        let places = placed.map(|degree| tracks.iter().map(|t| scaled(t, corner, degree.mm())).collect());
        let slo = fundus.map(|entry| Slo::of(&container, entry)).transpose()?.flatten();
        let slo = slo.map(|slo| slo.with_geometry(angle, tracks, degree.map(Spacing::mm)));
        let pattern = pattern(&metadata);
        let (eye, eye_from) = hints.eye_or(eye.map(|eye| (eye, Provenance::Header)));
        let header = ScanHeader {
            format: "Heidelberg E2E".into(),
            bscans: bscans.len(),
            width,
            height,
            axial: axial_mm.and_then(|mm| Spacing::of_file(f64::from(mm) * MILLIMETRE)).or(hints.axial),
            lateral: lateral.or(hints.lateral),
            eye,
            eye_from,
            pattern,
            pattern_from: (pattern != Pattern::Unknown).then_some(Provenance::Header),
            tracks: places.unwrap_or_default(),
            places: placed.map(|degree| degree.from),
            notes: Vec::new(),
        };
        let mut header = header.with_sidecar_layout(hints);
        let listed = metadata::listed(&metadata);
        if bscans.len() < listed {
            header.notes.push(Note::BscansMissing { missing: listed - bscans.len(), listed });
        }
        if contradicted {
            header.notes.push(Note::EyeContradictory);
        }
        if header.places == Some(Provenance::Default) {
            header.notes.push(Note::DefaultDegree { um: DEFAULT_UM_PER_DEGREE });
        }
        Ok(Self { container, header, bscans, slo })
    }

    /// Time of the first B-scan.
    fn acquired(&self) -> Result<Option<Moment>, ReadError> {
        /// Offset of the time in a B-scan's metadata.
        const TIME: u64 = 88;
        let Some(metadata) = self.slice(0)?.metadata else { return Ok(None) };
        let time = self.container.read(&metadata, TIME, 8)?;
        Ok(if time.len() < 8 { None } else { Moment::of_filetime(LittleEndian(&time).u64(0)?) })
    }

    fn slice(&self, index: usize) -> Result<&Slice, ReadError> {
        self.bscans.get(index).ok_or(ReadError::NoSuchBScan { index, count: self.bscans.len() })
    }
}

impl ScanReader for HeidelbergE2e {
    fn header(&self) -> &ScanHeader {
        &self.header
    }

    fn bscan(&mut self, index: usize) -> Result<BScan, ReadError> {
        let ScanHeader { width, height, .. } = self.header;
        let entry = self.slice(index)?.image;
        let samples = self.container.read(&entry, image::HEADER_BYTES, 2 * (width * height) as u64)?;
        Ok(BScan { width, height, intensity: image::intensity(&samples) })
    }

    fn device_boundaries(&mut self, index: usize) -> Result<Vec<(Boundary, BoundaryRows)>, ReadError> {
        let ScanHeader { width, height, .. } = self.header;
        let mut found: [Option<BoundaryRows>; DEVICE_BOUNDARIES.len()] = Default::default();
        for entry in self.slice(index)?.contours.clone() {
            let start = self.container.read(&entry, 0, CONTOUR_HEADER_BYTES)?;
            let (number, length) = (LittleEndian(&start).u32(4)? as usize, u64::from(LittleEndian(&start).u32(12)?));
            let rows_bytes = 4 * length;
            if entry.size < CONTOUR_HEADER_BYTES + rows_bytes {
                return Err(ReadError::Malformed(format!(
                    "a boundary of {length} rows does not fit into {} bytes",
                    entry.size
                )));
            }
            let Some(slot) = found.get_mut(number).filter(|_| length == width as u64) else { continue };
            let rows = self.container.read(&entry, CONTOUR_HEADER_BYTES, rows_bytes)?;
            *slot = boundary_rows(rows.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)), height);
        }
        Ok(DEVICE_BOUNDARIES.into_iter().zip(found).filter_map(|(boundary, rows)| Some((boundary?, rows?))).collect())
    }

    fn device_signal_db(&mut self, index: usize) -> Result<Option<f32>, ReadError> {
        const AT: u64 = 156;
        let Some(entry) = self.slice(index)?.metadata.filter(|e| e.size >= AT + 4) else { return Ok(None) };
        Ok(signal_db(LittleEndian(&self.container.read(&entry, AT, 4)?).f32(0)?))
    }

    fn fundus(&mut self) -> Result<Option<FundusImage>, ReadError> {
        self.slo.as_ref().map(|slo| slo.read(&self.container)).transpose()
    }

    fn acquisition(&mut self) -> Result<Acquisition, ReadError> {
        Ok(Acquisition { at: self.acquired()?, clock: Clock::Utc, device: DEVICE.to_owned() })
    }

    fn subject(&mut self) -> Result<Option<Subject>, ReadError> {
        /// Kind of the chunk that names the patient; offset and length of the identifier.
        const PATIENT: u32 = 9;
        const IDENTIFIER: (u64, u64) = (102, 21);

        let first = self.slice(0)?;
        let owner = first.image.owner.patient;
        // Edits are appended, so the last one counts.
        let patient = self.container.entries.iter().rfind(|e| e.kind == PATIENT && e.owner.patient == owner).copied();
        let Some(patient) = patient else { return Ok(None) };
        let identifier = self.container.read(&patient, IDENTIFIER.0, IDENTIFIER.1)?;
        let acquired = self.acquired()?;
        Ok(acquired.and_then(|acquired| Subject::new(&latin(&identifier), "", acquired, DEVICE)))
    }
}

/// Length of a track, in the unit of its positions.
fn length(track: &BScanPosition) -> f64 {
    match track {
        BScanPosition::Line { start, end } => start.distance(*end),
        BScanPosition::Circle { centre, start, .. } => std::f64::consts::TAU * start.distance(*centre),
    }
}
