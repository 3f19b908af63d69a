//! Checks that a JPEG file is complete and reads its declared size.
//!
//! Decoders fill missing data with grey, which would be measured as tissue. A complete file ends with the EOI marker
//! (ITU-T T.81, B.1.1); compressed data cannot contain its two bytes.

use std::io::{BufRead, Error, ErrorKind, Seek, SeekFrom};

use crate::{ReadError, budget};

const TEMPORARY: u8 = 0x01;
const RESTARTS: std::ops::RangeInclusive<u8> = 0xd0..=0xd7;
const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;
/// Frame headers, except for other markers in the same range.
const FRAMES: std::ops::RangeInclusive<u8> = 0xc0..=0xcf;
const NO_FRAMES: [u8; 3] = [0xc4, 0xc8, 0xcc];
/// Frame headers of lossless processes.
const LOSSLESS: [u8; 4] = [0xc3, 0xc7, 0xcb, 0xcf];
/// Bytes of a frame header before its components, including its length.
const FRAME_BYTES: i64 = 8;

/// Header of a JPEG frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) precision: u8,
    pub(crate) height: u16,
    pub(crate) width: u16,
    pub(crate) components: u8,
    /// Whether samples are predicted, and not transformed.
    pub(crate) lossless: bool,
}

/// Memory for each sample while it is decoded, in bytes: the coefficients of a progressive picture, and the sample.
const SAMPLE_BYTES: u64 = 4;
/// Memory for each pixel's grey value, in bytes.
const GREY_BYTES: u64 = 6;

/// Checks what decoding a picture of `bytes` bytes takes.
///
/// # Errors
/// Those of [`budget::check_picture`].
pub(crate) fn check_memory(frame: Frame, bytes: u64) -> Result<(), ReadError> {
    let pixels = u64::from(frame.width) * u64::from(frame.height);
    budget::check_picture(pixels, bytes, SAMPLE_BYTES * u64::from(frame.components) + GREY_BYTES)
}

/// Walks the file from marker to marker to its end, past the compressed data between them. Returns the first frame
/// header.
///
/// # Errors
/// `UnexpectedEof` when the end marker is missing.
pub(crate) fn walk(mut file: impl BufRead + Seek) -> Result<Option<Frame>, Error> {
    let mut frame = None;
    loop {
        let marker = next_marker(&mut file)?;
        match marker {
            END_OF_IMAGE => return Ok(frame),
            START_OF_IMAGE | TEMPORARY => {}
            marker if RESTARTS.contains(&marker) => {}
            _ => {
                let length = i64::from(word(&mut file)?);
                let mut read = 2;
                let heads_a_frame = FRAMES.contains(&marker) && !NO_FRAMES.contains(&marker);
                if heads_a_frame && frame.is_none() && length >= FRAME_BYTES {
                    let (precision, height, width) = (byte(&mut file)?, word(&mut file)?, word(&mut file)?);
                    let (components, lossless) = (byte(&mut file)?, LOSSLESS.contains(&marker));
                    frame = Some(Frame { precision, height, width, components, lossless });
                    read = FRAME_BYTES;
                }
                if length < read {
                    return Err(Error::new(ErrorKind::InvalidData, "a JPEG segment is shorter than its own length"));
                }
                file.seek(SeekFrom::Current(length - read))?;
            }
        }
    }
}

/// Skips to the next marker and returns its second byte; 0xff followed by zero is data.
fn next_marker(file: &mut impl BufRead) -> Result<u8, Error> {
    loop {
        if file.skip_until(0xff)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let mut code = byte(file)?;
        while code == 0xff {
            code = byte(file)?;
        }
        if code != 0 {
            return Ok(code);
        }
    }
}

fn word(file: &mut impl BufRead) -> Result<u16, Error> {
    Ok(u16::from_be_bytes([byte(file)?, byte(file)?]))
}

fn byte(file: &mut impl BufRead) -> Result<u8, Error> {
    let mut byte = [0];
    file.read_exact(&mut byte)?;
    Ok(byte[0])
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn ends(bytes: &[u8]) -> Result<(), ErrorKind> {
        walk(Cursor::new(bytes)).map(drop).map_err(|e| e.kind())
    }

    #[test]
    fn only_the_end_marker_of_the_image_itself_counts() {
        // The end marker inside an application segment belongs to a thumbnail; after 0xff 0x00 it is data.
        let complete = [
            0xff, 0xd8, 0xff, 0xe1, 0, 6, 0xff, 0xd9, 1, 2, 0xff, 0xda, 0, 3, 9, 7, 0xff, 0, 0xd9, 0xff, 0xd0, 8, 0xff,
            0xff, 0xd9,
        ];
        assert_eq!(ends(&complete), Ok(()));
        for cut in 0..complete.len() {
            assert_eq!(ends(&complete[..cut]), Err(ErrorKind::UnexpectedEof), "{cut}");
        }
        assert_eq!(ends(&[0xff, 0xd8, 0xff, 0xe0, 0, 1, 0xff, 0xd9]), Err(ErrorKind::InvalidData));
    }

    #[test]
    fn frame_header_states_the_size() {
        let complete = [0xff, 0xd8, 0xff, 0xc1, 0, 11, 12, 0x02, 0x01, 0x03, 0x04, 1, 0, 0, 0, 0xff, 0xd9];
        let frame = Frame { precision: 12, height: 513, width: 772, components: 1, lossless: false };
        assert_eq!(walk(Cursor::new(&complete)).expect("complete"), Some(frame));
    }
}
