//! Zeiss Cirrus `.img` raw exports.
//!
//! Files hold 8-bit samples without a header; only the file name describes them, as in
//! `ID_Macular Cube 512x128_3-20-2019_16-21-23_OD_sn17573_cube_raw.img`. Frames follow each other. A frame holds rows
//! of samples along the depth, each row across the A-scans, rotated by 180 degrees. Source: public descriptions (AURA
//! tools, RETIMAT, LibOctData, MITRE's Zeiss2Dcm), which agree. The first three place the B-scans of a cube over its 6
//! mm from top to bottom, and so does this reader; the fourth keeps the stored order and states no positions.

use std::path::Path;

use octrls_core::scan::{BScan, Eye, MILLIMETRE, Pattern, Provenance, ScanHeader, Spacing};

use crate::{
    RawScan, ReadError, ScanReader, dimensions,
    header_ext::HeaderExt as _,
    sidecar::{FirstBScan, Hints, VolumeLayout},
    sized_file::SizedFile,
};

/// Samples along an A-scan.
const DEPTH: u64 = 1024;
/// Depth of a scan, the same for every Cirrus cube and raster, in micrometres.
const DEPTH_UM: f64 = 2000.0;
/// Side of a macular or optic disc cube, in micrometres.
const CUBE_UM: f64 = 6000.0;

/// A `.img` file; reads one B-scan at a time.
pub(crate) struct Cirrus {
    file: SizedFile,
    header: ScanHeader,
    /// Whether the A-scans of a frame run from right to left.
    mirrored: bool,
}

/// A-scans and B-scans of cubes that are recognised by file size alone.
const CUBES: [(u64, u64); 2] = [(512, 128), (200, 200)];

/// A-scans and B-scans of the scanner's protocols.
const SIZES: [(u64, u64); 6] = [(512, 128), (200, 200), (1024, 2), (1000, 2), (1024, 5), (1024, 21)];

/// Size and type of a scan, from the file name.
struct Kind {
    width: u64,
    bscans: u64,
    cube: bool,
    /// Who states it.
    from: Provenance,
}

impl Cirrus {
    /// Whether the file at `path` may be an export whose name was changed.
    pub(crate) fn may_be_nameless(path: &Path) -> bool {
        path.extension().is_some_and(|e| e.eq_ignore_ascii_case("img"))
    }

    /// The error of an export of `bytes` bytes without its name.
    fn nameless(bytes: u64) -> ReadError {
        let sizes = SIZES.into_iter().filter(|(ascans, bscans)| ascans * bscans * DEPTH == bytes);
        ReadError::Nameless { bytes, sizes: sizes.collect() }
    }

    /// Whether a file with this name and size in bytes can be an export. The size must fit the scan that the name
    /// states or, if it states none, one of the two cubes.
    pub(crate) fn recognises(path: &Path, bytes: u64) -> bool {
        let named_so = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("img"));
        named_so && Kind::of(path, bytes).is_some()
    }

    /// Opens an export. `raw` states its size if the name does not.
    pub(crate) fn open(file: SizedFile, hints: &Hints, raw: Option<RawScan>) -> Result<Self, ReadError> {
        let path = file.path();
        let bytes = file.length();
        let kind = match (Kind::of(path, bytes), raw) {
            (Some(kind), _) => kind,
            (None, Some(raw)) => Kind::stated(raw, bytes)?,
            (None, None) => return Err(Self::nameless(bytes)),
        };
        let (width, height) = dimensions::check(kind.width, DEPTH)?;
        let of_the_format = |um: f64| Some(Spacing { um, from: Provenance::Format });
        let nominal = if kind.cube { of_the_format(CUBE_UM / kind.width as f64) } else { None };
        let (eye, eye_from) = hints.eye_or(Eye::in_name(path).map(|eye| (eye, Provenance::Name)));
        let header = ScanHeader {
            format: "Zeiss Cirrus .img".into(),
            bscans: kind.bscans as usize,
            width,
            height,
            axial: hints.axial.or(of_the_format(DEPTH_UM / DEPTH as f64)),
            lateral: hints.lateral.or(nominal),
            eye,
            eye_from,
            pattern: if kind.cube { Pattern::RasterVolume } else { Pattern::Unknown },
            pattern_from: kind.cube.then_some(kind.from),
            tracks: Vec::new(),
            places: None,
            notes: Vec::new(),
        };
        let header = header.with_sidecar_layout(hints);
        // A stated spacing may describe a scan other than a 6 mm cube.
        let header = match nominal {
            Some(nominal) if header.lateral == Some(nominal) => header.with_layout(
                VolumeLayout::new(CUBE_UM / MILLIMETRE / kind.bscans as f64, FirstBScan::Superior),
                Provenance::Convention,
            ),
            _ => header,
        };
        Ok(Self { file, header, mirrored: kind.cube })
    }
}

