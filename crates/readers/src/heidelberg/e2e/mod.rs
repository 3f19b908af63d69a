//! Heidelberg `.E2E` exports.
//!
//! A database in one file: directories list chunks, each with its owner (patient, study, series, slice) and kind. A
//! series that holds B-scans is one scan; a file may hold several, of both eyes. Positions are in degrees, and the
//! millimetres per degree depend on the eye. If neither sidecar nor operator states them, lateral spacing and positions
//! are unknown, and the B-scans are only shown on the fundus image. Source: public descriptions (uocte, LibE2E,
//! private_eye, OCT-Converter); B-scans and chunks were checked on a file of a Spectralis.

mod container;
mod image;
mod series;

use std::path::Path;

use octrls_core::{
    layer::Boundary,
    scan::{
        BScan, BScanPosition, BoundaryRows, MILLIMETRE, Moment, Pattern, Place, Provenance, ScanHeader, Spacing,
        Subject, subject::latin,
    },
};

use self::{
    container::{Container, Entry},
    series::{Series, Slice},
};
use super::{DEVICE, DEVICE_BOUNDARIES, boundary_rows, signal_db};
use crate::{
    FundusImage, ReadError, ReadOptions, ScanReader, fundus, header_ext::HeaderExt as _, little_endian::LittleEndian,
    sidecar::Hints,
};

/// Bytes before the rows of a boundary.
const CONTOUR_HEADER_BYTES: u64 = 36;
/// Bytes read of a B-scan's metadata.
const METADATA_BYTES: u64 = 84;

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

    pub(crate) fn open(path: &Path) -> Result<Self, ReadError> {
        let container = Container::open(path)?;
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

/// The fundus image.
struct Slo {
    entry: Entry,
    size: (usize, usize),
    /// Field of view in degrees in either direction, if stated.
    angle: Option<f64>,
    /// Tracks of the B-scans, in degrees from the centre of the image.
    tracks: Vec<BScanPosition>,
    /// Millimetres per degree.
    degree_mm: Option<f64>,
}

impl HeidelbergE2e {
    /// Opens the series of `file` that `options` choose.
    pub(crate) fn open(file: &E2eFile, hints: &Hints, options: ReadOptions) -> Result<Self, ReadError> {
        let mut container = file.container.reopen()?;
        let series = series::choose(&mut container, &file.series, options.series)?;
        let eye = series.eye(&mut container)?;
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
                metadata.extend(Some(Metadata::read(&mut container, entry)?).filter(|m| m.size == size));
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
        let angle = angle.map(|entry| scan_angle(&mut container, &entry)).transpose()?.flatten();
        let lateral = hints.per_degree.zip(tracks.first()).and_then(|(degree, track)| {
            Some(Spacing { from: degree.from, ..Spacing::of_file(degree.um * length(track) / width as f64)? })
        });
        let placed = hints.per_degree.filter(|_| lateral.is_some() && !tracks.is_empty());
        let corner = 0.5 * angle.unwrap_or(0.0);
        let places = placed.map(|degree| tracks.iter().map(|t| scaled(t, corner, degree.mm())).collect());
        let slo = fundus.map(|entry| Slo::of(&mut container, entry)).transpose()?.flatten();
        let slo = slo.map(|slo| Slo { angle, tracks, degree_mm: hints.per_degree.map(Spacing::mm), ..slo });
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
        };
        let header = header.with_sidecar_layout(hints);
        Ok(Self { container, header, bscans, slo })
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
        let Some(Slo { entry, size: (width, height), angle, ref tracks, degree_mm }) = self.slo else {
            return Ok(None);
        };
        let pixels = self.container.read(&entry, image::HEADER_BYTES, (width * height) as u64)?;
        let Some(angle) = angle else {
            return Ok(Some(FundusImage { width, height, pixels, pixel_mm: None, lines: Vec::new() }));
        };
        let degrees = [width, height].map(|pixels| angle / pixels as f64);
        let tracks = tracks.iter().map(|track| scaled(track, 0.5 * angle, 1.0));
        let lines = tracks.map(|track| fundus::points(&track, degrees)).collect();
        let pixel_mm = degree_mm.map(|mm| degrees.map(|of_pixel| mm * of_pixel));
        Ok(Some(FundusImage { width, height, pixels, pixel_mm, lines }))
    }

    fn subject(&mut self) -> Result<Option<Subject>, ReadError> {
        /// Kind of the chunk that names the patient; offset and length of the identifier.
        const PATIENT: u32 = 9;
        const IDENTIFIER: (u64, u64) = (102, 21);
        /// Offset of the time in a B-scan's metadata.
        const TIME: u64 = 88;

        let first = self.slice(0)?;
        let (owner, metadata) = (first.image.owner.patient, first.metadata);
        // Edits are appended, so the last one counts.
        let patient = self.container.entries.iter().rfind(|e| e.kind == PATIENT && e.owner.patient == owner).copied();
        let (Some(patient), Some(metadata)) = (patient, metadata) else { return Ok(None) };
        let identifier = self.container.read(&patient, IDENTIFIER.0, IDENTIFIER.1)?;
        let time = self.container.read(&metadata, TIME, 8)?;
        let acquired = if time.len() < 8 { None } else { Moment::of_filetime(LittleEndian(&time).u64(0)?) };
        Ok(acquired.and_then(|acquired| Subject::new(&latin(&identifier), "", acquired, DEVICE)))
    }
}

