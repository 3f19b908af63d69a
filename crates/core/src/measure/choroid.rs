//! How much of the choroid's end can be seen.

use std::iter::Sum;

use crate::surface::Surfaces;

/// The A-scans with a choroid-sclera boundary, and those in which it can be seen. Elsewhere it is inferred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChoroidVisibility {
    /// A-scans with the boundary.
    pub given: usize,
    /// Those of them in which it can be seen.
    pub visible: usize,
}

impl ChoroidVisibility {
    /// Counts the A-scans of a B-scan.
    #[must_use]
    pub fn of(surfaces: &Surfaces) -> Self {
        let seen = || surfaces.csb_visible().flatten();
        Self { given: seen().count(), visible: seen().filter(|&visible| visible).count() }
    }

    /// Share of the A-scans with the boundary in which it can be seen, 0 to 1; `None` if there are none.
    #[must_use]
    pub fn share(self) -> Option<f32> {
        (self.given > 0).then(|| self.visible as f32 / self.given as f32)
    }
}

impl Sum for ChoroidVisibility {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self { given: sum.given + one.given, visible: sum.visible + one.visible })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::Boundary;

    #[test]
    fn only_ascans_with_the_boundary_count() {
        let row = |k: usize, x: usize| (k != Boundary::Csb.index() || x != 3).then_some(10.0 * k as f32);
        let surfaces = Surfaces::exact(200, std::array::from_fn(|k| (0..5).map(|x| row(k, x)).collect()))
            .with_choroid_visible(vec![true, false, false, true, false]);
        let counted = ChoroidVisibility::of(&surfaces);
        assert_eq!(counted, ChoroidVisibility { given: 4, visible: 1 });
        assert_eq!(counted.share(), Some(0.25));
        assert_eq!(ChoroidVisibility::of(&Surfaces::undetermined(4, 4)).share(), None);
        let both = [counted, ChoroidVisibility { given: 4, visible: 3 }].into_iter().sum::<ChoroidVisibility>();
        assert_eq!(both.share(), Some(0.5));
    }
}
