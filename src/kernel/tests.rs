//! Every operator against the definition of it.

use fearless_simd::Level;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Conv3x3, FeatureMap, Head, Pool, Stem, UpConv};

/// Values of shape `[channels][height][width]`.
struct Planes {
    channels: usize,
    height: usize,
    width: usize,
    values: Vec<f32>,
}

impl Planes {
    fn random(rng: &mut ChaCha8Rng, channels: usize, height: usize, width: usize) -> Self {
        Self { channels, height, width, values: random(rng, channels * height * width) }
    }

    /// Zero beyond the border.
    fn at(&self, channel: usize, y: isize, x: isize) -> f32 {
        let inside = (0..self.height as isize).contains(&y) && (0..self.width as isize).contains(&x);
        if inside { self.values[(channel * self.height + y as usize) * self.width + x as usize] } else { 0.0 }
    }

    fn map(&self, pool: &Pool) -> FeatureMap {
        let mut map = FeatureMap::new(pool, self.height, self.width, self.channels);
        let stride = map.stride();
        let rows = map.rows_mut();
        for y in 0..self.height {
            for x in 0..self.width {
                for c in 0..self.channels {
                    rows[y * stride + (x + 1) * self.channels + c] = self.at(c, y as isize, x as isize);
                }
            }
        }
        map
    }
}

fn random(rng: &mut ChaCha8Rng, number: usize) -> Vec<f32> {
    (0..number).map(|_| rng.random_range(-1.0..1.0)).collect()
}

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(7)
}

/// Every instruction set of this machine.
fn levels() -> Vec<Level> {
    let mut levels = vec![Level::new()];
    #[cfg(target_arch = "x86_64")]
    levels.extend(
        [Level::new().as_avx2().map(Level::Avx2), Level::new().as_sse2().map(Level::Sse2)].into_iter().flatten(),
    );
    levels
}

/// Bias and 3 x 3 convolution at one pixel.
fn convolved(parts: &[&Planes], weights: &[f32], bias: f32, output: usize, y: usize, x: usize) -> f32 {
    let inputs: usize = parts.iter().map(|p| p.channels).sum();
    let mut channels = parts.iter().flat_map(|p| (0..p.channels).map(move |c| (p, c)));
    let mut sum = f64::from(bias);
    for i in 0..inputs {
        let (part, c) = channels.next().expect("a channel");
        for dy in 0..3 {
            for dx in 0..3 {
                let w = weights[((output * inputs + i) * 3 + dy) * 3 + dx];
                sum += f64::from(w) * f64::from(part.at(c, (y + dy) as isize - 1, (x + dx) as isize - 1));
            }
        }
    }
    sum.max(0.0) as f32
}

#[track_caller]
fn assert_near(found: f32, expected: f32) {
    assert!((found - expected).abs() < 2e-4, "{found} instead of {expected}");
}

#[track_caller]
fn assert_margin_is_zero(map: &FeatureMap) {
    let inner: f64 = (0..map.height()).flat_map(|y| map.row(y)).map(|v| f64::from(v.abs())).sum();
    let all: f64 = map.values().iter().map(|v| f64::from(v.abs())).sum();
    assert!((inner - all).abs() < 1e-6 * all.max(1.0));
}

#[test]
fn convolution_is_the_sum_over_all_maps_and_taps() {
    let mut rng = rng();
    let pool = Pool::default();
    for level in levels() {
        for (sources, outputs, height, width, threads) in [
            (&[16][..], 16, 12, 20, 1),
            (&[8], 8, 16, 8, 2),
            (&[8, 16], 24, 7, 13, 1),
            (&[32, 32], 64, 5, 4, 3),
            (&[8], 32, 1, 1, 2),
            (&[16], 8, 40, 70, 4),
        ] {
            let parts: Vec<Planes> = sources.iter().map(|&c| Planes::random(&mut rng, c, height, width)).collect();
            let parts: Vec<&Planes> = parts.iter().collect();
            let inputs = sources.iter().sum::<usize>();
            let weights = random(&mut rng, outputs * inputs * 9);
            let bias = random(&mut rng, outputs);
            let maps: Vec<FeatureMap> = parts.iter().map(|p| p.map(&pool)).collect();
            let mut out = FeatureMap::new(&pool, height, width, outputs);
            let mut half = FeatureMap::new(&pool, height / 2, width / 2, outputs);
            let conv = Conv3x3::new(inputs, &weights, &bias);
            let maps: Vec<&FeatureMap> = maps.iter().collect();
            conv.run(level, threads, &maps, &mut out, None);
            let alone = out.values().to_vec();
            conv.run(level, threads, &maps, &mut out, Some(&mut half));
            assert_eq!(alone, out.values(), "pooling changes nothing");
            for y in 0..height {
                for x in 0..width {
                    for (o, found) in out.row(y)[x * outputs..][..outputs].iter().enumerate() {
                        assert_near(*found, convolved(&parts, &weights, bias[o], o, y, x));
                    }
                }
            }
            for y in 0..height / 2 {
                for x in 0..width / 2 {
                    for o in 0..outputs {
                        let of = |dy: usize, dx: usize| out.row(2 * y + dy)[(2 * x + dx) * outputs + o];
                        let expected = of(0, 0).max(of(0, 1)).max(of(1, 0)).max(of(1, 1));
                        assert_near(half.row(y)[x * outputs + o], expected);
                    }
                }
            }
            assert_margin_is_zero(&out);
            assert_margin_is_zero(&half);
        }
    }
}