/// Scanner metadata of one B-scan.
struct Metadata {
    size: (usize, usize),
    /// x and y of the first and of the last A-scan, in degrees on the fundus image.
    ends: [f32; 4],
    axial_mm: f32,
    /// B-scans of the volume; 0 if the B-scan belongs to none.
    count: u32,
    kind: u32,
    /// Centre of a circle, in degrees on the fundus image.
    centre: Option<[f32; 2]>,
}

/// Kinds of a B-scan.
const LINE: u32 = 1;
const CIRCLE: u32 = 2;
/// Farthest plausible position from the centre of a fundus image, in degrees.
const MAX_DEGREES: f32 = 90.0;

impl Slo {
    /// Reads the image in the chunk `entry`; `None` if it is incomplete.
    fn of(container: &mut Container, entry: Entry) -> Result<Option<Self>, ReadError> {
        if entry.size < image::HEADER_BYTES {
            return Ok(None);
        }
        let start = container.read(&entry, 0, image::HEADER_BYTES)?;
        let size = image::fundus_dimensions(&start, entry.size);
        Ok(size.map(|size| Self { entry, size, angle: None, tracks: Vec::new(), degree_mm: None }))
    }
}

/// Field of view of the fundus image in degrees, if a lens with that angle exists.
fn scan_angle(container: &mut Container, entry: &Entry) -> Result<Option<f64>, ReadError> {
    const AT: u64 = 24;
    if entry.size < AT + 2 {
        return Ok(None);
    }
    let degrees = LittleEndian(&container.read(entry, AT, 2)?).u16(0)?;
    Ok((10..=120).contains(&degrees).then_some(degrees.into()))
}

/// Converts a track in degrees from the centre of an image to one in millimetres from its corner, `corner` degrees
/// away.
fn scaled(track: &BScanPosition, corner: f64, mm: f64) -> BScanPosition {
    let at = |p: Place| Place { x: (p.x + corner) * mm, y: (p.y + corner) * mm };
    match *track {
        BScanPosition::Line { start, end } => BScanPosition::Line { start: at(start), end: at(end) },
        BScanPosition::Circle { centre, start, clockwise } => {
            BScanPosition::Circle { centre: at(centre), start: at(start), clockwise }
        }
    }
}

/// Length of a track, in the unit of its positions.
fn length(track: &BScanPosition) -> f64 {
    match track {
        BScanPosition::Line { start, end } => start.distance(*end),
        BScanPosition::Circle { centre, start, .. } => std::f64::consts::TAU * start.distance(*centre),
    }
}

impl Metadata {
    /// Course of the B-scan, in degrees from the centre of the fundus image.
    fn track(&self) -> Option<BScanPosition> {
        let [x0, y0, x1, y1] = self.ends;
        let place = |x: f32, y: f32| {
            let near = x.abs() <= MAX_DEGREES && y.abs() <= MAX_DEGREES;
            near.then_some(Place { x: x.into(), y: y.into() })
        };
        match self.kind {
            LINE => BScanPosition::line(place(x0, y0)?, place(x1, y1)?),
            CIRCLE => self.centre.and_then(|[x, y]| BScanPosition::heidelberg_circle(place(x0, y0)?, place(x, y)?)),
            _ => None,
        }
    }

    fn read(container: &mut Container, entry: &Entry) -> Result<Self, ReadError> {
        let bytes = container.read(entry, 0, METADATA_BYTES)?;
        let fields = LittleEndian(&bytes);
        Ok(Self {
            size: (fields.u32(8)? as usize, fields.u32(4)? as usize),
            ends: [fields.f32(12)?, fields.f32(16)?, fields.f32(20)?, fields.f32(24)?],
            axial_mm: fields.f32(36)?,
            count: fields.u32(64)?,
            kind: fields.u32(72)?,
            centre: fields.f32(76).ok().zip(fields.f32(80).ok()).map(<[f32; 2]>::from),
        })
    }
}

/// Checks the number of B-scans against the number that they state themselves.
fn check_count(present: usize, metadata: &[Metadata], allow_missing: bool) -> Result<(), ReadError> {
    let listed = metadata.iter().map(|m| m.count as usize).max().unwrap_or(0);
    if present < listed && !allow_missing {
        return Err(ReadError::Incomplete { present, listed });
    }
    if present > listed && listed > 0 {
        return Err(ReadError::Malformed(format!("{present} B-scans in a volume of {listed}")));
    }
    Ok(())
}

fn pattern(metadata: &[Metadata]) -> Pattern {
    /// Rounding of places, in degrees.
    const NEAR: f32 = 0.05;

    let all = |kind| metadata.iter().all(|m| m.kind == kind);
    let same = |of: fn([f32; 4]) -> [f32; 2]| {
        let [first_x, first_y] = of(metadata[0].ends);
        metadata.iter().map(|m| of(m.ends)).all(|[x, y]| (x - first_x).abs() < NEAR && (y - first_y).abs() < NEAR)
    };
    match metadata.len() {
        0 => Pattern::Unknown,
        _ if all(CIRCLE) => Pattern::Circle,
        1 if all(LINE) => Pattern::Line,
        _ if all(LINE) && same(|[x0, y0, x1, y1]| [x1 - x0, y1 - y0]) => Pattern::RasterVolume,
        _ if all(LINE) && same(|[x0, y0, x1, y1]| [f32::midpoint(x0, x1), f32::midpoint(y0, y1)]) => Pattern::Radial,
        _ => Pattern::Unknown,
    }
}
