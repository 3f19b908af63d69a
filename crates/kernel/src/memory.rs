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
pub struct Pool(Arc<Mutex<Vec<Vec<f32>>>>);

/// Bytes of a cache line. Every buffer starts on one, since a vector across two lines costs two loads.
const LINE: usize = 64;
/// Maximum number of values lost to this alignment.
const SLACK: usize = LINE / size_of::<f32>() - 1;

/// A buffer more than this many times larger than requested is kept for larger requests.
const LOOSE: usize = 2;

impl Pool {
    /// `len` values with arbitrary content, which return to the pool when dropped.
    ///
    /// If nothing fits, new memory replaces the largest buffer that is too small. Otherwise scans of changing size
    /// would each leave a set of buffers.
    pub fn take(&self, len: usize) -> Buffer {
        let mut spare = self.spare();
        let fits = |values: &Vec<f32>| (len + SLACK..=(len + SLACK).saturating_mul(LOOSE)).contains(&values.len());
        let best = (0..spare.len()).filter(|&i| fits(&spare[i])).min_by_key(|&i| spare[i].len());
        let values = if let Some(best) = best {
            spare.swap_remove(best)
        } else {
            let replaced = (0..spare.len()).filter(|&i| spare[i].len() < len + SLACK).max_by_key(|&i| spare[i].len());
            let replaced = replaced.map(|i| spare.swap_remove(i));
            drop(spare);
            drop(replaced);
            vec![0.0; len + SLACK]
        };
        Buffer { start: aligned(&values), values, len, pool: Some(self.clone()) }
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Vec<f32>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Index of the first of `values` that starts a cache line.
fn aligned(values: &[f32]) -> usize {
    values.as_ptr().align_offset(LINE).min(SLACK)
}

/// Values in memory that may belong to a pool.
#[derive(Debug)]
pub struct Buffer {
    values: Vec<f32>,
    start: usize,
    len: usize,
    pool: Option<Pool>,
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
    pub fn aligned(values: &[f32]) -> Self {
        let mut copy = vec![0.0; values.len() + SLACK];
        let start = aligned(&copy);
        copy[start..][..values.len()].copy_from_slice(values);
        Self { start, len: values.len(), values: copy, pool: None }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(pool) = &self.pool {
            let values = std::mem::take(&mut self.values);
            pool.spare().push(values);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spare(pool: &Pool) -> Vec<usize> {
        let mut sizes: Vec<_> = pool.spare().iter().map(Vec::len).collect();
        sizes.sort_unstable();
        sizes
    }

    #[test]
    fn memory_comes_back_and_serves_what_fits() {
        let pool = Pool::default();
        drop((pool.take(100), pool.take(40)));
        let [small, large] = [40 + SLACK, 100 + SLACK];
        assert_eq!(spare(&pool), [small, large]);
        let mut taken = pool.take(60);
        assert_eq!((taken.len(), spare(&pool)), (60, vec![small]));
        assert_eq!(taken.as_ptr().align_offset(LINE), 0);
        taken.fill(1.0);
        let copy = taken.clone();
        drop(taken);
        assert_eq!((copy.len(), spare(&pool)), (60, vec![small, large]), "a copy belongs to no pool");
    }

    #[test]
    fn changing_sizes_do_not_pile_up() {
        let pool = Pool::default();
        for round in 0..50 {
            let len = 100 + round * 37 % 101;
            drop((pool.take(len), pool.take(len), pool.take(10 * len)));
        }
        assert!(spare(&pool).len() <= 6, "{:?}", spare(&pool));
        assert!(spare(&pool).iter().sum::<usize>() <= 4 * 12 * 200);
    }
}
