//! The line between two points that follows the image: the path of the strongest gradient, found by dynamic programming.

use octrls_core::{layer::Boundary, scan::BScan};

/// Rows beside the straight line that are searched, at least, and as a share of the image's height.
const REACH_ROWS: usize = 10;
const REACH_SHARE: f32 = 0.04;
/// Rows above and below an edge, and A-scans beside it, over which intensities are averaged.
const EDGE_ROWS: usize = 3;
const EDGE_ASCANS: usize = 1;
/// Most rows from one A-scan to the next beyond the slope of the straight line.
const MAX_STEP: isize = 2;
/// Cost of such a step, squared, and of a row's distance from the straight line, where a full gradient counts 1.
const STEP_COST: f32 = 0.15;
const DISTANCE_COST: f32 = 0.004;
/// Cost of a row outside the neighbouring boundaries.
const OUT_OF_ORDER: f32 = 4.0;
/// Gradients below this are noise.
const LEAST_GRADIENT: f32 = 1e-3;
/// A-scans over which the path is averaged on either side.
const SMOOTHING: usize = 2;

/// Whether the tissue below a boundary is brighter (1) or darker (-1); 0 if it depends on the eye or on a convention.
const fn polarity(boundary: Boundary) -> f32 {
    match boundary {
        Boundary::Ilm | Boundary::InlOpl | Boundary::OnlEz | Boundary::Csb => 1.0,
        Boundary::NflGcl | Boundary::IplInl | Boundary::OplOnl | Boundary::RpeBm => -1.0,
        Boundary::EzRpe => 0.0,
    }
}

/// The rows of the A-scans from the point `from` to the point `to`, both included and hit exactly. Without an image, or
/// where it shows no edge, the line is straight. `bounds` are the rows between which each A-scan allows the line.
pub(super) fn path(
    image: Option<&BScan>,
    boundary: Boundary,
    from: (usize, f32),
    to: (usize, f32),
    bounds: impl Fn(usize) -> (f32, f32),
) -> Vec<f32> {
    let ascans = to.0 - from.0;
    let straight: Vec<f32> = (0..=ascans).map(|i| from.1 + (to.1 - from.1) * i as f32 / ascans.max(1) as f32).collect();
    let Some(image) = image.filter(|_| ascans >= 2) else { return straight };
    let reach = REACH_ROWS.max((image.height as f32 * REACH_SHARE) as usize);
    let costs = costs(image, boundary, from.0, &straight, reach, bounds);
    let Some(costs) = costs else { return straight };
    let offsets = cheapest(&costs, reach);
    smoothed(&straight, &offsets)
}

/// The cost of each row around the straight line; `None` if there is no edge at all.
fn costs(
    image: &BScan,
    boundary: Boundary,
    first: usize,
    straight: &[f32],
    reach: usize,
    bounds: impl Fn(usize) -> (f32, f32),
) -> Option<Vec<Vec<f32>>> {
    let sign = polarity(boundary);
    let rows = |middle: f32| (0..=2 * reach).map(move |k| middle + k as f32 - reach as f32);
    let edges: Vec<Vec<f32>> = straight
        .iter()
        .enumerate()
        .map(|(i, middle)| {
            let edge = |row: f32| {
                let found = gradient(image, first + i, row);
                if sign == 0.0 { found.abs() } else { (sign * found).max(0.0) }
            };
            rows(*middle).map(edge).collect()
        })
        .collect();
    let strongest = edges.iter().flatten().copied().fold(0.0, f32::max);
    if strongest < LEAST_GRADIENT {
        return None;
    }
    let cost = |(i, of_ascan): (usize, Vec<f32>)| {
        let (upper, lower) = bounds(first + i);
        let rows = rows(straight[i]).enumerate();
        let cost = |((k, row), edge): ((usize, f32), f32)| {
            let outside = if (upper..=lower).contains(&row) { 0.0 } else { OUT_OF_ORDER };
            1.0 - edge / strongest + DISTANCE_COST * (k as f32 - reach as f32).abs() + outside
        };
        rows.zip(of_ascan).map(cost).collect()
    };
    Some(edges.into_iter().enumerate().map(cost).collect())
}

/// Mean intensity below the edge at `row` less that above it.
fn gradient(image: &BScan, x: usize, row: f32) -> f32 {
    let row = row.round();
    if row < 1.0 || row >= image.height as f32 {
        return 0.0;
    }
    let row = row as usize;
    let columns = x.saturating_sub(EDGE_ASCANS)..(x + EDGE_ASCANS + 1).min(image.width);
    let mean = |rows: std::ops::Range<usize>| {
        let count = (rows.len() * columns.len()) as f32;
        let row = |y: usize| image.intensity[y * image.width..][columns.clone()].iter().sum::<f32>();
        rows.map(row).sum::<f32>() / count
    };
    mean(row..(row + EDGE_ROWS).min(image.height)) - mean(row.saturating_sub(EDGE_ROWS)..row)
}

