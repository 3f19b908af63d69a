//! What the labels of a scan allow in each pixel.

use octrls_core::{
    layer::{BOUNDARIES, Boundary, CLASSES, Layer},
    lesion::{LESION_CLASSES, Lesion},
    measure::accuracy::IGNORE,
};

use super::{ChoroidLabel, Sample};

/// Code in index masks: below the RPE with unlabelled choroid. Choroid and background are both correct.
pub const BELOW_RPE: u8 = 254;

/// The layer classes and the lesion classes that are right in a pixel, as sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelLabel {
    /// Bit `c`: layer class `c` is right.
    layers: u16,
    /// Bit `c`: lesion class `c` is right.
    lesions: u8,
}

const ALL_LAYERS: u16 = (1 << CLASSES) - 1;
const ALL_LESIONS: u8 = (1 << LESION_CLASSES) - 1;
const CHOROID: u8 = Layer::Choroid.class();

/// The classes from 0 to `class`.
const fn up_to(class: u8) -> u16 {
    (2 << class) - 1
}

impl PixelLabel {
    /// Nothing is known: every class is right.
    pub const UNKNOWN: Self = Self { layers: ALL_LAYERS, lesions: ALL_LESIONS };
    /// No retina here: background without lesion.
    pub const BACKGROUND: Self = Self { layers: 1, lesions: 1 };

    /// A pixel with layer classes `layers` (first to last) and unknown lesions.
    #[must_use]
    pub const fn of_layers(first: u8, last: u8) -> Self {
        Self { layers: up_to(last) & !(up_to(first) >> 1), lesions: ALL_LESIONS }
    }

    /// The label of a code of an index mask.
    #[must_use]
    pub const fn of_code(code: u8) -> Self {
        match code {
            BELOW_RPE => Self { layers: 1 | 1 << CHOROID, lesions: ALL_LESIONS },
            class if (class as usize) < CLASSES => Self::of_layers(class, class),
            _ => Self::UNKNOWN,
        }
    }

    /// The same with one lesion class.
    #[must_use]
    pub const fn with_lesion(self, class: u8) -> Self {
        Self { lesions: 1 << class, ..self }
    }

    /// The same with unknown layers.
    #[must_use]
    pub const fn without_layers(self) -> Self {
        Self { layers: ALL_LAYERS, ..self }
    }

    /// Whether layer class `class` is right.
    #[must_use]
    pub const fn allows_layer(self, class: usize) -> bool {
        self.layers >> class & 1 == 1
    }

    /// Whether lesion class `class` is right.
    #[must_use]
    pub const fn allows_lesion(self, class: usize) -> bool {
        self.lesions >> class & 1 == 1
    }

    /// The only right layer class.
    #[must_use]
    pub const fn layer(self) -> Option<u8> {
        if self.layers.is_power_of_two() { Some(self.layers.trailing_zeros() as u8) } else { None }
    }

    /// The only right lesion class; 0 is none.
    #[must_use]
    pub const fn lesion(self) -> Option<u8> {
        if self.lesions.is_power_of_two() { Some(self.lesions.trailing_zeros() as u8) } else { None }
    }

    /// Whether some layer class is wrong.
    #[must_use]
    pub const fn knows_layers(self) -> bool {
        self.layers != ALL_LAYERS
    }

    /// Whether some lesion class is wrong.
    #[must_use]
    pub const fn knows_lesions(self) -> bool {
        self.lesions != ALL_LESIONS
    }

    /// Whether the pixel shows a layer or a lesion.
    #[must_use]
    pub const fn is_tissue(self) -> bool {
        self.layers & 1 == 0 || self.lesions & 1 == 0
    }
}

