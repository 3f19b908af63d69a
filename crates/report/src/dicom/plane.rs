//! Arrangement of the B-scans in space, as needed for the DICOM objects.

use octrls_readers::{FrameDirections, FramePlanes};

/// The en-face plane of parallel B-scans.
pub(super) struct EnFace {
    /// The first A-scan of the first B-scan.
    pub(super) position: [f64; 3],
    /// Direction from A-scan to A-scan.
    pub(super) columns: [f64; 3],
    /// Direction from B-scan to B-scan.
    pub(super) rows: [f64; 3],
    /// Distance of neighbouring B-scans; `None` for a single one.
    pub(super) distance_mm: Option<f64>,
}

impl EnFace {
    /// The plane of the B-scans; `None` if they are not evenly spaced along one direction across them.
    pub(super) fn of(planes: &FramePlanes) -> Option<Self> {
        const TOLERANCE: f64 = 0.05;
        let FrameDirections { along, down } = planes.common_directions()?;
        let positions: Vec<[f64; 3]> = planes.frames.iter().map(|frame| frame.position).collect();
        let (first, count) = (*positions.first()?, positions.len());
        if count == 1 {
            return Some(Self { position: first, columns: along, rows: cross(along, down), distance_mm: None });
        }
        let steps = (count - 1) as f64;
        let step = minus(*positions.last()?, first).map(|d| d / steps);
        let distance = length(step);
        let even = positions
            .iter()
            .enumerate()
            .all(|(i, &p)| length(minus(p, [0, 1, 2].map(|k| first[k] + step[k] * i as f64))) <= TOLERANCE * distance);
        let rows = step.map(|s| s / distance);
        let across = dot(rows, along).abs() <= TOLERANCE;
        (distance > 0.0 && even && across).then_some(EnFace {
            position: first,
            columns: along,
            rows,
            distance_mm: Some(distance),
        })
    }
}

fn minus(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn length(a: [f64; 3]) -> f64 {
    dot(a, a).sqrt()
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

#[cfg(test)]
mod tests {
    use octrls_readers::FramePlane;

    use super::*;

    fn planes(positions: Vec<[f64; 3]>) -> FramePlanes {
        let directions = FrameDirections { along: [1.0, 0.0, 0.0], down: [0.0, 1.0, 0.0] };
        FramePlanes { frames: positions.into_iter().map(|position| FramePlane { position, directions }).collect() }
    }

    #[test]
    fn evenly_spaced_bscans_make_a_plane() {
        let plane = EnFace::of(&planes(vec![[0.0, 0.0, 1.0], [0.0, 0.0, 0.75], [0.0, 0.0, 0.5]])).unwrap();
        assert!((plane.distance_mm.unwrap() - 0.25).abs() < 1e-12);
        assert!(length(minus(plane.rows, [0.0, 0.0, -1.0])) < 1e-12);
        let one = EnFace::of(&planes(vec![[0.0; 3]])).unwrap();
        assert!(one.distance_mm.is_none() && length(minus(one.rows, [0.0, 0.0, 1.0])) < 1e-12);
    }

    #[test]
    fn bscans_at_one_place_uneven_ones_and_ones_behind_each_other_make_none() {
        assert!(EnFace::of(&planes(vec![[0.0; 3]; 3])).is_none());
        assert!(EnFace::of(&planes(vec![[0.0; 3], [0.0, 0.0, 0.1], [0.0, 0.0, 1.0]])).is_none());
        assert!(EnFace::of(&planes(vec![[0.0; 3], [1.0, 0.0, 0.0]])).is_none());
        let mut star = planes(vec![[0.0; 3], [0.0, 0.0, 1.0]]);
        star.frames[1].directions.along = [0.0, 0.0, -1.0];
        assert!(EnFace::of(&star).is_none());
    }
}
