//! The scanner's metadata of B-scans.

use octrls_core::scan::{BScanPosition, Pattern, Place};

use super::container::{Container, Entry};
use crate::{ReadError, little_endian::LittleEndian};

/// Bytes to read.
const BYTES: u64 = 84;
/// Kinds of a B-scan.
const LINE: u32 = 1;
const CIRCLE: u32 = 2;
/// Farthest plausible position from the centre of a fundus image, in degrees.
const MAX_DEGREES: f32 = 90.0;

/// Scanner metadata of one B-scan.
pub(crate) struct Metadata {
    pub(crate) size: (usize, usize),
    /// x and y of the first and of the last A-scan, in degrees on the fundus image.
    ends: [f32; 4],
    pub(crate) axial_mm: f32,
    /// B-scans of the volume; 0 if the B-scan belongs to none.
    count: u32,
    kind: u32,
    /// Centre of a circle, in degrees on the fundus image.
    centre: Option<[f32; 2]>,
}

impl Metadata {
    /// Course of the B-scan, in degrees from the centre of the fundus image.
    pub(crate) fn track(&self) -> Option<BScanPosition> {
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

    pub(crate) fn read(container: &Container, entry: &Entry) -> Result<Self, ReadError> {
        let bytes = container.read(entry, 0, BYTES)?;
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

/// Number of B-scans of the volume, as they state it themselves; 0 if none does.
pub(crate) fn listed(metadata: &[Metadata]) -> usize {
    metadata.iter().map(|m| m.count as usize).max().unwrap_or(0)
}

/// Checks the number of B-scans against the number that they state themselves.
pub(crate) fn check_count(present: usize, metadata: &[Metadata], allow_missing: bool) -> Result<(), ReadError> {
    let listed = listed(metadata);
    if present < listed && !allow_missing {
        return Err(ReadError::Incomplete { present, listed });
    }
    if present > listed && listed > 0 {
        return Err(ReadError::Malformed(format!("{present} B-scans in a volume of {listed}")));
    }
    Ok(())
}

/// The scan pattern that the B-scans form.
pub(crate) fn pattern(metadata: &[Metadata]) -> Pattern {
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
