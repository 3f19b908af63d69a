//! The scanner's own boundaries in `@CONTOUR_INFO`, one per chunk: name, coding, width, rows, then 16-bit distances
//! from the bottom of the image.

use octrls_core::{
    layer::Boundary,
    scan::{BScan, BoundaryRows},
};

use super::chunks::Chunk;
use crate::{ReadError, little_endian::LittleEndian, sized_file::SizedFile};

const HEADER_BYTES: u64 = 34;
/// Larger distances mark rows that were not found.
const MAX_DISTANCE: u16 = 10_000;
/// Maximum chunks to read; a file has about ten.
const MAX_CHUNKS: usize = 32;

/// One boundary in all B-scans.
#[derive(Clone, Copy)]
struct Contours {
    boundary: Boundary,
    /// Offset of its distances.
    at: u64,
}

/// The boundaries that the scanner found.
#[derive(Default)]
pub(crate) struct DeviceBoundaries {
    found: Vec<Contours>,
    /// Whether the first row belongs to the last B-scan; `None` until the images decide.
    reversed: Option<bool>,
}

impl DeviceBoundaries {
    /// The boundaries in `chunks` that have a row for each of `count` B-scans of `width` A-scans. If B-scans are
    /// missing, rows cannot be assigned to them.
    pub(crate) fn of(file: &SizedFile, chunks: &[Chunk], (width, count): (usize, usize)) -> Self {
        let chunks = chunks.iter().filter(|c| c.name == "@CONTOUR_INFO").take(MAX_CHUNKS);
        let found: Vec<Contours> = chunks.filter_map(|c| contours(file, c, (width, count))).collect();
        Self { found, reversed: (count == 1).then_some(false) }
    }

    /// Whether the order of rows is still unknown. Readers of the format disagree on it, so the images must
    /// [decide](Self::determine_order).
    pub(crate) fn order_is_unknown(&self) -> bool {
        self.reversed.is_none() && !self.found.is_empty()
    }

    /// Determines the order from B-scans, each with its index: in the right order, the image brightens most below the
    /// ILM.
    pub(crate) fn determine_order(
        &mut self,
        file: &SizedFile,
        samples: &[(usize, BScan)],
        count: usize,
    ) -> Result<(), ReadError> {
        let Some(&lines) = self.found.iter().find(|c| c.boundary == Boundary::Ilm) else {
            // Without evidence, no boundary is better than one on the wrong image.
            self.found.clear();
            return Ok(());
        };
        let (mut in_order, mut reversed) = (0.0, 0.0);
        for (index, image) in samples {
            in_order += brightness_step(image, &lines.rows(file, *index, (image.width, image.height))?);
            reversed += brightness_step(image, &lines.rows(file, count - 1 - index, (image.width, image.height))?);
        }
        self.reversed = Some(reversed > in_order);
        Ok(())
    }

    /// The boundaries of the B-scan at `index` of `count`.
    pub(crate) fn rows(
        &self,
        file: &SizedFile,
        index: usize,
        count: usize,
        size: (usize, usize),
    ) -> Result<Vec<(Boundary, BoundaryRows)>, ReadError> {
        let row = if self.reversed == Some(true) { count - 1 - index } else { index };
        let mut all = Vec::new();
        for lines in &self.found {
            let rows = lines.rows(file, row, size)?;
            all.extend(rows.iter().any(Option::is_some).then_some((lines.boundary, rows)));
        }
        Ok(all)
    }
}

impl Contours {
    fn rows(self, file: &SizedFile, row: usize, (width, height): (usize, usize)) -> Result<BoundaryRows, ReadError> {
        let bytes = file.read(self.at + 2 * (row * width) as u64, 2 * width as u64)?;
        let (distances, _) = bytes.as_chunks::<2>();
        let last = height as f32 - 1.0;
        let row = |d: u16| Some(last - f32::from(d)).filter(|row| d > 0 && d <= MAX_DISTANCE && *row >= 0.0);
        Ok(distances.iter().map(|&b| row(u16::from_le_bytes(b))).collect())
    }
}

fn contours(file: &SizedFile, chunk: &Chunk, (width, count): (usize, usize)) -> Option<Contours> {
    if chunk.size < HEADER_BYTES {
        return None;
    }
    let start = file.read(chunk.at, HEADER_BYTES).ok()?;
    let fields = LittleEndian(&start);
    let name = String::from_utf8_lossy(&start[..20]).trim_end_matches('\0').to_owned();
    let boundary = match name.as_str() {
        "RETINA_1" | "MULTILAYERS_1" => Boundary::Ilm,
        "RETINA_4" | "MULTILAYERS_7" => Boundary::RpeBm,
        "MULTILAYERS_2" => Boundary::NflGcl,
        "MULTILAYERS_4" => Boundary::IplInl,
        "MULTILAYERS_8" => Boundary::InlOpl,
        _ => return None,
    };
    let bytes = 2 * (width * count) as u64;
    let complete = fields.u8(21).ok()? == 0
        && (fields.u32(22).ok()?, fields.u32(26).ok()?) == (width as u32, count as u32)
        && u64::from(fields.u32(30).ok()?) == bytes
        && chunk.size >= HEADER_BYTES + bytes;
    complete.then_some(Contours { boundary, at: chunk.at + HEADER_BYTES })
}

/// How much brighter the image is below a boundary than above it, on average.
fn brightness_step(image: &BScan, rows: &[Option<f32>]) -> f32 {
    const REACH: usize = 4;
    let mean = |x: usize, from: usize| {
        (from..from + REACH).map(|y| image.intensity[y * image.width + x]).sum::<f32>() / REACH as f32
    };
    let steps = rows.iter().enumerate().filter_map(|(x, row)| {
        let row =
            row.map(|row| row as usize).filter(|r| (REACH..image.height - REACH.min(image.height)).contains(r))?;
        Some(mean(x, row) - mean(x, row - REACH))
    });
    let (sum, count) = steps.fold((0.0, 0.0_f32), |(sum, count), step| (sum + step, count + 1.0));
    sum / count.max(1.0)
}
