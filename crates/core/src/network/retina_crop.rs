//! Finds the rows of a scan that hold the retina, so that the network can skip the rest.

use std::ops::Range;

use super::Placement;

/// Columns and rows averaged to one value, which suppresses speckle.
const BLOCK: (usize, usize) = (16, 8);
/// A block is bright if it exceeds the mean of the scan by this many standard deviations.
const BRIGHT: f32 = 0.25;
/// Rows to keep above the highest bright block: the vitreous that the network needs.
const ROWS_ABOVE: usize = 40;
/// Rows to keep below the lowest bright block. The choroid may be darker than that, and its visible end depends on what
/// lies below; this is more than the thickness of most choroids at the spacing of common scanners.
const ROWS_BELOW: usize = 112;
/// A crop must save at least one row in this many.
const MIN_SAVING: usize = 8;

/// The rows that seem to hold the retina in a scan that [`Placement::prepare`] made; `None` if a crop would save too
/// little. The caller must check that it cuts nothing off.
#[must_use]
pub fn retina_crop(placement: &Placement, prepared: &[f32]) -> Option<Range<usize>> {
    let (width, rows) = (placement.width, placement.resized_height);
    let (across, down) = (width / BLOCK.0, rows / BLOCK.1);
    if across == 0 || down == 0 {
        return None;
    }
    let mut bright: Option<(usize, usize)> = None;
    for block in 0..down {
        let mut sums = vec![0.0; across];
        for line in prepared[block * BLOCK.1 * width..].chunks_exact(width).take(BLOCK.1) {
            for (sum, pixels) in sums.iter_mut().zip(line.chunks_exact(BLOCK.0)) {
                *sum += pixels.iter().sum::<f32>();
            }
        }
        if sums.iter().any(|&sum| sum > BRIGHT * (BLOCK.0 * BLOCK.1) as f32) {
            bright = Some((bright.map_or(block, |(first, _)| first), block));
        }
    }
    let (first, last) = bright?;
    let crop = (first * BLOCK.1).saturating_sub(ROWS_ABOVE)..((last + 1) * BLOCK.1 + ROWS_BELOW).min(rows);
    (crop.len() + rows / MIN_SAVING <= rows).then_some(crop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::InputSize;

    fn placement() -> Placement {
        Placement::new(64, 480, InputSize { width: 640, height: 640 })
    }

    /// Bright rows in a dark frame.
    fn frame(bright: &Range<usize>) -> Vec<f32> {
        (0..480 * 64).map(|i| if bright.contains(&(i / 64)) { 1.5 } else { -0.5 }).collect()
    }

    #[test]
    fn the_crop_holds_bright_rows_and_a_margin() {
        assert_eq!(retina_crop(&placement(), &frame(&(200..280))), Some(160..392));
        assert_eq!(retina_crop(&placement(), &frame(&(16..80))), Some(0..192));
    }

    #[test]
    fn one_bright_column_is_enough() {
        let mut frame = frame(&(200..280));
        for row in 96..200 {
            frame[row * 64..row * 64 + 16].fill(1.0);
        }
        assert_eq!(retina_crop(&placement(), &frame), Some(56..392));
    }

    #[test]
    fn full_dark_and_tiny_frames_are_not_cropped() {
        assert_eq!(retina_crop(&placement(), &frame(&(20..440))), None);
        assert_eq!(retina_crop(&placement(), &frame(&(0..0))), None);
        let tiny = Placement::new(3, 2, InputSize { width: 640, height: 640 });
        assert_eq!(retina_crop(&tiny, &vec![9.0; tiny.width * tiny.resized_height]), None);
    }
}
