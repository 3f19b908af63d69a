//! How much memory the decoding of a scan may take.
//!
//! A few bytes can declare a picture of any size, so a picture may have more pixels only if its data has more bytes. And
//! whatever the file has, decoding may take a share of the memory of this process. `docs/reliability.md` lists the worst
//! file found for each decoder.

use std::sync::OnceLock;

use octrls_fs::platform;

use crate::ReadError;

/// A picture may have this many pixels whatever the size of its data, since a black one takes a few bytes,
const FREE_PIXELS: u64 = 4 << 20;
/// and so many more for each byte. Scans take at least one byte for 30 pixels.
const PIXELS_PER_BYTE: u64 = 1024;

/// One scan may take this part of the memory of this process,
const SHARE: u64 = 4;
/// but at least this much.
const LEAST: u64 = 512 << 20;

/// Checks that `bytes` of data can hold a picture of so many `pixels`, of which each takes `pixel_bytes` of memory while
/// it is decoded.
///
/// # Errors
/// [`ReadError::Malformed`] if the data is too short; [`ReadError::TooMuchMemory`].
pub(crate) fn check_picture(pixels: u64, bytes: u64, pixel_bytes: u64) -> Result<(), ReadError> {
    if pixels > FREE_PIXELS.saturating_add(PIXELS_PER_BYTE.saturating_mul(bytes)) {
        return Err(ReadError::Malformed(format!("{pixels} pixels in {bytes} bytes")));
    }
    check_memory(pixels.saturating_mul(pixel_bytes))
}

/// Checks that decoding may take so many bytes of memory.
///
/// # Errors
/// [`ReadError::TooMuchMemory`] if it may not.
pub(crate) fn check_memory(bytes: u64) -> Result<(), ReadError> {
    let limit = limit();
    if bytes > limit { Err(ReadError::TooMuchMemory { bytes, limit }) } else { Ok(()) }
}

/// Memory in bytes that decoding one scan may take.
pub(crate) fn limit() -> u64 {
    static LIMIT: OnceLock<u64> = OnceLock::new();
    *LIMIT.get_or_init(|| platform::usable_memory().map_or(LEAST, |bytes| (bytes / SHARE).max(LEAST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_need_bytes_and_memory() {
        check_picture(FREE_PIXELS, 1, 8).unwrap();
        check_picture(64_000_000, 60_000, 1).unwrap();
        assert!(matches!(check_picture(64 << 20, 1000, 1), Err(ReadError::Malformed(_))));
        assert!(matches!(check_picture(1, 1, u64::MAX), Err(ReadError::TooMuchMemory { .. })));
        assert!(limit() >= LEAST);
    }
}
