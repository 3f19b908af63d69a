//! Heidelberg Spectralis raw export, `.vol`.
//!
//! Layout (little endian): a header of 2048 bytes, the SLO image (8 bit), then for each B-scan a header and
//! `SizeZ * SizeX` 32-bit floats of linear reflectivity. A B-scan's header states its own size; the size in the
//! file header counts where it does not, since writers other than the scanner's own leave the two apart.
//! `FLT_MAX` marks samples outside the acquired frame. Field offsets as documented by the Heidelberg special
//! function "HSF-OCT" export and the `eyepy` and `OCTolyzer` readers.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use super::{
    BScan, Eye, Pattern, Provenance, ReadError, ScanHeader, ScanReader, Spacing,
    dimensions::{self, MAX_BSCANS},
    sidecar::{self, Stated},
};

const HEADER_BYTES: u64 = 2048;
/// The parts of a B-scan header that must be there at least.
const BSCAN_HEADER_MIN: u64 = 256;
const BSCAN_HEADER_MAX: u64 = 16 << 20;
const MILLIMETRE: f64 = 1000.0;

/// A `.vol` file; reads one B-scan at a time.
pub struct HeidelbergVol {
    file: File,
    path: PathBuf,
    header: ScanHeader,
    /// Where the pixels of each B-scan start.
    pixels_at: Vec<u64>,
}

impl HeidelbergVol {
    /// Whether `start`, the first bytes of a file, are those of a `.vol`.
    ///
    /// The version text alone is not enough (other writers put their own), so plausible sizes count too.
    #[must_use]
    pub fn recognises(start: &[u8]) -> bool {
        if start.starts_with(b"HSF-OCT-") {
            return true;
        }
        let Some(fields) = start.get(..HEADER_BYTES as usize).map(Fields) else { return false };
        let printable = start[..12].iter().all(|&b| b == 0 || (32..127).contains(&b));
        let sane = |v: i32, max: i32| (1..=max).contains(&v);
        printable
            && sane(fields.i32(12), 32_768)
            && sane(fields.i32(16), MAX_BSCANS as i32)
            && sane(fields.i32(20), 32_768)
            && matches!(&start[84..86], b"OD" | b"OS")
            && (BSCAN_HEADER_MIN as i32..=BSCAN_HEADER_MAX as i32).contains(&fields.i32(100))
    }

