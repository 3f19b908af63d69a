//! Compares each operator with its definition.

use fearless_simd::Level;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{BufferPool, Conv3x3, FeatureMap, FusedDecoder, FusedEncoder, Head, Stem, UpConv};

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

    fn map(&self, pool: &BufferPool) -> FeatureMap {
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

/// All instruction sets of this machine.
fn levels() -> Vec<Level> {
    let mut levels = vec![Level::new()];
    #[cfg(target_arch = "x86_64")]
    levels.extend(
        [
            Level::new().as_avx2().map(Level::Avx2),
            Level::new().as_sse4_2().map(Level::Sse4_2),
            Level::new().as_sse2().map(Level::Sse2),
        ]
        .into_iter()
        .flatten(),
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
fn convolution_matches_its_definition() {
    let mut rng = rng();
    let pool = BufferPool::default();
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
fn stem_matches_its_definition() {
    let mut rng = rng();
    let pool = BufferPool::default();
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
fn up_convolution_matches_its_definition() {
    let mut rng = rng();
    let pool = BufferPool::default();
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
fn head_matches_its_definition() {
    let mut rng = rng();
    let pool = BufferPool::default();
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
fn a_map_in_reused_memory_has_a_zero_margin() {
    let mut rng = rng();
    let pool = BufferPool::default();
    let first = Planes::random(&mut rng, 8, 4, 4).map(&pool);
    let memory = first.values().as_ptr();
    drop(first);
    let second = FeatureMap::new(&pool, 4, 4, 8);
    assert_eq!(second.values().as_ptr(), memory);
    assert_margin_is_zero(&second);
    assert_ne!(FeatureMap::new(&pool, 4, 4, 8).values().as_ptr(), memory);
}

/// Parts of a narrow first level, with random weights.
struct NarrowLevel {
    stem: Stem,
    down: Conv3x3,
    up: UpConv,
    merge: Conv3x3,
    last: Conv3x3,
    head: Head,
}

impl NarrowLevel {
    fn random(rng: &mut ChaCha8Rng, below: usize) -> Self {
        let mut conv = |inputs: usize| Conv3x3::new(inputs, &random(rng, 8 * inputs * 9), &random(rng, 8));
        let (down, merge, last) = (conv(8), conv(16), conv(8));
        Self {
            stem: Stem::new(&random(rng, 8 * 9), &random(rng, 8)),
            down,
            up: UpConv::new(below, &random(rng, 8 * below * 4), &random(rng, 8)),
            merge,
            last,
            head: Head::new(8, &random(rng, 9 * 8), &random(rng, 9)),
        }
    }
}

#[track_caller]
fn assert_near_relative(found: f32, expected: f32) {
    assert!((found - expected).abs() < 1e-4 * expected.abs().max(10.0), "{found} instead of {expected}");
}

#[test]
fn fused_encoder_matches_stem_and_convolution() {
    let mut rng = rng();
    let pool = BufferPool::default();
    for level in levels() {
        for (height, width, threads) in [(2, 16, 1), (54, 48, 2), (130, 32, 1), (200, 16, 3)] {
            let NarrowLevel { stem, down, .. } = NarrowLevel::random(&mut rng, 16);
            let image = random(&mut rng, height * width);
            let mut first = FeatureMap::new(&pool, height, width, 8);
            let mut second = FeatureMap::new(&pool, height, width, 8);
            let mut expected = FeatureMap::new(&pool, height / 2, width / 2, 8);
            stem.run(level, 1, &image, &mut first);
            down.run(level, 1, &[&first], &mut second, Some(&mut expected));
            let encoder = FusedEncoder::fuse(&stem, &down).expect("eight channels");
            let (out, half) = encoder.run(level, threads, &pool, &image, width);
            for y in 0..height {
                for (i, &expected) in second.row(y).iter().enumerate() {
                    assert_near_relative(out.at(i % 8, y, i / 8), expected);
                }
            }
            for y in 0..height / 2 {
                half.row(y).iter().zip(expected.row(y)).for_each(|(h, e)| assert_near_relative(*h, *e));
            }
            assert_margin_is_zero(&half);
        }
    }
}

#[test]
fn fused_decoder_matches_up_convolution_convolutions_and_head() {
    let mut rng = rng();
    let pool = BufferPool::default();
    for level in levels() {
        for (height, width, threads, skip_first) in
            [(2, 16, 1, true), (54, 48, 2, false), (130, 32, 1, true), (200, 16, 3, true)]
        {
            let NarrowLevel { stem, down, up, merge, last, head } = NarrowLevel::random(&mut rng, 24);
            let image = random(&mut rng, height * width);
            let encoder = FusedEncoder::fuse(&stem, &down).expect("eight channels");
            let (lines, _) = encoder.run(level, 1, &pool, &image, width);
            let mut skip = FeatureMap::new(&pool, height, width, 8);
            let stride = skip.stride();
            for (n, value) in (0..height * width * 8).map(|n| (n, lines.at(n % 8, n / 8 / width, n / 8 % width))) {
                skip.rows_mut()[n / 8 / width * stride + 8 + n % (8 * width)] = value;
            }
            let below = Planes::random(&mut rng, 24, height / 2, width / 2).map(&pool);
            let mut upsampled = FeatureMap::new(&pool, height, width, 8);
            up.run(level, 1, &below, &mut upsampled);
            let sources = if skip_first { [&skip, &upsampled] } else { [&upsampled, &skip] };
            let (mut merged, mut out) =
                (FeatureMap::new(&pool, height, width, 8), FeatureMap::new(&pool, height, width, 8));
            merge.run(level, 1, &sources, &mut merged, None);
            last.run(level, 1, &[&merged], &mut out, None);
            let expected = head.run(level, 1, &out);
            let decoder = FusedDecoder::fuse(&up, &merge, &last, &head, skip_first).expect("eight channels");
            let found = decoder.run(level, threads, &lines, &below);
            assert_eq!(found.len(), expected.len());
            found.iter().zip(expected.iter()).for_each(|(f, e)| assert_near_relative(*f, *e));
        }
    }
}
