//! Peak throughput of the processor: `peak THREADS` prints billions of single-precision operations per second.
//!
//! Runs chains of fused multiply-adds in registers, enough to hide their latency, on the widest vectors of the machine.

#![expect(clippy::inline_always, reason = "vector code must be compiled within its caller")]

use std::{error::Error, hint::black_box, time::Instant};

use fearless_simd::{Level, Simd, dispatch, prelude::*};

/// Number of parallel chains.
const CHAINS: usize = 12;
/// Steps of each chain.
const STEPS: usize = 20_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let threads: usize = std::env::args().nth(1).ok_or("usage: peak THREADS")?.parse()?;
    let level = Level::new();
    let lanes = dispatch!(level, simd => lanes(simd));
    let best = (0..5).map(|_| time(level, threads)).fold(f64::MAX, f64::min);
    println!("{:.1}", (2 * threads * CHAINS * STEPS * lanes) as f64 / best / 1e9);
    Ok(())
}

/// Seconds that all chains take.
fn time(level: Level, threads: usize) -> f64 {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| black_box(dispatch!(level, simd => chains(simd, black_box(0.999)))));
        }
    });
    start.elapsed().as_secs_f64()
}

#[inline(always)]
fn lanes<S: Simd>(_: S) -> usize {
    <S::f32s as SimdBase<S>>::LEN
}

#[inline(always)]
fn chains<S: Simd>(simd: S, factor: f32) -> f32 {
    let factor = S::f32s::simd_from(simd, factor);
    let mut sums = [factor; CHAINS];
    for _ in 0..STEPS {
        for sum in &mut sums {
            *sum = sum.mul_add(factor, factor);
        }
    }
    sums.iter().map(|sum| sum.as_slice().iter().sum::<f32>()).sum()
}