/// The label of every pixel of a sample, row-major.
///
/// - A mask without choroid marks everything below the RPE as background. There, choroid and background are both right,
///   unless the choroid was traced. A column without any layer is unlabelled, not empty.
/// - Where a column of the mask is unlabelled, the known boundaries tell which layers lie between them.
/// - Fluid and the space under the RPE say nothing about layers. The cavity of a macular hole belongs to the vitreous.
#[must_use]
pub fn pixel_labels(sample: &Sample) -> Vec<PixelLabel> {
    let (width, height) = (sample.bscan.width, sample.bscan.height);
    let mut labels = vec![PixelLabel::UNKNOWN; width * height];
    for x in 0..width {
        let code = |y: usize| sample.mask[y * width + x];
        let is_layer = |y: &usize| code(*y) != 0 && usize::from(code(*y)) < CLASSES;
        let layers = (0..height).find(is_layer).zip((0..height).rfind(is_layer));
        // Boundaries tell more than a mask with gaps.
        let gaps = (0..height).any(|y| code(y) == IGNORE);
        let layers = layers.filter(|_| !gaps || known(sample, x).iter().all(Option::is_none));
        match layers {
            _ if sample.choroid == ChoroidLabel::InMask => {
                for y in 0..height {
                    labels[y * width + x] = PixelLabel::of_code(code(y));
                }
            }
            Some((first, last)) => {
                for y in 0..height {
                    labels[y * width + x] = match code(y) {
                        0 if y < first => PixelLabel::of_code(0),
                        0 if y > last => below_rpe(sample, x, y),
                        // A gap between layers.
                        0 => PixelLabel::UNKNOWN,
                        code => PixelLabel::of_code(code),
                    };
                }
            }
            None => {
                let known = known(sample, x);
                for y in 0..height {
                    labels[y * width + x] = between(sample, known, x, y);
                }
            }
        }
    }
    if let Some(lesions) = &sample.lesions {
        for (label, &class) in labels.iter_mut().zip(lesions).filter(|(_, class)| **class != IGNORE) {
            *label = label.with_lesion(class);
            if class == Lesion::Hole.class() {
                label.layers = 1;
            } else if class != 0 && class != Lesion::Irf.class() {
                *label = label.without_layers();
            }
        }
    }
    labels
}

/// The known boundaries of A-scan `x`.
fn known(sample: &Sample, x: usize) -> [Option<f32>; BOUNDARIES] {
    sample.boundaries.as_ref().map_or([None; BOUNDARIES], |rows| std::array::from_fn(|k| rows[k][x]))
}

/// The label at row `y` of A-scan `x`, of which only some boundaries are known.
fn between(sample: &Sample, known: [Option<f32>; BOUNDARIES], x: usize, y: usize) -> PixelLabel {
    let middle = y as f32 + 0.5;
    let retinal = &known[..=Boundary::RpeBm.index()];
    let above = retinal.iter().rposition(|row| row.is_some_and(|row| row <= middle));
    let below = retinal.iter().position(|row| row.is_some_and(|row| row > middle));
    match (above, below) {
        (None, Some(0)) => PixelLabel::of_code(0),
        (Some(above), _) if above == Boundary::RpeBm.index() => below_rpe(sample, x, y),
        (Some(above), Some(below)) => PixelLabel::of_layers(above as u8 + 1, below as u8),
        _ => match &sample.choroid {
            ChoroidLabel::Traced { rows, .. } if rows[x].is_some_and(|row| row <= middle) => PixelLabel::of_code(0),
            _ => PixelLabel::UNKNOWN,
        },
    }
}

/// The label below Bruch's membrane in A-scan `x`.
fn below_rpe(sample: &Sample, x: usize, y: usize) -> PixelLabel {
    match &sample.choroid {
        ChoroidLabel::Traced { rows, .. } => match rows[x] {
            Some(row) if (y as f32 + 0.5) < row => PixelLabel::of_code(CHOROID),
            Some(_) => PixelLabel::of_code(0),
            None => PixelLabel::of_code(BELOW_RPE),
        },
        ChoroidLabel::Unlabelled | ChoroidLabel::InMask => PixelLabel::of_code(BELOW_RPE),
    }
}

#[cfg(test)]
mod tests {
    use octrls_core::scan::BScan;

    use super::*;

