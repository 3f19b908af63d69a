//! Limits on declared sizes, checked before anything is allocated.

use super::ReadError;

/// Most pixels one B-scan may have; the largest swept-source frames stay under a quarter of it.
pub const MAX_PIXELS: u64 = 64 * 1024 * 1024;
/// Longest side of a B-scan.
pub const MAX_SIDE: u64 = 32_768;
/// Most B-scans in one scan.
pub(crate) const MAX_BSCANS: u64 = 4096;

/// Checks a declared frame size against the limits.
pub fn check(width: u64, height: u64) -> Result<(usize, usize), ReadError> {
    if width < 2 || height < 2 {
        return Err(ReadError::Malformed(format!("a frame of {width} x {height} pixels holds no B-scan")));
    }
    if width > MAX_SIDE || height > MAX_SIDE || width * height > MAX_PIXELS {
        return Err(ReadError::TooLarge { width, height });
    }
    Ok((width as usize, height as usize))
}
