//! What pictures and pages draw over a B-scan: its lines, and the fill of lesions.

use octrls_core::{
    layer::{Boundary, Layer},
    lesion::Lesion,
    scan::BScan,
    surface::{LesionMask, Surfaces},
};

/// Distance in pixels from which a line that leaves another one is drawn.
const APART_PX: f32 = 1.0;
/// Share of a lesion's colour in a pixel.
const FILL: f32 = 0.4;

/// A line over a B-scan.
pub(super) struct DrawnLine {
    /// Row in each A-scan; `None` where nothing is drawn.
    pub(super) rows: Vec<Option<f32>>,
    pub(super) colour: [u8; 3],
}

/// The lines of a B-scan, the later ones on top: the boundaries, with dashes and gaps of `dash` A-scans where the
/// choroid-sclera boundary is inferred; the end of the photoreceptors and the outer edge of the RPE where fluid parts
/// them from the boundaries.
pub(super) fn drawn_lines(surfaces: &Surfaces, dash: usize) -> Vec<DrawnLine> {
    let parting = |rows: &[Option<f32>], from: Boundary| {
        let apart = |(row, other): (&Option<f32>, &Option<f32>)| {
            row.filter(|row| other.is_none_or(|other| (other - row).abs() > APART_PX))
        };
        let rows = rows.iter().zip(surfaces.rows(from)).map(apart).collect();
        DrawnLine { rows, colour: from.colour() }
    };
    let boundary = |boundary: Boundary| {
        let rows = match boundary {
            Boundary::Csb => dashed_where_inferred(surfaces, dash),
            _ => surfaces.rows(boundary).to_vec(),
        };
        DrawnLine { rows, colour: boundary.colour() }
    };
    let parted = [parting(surfaces.ez_end(), Layer::Ez.lower()), parting(surfaces.rpe_outer(), Layer::Rpe.lower())];
    Boundary::ALL.into_iter().map(boundary).chain(parted).collect()
}

fn dashed_where_inferred(surfaces: &Surfaces, dash: usize) -> Vec<Option<f32>> {
    let drawn = |(x, (row, visible)): (usize, (&Option<f32>, Option<bool>))| {
        row.filter(|_| visible == Some(true) || (x / dash.max(1)).is_multiple_of(2))
    };
    surfaces.rows(Boundary::Csb).iter().zip(surfaces.csb_visible()).enumerate().map(drawn).collect()
}

/// The lesions in a mask.
pub(super) fn lesions_in(mask: &LesionMask) -> Vec<Lesion> {
    Lesion::ALL.into_iter().filter(|&lesion| mask.area_px(lesion) > 0).collect()
}

/// The colour of each pixel of a B-scan: grey, tinted where `lesions` has a lesion.
pub(super) fn tinted<'a>(bscan: &'a BScan, lesions: Option<&'a LesionMask>) -> impl Iterator<Item = [u8; 3]> + 'a {
    bscan.intensity.iter().enumerate().map(move |(i, &intensity)| {
        let grey = intensity.clamp(0.0, 1.0) * 255.0;
        let class = lesions.and_then(|mask| mask.classes().get(i)).copied().unwrap_or(0);
        match Lesion::ALL.into_iter().find(|lesion| lesion.class() == class) {
            Some(lesion) => lesion.colour().map(|c| (grey + (f32::from(c) - grey) * FILL).round() as u8),
            None => [grey.round() as u8; 3],
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Boundaries 10 px apart in 40 A-scans.
    fn surfaces() -> Surfaces {
        Surfaces::exact(120, std::array::from_fn(|k| vec![Some(10.0 * (k + 1) as f32); 40]))
    }

    #[test]
    fn the_inferred_part_of_the_choroid_s_end_has_gaps() {
        let visible = (0..40).map(|x| x < 20).collect();
        let lines = drawn_lines(&surfaces().with_choroid_visible(visible), 5);
        let drawn: Vec<bool> = lines[Boundary::Csb.index()].rows.iter().map(Option::is_some).collect();
        assert!(drawn[..20].iter().all(|&drawn| drawn));
        assert_eq!((&drawn[20..25], &drawn[25..30], &drawn[30..35]), (&[true; 5][..], &[false; 5][..], &[true; 5][..]));
    }

    #[test]
    fn further_lines_are_drawn_only_where_fluid_parts_them() {
        let ez_end = (0..40).map(|x| Some(if x < 10 { 62.0 } else { 69.5 })).collect();
        let rpe_outer = vec![Some(80.0); 40];
        let lines = drawn_lines(&surfaces().with_fluid(ez_end, rpe_outer), 5);
        let [.., ez, rpe] = lines.as_slice() else { panic!("eleven lines") };
        assert_eq!((ez.colour, rpe.colour), (Boundary::EzRpe.colour(), Boundary::RpeBm.colour()));
        assert!(ez.rows[..10].iter().all(|row| *row == Some(62.0)) && ez.rows[10..].iter().all(Option::is_none));
        assert!(rpe.rows.iter().all(Option::is_none));
    }

    #[test]
    fn a_lesion_tints_its_pixels_alone() {
        let bscan = BScan { width: 2, height: 1, intensity: vec![0.5, 0.5] };
        let mask = LesionMask::new(2, vec![0, Lesion::Srf.class()]).expect("a mask");
        assert_eq!(lesions_in(&mask), [Lesion::Srf]);
        let [plain, tint] = tinted(&bscan, Some(&mask)).collect::<Vec<_>>()[..] else { panic!("two pixels") };
        assert_eq!(plain, [128; 3]);
        assert!(tint[2] > 170 && tint[0] < 110, "{tint:?}");
        assert!(tinted(&bscan, None).all(|pixel| pixel == [128; 3]));
    }
}
