//! Fourier transforms for tract, in place of the crate of this name.
//!
//! tract needs `rustfft` for its Fourier operators. The real crate adds several megabytes of vector code, which no network
//! for segmentation runs. Models with Fourier operators still work here, but slowly. The interface is the part of the real
//! one that tract uses.

use std::{f64::consts::TAU, fmt::Debug, marker::PhantomData};

pub use num_complex;
pub use num_traits;

use num_complex::Complex;
use num_traits::{FromPrimitive, Signed};

/// `f32` or `f64`.
pub trait FftNum: Copy + FromPrimitive + Signed + Sync + Send + Debug + 'static {}

impl<T: Copy + FromPrimitive + Signed + Sync + Send + Debug + 'static> FftNum for T {}

/// To frequencies, or back. Neither is normalised: one after the other multiplies by the length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FftDirection {
    /// To frequencies.
    Forward,
    /// Back from frequencies.
    Inverse,
}

/// Makes transforms.
#[derive(Debug, Default)]
pub struct FftPlanner<T>(PhantomData<T>);

impl<T: FftNum> FftPlanner<T> {
    /// A planner.
    #[must_use]
    pub fn new() -> Self {
        Self(PhantomData)
    }

    /// A transform of `length` values.
    pub fn plan_fft(&mut self, length: usize, direction: FftDirection) -> Fft<T> {
        let turn = match direction {
            FftDirection::Forward => -TAU,
            FftDirection::Inverse => TAU,
        };
        let number = |value: f64| T::from_f64(value).unwrap_or_else(T::zero);
        let root = |index| {
            let (sin, cos) = (turn * index as f64 / length as f64).sin_cos();
            Complex::new(number(cos), number(sin))
        };
        Fft { roots: (0..length).map(root).collect() }
    }

    /// A transform of `length` values to frequencies.
    pub fn plan_fft_forward(&mut self, length: usize) -> Fft<T> {
        self.plan_fft(length, FftDirection::Forward)
    }
}

/// A transform of a fixed length.
#[derive(Debug)]
pub struct Fft<T> {
    /// As many roots of one as there are values.
    roots: Vec<Complex<T>>,
}

impl<T: FftNum> Fft<T> {
    /// Transforms each run of as many values as planned, in place.
    pub fn process(&self, buffer: &mut [Complex<T>]) {
        for values in buffer.chunks_exact_mut(self.roots.len().max(1)) {
            let input = values.to_vec();
            self.transform(&input, 1, values);
        }
    }

    /// Transforms every `stride`-th value of `input`: by Cooley and Tukey, in `parts` interleaved parts.
    fn transform(&self, input: &[Complex<T>], stride: usize, output: &mut [Complex<T>]) {
        let length = output.len();
        let Some(parts) = (2..=length).find(|divisor| length.is_multiple_of(*divisor)) else {
            output.copy_from_slice(&input[..length]);
            return;
        };
        let part = length / parts;
        for (first, output) in output.chunks_exact_mut(part).enumerate() {
            self.transform(&input[first * stride..], stride * parts, output);
        }
        let transformed = output.to_vec();
        for (frequency, output) in output.iter_mut().enumerate() {
            let mut root = 0;
            *output = Complex::new(T::zero(), T::zero());
            for value in transformed[frequency % part..].iter().step_by(part) {
                *output = *output + *value * self.roots[root];
                root = (root + frequency * stride) % self.roots.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transformed(mut values: Vec<Complex<f64>>, direction: FftDirection) -> Vec<Complex<f64>> {
        FftPlanner::new().plan_fft(values.len(), direction).process(&mut values);
        values
    }

    fn assert_close(found: &[Complex<f64>], expected: &[Complex<f64>]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).norm() < 1e-9, "{found} instead of {expected}");
        }
    }

    /// Values without symmetry.
    fn values(length: usize) -> Vec<Complex<f64>> {
        (0..length).map(|i| Complex::new((i * i % 7) as f64 - 2.5, (i * 3 % 5) as f64)).collect()
    }

    #[test]
    fn an_impulse_has_all_frequencies() {
        let mut impulse = vec![Complex::new(0.0, 0.0); 12];
        impulse[0].re = 1.0;
        assert_close(&transformed(impulse, FftDirection::Forward), &[Complex::new(1.0, 0.0); 12]);
    }

    #[test]
    fn a_cosine_has_one_frequency_and_its_mirror() {
        let cosine = (0..20).map(|i| Complex::new((TAU * 3.0 * f64::from(i) / 20.0).cos(), 0.0)).collect();
        let mut expected = vec![Complex::new(0.0, 0.0); 20];
        expected[3].re = 10.0;
        expected[17].re = 10.0;
        assert_close(&transformed(cosine, FftDirection::Forward), &expected);
    }

    #[test]
    fn transforms_follow_their_definition() {
        for length in [1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 30, 64, 97, 210] {
            for (direction, sign) in [(FftDirection::Forward, -1.0), (FftDirection::Inverse, 1.0)] {
                let values = values(length);
                let term = |k: usize, i: usize| {
                    values[i] * Complex::from_polar(1.0, sign * TAU * (k * i % length) as f64 / length as f64)
                };
                let expected: Vec<_> = (0..length).map(|k| (0..length).map(|i| term(k, i)).sum()).collect();
                assert_close(&transformed(values.clone(), direction), &expected);
            }
        }
    }

    #[test]
    fn there_and_back_multiplies_by_the_length() {
        for length in [6, 11, 45, 256] {
            let expected: Vec<_> = values(length).into_iter().map(|value| value * length as f64).collect();
            let there = transformed(values(length), FftDirection::Forward);
            assert_close(&transformed(there, FftDirection::Inverse), &expected);
        }
    }

    #[test]
    fn each_run_of_a_buffer_is_transformed() {
        let mut both = [values(10), values(10)].concat();
        let fft = FftPlanner::new().plan_fft_forward(10);
        fft.process(&mut both);
        let one = transformed(values(10), FftDirection::Forward);
        assert_close(&both, &[one.clone(), one].concat());
    }

    #[test]
    fn nothing_has_no_frequencies() {
        assert_eq!(transformed(Vec::new(), FftDirection::Inverse), []);
    }
}
