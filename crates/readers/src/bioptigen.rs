//! Bioptigen `.OCT` files.
//!
//! Layout (little endian): a magic number and a version, then records of key length, key, data length and data.
//! `FRAMEHEADER` and each `FRAMEDATA` contain records themselves. The samples of an A-scan are contiguous. Source:
//! public descriptions (Bioptigen's published reader for Matlab, the AURA tools, LibOctData).

use octrls_core::scan::{BScan, Eye, MILLIMETRE, Pattern, Provenance, ScanHeader, Spacing};

use crate::{
    ReadError, ScanReader,
    dimensions::{self, MAX_BSCANS},
    header_ext::HeaderExt as _,
    little_endian::LittleEndian,
    sidecar::Hints,
    sized_file::SizedFile,
};

const MAGIC: [u8; 4] = 209_561_509_u32.to_le_bytes();
const FIRST_RECORD: u64 = 6;
/// Maximum records in one container; a frame has about five.
const MAX_RECORDS: usize = 2 * MAX_BSCANS as usize;
const MAX_KEY: u64 = 256;

/// A `.OCT` file; reads one B-scan at a time.
pub(crate) struct Bioptigen {
    file: SizedFile,
    header: ScanHeader,
    bytes_per_sample: u64,
    /// Offset of each frame's samples.
    frames: Vec<u64>,
}

struct Record {
    key: String,
    at: u64,
    size: u64,
}

#[derive(Default)]
struct Declared {
    count: Option<u64>,
    ascans: Option<u64>,
    depth: Option<u64>,
    format: Option<u64>,
    kind: Option<u64>,
    depth_mm: Option<f64>,
    length_mm: Option<f64>,
}

impl Bioptigen {
    /// Whether `start`, the first bytes of a file, belong to a Bioptigen file.
    pub(crate) fn recognises(start: &[u8]) -> bool {
        start.starts_with(&MAGIC)
    }

    pub(crate) fn open(file: SizedFile, hints: &Hints) -> Result<Self, ReadError> {
        let all = file.length();
        let (mut declared, mut samples) = (Declared::default(), Vec::new());
        for record in records(&file, FIRST_RECORD, all)? {
            if samples.len() as u64 > MAX_BSCANS {
                return Err(ReadError::Malformed("too many frames".to_owned()));
            }
            match record.key.as_str() {
                "FRAMEHEADER" => declared = Declared::read(&file, &record)?,
                "FRAMEDATA" => {
                    let parts = records(&file, record.at, record.at + record.size)?;
                    samples.extend(parts.into_iter().find(|r| r.key == "FRAMESAMPLES"));
                }
                _ => {}
            }
        }
        let need = |value: Option<u64>, name: &str| {
            value.ok_or_else(|| ReadError::Malformed(format!("the Bioptigen file has no {name}")))
        };
        let (width, height) =
            dimensions::check(need(declared.ascans, "LINECOUNT")?, need(declared.depth, "LINELENGTH")?)?;
        let count = need(declared.count, "FRAMECOUNT")?;
        if count == 0 || count > MAX_BSCANS {
            return Err(ReadError::Malformed(format!("invalid number of frames: {count}")));
        }
        let bytes_per_sample = match declared.format {
            Some(1) => 1,
            None | Some(2) => 2,
            Some(other) => return Err(ReadError::Unsupported(format!("Bioptigen sample format {other}"))),
        };
        if (samples.len() as u64) < count {
            return Err(ReadError::Truncated(format!("only {} of {count} frames present", samples.len())));
        }
        let expected = (width * height) as u64 * bytes_per_sample;
        if let Some(wrong) = samples.iter().find(|r| r.size != expected) {
            return Err(ReadError::Malformed(format!("a frame has {} bytes instead of {expected}", wrong.size)));
        }
        let spacing = |mm: Option<f64>, pixels: usize| Spacing::of_file(mm? * MILLIMETRE / pixels as f64);
        let pattern = match declared.kind {
            _ if count == 1 => Pattern::Line,
            Some(1) => Pattern::RasterVolume,
            Some(3) => Pattern::Radial,
            _ => Pattern::Unknown,
        };
        let (eye, eye_from) = hints.eye_or(Eye::in_name(file.path()).map(|eye| (eye, Provenance::Name)));
        let header = ScanHeader {
            format: "Bioptigen OCT".into(),
            bscans: count as usize,
            width,
            height,
            axial: spacing(declared.depth_mm, height).or(hints.axial),
            lateral: spacing(declared.length_mm, width).or(hints.lateral),
            eye,
            eye_from,
            pattern_from: (pattern != Pattern::Unknown).then_some(Provenance::Header),
            pattern,
            tracks: Vec::new(),
            places: None,
            notes: Vec::new(),
        };
        let header = header.with_sidecar_layout(hints);
        Ok(Self { file, header, bytes_per_sample, frames: samples.into_iter().map(|r| r.at).collect() })
    }
}

