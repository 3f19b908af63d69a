//! The part of the structured report about lesions and findings.

use octrls_core::measure::enface::{COVERED, LesionGrid};

use super::{
    ScanResults, codes,
    content::{
        Relation::{Contains, Property},
        derived, number, text,
    },
    elements::Item,
    measures::{coverage, rounded},
};
use crate::LesionSummary;

/// The measures of a lesion: area, height, and volume in circles around the centre of the scan. Circles that are
/// partly covered are left out, as partly covered subfields are.
pub(super) fn measures(lesion: &LesionSummary, grid: Option<&LesionGrid>) -> Vec<Item> {
    let largest = || vec![derived(codes::MAXIMUM)];
    let bounded = |[least, most]: [f64; 2], unit, properties: Vec<Item>| {
        let bound = |title, value| number(Property, title, value, unit, Vec::new());
        let bounds = [bound(codes::LEAST, fine(least)), bound(codes::MOST, fine(most))];
        properties.into_iter().chain(bounds).collect()
    };
    let area = match (lesion.area_mm2, lesion.area_bounds_mm2) {
        (Some(area), Some(bounds)) => {
            let properties = bounded(bounds, codes::SQUARE_MILLIMETRE, largest());
            number(Contains, codes::LESION_AREA, fine(area), codes::SQUARE_MILLIMETRE, properties)
        }
        _ => number(Contains, codes::LESION_AREA, lesion.area_px, codes::PIXELS, largest()),
    };
    let height =
        lesion.height_um.map(|um| number(Contains, codes::LESION_HEIGHT, rounded(um), codes::MICROMETRE, largest()));
    let volumes = grid.into_iter().flat_map(|grid| &grid.circles).filter_map(|circle| {
        let volume = circle.volume;
        let is_covered = volume.coverage >= f64::from(COVERED);
        let title = codes::circle_volume(circle.diameter_mm).filter(|_| is_covered)?;
        let properties = bounded(volume.bounds_nl, codes::NANOLITRE, vec![coverage(volume.coverage as f32)]);
        Some(number(Contains, title, fine(volume.volume_nl), codes::NANOLITRE, properties))
    });
    [Some(area), height].into_iter().flatten().chain(volumes).collect()
}

/// The findings in words, one item each.
pub(super) fn findings(results: &ScanResults) -> Vec<Item> {
    let total = results.header.bscans;
    let mut items: Vec<Item> = results
        .findings
        .iter()
        .map(|(kind, bscans)| {
            let word = if bscans.len() == 1 { "B-scan" } else { "B-scans" };
            let place = if total > 1 { format!(", {word} {} of {total}", ranges(bscans)) } else { String::new() };
            text(Contains, codes::FINDING, &format!("{}{place}; to be read by a clinician", kind.words()))
        })
        .collect();
    if items.is_empty() && results.record.lesions.is_some() {
        items.push(text(Contains, codes::FINDING, "no lesion and no absent layer found; to be read by a clinician"));
    }
    items
}

/// 1-based numbers of B-scans, with ranges: `1-3, 7`.
fn ranges(indices: &[usize]) -> String {
    let parts = indices.chunk_by(|a, b| a + 1 == *b).map(|run| match run {
        [one] => format!("{}", one + 1),
        [first, .., last] => format!("{}-{}", first + 1, last + 1),
        [] => String::new(),
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// Rounds to ten thousandths: areas and volumes are small.
fn fine(value: f64) -> f64 {
    (1e4 * value).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn neighbouring_bscans_are_a_range() {
        assert_eq!(ranges(&[0, 1, 2, 6, 8, 9]), "1-3, 7, 9-10");
        assert_eq!(ranges(&[4]), "5");
    }
}