/// The cheapest path, as rows beside the straight line; it starts and ends on the line.
fn cheapest(costs: &[Vec<f32>], reach: usize) -> Vec<isize> {
    let rows = 2 * reach + 1;
    let mut total: Vec<f32> = (0..rows).map(|k| if k == reach { 0.0 } else { f32::INFINITY }).collect();
    let mut came_from: Vec<Vec<usize>> = Vec::with_capacity(costs.len());
    for of_ascan in &costs[1..] {
        let mut next = vec![f32::INFINITY; rows];
        let mut from = vec![reach; rows];
        for (k, cost) in of_ascan.iter().enumerate() {
            for step in -MAX_STEP..=MAX_STEP {
                let Some(before) = k.checked_add_signed(-step).filter(|before| *before < rows) else { continue };
                let sum = total[before] + cost + STEP_COST * (step * step) as f32;
                if sum < next[k] {
                    (next[k], from[k]) = (sum, before);
                }
            }
        }
        total = next;
        came_from.push(from);
    }
    let mut at = reach;
    let mut offsets = vec![0];
    for from in came_from.iter().rev() {
        at = from[at];
        offsets.push(at as isize - reach as isize);
    }
    offsets.reverse();
    offsets
}

/// The path with its steps smoothed; its ends stay.
fn smoothed(straight: &[f32], offsets: &[isize]) -> Vec<f32> {
    let last = offsets.len() - 1;
    let mean = |i: usize| {
        // The same number on either side, so that the ends and the slope stay.
        let half = SMOOTHING.min(i).min(last - i);
        let sum: isize = offsets[i - half..=i + half].iter().sum();
        sum as f32 / (2 * half + 1) as f32
    };
    straight.iter().enumerate().map(|(i, row)| row + mean(i)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 60;
    const HEIGHT: usize = 80;

    fn edge_at(x: usize) -> f32 {
        40.0 + 6.0 * (x as f32 / 59.0 * std::f32::consts::PI).sin()
    }

    /// Dark above a wave, bright below it, with speckle.
    fn image(bright_below: bool) -> BScan {
        let pixel = |i: usize| {
            let (x, y) = (i % WIDTH, i / WIDTH);
            let below = y as f32 >= edge_at(x);
            let speckle = ((x * 7919 + y * 104_729) % 97) as f32 / 97.0 - 0.5;
            (if below == bright_below { 0.8 } else { 0.2 }) + 0.2 * speckle
        };
        BScan { width: WIDTH, height: HEIGHT, intensity: (0..WIDTH * HEIGHT).map(pixel).collect() }
    }

    fn drawn(image: Option<&BScan>) -> Vec<f32> {
        path(image, Boundary::Ilm, (0, 40.0), (59, 40.0), |_| (0.0, HEIGHT as f32))
    }

    #[test]
    fn the_path_follows_the_edge_between_its_points() {
        let path = drawn(Some(&image(true)));
        assert_eq!((path.len(), path[0], path[59]), (60, 40.0, 40.0));
        for (x, row) in path.iter().enumerate() {
            assert!((row - edge_at(x)).abs() < 1.5, "{x}: {row} for {}", edge_at(x));
        }
    }

    #[test]
    fn an_edge_of_the_other_polarity_is_not_followed() {
        let path = drawn(Some(&image(false)));
        assert!(path.iter().zip(0..).any(|(row, x)| (row - edge_at(x)).abs() > 3.0));
    }

    #[test]
    fn without_an_edge_the_line_is_straight() {
        let flat = BScan { width: WIDTH, height: HEIGHT, intensity: vec![0.5; WIDTH * HEIGHT] };
        assert_eq!(drawn(Some(&flat)), drawn(None));
        let line = path(None, Boundary::Ilm, (10, 5.0), (12, 9.0), |_| (0.0, 80.0));
        assert_eq!(line, [5.0, 7.0, 9.0]);
    }

    #[test]
    fn the_path_stays_between_its_neighbours() {
        let path = path(Some(&image(true)), Boundary::Ilm, (0, 40.0), (59, 40.0), |_| (0.0, 42.0));
        assert!(path.iter().all(|row| *row < 43.0), "{path:?}");
    }
}