impl ScanReader for Bioptigen {
    fn header(&self) -> &ScanHeader {
        &self.header
    }

    fn bscan(&mut self, index: usize) -> Result<BScan, ReadError> {
        self.header.check_index(index)?;
        let ScanHeader { width, height, .. } = self.header;
        let bytes = self.file.read(self.frames[index], (width * height) as u64 * self.bytes_per_sample)?;
        let sample = |i: usize| match self.bytes_per_sample {
            1 => u16::from(bytes[i]),
            _ => u16::from_le_bytes([bytes[2 * i], bytes[2 * i + 1]]),
        };
        let max = (0..width * height).map(sample).max().unwrap_or(0).max(1);
        let grey = |i: usize| f32::from(sample(i)) / f32::from(max);
        let intensity = (0..height).flat_map(|y| (0..width).map(move |x| x * height + y)).map(grey).collect();
        Ok(BScan { width, height, intensity })
    }
}

impl Declared {
    fn read(file: &SizedFile, header: &Record) -> Result<Self, ReadError> {
        let mut declared = Self::default();
        for record in records(file, header.at, header.at + header.size)? {
            if !matches!(record.size, 4 | 8) {
                continue;
            }
            let bytes = file.read(record.at, record.size)?;
            let integer = if record.size == 4 { Some(u64::from(LittleEndian(&bytes).u32(0)?)) } else { None };
            let float = if record.size == 8 { Some(LittleEndian(&bytes).f64(0)?) } else { None };
            match record.key.as_str() {
                "FRAMECOUNT" => declared.count = integer,
                "LINECOUNT" => declared.ascans = integer,
                "LINELENGTH" => declared.depth = integer,
                "SAMPLEFORMAT" => declared.format = integer,
                "SCANTYPE" => declared.kind = integer,
                "SCANDEPTH" => declared.depth_mm = float,
                "AZSCANLENGTH" => declared.length_mm = float,
                _ => {}
            }
        }
        Ok(declared)
    }
}

/// Reads the records from `at` to `end`; a key length of 0 ends them early.
fn records(file: &SizedFile, mut at: u64, end: u64) -> Result<Vec<Record>, ReadError> {
    let mut records = Vec::new();
    while at + 4 <= end {
        let length = u64::from(LittleEndian(&file.read(at, 4)?).u32(0)?);
        if length == 0 {
            break;
        }
        if length > MAX_KEY || records.len() == MAX_RECORDS {
            return Err(ReadError::Malformed("invalid records in the Bioptigen file".to_owned()));
        }
        let start = file.read(at + 4, length + 4)?;
        let (key, size) = start.split_at(length as usize);
        let (content, size) = (at + 8 + length, u64::from(LittleEndian(size).u32(0)?));
        if content + size > end {
            return Err(ReadError::Truncated("a record is longer than its container".to_owned()));
        }
        let key = String::from_utf8_lossy(key).trim_end_matches('\0').to_owned();
        records.push(Record { key, at: content, size });
        at = content + size;
    }
    Ok(records)
}