    fn sample(mask: &[u8]) -> Sample {
        let bscan = BScan { width: 1, height: mask.len(), intensity: vec![0.0; mask.len()] };
        Sample::new(bscan, mask.to_vec())
    }

    fn codes(codes: &[u8]) -> Vec<PixelLabel> {
        codes.iter().map(|&code| PixelLabel::of_code(code)).collect()
    }

    #[test]
    fn a_range_of_layers_allows_these_alone() {
        let label = PixelLabel::of_layers(1, 4);
        let allowed: Vec<usize> = (0..CLASSES).filter(|&c| label.allows_layer(c)).collect();
        assert_eq!(allowed, [1, 2, 3, 4]);
        assert!(label.is_tissue() && label.layer().is_none() && label.knows_layers() && !label.knows_lesions());
        assert_eq!(PixelLabel::of_code(3).layer(), Some(3));
        assert_eq!(PixelLabel::of_code(IGNORE), PixelLabel::UNKNOWN);
    }

    #[test]
    fn unlabelled_choroid_allows_choroid_and_background() {
        assert_eq!(pixel_labels(&sample(&[0, 0, 1, 7, 0, 0])), codes(&[0, 0, 1, 7, BELOW_RPE, BELOW_RPE]));
    }

    #[test]
    fn choroid_in_the_mask_keeps_the_mask() {
        let sample = Sample { choroid: ChoroidLabel::InMask, ..sample(&[0, 1, 8, 0]) };
        assert_eq!(pixel_labels(&sample), codes(&[0, 1, 8, 0]));
    }

    #[test]
    fn traced_choroid_sets_the_label_below_the_rpe() {
        let choroid = ChoroidLabel::Traced { rows: vec![Some(4.4)], visible: vec![true] };
        let sample = Sample { choroid, ..sample(&[0, 7, 0, 0, 0, 0]) };
        assert_eq!(pixel_labels(&sample), codes(&[0, 7, 8, 8, 0, 0]));
    }

    #[test]
    fn empty_columns_and_gaps_between_layers_are_unknown() {
        assert_eq!(pixel_labels(&sample(&[0, 0, 0])), [PixelLabel::UNKNOWN; 3]);
        assert_eq!(pixel_labels(&sample(&[0, 3, 0, IGNORE, 5, 0])), codes(&[0, 3, IGNORE, IGNORE, 5, BELOW_RPE]));
    }

    #[test]
    fn some_boundaries_tell_which_layers_lie_between_them() {
        let mut rows: super::super::BoundaryRows = std::array::from_fn(|_| vec![None]);
        for (boundary, row) in [(Boundary::Ilm, 1.0), (Boundary::OplOnl, 3.0), (Boundary::RpeBm, 5.0)] {
            rows[boundary.index()][0] = Some(row);
        }
        let sample = Sample { boundaries: Some(rows), ..sample(&[IGNORE; 6]) };
        let (inner, outer) = (PixelLabel::of_layers(1, 4), PixelLabel::of_layers(5, 7));
        let expected = [PixelLabel::of_code(0), inner, inner, outer, outer, PixelLabel::of_code(BELOW_RPE)];
        assert_eq!(pixel_labels(&sample), expected);
    }

    #[test]
    fn lesions_say_nothing_about_layers_but_a_hole_is_vitreous() {
        let [srf, hole] = [Lesion::Srf, Lesion::Hole].map(Lesion::class);
        let sample = Sample { lesions: Some(vec![0, hole, srf, 0, IGNORE]), ..sample(&[0, IGNORE, IGNORE, 7, 0]) };
        let labels = pixel_labels(&sample);
        assert_eq!((labels[1].layer(), labels[1].lesion()), (Some(0), Some(hole)));
        assert_eq!((labels[2].knows_layers(), labels[2].lesion()), (false, Some(srf)));
        assert_eq!((labels[3].layer(), labels[3].lesion()), (Some(7), Some(0)));
        assert!(!labels[4].knows_lesions());
    }
}
