//! Reusable memory.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Free buffers; clones share them.
///
/// A map of the first level takes about 26 MB. Allocating it for every operator would cost a tenth of the network's
/// time for its pages alone.
#[derive(Clone, Debug, Default)]
pub struct BufferPool(Arc<Mutex<Vec<Vec<f32>>>>);

/// Bytes of a cache line. Every buffer starts on one, since a vector across two lines costs two loads.
const CACHE_LINE: usize = 64;
/// Maximum number of values lost to this alignment.
const ALIGNMENT_SLACK: usize = CACHE_LINE / size_of::<f32>() - 1;

/// A buffer more than this many times larger than requested is kept for larger requests.
const MAX_OVERSIZE: usize = 2;

impl BufferPool {
    /// Takes `len` values with arbitrary content, which return to the pool when dropped.
    ///
    /// If nothing fits, new memory replaces the largest buffer that is too small. Otherwise scans of changing size
    /// would each leave a set of buffers.
    #[must_use]
    pub fn take(&self, len: usize) -> Buffer {
        let mut free = self.free();
        let fits = |values: &Vec<f32>| {
            (len + ALIGNMENT_SLACK..=(len + ALIGNMENT_SLACK).saturating_mul(MAX_OVERSIZE)).contains(&values.len())
        };
        let best = (0..free.len()).filter(|&i| fits(&free[i])).min_by_key(|&i| free[i].len());
        let values = if let Some(best) = best {
            free.swap_remove(best)
        } else {
            let replaced =
                (0..free.len()).filter(|&i| free[i].len() < len + ALIGNMENT_SLACK).max_by_key(|&i| free[i].len());
            let replaced = replaced.map(|i| free.swap_remove(i));
            drop(free);
            drop(replaced);
            vec![0.0; len + ALIGNMENT_SLACK]
        };
        Buffer { start: first_aligned(&values), values, len, pool: Some(self.clone()) }
    }

    fn free(&self) -> MutexGuard<'_, Vec<Vec<f32>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Index of the first of `values` that starts a cache line.
fn first_aligned(values: &[f32]) -> usize {
    values.as_ptr().align_offset(CACHE_LINE).min(ALIGNMENT_SLACK)
}

/// Values in memory that may belong to a pool.
#[derive(Debug)]
pub struct Buffer {
    values: Vec<f32>,
    start: usize,
    len: usize,
    pool: Option<BufferPool>,
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values[self.start..][..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[self.start..][..self.len]
    }
}

impl From<Vec<f32>> for Buffer {
    fn from(values: Vec<f32>) -> Self {
        Self { start: 0, len: values.len(), values, pool: None }
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        Self::aligned(self)
    }
}

impl Buffer {
    /// A copy of `values` that starts on a cache line.
    #[must_use]
    pub fn aligned(values: &[f32]) -> Self {
        let mut copy = vec![0.0; values.len() + ALIGNMENT_SLACK];
        let start = first_aligned(&copy);
        copy[start..][..values.len()].copy_from_slice(values);
        Self { start, len: values.len(), values: copy, pool: None }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(pool) = &self.pool {
            let values = std::mem::take(&mut self.values);
            pool.free().push(values);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free(pool: &BufferPool) -> Vec<usize> {
        let mut sizes: Vec<_> = pool.free().iter().map(Vec::len).collect();
        sizes.sort_unstable();
        sizes
    }

    #[test]
    fn dropped_buffers_are_reused_for_requests_that_fit() {
        let pool = BufferPool::default();
        drop((pool.take(100), pool.take(40)));
        let [small, large] = [40 + ALIGNMENT_SLACK, 100 + ALIGNMENT_SLACK];
        assert_eq!(free(&pool), [small, large]);
        let mut taken = pool.take(60);
        assert_eq!((taken.len(), free(&pool)), (60, vec![small]));
        assert_eq!(taken.as_ptr().align_offset(CACHE_LINE), 0);
        taken.fill(1.0);
        let copy = taken.clone();
        drop(taken);
        assert_eq!((copy.len(), free(&pool)), (60, vec![small, large]), "a copy belongs to no pool");
    }

    #[test]
    fn requests_of_changing_size_do_not_accumulate_buffers() {
        let pool = BufferPool::default();
        for round in 0..50 {
            let len = 100 + round * 37 % 101;
            drop((pool.take(len), pool.take(len), pool.take(10 * len)));
        }
        assert!(free(&pool).len() <= 6, "{:?}", free(&pool));
        assert!(free(&pool).iter().sum::<usize>() <= 4 * 12 * 200);
    }
}
