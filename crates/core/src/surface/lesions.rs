//! Where lesions are: a class for each pixel of the scan.

use serde::{Deserialize, Serialize};

use super::Surfaces;
use crate::{
    layer::{Boundary, CLASSES},
    lesion::{LESION_CLASSES, LESIONS, Lesion},
    network::{Logits, Placement},
};

/// Smallest area of a lesion, in pixels of the network's grid; smaller ones are noise.
const MIN_AREA: usize = 12;

/// Probability from which a pixel of a lesion is possible, and from which it is certain. Those between are likely, or
/// not, by the most likely class.
const POSSIBLE: f32 = 0.25;
const CERTAIN: f32 = 0.75;
/// A-scans beside the optic disc in which no lesion is looked for, as a share of the scan's width: the rim of the disc,
/// where the retina ends, looks like one. Narrower gaps in the retina are no disc; a lesion can make them.
const DISC_RIM: f32 = 0.03;
/// Distance of two scores from which the lesser class is less than possible.
const HOPELESS: f32 = 1.2;

/// The lesions of a B-scan: a class index for each pixel, 0 for none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LesionMask {
    width: usize,
    height: usize,
    classes: Vec<u8>,
    /// For each lesion, the height in each A-scan.
    heights: [Vec<Height>; LESIONS],
}

/// Height of a lesion in an A-scan, in pixels of the scan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Height {
    /// That of the pixels in the mask.
    pub likely: f32,
    /// That of the pixels with a probability of at least three quarters.
    pub least: f32,
    /// That of the pixels with a probability of at least a quarter.
    pub most: f32,
}

/// How sure the network is of a lesion in a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Sureness {
    Possible,
    Likely,
    Certain,
}

impl LesionMask {
    /// A mask of `width` columns from a class for each pixel, row-major; `None` if a row is incomplete or a class unknown.
    #[must_use]
    pub fn new(width: usize, classes: Vec<u8>) -> Option<Self> {
        let height = classes.len().checked_div(width)?;
        let valid = classes.len() == width * height && classes.iter().all(|&c| usize::from(c) < LESION_CLASSES);
        if !valid {
            return None;
        }
        let mut mask = Self::empty(width, height);
        for (i, &class) in classes.iter().enumerate().filter(|(_, class)| **class != 0) {
            mask.add(i % width, i / width, class, Sureness::Certain);
        }
        mask.classes = classes;
        Some(mask)
    }

    fn empty(width: usize, height: usize) -> Self {
        let heights = std::array::from_fn(|_| vec![Height::default(); width]);
        Self { width, height, classes: vec![0; width * height], heights }
    }

    fn add(&mut self, x: usize, y: usize, class: u8, sureness: Sureness) {
        let height = &mut self.heights[usize::from(class) - 1][x];
        height.most += 1.0;
        if sureness >= Sureness::Likely {
            height.likely += 1.0;
            self.classes[y * self.width + x] = class;
        }
        if sureness == Sureness::Certain {
            height.least += 1.0;
        }
    }

    /// The most likely class of each pixel of the scan, where the anatomy of `surfaces` allows it and the area is not
    /// tiny; `None` if the network knows no lesions.
    #[must_use]
    pub fn find(logits: &Logits, placement: &Placement, surfaces: &Surfaces) -> Option<Self> {
        if !logits.has_lesions() {
            return None;
        }
        let grid = lesions_on_grid(logits, placement);
        let Placement { scan_width, scan_height, width, height, .. } = *placement;
        let nearest = |i: usize, grid: usize, scan: usize| (2 * i + 1) * grid / (2 * scan);
        let rows_on_grid = placement.resized_height;
        let disc = disc_with_rim(surfaces);
        let mut mask = Self::empty(scan_width, scan_height);
        for y in 0..scan_height {
            let row = nearest(y, rows_on_grid, scan_height);
            let Some(row) = row.checked_sub(placement.above).filter(|row| *row < height) else { continue };
            for x in 0..scan_width {
                if !disc[x]
                    && let Some((class, sureness)) = grid[row * width + nearest(x, width, scan_width)]
                    && is_plausible(class, surfaces, x, y as f32 + 0.5)
                {
                    mask.add(x, y, class, sureness);
                }
            }
        }
        Some(mask)
    }

    /// Columns.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    #[must_use]
    pub const fn height(&self) -> usize {
        self.height
    }

    /// The class of each pixel, row-major.
    #[must_use]
    pub fn classes(&self) -> &[u8] {
        &self.classes
    }

