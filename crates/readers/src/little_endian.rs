//! Reads numbers from bytes.

use crate::ReadError;

/// Bytes that hold little-endian numbers.
#[derive(Clone, Copy)]
pub(crate) struct LittleEndian<'a>(pub(crate) &'a [u8]);

impl<'a> LittleEndian<'a> {
    fn array<const N: usize>(self, at: usize) -> Result<[u8; N], ReadError> {
        Ok(*self.slice(at, N)?.first_chunk::<N>().unwrap_or(&[0; N]))
    }

    /// `count` bytes at `at`.
    pub(crate) fn slice(self, at: usize, count: usize) -> Result<&'a [u8], ReadError> {
        let end = at.checked_add(count);
        end.and_then(|end| self.0.get(at..end)).ok_or_else(|| {
            ReadError::Truncated(format!("a field at byte {at} exceeds its part of {} bytes", self.0.len()))
        })
    }

    pub(crate) fn u8(self, at: usize) -> Result<u8, ReadError> {
        Ok(self.array::<1>(at)?[0])
    }

    pub(crate) fn u16(self, at: usize) -> Result<u16, ReadError> {
        self.array(at).map(u16::from_le_bytes)
    }

    pub(crate) fn u32(self, at: usize) -> Result<u32, ReadError> {
        self.array(at).map(u32::from_le_bytes)
    }

    pub(crate) fn u64(self, at: usize) -> Result<u64, ReadError> {
        self.array(at).map(u64::from_le_bytes)
    }

    pub(crate) fn i32(self, at: usize) -> Result<i32, ReadError> {
        self.array(at).map(i32::from_le_bytes)
    }

    pub(crate) fn f32(self, at: usize) -> Result<f32, ReadError> {
        self.array(at).map(f32::from_le_bytes)
    }

    pub(crate) fn f64(self, at: usize) -> Result<f64, ReadError> {
        self.array(at).map(f64::from_le_bytes)
    }
}
