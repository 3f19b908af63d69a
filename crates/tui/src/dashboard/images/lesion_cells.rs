//! Which pixels of an image, or which characters, show a lesion.

use std::ops::Range;

use octrls_core::{
    lesion::{LESION_CLASSES, Lesion},
    segment::SegmentedBScan,
};

/// A cell shows a lesion that fills at least one part in this many.
const LEAST_PART: usize = 4;

/// The character of a lesion where there is no colour.
pub(crate) const fn letter(lesion: Lesion) -> char {
    match lesion {
        Lesion::Irf => 'I',
        Lesion::Srf => 'S',
        Lesion::SubRpe => 'R',
        Lesion::Hole => 'H',
        Lesion::Shrm => 'M',
    }
}

/// The lesions in `rows` and `columns` of `bscan` scaled to `width` x `height` cells: index of the cell, row-major, and the lesion
/// that fills most of it.
pub(super) fn lesion_cells(
    bscan: &SegmentedBScan,
    (rows, columns): (&Range<usize>, &Range<usize>),
    width: usize,
    height: usize,
) -> Vec<(usize, Lesion)> {
    let size = (bscan.bscan.width, bscan.bscan.height);
    let mask = bscan.lesions.as_ref().filter(|mask| (mask.width(), mask.height()) == size);
    let Some(mask) = mask.filter(|mask| mask.classes().iter().any(|&class| class != 0)) else { return Vec::new() };
    let part = |i: usize, n: usize, size: usize| {
        let from = i * size / n;
        from..((i + 1) * size / n).max(from + 1)
    };
    let mut cells = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let mut pixels = [0_usize; LESION_CLASSES];
            let across = part(x, width, columns.len());
            for row in part(y, height, rows.len()) {
                let start = (rows.start + row) * size.0 + columns.start;
                let classes = &mask.classes()[start + across.start..start + across.end];
                for &class in classes {
                    pixels[usize::from(class)] += 1;
                }
            }
            let most = Lesion::ALL.into_iter().max_by_key(|lesion| pixels[usize::from(lesion.class())]);
            let all: usize = pixels.iter().sum();
            cells.extend(
                most.filter(|l| LEAST_PART * pixels[usize::from(l.class())] >= all.max(1)).map(|l| (y * width + x, l)),
            );
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{bscan_with_lesions, segmented_bscan};

    #[test]
    fn cells_show_the_lesion_that_fills_most_of_them() {
        let bscan = bscan_with_lesions(0, None);
        let mask = bscan.lesions.as_ref().unwrap();
        let full = lesion_cells(&bscan, (&(0..256), &(0..384)), 384, 256);
        let expected: Vec<_> = mask.classes().iter().enumerate().filter(|(_, class)| **class != 0).collect();
        assert_eq!(full.len(), expected.len());
        assert!(full.iter().zip(expected).all(|((i, lesion), (j, class))| *i == j && lesion.class() == *class));
        let coarse = lesion_cells(&bscan, (&(0..256), &(0..384)), 48, 32);
        for lesion in [Lesion::Irf, Lesion::Srf, Lesion::SubRpe] {
            let (cells, pixels) = (coarse.iter().filter(|(_, l)| *l == lesion).count(), mask.area_px(lesion));
            let share = cells as f32 * 64.0 / pixels as f32;
            assert!((0.7..1.9).contains(&share), "{lesion:?} {share}");
        }
        assert!(lesion_cells(&segmented_bscan(0, None), (&(0..256), &(0..384)), 48, 32).is_empty());
    }
}
