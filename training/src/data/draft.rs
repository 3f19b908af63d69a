//! Layers of scans that nobody labelled, drafted by a network.
//!
//! A network that is good at healthy layers labels them where no lesion disturbs them, so that scans with lesion labels
//! alone also train the layers (pseudo-labels: Lee, ICML workshop 2013).

use octrls_core::{
    layer::{BOUNDARIES, Boundary},
    lesion::Lesion,
    measure::{Quality, Verdict, accuracy::IGNORE},
    network::{ModelError, Network, Placement},
    surface::{ExtractOptions, extract_parallel},
};

use super::{Sample, choroid::TRACED};

/// Sets whose unlabelled columns are drafted.
pub const DRAFTED_SETS: [&str; 4] = ["bioptigen_avg", "duke_dme", "kermany_lesions", TRACED];

/// Columns beside a lesion that count as disturbed.
const BESIDE: usize = 4;
/// Rows above a lesion in which photoreceptors and RPE may be disturbed.
const ABOVE: f32 = 25.0;
/// Fewest rows between two drafted retinal lines and the frame's edge.
const EDGE: f32 = 3.0;

/// Fills the boundaries of `sample` that nobody labelled with those that `network` finds, where lesions leave them
/// alone. Returns whether the network found a retina it trusts.
///
/// # Errors
/// [`ModelError`] if the network fails.
pub fn draft(sample: &mut Sample, network: &Network) -> Result<bool, ModelError> {
    let placement = Placement::new(sample.bscan.width, sample.bscan.height, network.metadata().input);
    let placement = placement.on_smallest_grid(crate::model::STRIDE);
    let logits = network.run_prepared(&placement, &placement.prepare(&sample.bscan))?;
    let options = ExtractOptions::for_model(network.metadata(), sample.ez);
    let found = extract_parallel(network.threads(), &logits, &placement, &options);
    if Quality::of(&sample.bscan, &found).verdict() == Verdict::NotARetina {
        return Ok(false);
    }
    let (width, height) = (sample.bscan.width, sample.bscan.height);
    let mut rows = sample.boundaries.take().unwrap_or_else(|| std::array::from_fn(|_| vec![None; width]));
    for x in 0..width {
        let column: [Option<f32>; BOUNDARIES] =
            std::array::from_fn(|k| found.rows(Boundary::ALL[k])[x].filter(|row| *row < height as f32 - EDGE));
        let mut drafted = column;
        drafted[Boundary::Csb.index()] = None;
        if found.confidence()[x] < MIN_CONFIDENCE || found.shows_disc(x) {
            continue;
        }
        if let Some(lesions) = &sample.lesions {
            undisturbed(&mut drafted, lesions, (width, height), x);
        }
        let known: [Option<f32>; BOUNDARIES] = std::array::from_fn(|k| rows[k][x]);
        let merged: [Option<f32>; BOUNDARIES] = std::array::from_fn(|k| known[k].or(drafted[k]));
        if merged.iter().flatten().is_sorted() {
            merged.into_iter().zip(&mut rows).for_each(|(row, rows)| rows[x] = row);
        }
    }
    sample.boundaries = Some(rows);
    Ok(true)
}

/// Least confidence of an A-scan to be drafted.
const MIN_CONFIDENCE: f32 = 0.8;

/// Removes the boundaries of A-scan `x` that a lesion may move or hide.
fn undisturbed(rows: &mut [Option<f32>; BOUNDARIES], lesions: &[u8], (width, height): (usize, usize), x: usize) {
    let near = x.saturating_sub(BESIDE)..(x + BESIDE + 1).min(width);
    let first_and_last = |class: u8| {
        let has = |y: &usize| lesions[y * width..][near.clone()].contains(&class);
        (0..height).find(has).zip((0..height).rfind(has))
    };
    let found = |lesion: Lesion| first_and_last(lesion.class());
    let ilm = rows[Boundary::Ilm.index()];
    let dives = found(Lesion::Irf).is_some_and(|(first, _)| ilm.is_some_and(|ilm| ilm > first as f32 - 1.0));
    if dives || found(Lesion::Hole).is_some() || first_and_last(IGNORE).is_some() {
        rows.fill(None);
        return;
    }
    for lesion in [Lesion::Srf, Lesion::SubRpe, Lesion::Shrm] {
        let Some((first, last)) = found(lesion) else { continue };
        for row in &mut rows[..Boundary::RpeBm.index()] {
            *row = row.filter(|row| *row < first as f32 - ABOVE);
        }
        let membrane = &mut rows[Boundary::RpeBm.index()];
        // The floor of a space under the RPE is Bruch's membrane.
        *membrane = if lesion == Lesion::SubRpe {
            Some(last as f32 + 1.0)
        } else {
            membrane.filter(|row| *row > last as f32 + 1.0)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(lesion: Lesion, rows: std::ops::Range<usize>) -> [Option<f32>; BOUNDARIES] {
        let (width, height) = (20, 100);
        let mut lesions = vec![0; width * height];
        rows.for_each(|y| lesions[y * width + 10] = lesion.class());
        let mut found = std::array::from_fn(|k| Some(20.0 + 7.0 * k as f32));
        undisturbed(&mut found, &lesions, (width, height), 12);
        found
    }

    #[test]
    fn the_floor_of_a_space_under_the_rpe_is_bruchs_membrane() {
        let rows = column(Lesion::SubRpe, 60..75);
        assert_eq!(rows[..3], [Some(20.0), Some(27.0), Some(34.0)], "far above the lesion");
        assert_eq!(rows[3..7], [None; 4]);
        assert_eq!(rows[Boundary::RpeBm.index()], Some(75.0));
    }

    #[test]
    fn subretinal_fluid_leaves_bruchs_membrane_below_it() {
        assert_eq!(column(Lesion::Srf, 58..66)[Boundary::RpeBm.index()], Some(69.0));
        assert_eq!(column(Lesion::Srf, 58..80)[Boundary::RpeBm.index()], None);
    }

    #[test]
    fn a_line_in_a_cyst_and_the_rim_of_a_hole_are_not_drafted() {
        assert!(column(Lesion::Irf, 30..40).iter().all(Option::is_some));
        assert_eq!(column(Lesion::Irf, 15..40), [None; BOUNDARIES]);
        assert_eq!(column(Lesion::Hole, 20..40), [None; BOUNDARIES]);
    }
}
