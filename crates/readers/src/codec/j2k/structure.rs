//! What a JPEG 2000 codestream declares (ITU-T T.800, annexes A and B), checked before it is decoded.
//!
//! A decoder sets up every tile, precinct and code-block that the headers declare before it reads any of their data, so
//! a few bytes could claim all memory. In a complete codestream each tile has a header, and each packet (one for each
//! precinct, layer and component) takes at least a byte; more than that cannot be there. Beyond that, the number of parts
//! is limited by the size of the image, and the image by the size of the file.

use std::collections::HashMap;

use super::coding::{Coding, Grid};
use crate::{ReadError, budget};

/// Maximum components of an image.
const MAX_COMPONENTS: u16 = 4;
/// Bytes of the shortest tile-part: its header and the marker of its data.
const TILE_BYTES: u64 = 14;
/// Memory for each sample while it is decoded, in bytes: coefficients, and those of the wavelet being undone.
const SAMPLE_BYTES: u64 = 16;
/// Maximum precincts: an image may have a few, and one for so many pixels; encoders use 1024 pixels and more.
const FREE_PRECINCTS: u64 = 4096;
const PIXELS_PER_PRECINCT: u64 = 64;
/// Maximum precincts, and maximum code-blocks times layers, of an image.
const MAX_PRECINCTS: u64 = 1 << 18;
const MAX_BLOCKS: u64 = 1 << 20;

const SIZE: u16 = 0xff51;
const CODING: u16 = 0xff52;
const COMPONENT_CODING: u16 = 0xff53;
const TILE_PART: u16 = 0xff90;
const TILE_DATA: u16 = 0xff93;
/// Start of a codestream.
const START: &[u8] = b"\xff\x4f";
/// Start of the file format that wraps a codestream in boxes.
const BOXES: &[u8] = b"\x00\x00\x00\x0cjP  ";

/// What the samples of the first component are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Samples {
    /// Bits of a sample.
    pub(super) bits: u8,
    /// Whether samples can be negative.
    pub(super) signed: bool,
}

/// Checks what the image in `bytes`, a codestream or a file of boxes, declares.
///
/// # Errors
/// [`ReadError::Malformed`] if it declares more than its bytes can hold; [`ReadError::Unsupported`] for palettes and too
/// many components.
pub(super) fn check(bytes: &[u8]) -> Result<Samples, ReadError> {
    let stream = if bytes.starts_with(BOXES) { boxed(bytes)? } else { bytes };
    if !stream.starts_with(START) {
        return Err(broken("it does not start as one"));
    }
    let mut at = START.len();
    let (mut size, mut coding) = (None, None);
    let mut overridden: HashMap<u16, Coding> = HashMap::new();
    while let Some((marker, body, next)) = segment(stream, at) {
        match (marker, &size, &mut coding) {
            (SIZE, None, _) => size = Some(Size::of(body)?),
            (CODING, Some(Size { grid, .. }), _) => coding = Some(Coding::of(body, grid.components())?),
            (COMPONENT_CODING, Some(_), Some(coding)) => coding.refine(body)?,
            (TILE_PART, Some(_), Some(coding)) => {
                let Some(after) = tile_part(stream, at, coding, &mut overridden)? else { break };
                at = after;
                continue;
            }
            (TILE_PART, ..) => return Err(broken("its header is incomplete")),
            _ => {}
        }
        at = next;
    }
    let (Some(Size { grid, samples }), Some(coding)) = (size, coding) else {
        return Err(broken("its header is incomplete"));
    };
    check_counts(&grid, &coding, &overridden, stream.len() as u64)?;
    Ok(samples)
}

/// Checks the number of parts of all tiles.
fn check_counts(grid: &Grid, coding: &Coding, overridden: &HashMap<u16, Coding>, bytes: u64) -> Result<(), ReadError> {
    let too_much = |what: &str, count: u64| Err(broken(&format!("{count} {what} in {bytes} bytes")));
    let (pixels, tiles) = (grid.pixels(), grid.tiles());
    budget::check_picture(pixels, bytes, SAMPLE_BYTES * grid.components() as u64)?;
    if tiles > u64::from(u16::MAX) || tiles.saturating_mul(TILE_BYTES) > bytes {
        return too_much("tiles", tiles);
    }
    let samples = pixels.saturating_mul(grid.components() as u64);
    let most = (FREE_PRECINCTS + samples / PIXELS_PER_PRECINCT).min(MAX_PRECINCTS);
    let (mut precincts, mut packets, mut blocks) = (0_u64, 0_u64, 0_u64);
    for tile in 0..tiles {
        let coding = overridden.get(&(tile as u16)).unwrap_or(coding);
        let parts = coding.parts(&grid.tile(tile));
        precincts = precincts.saturating_add(parts.precincts);
        packets = packets.saturating_add(parts.precincts.saturating_mul(coding.layers.into()));
        blocks = blocks.saturating_add(parts.blocks.saturating_mul(coding.layers.into()));
        if packets > bytes {
            return too_much("packets", packets);
        }
        if precincts > most {
            return too_much("precincts", precincts);
        }
        if blocks > MAX_BLOCKS {
            return too_much("code-blocks", blocks);
        }
    }
    Ok(())
}

