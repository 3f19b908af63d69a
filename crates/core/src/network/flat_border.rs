//! Flat white or grey borders of a scan: strips, frames, and the wedges that a scanner leaves when it turns a B-scan.
//!
//! They are no signal. Counted in, they raise mean and variance and darken the retina for the network.

/// Largest difference of pixels that count as one value; lossy compression rings by about as much.
const SAME: f32 = 3.0 / 255.0;
/// A flat run takes at least one in this many pixels of its side. Bright layers that reach a side take less.
const MIN_RUN: usize = 12;
/// Smallest step from a border to the image, at half of its lines or more; a bright image that fades has none.
const STEP: f32 = 4.0 * SAME;
/// A leak into a bright layer is narrower than this.
const LEAK: usize = 8;

/// Lines of pixels that run from a side into the image.
#[derive(Clone, Copy)]
struct Side {
    /// Index of the first pixel of the first line.
    start: usize,
    /// Steps from one line to the next, and from one pixel of a line to the next.
    along: isize,
    inwards: isize,
    lines: usize,
    depth: usize,
}

impl Side {
    /// Index of a pixel, `step` steps from the side.
    const fn at(self, line: usize, step: usize) -> usize {
        self.start.wrapping_add_signed(self.along * line as isize + self.inwards * step as isize)
    }
}

/// Part of a side whose pixels have one value, and how far that value goes into the image on each of its lines.
struct Run {
    side: Side,
    first: usize,
    depths: Vec<usize>,
    value: f32,
}

/// The pixels of flat borders that are brighter than the rest of the image, `true` for each; `None` without any, as in
/// most scans. Dark borders look like the vitreous and stay.
pub(super) fn flat_border(pixels: &[f32], width: usize) -> Option<Vec<bool>> {
    let height = pixels.len() / width.max(1);
    if width < 2 * MIN_RUN || height < 2 * MIN_RUN {
        return None;
    }
    let (across, down) = (1, width as isize);
    let sides = [
        Side { start: 0, along: across, inwards: down, lines: width, depth: height },
        Side { start: (height - 1) * width, along: across, inwards: -down, lines: width, depth: height },
        Side { start: 0, along: down, inwards: across, lines: height, depth: width },
        Side { start: width - 1, along: down, inwards: -across, lines: height, depth: width },
    ];
    let mut runs: Vec<Run> = sides.iter().flat_map(|&side| runs(pixels, side)).collect();
    if runs.is_empty() {
        return None;
    }
    let mask = |runs: &[Run]| {
        let mut mask = vec![false; pixels.len()];
        for run in runs {
            for (line, &depth) in (run.first..).zip(&run.depths) {
                (0..depth).for_each(|step| mask[run.side.at(line, step)] = true);
            }
        }
        mask
    };
    let rest = mask(&runs);
    let rest = || pixels.iter().zip(&rest).filter(|&(_, &flat)| !flat).map(|(&v, _)| f64::from(v));
    let count = rest().count();
    if count * 10 < pixels.len() {
        return None;
    }
    let mean = rest().sum::<f64>() / count as f64;
    runs.retain(|run| f64::from(run.value) > mean);
    (!runs.is_empty()).then(|| mask(&runs))
}

/// The flat runs of a side.
fn runs(pixels: &[f32], side: Side) -> Vec<Run> {
    let same = |a: f32, b: f32| (a - b).abs() <= SAME;
    let mut found = Vec::new();
    let mut first = 0;
    while first < side.lines {
        let value = pixels[side.at(first, 0)];
        let end = (first..side.lines).find(|&line| !same(pixels[side.at(line, 0)], value)).unwrap_or(side.lines);
        // Black runs are most of what there is; they are never excluded.
        if end - first >= side.lines.div_ceil(MIN_RUN) && value > SAME {
            let depth = |line| (0..side.depth).take_while(|&step| same(pixels[side.at(line, step)], value)).count();
            let depths: Vec<usize> = (first..end).map(depth).collect();
            let steps = |(line, &depth): (usize, &usize)| {
                depth == side.depth || (pixels[side.at(line, depth)] - value).abs() > STEP
            };
            if 2 * (first..end).zip(&depths).filter(|&pair| steps(pair)).count() >= depths.len() {
                found.push(Run { side, first, depths: without_leaks(&depths), value });
            }
        }
        first = end;
    }
    found
}

/// `depths` without narrow peaks: a bright layer that meets the border is no part of it.
fn without_leaks(depths: &[usize]) -> Vec<usize> {
    let near = |at: Option<usize>| at.and_then(|at| depths.get(at)).copied();
    let limit =
        |i: usize| near(i.checked_sub(LEAK)).max(near(i.checked_add(LEAK))).map_or(usize::MAX, |depth| depth + 2);
    (0..depths.len()).map(|i| depths[i].min(limit(i))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 96;
    const HEIGHT: usize = 80;

    /// A dark image with a bright band and a value for each pixel that `border` chooses.
    fn image(border: impl Fn(usize, usize) -> Option<f32>) -> Vec<f32> {
        let pixel = |i: usize| {
            let (x, y) = (i % WIDTH, i / WIDTH);
            let speckle = ((x * 7 + y * 13) % 11) as f32 / 40.0;
            border(x, y).unwrap_or(if (40..46).contains(&y) { 1.0 } else { speckle })
        };
        (0..WIDTH * HEIGHT).map(pixel).collect()
    }

    fn check(border: impl Fn(usize, usize) -> Option<f32>) {
        let mask = flat_border(&image(&border), WIDTH).expect("a border");
        let wrong = (0..mask.len()).filter(|&i| mask[i] != border(i % WIDTH, i / WIDTH).is_some()).count();
        assert!(wrong <= mask.len() / 200, "{wrong} pixels");
    }

    #[test]
    fn strips_frames_and_wedges_are_found() {
        check(|_, y| (y >= 70).then_some(1.0));
        check(|x, y| (!(5..90).contains(&x) || !(6..78).contains(&y)).then_some(0.6));
        check(|x, y| (y < x / 8).then_some(1.0));
        check(|x, y| (y < 20 && x < 30 - y).then_some(0.9));
    }

    #[test]
    fn ordinary_images_have_none() {
        assert_eq!(flat_border(&image(|_, _| None), WIDTH), None, "a bright layer reaches both sides");
        assert_eq!(flat_border(&image(|_, y| (y < 20).then_some(0.0)), WIDTH), None, "black rows");
        assert_eq!(flat_border(&image(|_, y| (y < 20).then_some(0.06)), WIDTH), None, "a grey vitreous");
        assert_eq!(flat_border(&vec![1.0; WIDTH * HEIGHT], WIDTH), None, "nothing but one value");
        assert_eq!(flat_border(&[1.0; 9], 3), None);
    }

    #[test]
    fn a_border_does_not_leak_into_a_layer() {
        let mask = flat_border(&image(|x, y| (x < 8 && y < 60).then_some(1.0)), WIDTH).expect("a border");
        let leaked = (40..46).flat_map(|y| (12..WIDTH).map(move |x| y * WIDTH + x)).filter(|&i| mask[i]).count();
        assert_eq!(leaked, 0);
    }
}