    pub(super) fn open(path: &Path, stated: &Stated) -> Result<Self, ReadError> {
        let io = |source| ReadError::Io { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(io)?;
        let actual = file.metadata().map_err(io)?.len();
        let mut start = [0; HEADER_BYTES as usize];
        if actual < HEADER_BYTES {
            return Err(ReadError::Truncated(format!("{actual} bytes hold no .vol header of {HEADER_BYTES}")));
        }
        file.read_exact(&mut start).map_err(|source| short_or_io(path, source))?;
        let fields = Fields(&start);

        let (width, height) = dimensions::check(fields.size(12)?, fields.size(20)?)?;
        let bscans = fields.size(16)?;
        if bscans == 0 || bscans > MAX_BSCANS {
            return Err(ReadError::Malformed(format!("{bscans} B-scans declared")));
        }
        let bscan_header_bytes = fields.size(100)?;
        if !(BSCAN_HEADER_MIN..=BSCAN_HEADER_MAX).contains(&bscan_header_bytes) {
            return Err(ReadError::Malformed(format!("a B-scan header of {bscan_header_bytes} bytes declared")));
        }
        let slo_bytes = fields.size(48)?.saturating_mul(fields.size(52)?);
        let first_bscan = HEADER_BYTES.saturating_add(slo_bytes);
        let pixel_bytes = 4 * (width * height) as u64;
        let least = first_bscan.saturating_add(bscans * (BSCAN_HEADER_MIN + pixel_bytes));
        if actual < least {
            return Err(ReadError::Truncated(format!("at least {least} bytes declared, {actual} there")));
        }
        let mut pixels_at = Vec::with_capacity(bscans as usize);
        let mut at = first_bscan;
        for index in 0..bscans {
            let mut size = [0; 4];
            let read = file.seek(SeekFrom::Start(at + 12)).and_then(|_| file.read_exact(&mut size));
            read.map_err(|source| short_or_io(path, source))?;
            let own = u64::try_from(i32::from_le_bytes(size)).unwrap_or(0);
            let sane = (BSCAN_HEADER_MIN..=BSCAN_HEADER_MAX).contains(&own);
            let pixels = at + if sane { own } else { bscan_header_bytes };
            at = pixels + pixel_bytes;
            if actual < at {
                return Err(ReadError::Truncated(format!("B-scan {index} ends at byte {at}, the file at {actual}")));
            }
            pixels_at.push(pixels);
        }

        let spacing = |mm: f64, stated: Option<Spacing>| match sidecar::plausible(mm * MILLIMETRE) {
            Ok(um) => Some(Spacing { um, from: Provenance::Header }),
            Err(_) => stated,
        };
        let pattern = match fields.i32(96) {
            1 => Pattern::Line,
            2 => Pattern::Circle,
            3 | 4 => Pattern::RasterVolume,
            5 => Pattern::Radial,
            _ => Pattern::Unknown,
        };
        let eye = match &start[84..86] {
            b"OD" => Some(Eye::Right),
            b"OS" => Some(Eye::Left),
            _ => stated.eye,
        };
        let header = ScanHeader {
            format: "Heidelberg VOL",
            bscans: bscans as usize,
            width,
            height,
            axial: spacing(fields.f64(40), stated.axial),
            lateral: spacing(fields.f64(24), stated.lateral),
            eye,
            pattern,
        };
        Ok(Self { file, path: path.to_owned(), header, pixels_at })
    }
}

impl ScanReader for HeidelbergVol {
    fn header(&self) -> &ScanHeader {
        &self.header
    }

    fn bscan(&mut self, index: usize) -> Result<BScan, ReadError> {
        let ScanHeader { bscans, width, height, .. } = self.header;
        if index >= bscans {
            return Err(ReadError::NoSuchBScan { index, count: bscans });
        }
        let mut bytes = vec![0; 4 * width * height];
        self.file
            .seek(SeekFrom::Start(self.pixels_at[index]))
            .and_then(|_| self.file.read_exact(&mut bytes))
            .map_err(|source| short_or_io(&self.path, source))?;
        let (samples, _) = bytes.as_chunks::<4>();
        let intensity = samples.iter().map(|&b| display_intensity(f32::from_le_bytes(b))).collect();
        Ok(BScan { width, height, intensity })
    }
}

/// An end where there should be content is the file's fault, everything else the system's.
fn short_or_io(path: &Path, source: std::io::Error) -> ReadError {
    if source.kind() == std::io::ErrorKind::UnexpectedEof {
        ReadError::Truncated("the file ends within a B-scan".to_owned())
    } else {
        ReadError::Io { path: path.to_owned(), source }
    }
}

/// The scanner's own display curve, the fourth root of reflectivity; samples without data are black.
fn display_intensity(reflectivity: f32) -> f32 {
    if reflectivity.is_finite() && reflectivity < f32::MAX { reflectivity.clamp(0.0, 1.0).sqrt().sqrt() } else { 0.0 }
}

/// Little-endian fields of the 2048-byte header.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn bytes<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut out = [0; N];
        out.copy_from_slice(&self.0[at..at + N]);
        out
    }

    fn i32(&self, at: usize) -> i32 {
        i32::from_le_bytes(self.bytes(at))
    }

    fn f64(&self, at: usize) -> f64 {
        f64::from_le_bytes(self.bytes(at))
    }

    fn size(&self, at: usize) -> Result<u64, ReadError> {
        u64::try_from(self.i32(at)).map_err(|_| ReadError::Malformed("a negative size is declared".to_owned()))
    }
}
