//! Limits on declared sizes, checked before any allocation.

use crate::ReadError;

/// Maximum pixels of one B-scan; the largest swept-source frames have less than a quarter of this.
pub const MAX_PIXELS: u64 = 64 * 1024 * 1024;
/// Maximum side of a B-scan, in pixels.
pub const MAX_SIDE: u64 = 32_768;
/// Maximum B-scans in one scan.
pub(crate) const MAX_BSCANS: u64 = 4096;

/// Checks a declared frame size against the limits.
pub(crate) fn check(width: u64, height: u64) -> Result<(usize, usize), ReadError> {
    if width < 2 || height < 2 {
        return Err(ReadError::Malformed(format!("a frame of {width} x {height} pixels is too small")));
    }
    if width > MAX_SIDE || height > MAX_SIDE || width * height > MAX_PIXELS {
        return Err(ReadError::TooLarge { width, height });
    }
    Ok((width as usize, height as usize))
}
