//! Heidelberg Spectralis raw export, `.vol`.
//!
//! Layout (little endian): a header of 2048 bytes, the SLO image (8 bit), then for each B-scan a header and
//! `SizeZ * SizeX` 32-bit floats of linear reflectivity. A B-scan's header states its own size; the size in the file
//! header only applies if it does not, since the two differ in files of other writers. The header also holds the
//! B-scan's position on the SLO image in millimetres, and the scanner's own boundaries. `FLT_MAX` marks samples outside
//! the acquired frame. Source of field offsets: the documentation of Heidelberg's special function export "HSF-OCT",
//! and the `eyepy` and `OCTolyzer` readers.

use octrls_core::{
    layer::Boundary,
    scan::{
        Acquisition, BScan, BScanPosition, BoundaryRows, Clock, Eye, MILLIMETRE, Moment, Pattern, Place, Provenance,
        ScanHeader, ScanSettings, Spacing, Subject, subject::latin,
    },
};

use super::{DEVICE, DEVICE_BOUNDARIES, boundary_rows, display_intensity, signal_db};
use crate::{
    FundusImage, ReadError, ScanReader,
    dimensions::{self, MAX_BSCANS},
    little_endian::LittleEndian,
    sidecar::Hints,
    sized_file::SizedFile,
};

const HEADER_BYTES: u64 = 2048;
/// Minimum bytes of a B-scan header.
const BSCAN_HEADER_MIN: u64 = 256;
const BSCAN_HEADER_MAX: u64 = 16 << 20;
/// Scan pattern of a circle.
const CIRCLE: i32 = 2;

/// A `.vol` file; reads one B-scan at a time.
pub(crate) struct HeidelbergVol {
    file: SizedFile,
    header: ScanHeader,
    bscans: Vec<BScanLayout>,
    slo: Slo,
    subject: Option<Subject>,
    acquired: Option<Moment>,
    settings: ScanSettings,
}

/// Offsets of the parts of a B-scan.
#[derive(Clone, Copy)]
struct BScanLayout {
    pixels: u64,
    boundaries: u64,
    boundary_count: usize,
    signal_db: Option<f32>,
}

#[derive(Clone, Copy)]
struct Slo {
    width: u64,
    height: u64,
    pixel_mm: [f64; 2],
}

/// Bytes read at the start of a B-scan's header: its size, position, boundaries and signal.
const PLACE_BYTES: u64 = 60;

impl HeidelbergVol {
    /// Whether `start`, the first bytes of a file, belong to a `.vol` file.
    ///
    /// The version text is not required, since other writers use their own; without it, the declared sizes must be
    /// plausible.
    pub(crate) fn recognises(start: &[u8]) -> bool {
        if start.starts_with(b"HSF-OCT-") {
            return true;
        }
        let Some(fields) = start.get(..HEADER_BYTES as usize).map(LittleEndian) else { return false };
        let printable = start[..12].iter().all(|&b| b == 0 || (32..127).contains(&b));
        let plausible = |at, min: u64, max: u64| size(fields, at).is_ok_and(|v| (min..=max).contains(&v));
        printable
            && plausible(12, 1, 32_768)
            && plausible(16, 1, MAX_BSCANS)
            && plausible(20, 1, 32_768)
            && matches!(&start[84..86], b"OD" | b"OS")
            && plausible(100, BSCAN_HEADER_MIN, BSCAN_HEADER_MAX)
    }