#[test]
fn the_stem_convolves_the_image() {
    let mut rng = rng();
    let pool = Pool::default();
    for level in levels() {
        for (outputs, height, width) in [(16, 6, 9), (8, 1, 5), (24, 11, 2)] {
            let image = Planes::random(&mut rng, 1, height, width);
            let (weights, bias) = (random(&mut rng, outputs * 9), random(&mut rng, outputs));
            let mut out = FeatureMap::new(&pool, height, width, outputs);
            Stem::new(&weights, &bias).run(level, 2, &image.values, &mut out);
            for y in 0..height {
                for x in 0..width {
                    for (o, found) in out.row(y)[x * outputs..][..outputs].iter().enumerate() {
                        assert_near(*found, convolved(&[&image], &weights, bias[o], o, y, x));
                    }
                }
            }
            assert_margin_is_zero(&out);
        }
    }
}

#[test]
fn up_convolution_makes_four_pixels_of_one() {
    let mut rng = rng();
    let pool = Pool::default();
    for level in levels() {
        for (inputs, outputs) in [(32, 16), (16, 8), (5, 24)] {
            let (height, width) = (3, 7);
            let planes = Planes::random(&mut rng, inputs, height, width);
            let (weights, bias) = (random(&mut rng, outputs * inputs * 4), random(&mut rng, outputs));
            let mut out = FeatureMap::new(&pool, 2 * height, 2 * width, outputs);
            UpConv::new(inputs, &weights, &bias).run(level, 2, &planes.map(&pool), &mut out);
            for y in 0..2 * height {
                for x in 0..2 * width {
                    for o in 0..outputs {
                        let tap = |i: usize| weights[((o * inputs + i) * 2 + y % 2) * 2 + x % 2];
                        let pixel = |i: usize| planes.at(i, (y / 2) as isize, (x / 2) as isize);
                        let expected = bias[o] + (0..inputs).map(|i| tap(i) * pixel(i)).sum::<f32>();
                        assert_near(out.row(y)[x * outputs + o], expected);
                    }
                }
            }
            assert_margin_is_zero(&out);
        }
    }
}

#[test]
fn the_head_scores_every_pixel_class_by_class() {
    let mut rng = rng();
    let pool = Pool::default();
    for level in levels() {
        for (inputs, outputs) in [(16, 9), (8, 1), (24, 16)] {
            let (height, width) = (4, 21);
            let planes = Planes::random(&mut rng, inputs, height, width);
            let (weights, bias) = (random(&mut rng, outputs * inputs), random(&mut rng, outputs));
            let scores = Head::new(inputs, &weights, &bias).run(level, 2, &planes.map(&pool));
            assert_eq!(scores.len(), outputs * height * width);
            for (n, &score) in scores.iter().enumerate() {
                let (o, y, x) = (n / (height * width), n / width % height, n % width);
                let pixel = |i: usize| planes.at(i, y as isize, x as isize);
                let expected = bias[o] + (0..inputs).map(|i| weights[o * inputs + i] * pixel(i)).sum::<f32>();
                assert_near(score, expected);
            }
        }
    }
}

#[test]
fn a_map_from_recycled_memory_keeps_its_margin() {
    let mut rng = rng();
    let pool = Pool::default();
    let first = Planes::random(&mut rng, 8, 4, 4).map(&pool);
    let memory = first.values().as_ptr();
    drop(first);
    let second = FeatureMap::new(&pool, 4, 4, 8);
    assert_eq!(second.values().as_ptr(), memory);
    assert_margin_is_zero(&second);
    assert_ne!(FeatureMap::new(&pool, 4, 4, 8).values().as_ptr(), memory);
}
