//! Collects a volume's lesions for its DICOM objects.

use octrls_core::{lesion::Lesion, surface::LesionMask};

/// The lesion of each pixel, by B-scan, as runs of equal pixels, since all B-scans are kept until the last one arrives.
#[derive(Default)]
pub(crate) struct LesionRuns {
    /// `None` if the network knows no lesions.
    bscans: Vec<Option<Vec<Run>>>,
}

/// Pixels of one lesion in row-major order.
struct Run {
    start: u32,
    length: u32,
    class: u8,
}

impl LesionRuns {
    /// Adds the next B-scan.
    pub(crate) fn add(&mut self, mask: Option<&LesionMask>) {
        self.bscans.push(mask.map(|mask| runs(mask.classes())));
    }

    /// Whether the network looked for lesions in any B-scan.
    pub(super) fn searched(&self) -> bool {
        self.bscans.iter().any(Option::is_some)
    }

    /// Whether `lesion` has a pixel in B-scan `bscan`.
    pub(super) fn shows(&self, bscan: usize, lesion: Lesion) -> bool {
        self.runs(bscan).iter().any(|run| run.class == lesion.class())
    }

    /// The positions and classes of the pixels of all lesions in B-scan `bscan`, in row-major order.
    pub(super) fn pixels(&self, bscan: usize) -> impl Iterator<Item = (usize, u8)> {
        self.runs(bscan).iter().flat_map(|run| (run.start..run.start + run.length).map(|i| (i as usize, run.class)))
    }

    fn runs(&self, bscan: usize) -> &[Run] {
        self.bscans.get(bscan).and_then(Option::as_deref).unwrap_or_default()
    }
}

fn runs(classes: &[u8]) -> Vec<Run> {
    let mut start = 0;
    let mut runs = Vec::new();
    for same in classes.chunk_by(|a, b| a == b) {
        if same[0] != 0 {
            runs.push(Run { start, length: same.len() as u32, class: same[0] });
        }
        start += same.len() as u32;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_give_the_pixels_of_the_mask() {
        let classes = vec![0, 1, 1, 0, 2, 2, 1, 0, 5];
        let mask = LesionMask::new(3, classes.clone()).expect("a mask");
        let mut runs = LesionRuns::default();
        runs.add(None);
        assert!(!runs.searched());
        runs.add(Some(&mask));
        assert!(runs.searched());
        let mut found = vec![0; classes.len()];
        runs.pixels(1).for_each(|(i, class)| found[i] = class);
        assert_eq!(found, classes);
        assert_eq!((runs.pixels(0).count(), runs.pixels(9).count()), (0, 0));
        let shown = Lesion::ALL.map(|lesion| runs.shows(1, lesion));
        assert_eq!(shown, [true, true, false, false, true]);
    }
}
