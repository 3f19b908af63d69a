//! JPEG-LS (ITU-T T.87), lossless and near-lossless, of one component.

use std::borrow::Cow;

use jpegls::CodecError;

use crate::{ReadError, budget};

/// Memory for each pixel while it is decoded, in bytes: samples of 16 bits, and of 32 within the decoder.
const PIXEL_BYTES: u64 = 8;

/// Decodes the samples of a frame, row by row. Its header must state the size that the file declares.
pub(crate) fn decode(frame: &[u8], width: usize, height: usize) -> Result<Vec<u16>, ReadError> {
    budget::check_picture((width * height) as u64, frame.len() as u64, PIXEL_BYTES)?;
    let frame = without_padding(frame)?;
    // The decoder's sums overflow on frames that no encoder writes; builds with overflow checks then panic.
    let decoded = std::panic::catch_unwind(|| jpegls::decode(&frame, width as u32, height as u32));
    match decoded {
        Ok(Ok((samples, ..))) => Ok(samples),
        Ok(Err(CodecError::Truncated { .. })) => Err(ReadError::Truncated("a JPEG-LS frame ends early".to_owned())),
        Ok(Err(CodecError::Unsupported(_))) => Err(ReadError::Unsupported("JPEG-LS of this kind".to_owned())),
        Ok(Err(_)) => Err(ReadError::Malformed("JPEG-LS: a frame contradicts itself".to_owned())),
        Err(_) => Err(ReadError::Malformed("JPEG-LS: invalid samples".to_owned())),
    }
}

/// The frame without the padding of its fragment and without fill bytes before its end marker. Encoders use either to
/// make the length even, but the decoder does not expect them.
fn without_padding(frame: &[u8]) -> Result<Cow<'_, [u8]>, ReadError> {
    let length = frame.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
    let Some(body) = frame[..length].strip_suffix(b"\xff\xd9") else {
        return Err(ReadError::Truncated("a JPEG-LS frame without an end marker".to_owned()));
    };
    let filled = body.iter().rev().take_while(|&&b| b == 0xff).count();
    if filled == 0 {
        return Ok(Cow::Borrowed(&frame[..length]));
    }
    let mut complete = body[..body.len() - filled].to_vec();
    complete.extend(b"\xff\xd9");
    Ok(Cow::Owned(complete))
}