/// The tile-part at `at`: keeps the coding that its header states for its tile. Returns where the next one starts;
/// `None` if it is the last.
fn tile_part(
    stream: &[u8],
    at: usize,
    main: &Coding,
    overridden: &mut HashMap<u16, Coding>,
) -> Result<Option<usize>, ReadError> {
    let Some((_, body, mut header)) = segment(stream, at) else { return Ok(None) };
    let (Some(tile), Some(length)) = (word(body, 0), long(body, 2)) else { return Err(broken("a tile-part is cut")) };
    while let Some((marker, body, next)) = segment(stream, header) {
        match marker {
            TILE_DATA => break,
            CODING => {
                let mut own = Coding::of(body, main.components())?;
                own.keep_refinements(overridden.get(&tile).unwrap_or(main));
                overridden.insert(tile, own);
            }
            COMPONENT_CODING => overridden.entry(tile).or_insert_with(|| main.clone()).refine(body)?,
            _ => {}
        }
        header = next;
    }
    // A length of zero stands for the rest of the codestream.
    let end = at.checked_add(length as usize).filter(|&end| length > 0 && end > header && end < stream.len());
    Ok(end)
}

/// Size of image, tiles and components, and the samples of the first component.
struct Size {
    grid: Grid,
    samples: Samples,
}

impl Size {
    fn of(body: &[u8]) -> Result<Self, ReadError> {
        const COMPONENTS_AT: usize = 36;
        let cut = || broken("its size is cut");
        let number = |i: usize| long(body, 2 + 4 * i).map(u64::from).ok_or_else(cut);
        let count = word(body, 34).ok_or_else(cut)?;
        if count == 0 || count > MAX_COMPONENTS {
            return Err(ReadError::Unsupported(format!("JPEG 2000 with {count} components")));
        }
        let components = body.get(COMPONENTS_AT..COMPONENTS_AT + 3 * usize::from(count)).ok_or_else(cut)?;
        let samples = Samples { bits: (components[0] & 0x7f) + 1, signed: components[0] & 0x80 != 0 };
        let grid = Grid {
            end: [number(0)?, number(1)?],
            start: [number(2)?, number(3)?],
            tile: [number(4)?, number(5)?],
            tile_start: [number(6)?, number(7)?],
            steps: components.as_chunks::<3>().0.iter().map(|c| [c[1].into(), c[2].into()]).collect(),
        };
        if grid.is_valid() { Ok(Self { grid, samples }) } else { Err(broken("its sizes contradict each other")) }
    }
}

/// The codestream in a file of boxes.
fn boxed(bytes: &[u8]) -> Result<&[u8], ReadError> {
    let mut at = 0;
    while let (Some(length), Some(kind)) = (long(bytes, at), bytes.get(at + 4..at + 8)) {
        let (header, length) = match length {
            0 => (8, bytes.len() - at),
            1 => {
                let long = bytes.get(at + 8..at + 16).and_then(|b| b.first_chunk::<8>());
                (16, long.and_then(|b| usize::try_from(u64::from_be_bytes(*b)).ok()).unwrap_or(0))
            }
            length => (8, length as usize),
        };
        let end = at.checked_add(length).filter(|&end| length >= header && end <= bytes.len());
        let Some(end) = end else { return Err(ReadError::Truncated("a JPEG 2000 box is cut".to_owned())) };
        match kind {
            b"jp2c" => return Ok(&bytes[at + header..end]),
            // A palette multiplies the image by its columns.
            b"jp2h" if bytes[at + header..end].windows(4).any(|name| name == b"pclr") => {
                return Err(ReadError::Unsupported("JPEG 2000 with a palette".to_owned()));
            }
            _ => at = end,
        }
    }
    Err(broken("no codestream"))
}

/// The marker at `at`, the content of its segment and where the next one starts; `None` at the end.
fn segment(stream: &[u8], at: usize) -> Option<(u16, &[u8], usize)> {
    let marker = word(stream, at)?;
    if marker == TILE_DATA {
        return Some((marker, &[], at + 2));
    }
    let length = usize::from(word(stream, at + 2)?);
    let body = stream.get(at + 4..(at + 2).checked_add(length)?)?;
    (marker >= 0xff01).then_some((marker, body, at + 2 + length))
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|b| u16::from_be_bytes(*b))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_be_bytes(*b))
}

/// Error for a codestream that cannot be what it declares.
pub(super) fn broken(what: &str) -> ReadError {
    ReadError::Malformed(format!("JPEG 2000: {what}"))
}
