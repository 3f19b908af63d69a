//! Topcon `.fda` and `.fds` files.
//!
//! Layout (little endian): `FOCT`, the kind (`FDA`, `FDS`, `FAA`) and two version numbers, then chunks of name length,
//! name, size and content; a length of 0 ends them. B-scans are JPEG 2000 codestreams in `@IMG_JPEG`, or 16-bit samples
//! in `@IMG_MOT_COMP_03` (registered) and `@IMG_SCAN_03`. The reader goes by the chunks present, not by the kind. Names
//! and offsets follow the public descriptions of the uocte project, checked on files of a 3D OCT-1000.
//!
//! `@IMG_PROJECTION` shows the volume en face, one row per B-scan. In the one sample file, the only B-scan matches the
//! first row of the projection, and the picture that the scanner shows its operator is the projection upside down:
//! B-scans run from bottom to top. No description confirms this, so positions of horizontal volumes are a convention
//! and those of others are unknown.

mod chunks;
mod device_boundaries;

use octrls_core::{
    layer::Boundary,
    scan::{
        Acquisition, BScan, BoundaryRows, Clock, Eye, MILLIMETRE, Moment, Pattern, Provenance, ScanHeader,
        ScanSettings, Spacing, Subject, latin,
    },
};

use self::{
    chunks::{Chunk, list_chunks},
    device_boundaries::DeviceBoundaries,
};
use crate::{
    FundusImage, ReadError, ScanReader,
    codec::j2k,
    dimensions::{self, MAX_BSCANS},
    fundus,
    header_ext::HeaderExt as _,
    little_endian::LittleEndian,
    sidecar::{FirstBScan, Hints, VolumeLayout},
    sized_file::SizedFile,
};

const MAGIC: &[u8] = b"FOCT";

/// A `.fda` or `.fds` file; reads one B-scan at a time.
pub(crate) struct Topcon {
    file: SizedFile,
    header: ScanHeader,
    bscans: Bscans,
    projection: Option<Projection>,
    boundaries: DeviceBoundaries,
    acquisition: Acquisition,
    settings: ScanSettings,
    subject: Option<Subject>,
}

/// En-face image of the volume.
struct Projection {
    width: usize,
    /// Rows, one per B-scan.
    height: usize,
    /// Offset and size of the codestream.
    stream: (u64, u64),
    pixel_mm: Option<[f64; 2]>,
}

/// Storage of the B-scans.
enum Bscans {
    /// One codestream each: offset and size.
    Jpeg2000(Vec<(u64, u64)>),
    /// Offset of 16-bit samples, one B-scan after the other.
    Samples(u64),
}

/// Header of a chunk of images.
struct Frames {
    mode: u8,
    width: u64,
    height: u64,
    count: u64,
}

impl Topcon {
    /// Whether `start`, the first bytes of a file, belong to a Topcon file.
    pub(crate) fn recognises(start: &[u8]) -> bool {
        start.starts_with(MAGIC)
    }