    pub(crate) fn open(file: SizedFile, hints: &Hints) -> Result<Self, ReadError> {
        let start = file.read(0, HEADER_BYTES)?;
        let fields = LittleEndian(&start);

        let (width, height) = dimensions::check(size(fields, 12)?, size(fields, 20)?)?;
        let bscans = size(fields, 16)?;
        if bscans == 0 || bscans > MAX_BSCANS {
            return Err(ReadError::Malformed(format!("invalid number of B-scans: {bscans}")));
        }
        let bscan_header_bytes = size(fields, 100)?;
        if !(BSCAN_HEADER_MIN..=BSCAN_HEADER_MAX).contains(&bscan_header_bytes) {
            return Err(ReadError::Malformed(format!("invalid B-scan header size: {bscan_header_bytes} bytes")));
        }
        let slo =
            Slo { width: size(fields, 48)?, height: size(fields, 52)?, pixel_mm: [fields.f64(56)?, fields.f64(64)?] };
        let first_bscan = HEADER_BYTES.saturating_add(slo.width.saturating_mul(slo.height));
        let pixel_bytes = 4 * (width * height) as u64;
        let least = first_bscan.saturating_add(bscans * (BSCAN_HEADER_MIN + pixel_bytes));
        if file.length() < least {
            return Err(ReadError::Truncated(format!(
                "at least {least} bytes declared, but the file has {}",
                file.length()
            )));
        }
        let circle = fields.i32(96)? == CIRCLE;
        let mut layouts = Vec::with_capacity(bscans as usize);
        let mut tracks = Vec::with_capacity(bscans as usize);
        let mut at = first_bscan;
        for index in 0..bscans {
            let place = file.read(at, PLACE_BYTES)?;
            let place = LittleEndian(&place);
            let own = u64::try_from(place.i32(12)?).unwrap_or(0);
            let plausible = (BSCAN_HEADER_MIN..=BSCAN_HEADER_MAX).contains(&own);
            let header_bytes = if plausible { own } else { bscan_header_bytes };
            let pixels = at + header_bytes;
            layouts.push(BScanLayout::new(at, header_bytes, width, place)?);
            tracks.extend(track(place, circle)?);
            at = pixels + pixel_bytes;
            if file.length() < at {
                return Err(ReadError::Truncated(format!(
                    "B-scan {index} ends past the end of the file, at byte {at}"
                )));
            }
        }
        // Positions are used only if every B-scan has one.
        tracks.truncate(if tracks.len() == layouts.len() { layouts.len() } else { 0 });

        let spacing = |mm: f64| Spacing::of_file(mm * MILLIMETRE);
        let pattern = match fields.i32(96)? {
            1 => Pattern::Line,
            CIRCLE => Pattern::Circle,
            3 | 4 => Pattern::RasterVolume,
            5 => Pattern::Radial,
            _ => Pattern::Unknown,
        };
        let eye = std::str::from_utf8(&start[84..86]).ok().and_then(Eye::of_code);
        let (eye, eye_from) = hints.eye_or(eye.map(|eye| (eye, Provenance::Header)));
        // The time of the examination, and the patient's identifier.
        let acquired = Moment::of_filetime(fields.u64(88)?);
        let patient = latin(fields.slice(140, 21)?);
        let subject = acquired.and_then(|acquired| Subject::new(&patient, "", acquired, DEVICE));
        let header = ScanHeader {
            format: "Heidelberg VOL".into(),
            bscans: bscans as usize,
            width,
            height,
            axial: spacing(fields.f64(40)?).or(hints.axial),
            lateral: spacing(fields.f64(24)?).or(hints.lateral),
            eye,
            eye_from,
            pattern,
            pattern_from: (pattern != Pattern::Unknown).then_some(Provenance::Header),
            places: (!tracks.is_empty()).then_some(Provenance::Header),
            notes: Vec::new(),
            tracks,
        };
        let settings = ScanSettings { focus_dpt: Some(fields.f64(76)?), ..ScanSettings::default() }.plausible();
        Ok(Self { file, header, bscans: layouts, slo, subject, acquired, settings })
    }
}

impl ScanReader for HeidelbergVol {
    fn header(&self) -> &ScanHeader {
        &self.header
    }

    fn bscan(&mut self, index: usize) -> Result<BScan, ReadError> {
        let ScanHeader { width, height, .. } = self.header;
        let at = self.layout(index)?.pixels;
        let intensity = self.floats(at, width * height)?.map(display_intensity).collect();
        Ok(BScan { width, height, intensity })
    }

