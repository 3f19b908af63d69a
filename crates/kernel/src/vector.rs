//! Helpers for vectors.

use fearless_simd::{Simd, prelude::*};

/// Transposes `N` vectors of `N` values: first values, then second values, and so on. Longer vectors return all values
/// in this order.
#[inline(always)]
pub(crate) fn transpose<S: Simd, V: SimdFloat<S, Element = f32>, const N: usize>(mut rows: [V; N]) -> [V; N] {
    // Each round interleaves a row with the one half the number of rows further down.
    for _ in 0..N.ilog2() {
        let from = rows;
        for i in 0..N / 2 {
            rows[2 * i] = from[i].zip_low(from[i + N / 2]);
            rows[2 * i + 1] = from[i].zip_high(from[i + N / 2]);
        }
    }
    rows
}

/// Whether the widest vectors divide `channels`, which is a multiple of 8.
#[inline(always)]
pub(crate) fn fills_widest<S: Simd>(channels: usize) -> bool {
    !exceeds_eight::<S>() || channels.is_multiple_of(<S::f32s as SimdBase<S>>::LEN)
}

/// Whether the widest vectors are wider than 8 floats. In a `const` block, it keeps code for vectors of 8 out of builds
/// for instruction sets that never run it.
pub(crate) const fn exceeds_eight<S: Simd>() -> bool {
    <S::f32s as SimdBase<S>>::LEN > 8
}