    pub(crate) fn open(file: SizedFile, hints: &Hints) -> Result<Self, ReadError> {
        let chunks = list_chunks(&file)?;
        let find = |name: &str| chunks.iter().find(|c| c.name == name);
        let (frames, bscans) = if let Some(chunk) = find("@IMG_JPEG") {
            codestreams(&file, chunk)?
        } else if let Some(chunk) = find("@IMG_MOT_COMP_03") {
            samples(&file, chunk, 38)?
        } else if let Some(chunk) = find("@IMG_SCAN_03") {
            samples(&file, chunk, 22)?
        } else {
            return Err(ReadError::Unsupported("a Topcon file without B-scans in a known form".to_owned()));
        };
        let (width, height) = dimensions::check(frames.width, frames.height)?;
        if frames.count == 0 || frames.count > MAX_BSCANS {
            return Err(ReadError::Malformed(format!("invalid number of B-scans: {}", frames.count)));
        }
        let field = |name: &str, at: usize| {
            let chunk = find(name)?;
            let content = file.read(chunk.at, chunk.size.min(256)).ok()?;
            LittleEndian(&content).f64(at).ok()
        };
        let (length_mm, axial_um) = (field("@PARAM_SCAN_04", 12), field("@PARAM_SCAN_04", 28));
        let across_mm = field("@PARAM_SCAN_04", 20);
        let pattern = pattern(frames.mode);
        // For a circle, the file states the radius.
        let around = if pattern == Pattern::Circle { std::f64::consts::TAU } else { 1.0 };
        let lateral_um = length_mm.map(|mm| mm * around * MILLIMETRE / width as f64);
        let eye = match find("@CAPTURE_INFO_02").and_then(|c| file.read(c.at, 1).ok()).map(|b| b[0]) {
            Some(0) => Some(Eye::Right),
            Some(1) => Some(Eye::Left),
            _ => None,
        };
        let acquisition = Acquisition {
            at: find("@CAPTURE_INFO_02").and_then(|c| acquired(&file, c)),
            clock: Clock::Local,
            device: find("@HW_INFO_03").map(|c| device(&file, c)).unwrap_or_default(),
        };
        let settings = find("@HW_INFO_03").map(|c| settings(&file, c)).unwrap_or_default();
        let (eye, eye_from) = hints.eye_or(eye.map(|eye| (eye, Provenance::Header)));
        let projection = find("@IMG_PROJECTION").and_then(|c| Projection::of(&file, c, length_mm, across_mm));
        let boundaries = DeviceBoundaries::of(&file, &chunks, (width, frames.count as usize));
        let header = ScanHeader {
            format: "Topcon".into(),
            bscans: frames.count as usize,
            width,
            height,
            axial: axial_um.and_then(Spacing::of_file).or(hints.axial),
            lateral: lateral_um.and_then(Spacing::of_file).or(hints.lateral),
            eye,
            eye_from,
            pattern,
            pattern_from: (pattern != Pattern::Unknown).then_some(Provenance::Header),
            tracks: Vec::new(),
            places: None,
            notes: Vec::new(),
        };
        let subject = subject(&file, &chunks);
        let header = header.with_sidecar_layout(hints);
        // If B-scans are missing, the file does not tell which.
        let complete = projection.as_ref().is_none_or(|p| p.height == header.bscans);
        let stated_here = header.lateral.is_some_and(|s| s.from == Provenance::Header);
        let header = match across_mm {
            Some(mm) if frames.mode == HORIZONTAL && complete && stated_here && (0.1..100.0).contains(&mm) => header
                .with_layout(VolumeLayout::new(mm / frames.count as f64, FirstBScan::Inferior), Provenance::Convention),
            _ => header,
        };
        Ok(Self { file, header, bscans, projection, boundaries, acquisition, settings, subject })
    }
}

impl ScanReader for Topcon {
    fn header(&self) -> &ScanHeader {
        &self.header
    }

    fn bscan(&mut self, index: usize) -> Result<BScan, ReadError> {
        self.header.check_index(index)?;
        let ScanHeader { width, height, .. } = self.header;
        match &self.bscans {
            Bscans::Jpeg2000(places) => {
                let (at, size) = places[index];
                j2k::decode(&self.file.read(at, size)?, width, height)
            }
            Bscans::Samples(first) => {
                let size = 2 * (width * height) as u64;
                let bytes = self.file.read(first + index as u64 * size, size)?;
                let (samples, _) = bytes.as_chunks::<2>();
                let max = samples.iter().map(|&b| u16::from_le_bytes(b)).max().unwrap_or(0).max(1);
                let intensity = samples.iter().map(|&b| f32::from(u16::from_le_bytes(b)) / f32::from(max));
                Ok(BScan { width, height, intensity: intensity.collect() })
            }
        }
    }