    /// Whether there is a class for each pixel, and no unknown one. Deserialised masks may lack this.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.classes.len() == self.width * self.height
            && self.heights.iter().all(|heights| heights.len() == self.width)
            && self.classes.iter().all(|&class| usize::from(class) < LESION_CLASSES)
    }

    /// Number of pixels of `lesion`.
    #[must_use]
    pub fn area_px(&self, lesion: Lesion) -> usize {
        self.classes.iter().map(|&class| usize::from(class == lesion.class())).sum()
    }

    /// The first A-scan and the one after the last that show `lesion`; an empty range at 0 if none does.
    #[must_use]
    pub fn extent(&self, lesion: Lesion) -> std::ops::Range<usize> {
        let shows = |height: &Height| height.likely > 0.0;
        let heights = self.heights_px(lesion);
        let first = heights.iter().position(shows).unwrap_or(0);
        first..heights.iter().rposition(shows).map_or(first, |last| last + 1)
    }

    /// Height of `lesion` in each A-scan, in pixels.
    #[must_use]
    pub fn heights_px(&self, lesion: Lesion) -> &[Height] {
        &self.heights[lesion.index()]
    }
}

/// The most likely lesion of each pixel of the placed region, if it is possible; likely ones that are tiny are left out.
fn lesions_on_grid(logits: &Logits, placement: &Placement) -> Vec<Option<(u8, Sureness)>> {
    let Placement { width, height, left, top, .. } = *placement;
    let mut found = Vec::with_capacity(width * height);
    for row in top..top + height {
        let lines: [&[f32]; LESION_CLASSES] =
            std::array::from_fn(|class| &logits.row(CLASSES + class, row)[left..left + width]);
        found.extend((0..width).map(|x| possible(lines.map(|line| line[x]))));
    }
    let mut likely: Vec<u8> = found
        .iter()
        .map(|found| found.filter(|(_, sureness)| *sureness >= Sureness::Likely).map_or(0, |(class, _)| class))
        .collect();
    remove_specks(&mut likely, width);
    for (found, likely) in found.iter_mut().zip(likely) {
        if likely == 0 {
            *found = found.filter(|(_, sureness)| *sureness == Sureness::Possible);
        }
    }
    found
}

/// The most likely lesion by its scores, if it is possible.
fn possible(scores: [f32; LESION_CLASSES]) -> Option<(u8, Sureness)> {
    let best = (1..LESION_CLASSES).max_by(|&a, &b| scores[a].total_cmp(&scores[b]))?;
    if scores[best] < scores[0] - HOPELESS {
        return None;
    }
    let total: f32 = scores.iter().map(|score| (score - scores[best]).exp()).sum();
    let probability = total.recip();
    let sureness = if probability >= CERTAIN {
        Sureness::Certain
    } else if scores[best] > scores[0] {
        Sureness::Likely
    } else if probability >= POSSIBLE {
        Sureness::Possible
    } else {
        return None;
    };
    Some((best as u8, sureness))
}

/// The A-scans that show the optic disc or its rim.
fn disc_with_rim(surfaces: &Surfaces) -> Vec<bool> {
    let width = surfaces.width();
    let rim = (DISC_RIM * width as f32).round() as usize;
    let mut disc = vec![false; width];
    let mut first = 0;
    for x in 0..=width {
        if x < width && surfaces.shows_disc(x) {
            continue;
        }
        if x > first + rim {
            disc[first.saturating_sub(rim)..(x + rim).min(width)].fill(true);
        }
        first = x + 1;
    }
    disc
}

/// Whether a lesion of this class can be at row `y` of A-scan `x`.
fn is_plausible(class: u8, surfaces: &Surfaces, x: usize, y: f32) -> bool {
    let row = |boundary| surfaces.rows(boundary)[x];
    let below = |boundary, slack: f32| row(boundary).is_some_and(|row| y > row - slack);
    let above = |boundary, slack: f32| row(boundary).is_some_and(|row| y < row + slack);
    // A hole has no roof: its cavity lies above the ILM.
    class == Lesion::Hole.class() || (below(Boundary::Ilm, 1.0) && above(Boundary::RpeBm, 2.0))
}

