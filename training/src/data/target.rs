//! Training targets from an index mask.

use octrls_core::{
    layer::{CLASSES, Layer},
    measure::accuracy::IGNORE,
};

use super::{ChoroidLabel, Sample};

/// Target of a pixel below the RPE with unlabelled choroid: choroid and background are both correct.
pub const BELOW_RPE: u8 = 254;

/// One target per pixel: a class, [`BELOW_RPE`] or [`IGNORE`].
///
/// A mask without choroid labels marks everything below the RPE as background. There, choroid and background both count
/// as correct, unless a reader traced the choroid or found it not visible; then the network must not see it either. A
/// column without any layer is unlabelled, not empty.
#[must_use]
pub fn target_codes(sample: &Sample) -> Vec<u8> {
    let mut codes = sample.mask.clone();
    if sample.choroid == ChoroidLabel::InMask {
        return codes;
    }
    let (width, height) = (sample.bscan.width, sample.bscan.height);
    for x in 0..width {
        let at = |y: usize| y * width + x;
        let is_layer = |code: u8| code != 0 && usize::from(code) < CLASSES;
        let first = (0..height).find(|&y| is_layer(codes[at(y)]));
        let last = (0..height).rfind(|&y| is_layer(codes[at(y)]));
        for y in 0..height {
            if codes[at(y)] == 0 {
                codes[at(y)] = match (first, last) {
                    (Some(first), _) if y < first => 0,
                    (_, Some(last)) if y > last => target_below_rpe(sample, x, y),
                    // A gap between layers, or an unlabelled column.
                    _ => IGNORE,
                };
            }
        }
    }
    codes
}

/// The target below the RPE of A-scan `x`.
fn target_below_rpe(sample: &Sample, x: usize, y: usize) -> u8 {
    match &sample.choroid {
        ChoroidLabel::Traced(rows) => match rows[x] {
            Some(row) if (y as f32 + 0.5) < row => Layer::Choroid.class(),
            Some(_) => 0,
            None => BELOW_RPE,
        },
        ChoroidLabel::NotVisible => 0,
        ChoroidLabel::Unlabelled | ChoroidLabel::InMask => BELOW_RPE,
    }
}

#[cfg(test)]
mod tests {
    use octrls_core::scan::BScan;

    use super::*;

    fn column(mask: &[u8], choroid: ChoroidLabel) -> Vec<u8> {
        let bscan = BScan { width: 1, height: mask.len(), intensity: vec![0.0; mask.len()] };
        target_codes(&Sample { choroid, ..Sample::new(bscan, mask.to_vec()) })
    }

    #[test]
    fn unlabelled_choroid_allows_choroid_and_background() {
        assert_eq!(column(&[0, 0, 1, 7, 0, 0], ChoroidLabel::Unlabelled), [0, 0, 1, 7, BELOW_RPE, BELOW_RPE]);
    }

    #[test]
    fn invisible_choroid_is_background() {
        assert_eq!(column(&[0, 1, 7, 0, 0], ChoroidLabel::NotVisible), [0, 1, 7, 0, 0]);
    }

    #[test]
    fn choroid_in_the_mask_keeps_the_mask() {
        assert_eq!(column(&[0, 1, 8, 0], ChoroidLabel::InMask), [0, 1, 8, 0]);
    }

    #[test]
    fn traced_choroid_sets_the_target_below_the_rpe() {
        let bscan = BScan { width: 1, height: 6, intensity: vec![0.0; 6] };
        let sample =
            Sample { choroid: ChoroidLabel::Traced(vec![Some(4.4)]), ..Sample::new(bscan, vec![0, 7, 0, 0, 0, 0]) };
        assert_eq!(target_codes(&sample), [0, 7, 8, 8, 0, 0]);
    }

    #[test]
    fn ignores_empty_columns_and_gaps_between_layers() {
        assert_eq!(column(&[0, 0, 0], ChoroidLabel::Unlabelled), [IGNORE; 3]);
        assert_eq!(column(&[0, 3, 0, IGNORE, 5, 0], ChoroidLabel::Unlabelled), [0, 3, IGNORE, IGNORE, 5, BELOW_RPE]);
    }
}