    fn device_boundaries(&mut self, index: usize) -> Result<Vec<(Boundary, BoundaryRows)>, ReadError> {
        self.header.check_index(index)?;
        let ScanHeader { width, height, bscans, .. } = self.header;
        if self.boundaries.order_is_unknown() {
            // The middle B-scan has the same place in either order.
            let some = [0, bscans / 4, bscans - 1 - bscans / 4, bscans - 1];
            let samples = some.into_iter().map(|i| Ok((i, self.bscan(i)?))).collect::<Result<Vec<_>, ReadError>>()?;
            self.boundaries.determine_order(&self.file, &samples, bscans)?;
        }
        self.boundaries.rows(&self.file, index, bscans, (width, height))
    }

    fn subject(&mut self) -> Result<Option<Subject>, ReadError> {
        Ok(self.subject.clone())
    }

    fn fundus(&mut self) -> Result<Option<FundusImage>, ReadError> {
        let Some(Projection { width, height, stream: (at, size), pixel_mm }) = self.projection else { return Ok(None) };
        let image = j2k::decode(&self.file.read(at, size)?, width, height)?;
        let pixels = FundusImage::grey(&image).chunks_exact(width).rev().flatten().copied().collect();
        let lines = self.header.tracks.iter().zip(pixel_mm.into_iter().cycle());
        let lines = lines.map(|(track, mm)| fundus::points(track, mm)).collect();
        Ok(Some(FundusImage { width, height, pixels, pixel_mm, lines }))
    }

    fn settings(&mut self) -> Result<ScanSettings, ReadError> {
        Ok(self.settings.clone())
    }

    fn acquisition(&mut self) -> Result<Acquisition, ReadError> {
        Ok(self.acquisition.clone())
    }
}

/// When the scan was taken: year, month, day, hour, minute and second after the label.
fn acquired(file: &SizedFile, chunk: &Chunk) -> Option<Moment> {
    const AT: usize = 106;
    let content = file.read(chunk.at, chunk.size.min(128)).ok()?;
    let part = |i: usize| LittleEndian(&content).u16(AT + 2 * i).ok().map(i64::from);
    Moment::new((part(0)?, part(1)?, part(2)?), (part(3)?, part(4)?, part(5)?))
}

/// Maker and model of the scanner.
fn device(file: &SizedFile, chunk: &Chunk) -> String {
    const MODEL: u64 = 16;
    let model = file.read(chunk.at, chunk.size.min(MODEL)).unwrap_or_default();
    format!("Topcon {}", latin(&model)).trim().to_owned()
}

/// Serial number and software version.
fn settings(file: &SizedFile, chunk: &Chunk) -> ScanSettings {
    const SERIAL: std::ops::Range<usize> = 16..32;
    const VERSION: std::ops::Range<usize> = 64..80;
    let bytes = file.read(chunk.at, chunk.size.min(VERSION.end as u64)).unwrap_or_default();
    let text = |range: std::ops::Range<usize>| bytes.get(range).map(latin);
    ScanSettings { software: text(VERSION), serial: text(SERIAL), ..ScanSettings::default() }.plausible()
}

impl Projection {
    /// Reads the image in `chunk`: width, height, bits, coding, size, a codestream; `None` if it has another form.
    fn of(file: &SizedFile, chunk: &Chunk, across: Option<f64>, down: Option<f64>) -> Option<Self> {
        const HEADER_BYTES: u64 = 20;
        let start = file.read(chunk.at, HEADER_BYTES.min(chunk.size)).ok()?;
        let fields = LittleEndian(&start);
        let (width, height) = (fields.u32(0).ok()?, fields.u32(4).ok()?);
        let (width, height) = dimensions::check(width.into(), height.into()).ok()?;
        let size = u64::from(fields.u32(16).ok()?);
        let mm = |length: Option<f64>, pixels: usize| {
            length.map(|mm| mm / pixels as f64).filter(|mm| (1e-4..10.0).contains(mm))
        };
        let pixel_mm = mm(across, width).zip(mm(down, height)).map(<[f64; 2]>::from);
        let complete = fields.u32(8).ok()? == 8 && HEADER_BYTES + size <= chunk.size;
        complete.then_some(Self { width, height, stream: (chunk.at + HEADER_BYTES, size), pixel_mm })
    }
}

