//! The fundus image of `.E2E` files, and positions on it.

use octrls_core::scan::{BScanPosition, Place};

use super::{
    container::{Container, Entry},
    image,
};
use crate::{FundusImage, ReadError, fundus, little_endian::LittleEndian};

/// The fundus image of a series.
pub(crate) struct Slo {
    entry: Entry,
    size: (usize, usize),
    /// Field of view in degrees in either direction, if stated.
    angle: Option<f64>,
    /// Tracks of the B-scans, in degrees from the centre of the image.
    tracks: Vec<BScanPosition>,
    /// Millimetres per degree.
    degree_mm: Option<f64>,
}

impl Slo {
    /// The image in the chunk `entry`; `None` if it is incomplete.
    pub(crate) fn of(container: &Container, entry: Entry) -> Result<Option<Self>, ReadError> {
        if entry.size < image::HEADER_BYTES {
            return Ok(None);
        }
        let start = container.read(&entry, 0, image::HEADER_BYTES)?;
        let size = image::fundus_dimensions(&start, entry.size);
        Ok(size.map(|size| Self { entry, size, angle: None, tracks: Vec::new(), degree_mm: None }))
    }

    /// The image with its field of view, the B-scans' tracks on it, and its scale.
    pub(crate) fn with_geometry(self, angle: Option<f64>, tracks: Vec<BScanPosition>, degree_mm: Option<f64>) -> Self {
        Self { angle, tracks, degree_mm, ..self }
    }

    /// Reads the image.
    pub(crate) fn read(&self, container: &Container) -> Result<FundusImage, ReadError> {
        let &Self { entry, size: (width, height), angle, ref tracks, degree_mm } = self;
        let pixels = container.read(&entry, image::HEADER_BYTES, (width * height) as u64)?;
        let Some(angle) = angle else {
            return Ok(FundusImage { width, height, pixels, pixel_mm: None, lines: Vec::new() });
        };
        let degrees = [width, height].map(|pixels| angle / pixels as f64);
        let tracks = tracks.iter().map(|track| scaled(track, 0.5 * angle, 1.0));
        let lines = tracks.map(|track| fundus::points(&track, degrees)).collect();
        let pixel_mm = degree_mm.map(|mm| degrees.map(|of_pixel| mm * of_pixel));
        Ok(FundusImage { width, height, pixels, pixel_mm, lines })
    }
}

/// Field of view of the fundus image in degrees, if a lens with that angle exists.
pub(crate) fn scan_angle(container: &Container, entry: &Entry) -> Result<Option<f64>, ReadError> {
    const AT: u64 = 24;
    if entry.size < AT + 2 {
        return Ok(None);
    }
    let degrees = LittleEndian(&container.read(entry, AT, 2)?).u16(0)?;
    Ok((10..=120).contains(&degrees).then_some(degrees.into()))
}

/// Converts a track in degrees from the centre of an image to one in millimetres from its corner, `corner` degrees
/// away.
pub(crate) fn scaled(track: &BScanPosition, corner: f64, mm: f64) -> BScanPosition {
    let at = |p: Place| Place { x: (p.x + corner) * mm, y: (p.y + corner) * mm };
    match *track {
        BScanPosition::Line { start, end } => BScanPosition::Line { start: at(start), end: at(end) },
        BScanPosition::Circle { centre, start, clockwise } => {
            BScanPosition::Circle { centre: at(centre), start: at(start), clockwise }
        }
    }
}