/// Removes connected areas of one class with fewer than [`MIN_AREA`] pixels.
fn remove_specks(classes: &mut [u8], width: usize) {
    let mut seen = vec![false; classes.len()];
    let (mut area, mut open) = (Vec::new(), Vec::new());
    for start in 0..classes.len() {
        let class = classes[start];
        if class == 0 || seen[start] {
            continue;
        }
        area.clear();
        open.push(start);
        seen[start] = true;
        while let Some(at) = open.pop() {
            area.push(at);
            let x = at % width;
            let left = (x > 0).then(|| at - 1);
            let right = (x + 1 < width).then_some(at + 1);
            let neighbours = [left, right, at.checked_sub(width), Some(at + width)];
            for next in neighbours.into_iter().flatten() {
                if classes.get(next) == Some(&class) && !seen[next] {
                    seen[next] = true;
                    open.push(next);
                }
            }
        }
        if area.len() < MIN_AREA {
            for &at in &area {
                classes[at] = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{layer::BOUNDARIES, network::InputSize};

    const SIDE: usize = 40;

    /// Scores that favour subretinal fluid in a box and nothing elsewhere.
    fn logits(columns: std::ops::Range<usize>, rows: std::ops::Range<usize>) -> Logits {
        let mut values = vec![0.0; (CLASSES + LESION_CLASSES) * SIDE * SIDE];
        for (i, score) in values[CLASSES * SIDE * SIDE..].iter_mut().enumerate() {
            let (class, x, y) = (i / (SIDE * SIDE), i % SIDE, i / SIDE % SIDE);
            let expected = if columns.contains(&x) && rows.contains(&y) { Lesion::Srf.class() } else { 0 };
            *score = if class == usize::from(expected) { 5.0 } else { 0.0 };
        }
        Logits::new(SIDE, SIDE, values).expect("the right number of scores")
    }

    fn found(columns: std::ops::Range<usize>, rows: std::ops::Range<usize>, scan: usize) -> LesionMask {
        let placement = Placement::new(scan, scan, InputSize { width: SIDE, height: SIDE });
        let scale = scan as f32 / SIDE as f32;
        let surfaces = Surfaces::exact(scan, std::array::from_fn(|k| vec![Some((4.0 + 4.0 * k as f32) * scale); scan]));
        LesionMask::find(&logits(columns, rows), &placement, &surfaces).expect("a lesion output")
    }

    #[test]
    fn the_lead_of_a_score_tells_how_sure_it_is() {
        let at = |none: f32, lesion: f32| possible([none, lesion, -9.0, -9.0, -9.0, -9.0]);
        assert_eq!(at(3.0, 0.0), None);
        assert_eq!(at(1.0, 0.0), Some((1, Sureness::Possible)));
        assert_eq!(at(0.0, 0.5), Some((1, Sureness::Likely)));
        assert_eq!(at(0.0, 2.0), Some((1, Sureness::Certain)));
        assert_eq!(possible([f32::NAN; LESION_CLASSES]), None);
    }

    #[test]
    fn a_lesion_has_its_area_and_height_at_any_scale() {
        for scan in [SIDE, 2 * SIDE] {
            let scale = scan / SIDE;
            let mask = found(10..20, 20..28, scan);
            assert_eq!(mask.area_px(Lesion::Srf), 80 * scale * scale);
            let height = 8.0 * scale as f32;
            let expected = Height { likely: height, least: height, most: height };
            assert_eq!(mask.heights_px(Lesion::Srf)[15 * scale], expected);
            assert_eq!((mask.area_px(Lesion::Irf), mask.heights_px(Lesion::Srf)[0]), (0, Height::default()));
            assert!(mask.is_consistent());
        }
    }

    #[test]
    fn specks_and_lesions_outside_the_retina_are_dropped() {
        assert_eq!(found(10..13, 20..23, SIDE).area_px(Lesion::Srf), 0);
        assert_eq!(found(10..30, 36..40, SIDE).area_px(Lesion::Srf), 0, "below Bruch's membrane");
    }

    #[test]
    fn the_disc_and_its_rim_have_no_lesions() {
        let surfaces = |disc: std::ops::Range<usize>| {
            let mut surfaces = Surfaces::exact(SIDE, std::array::from_fn(|_| vec![None; SIDE]));
            surfaces.disc = (0..SIDE).map(|x| disc.contains(&x)).collect();
            surfaces
        };
        let columns = |disc| {
            let found = disc_with_rim(&surfaces(disc));
            (0..SIDE).filter(|&x| found[x]).collect::<Vec<_>>()
        };
        assert_eq!(columns(10..15), (9..16).collect::<Vec<_>>());
        assert_eq!(columns(0..3), (0..4).collect::<Vec<_>>());
        assert_eq!(columns(37..40), (36..40).collect::<Vec<_>>());
        assert_eq!(columns(10..11), Vec::<usize>::new(), "a gap in the retina");
    }

    #[test]
    fn a_network_without_that_output_finds_none() {
        let logits = Logits::new(SIDE, SIDE, vec![0.0; CLASSES * SIDE * SIDE]).expect("scores");
        let placement = Placement::new(SIDE, SIDE, InputSize { width: SIDE, height: SIDE });
        let surfaces = Surfaces::exact(SIDE, [const { Vec::new() }; BOUNDARIES]);
        assert_eq!(LesionMask::find(&logits, &placement, &surfaces), None);
    }

    #[test]
    fn masks_have_whole_rows_and_known_classes() {
        assert!(LesionMask::new(2, vec![0, 1, 5, 0]).is_some());
        assert!(LesionMask::new(2, vec![0, 1, 5]).is_none());
        assert!(LesionMask::new(2, vec![0, 6]).is_none());
        assert!(LesionMask::new(0, vec![]).is_none());
    }
}