/// Patient, time and scanner; `None` if the file lacks one or obscures the patient, as `@PATIENT_INFO_03` does.
fn subject(file: &SizedFile, chunks: &[Chunk]) -> Option<Subject> {
    let part = |name: &str, at: u64, bytes: u64| {
        let chunk = chunks.iter().find(|c| c.name == name && at + bytes <= c.size)?;
        file.read(chunk.at + at, bytes).ok()
    };
    let patient = latin(&part("@PATIENT_INFO_02", 0, 32)?);
    let time = part("@CAPTURE_INFO_02", 106, 12)?;
    let field = |i: usize| LittleEndian(&time).u16(2 * i).ok().map(i64::from);
    let acquired = Moment::new((field(0)?, field(1)?, field(2)?), (field(3)?, field(4)?, field(5)?))?;
    let model = part("@HW_INFO_03", 0, 16).map(|name| latin(&name)).unwrap_or_default();
    Subject::new(&patient, "", acquired, &format!("Topcon {model}"))
}

/// Reads a chunk of codestreams: mode, two display limits, width, height, count, three fields of coding; then the size
/// and data of each.
fn codestreams(file: &SizedFile, chunk: &Chunk) -> Result<(Frames, Bscans), ReadError> {
    const FIRST: u64 = 25;
    let start = file.read(chunk.at, FIRST.min(chunk.size))?;
    let start = LittleEndian(&start);
    let frames = Frames {
        mode: start.u8(0)?,
        width: start.u32(9)?.into(),
        height: start.u32(13)?.into(),
        count: start.u32(17)?.into(),
    };
    let end = chunk.at + chunk.size;
    let mut places = Vec::new();
    let mut at = chunk.at + FIRST;
    for index in 0..frames.count.min(MAX_BSCANS) {
        let size = u64::from(LittleEndian(&file.read(at, 4)?).u32(0)?);
        if at + 4 + size > end {
            return Err(ReadError::Truncated(format!("B-scan {index} exceeds its chunk")));
        }
        places.push((at + 4, size));
        at += 4 + size;
    }
    Ok((frames, Bscans::Jpeg2000(places)))
}

/// Reads a chunk of 16-bit samples: mode, width, height, bits, count. The samples start after `header` bytes, preceded
/// by their size.
fn samples(file: &SizedFile, chunk: &Chunk, header: u64) -> Result<(Frames, Bscans), ReadError> {
    let start = file.read(chunk.at, header.min(chunk.size))?;
    let start = LittleEndian(&start);
    let (bits, size) = (start.u32(9)?, start.u32(header as usize - 4)?);
    let frames = Frames {
        mode: start.u8(0)?,
        width: start.u32(1)?.into(),
        height: start.u32(5)?.into(),
        count: start.u32(13)?.into(),
    };
    if bits != 16 || start.u8(17)? != 0 {
        return Err(ReadError::Unsupported(format!("Topcon samples of {bits} bits or in an unknown coding")));
    }
    let expected = frames.width.checked_mul(frames.height).and_then(|p| p.checked_mul(2 * frames.count));
    if expected != Some(size.into()) || u64::from(size) + header > chunk.size {
        return Err(ReadError::Malformed(format!("{size} bytes of samples do not fit the declared sizes")));
    }
    Ok((frames, Bscans::Samples(chunk.at + header)))
}

/// Mode of a volume of horizontal B-scans.
const HORIZONTAL: u8 = 2;

const fn pattern(mode: u8) -> Pattern {
    match mode {
        0 => Pattern::Line,
        1 => Pattern::Circle,
        HORIZONTAL | 6 => Pattern::RasterVolume,
        3 => Pattern::Radial,
        _ => Pattern::Unknown,
    }
}