    fn device_boundaries(&mut self, index: usize) -> Result<Vec<(Boundary, BoundaryRows)>, ReadError> {
        let ScanHeader { width, height, .. } = self.header;
        let BScanLayout { boundaries, boundary_count, .. } = self.layout(index)?;
        let mut found = Vec::new();
        for (i, boundary) in (0..boundary_count as u64).zip(DEVICE_BOUNDARIES) {
            let Some(boundary) = boundary else { continue };
            let rows = self.floats(boundaries + i * 4 * width as u64, width)?;
            found.extend(boundary_rows(rows, height).map(|rows| (boundary, rows)));
        }
        Ok(found)
    }

    fn device_signal_db(&mut self, index: usize) -> Result<Option<f32>, ReadError> {
        Ok(self.layout(index)?.signal_db)
    }

    fn subject(&mut self) -> Result<Option<Subject>, ReadError> {
        Ok(self.subject.clone())
    }

    fn acquisition(&mut self) -> Result<Acquisition, ReadError> {
        Ok(Acquisition { at: self.acquired, clock: Clock::Utc, device: DEVICE.to_owned() })
    }

    fn settings(&mut self) -> Result<ScanSettings, ReadError> {
        Ok(self.settings.clone())
    }

    fn fundus(&mut self) -> Result<Option<FundusImage>, ReadError> {
        let Slo { width, height, pixel_mm } = self.slo;
        if width == 0 || height == 0 || pixel_mm.iter().any(|mm| Spacing::of_file(mm * MILLIMETRE).is_none()) {
            return Ok(None);
        }
        let (width, height) = dimensions::check(width, height)?;
        let pixels = self.file.read(HEADER_BYTES, (width * height) as u64)?;
        Ok(Some(FundusImage::with_tracks((width, height), pixels, pixel_mm, &self.header.tracks)))
    }
}

impl HeidelbergVol {
    fn layout(&self, index: usize) -> Result<BScanLayout, ReadError> {
        self.bscans.get(index).copied().ok_or(ReadError::NoSuchBScan { index, count: self.bscans.len() })
    }

    fn floats(&self, at: u64, count: usize) -> Result<impl Iterator<Item = f32> + use<>, ReadError> {
        let bytes = self.file.read(at, 4 * count as u64)?;
        Ok((0..count).map(move |i| LittleEndian(&bytes).f32(4 * i).unwrap_or(f32::MAX)))
    }
}

impl BScanLayout {
    /// The parts of the B-scan whose header starts at `at`. Ignores boundaries that would not fit into the header.
    fn new(at: u64, header_bytes: u64, width: usize, place: LittleEndian<'_>) -> Result<Self, ReadError> {
        let size = |at| Ok::<_, ReadError>(u64::try_from(place.i32(at)?).unwrap_or(0));
        let (count, offset) = (size(48)?, size(52)?);
        let fits = offset >= PLACE_BYTES && offset + count * 4 * width as u64 <= header_bytes;
        Ok(Self {
            pixels: at + header_bytes,
            boundaries: at + offset,
            boundary_count: if fits { count as usize } else { 0 },
            signal_db: signal_db(place.f32(56)?),
        })
    }
}

/// Course of a B-scan; the header of a circle holds its first A-scan and its centre.
fn track(place: LittleEndian<'_>, circle: bool) -> Result<Option<BScanPosition>, ReadError> {
    let start = Place { x: place.f64(16)?, y: place.f64(24)? };
    let end = Place { x: place.f64(32)?, y: place.f64(40)? };
    Ok(if circle { BScanPosition::heidelberg_circle(start, end) } else { BScanPosition::line(start, end) })
}

/// A declared size.
fn size(fields: LittleEndian<'_>, at: usize) -> Result<u64, ReadError> {
    u64::try_from(fields.i32(at)?).map_err(|_| ReadError::Malformed("negative size declared".to_owned()))
}