impl Kind {
    /// The scan that the operator states; it must fit the file.
    fn stated(raw: RawScan, bytes: u64) -> Result<Self, ReadError> {
        let RawScan { ascans, bscans } = raw;
        let (width, bscans) = (u64::from(ascans), u64::from(bscans));
        if width * bscans * DEPTH != bytes {
            return Err(ReadError::Hint(format!(
                "{raw} has {} bytes, but the file has {bytes}",
                width * bscans * DEPTH
            )));
        }
        Ok(Self { width, bscans, cube: CUBES.contains(&(width, bscans)), from: Provenance::Operator })
    }

    fn of(path: &Path, bytes: u64) -> Option<Self> {
        let stem = path.file_stem()?.to_str()?.to_ascii_lowercase();
        let high = |width: u64, bscans: u64| Self { width, bscans, cube: false, from: Provenance::Name };
        let kind = if stem.contains("hidef") {
            high(if stem.contains("optic disc") { 1000 } else { 1024 }, 2)
        } else if stem.contains("5 line") {
            high(1024, 5)
        } else {
            let named = fields(path).find_map(size_in);
            let of_a_cube = CUBES.into_iter().find(|(w, n)| w * n * DEPTH == bytes);
            let (width, bscans) = named.or(of_a_cube)?;
            Self { width, bscans, cube: true, from: Provenance::Name }
        };
        (kind.width.checked_mul(kind.bscans)?.checked_mul(DEPTH)? == bytes && bytes > 0).then_some(kind)
    }
}

impl ScanReader for Cirrus {
    fn header(&self) -> &ScanHeader {
        &self.header
    }

    fn bscan(&mut self, index: usize) -> Result<BScan, ReadError> {
        self.header.check_index(index)?;
        let ScanHeader { width, height, .. } = self.header;
        let size = (width * height) as u64;
        let bytes = self.file.read(index as u64 * size, size)?;
        let mut intensity = Vec::with_capacity(width * height);
        for row in bytes.chunks_exact(width).rev() {
            let grey = |&v: &u8| f32::from(v) / 255.0;
            if self.mirrored {
                intensity.extend(row.iter().rev().map(grey));
            } else {
                intensity.extend(row.iter().map(grey));
            }
        }
        Ok(BScan { width, height, intensity })
    }
}

/// Parts of the file name between underscores.
fn fields(path: &Path) -> impl DoubleEndedIterator<Item = &str> {
    path.file_stem().and_then(|s| s.to_str()).unwrap_or_default().split('_')
}

/// A-scans and B-scans, if the field ends with both, as `Macular Cube 512x128` does.
fn size_in(field: &str) -> Option<(u64, u64)> {
    let (ascans, bscans) = field.rsplit(' ').next()?.split_once('x')?;
    let number = |s: &str| s.parse().ok().filter(|v| (2..=4096).contains(v));
    Some((number(ascans)?, number(bscans)?))
}
