//! Extracts the boundaries of a B-scan from the network's class scores.

use fearless_simd::{Level, Simd, dispatch};
use octrls_kernel::for_each_parallel;

use crate::{
    layer::{Boundary, EzConvention, Layer},
    network::{Calibration, Logits, ModelMetadata, Placement},
};

use super::{
    Surfaces,
    chain::{LANES, Posterior, Solver},
    choroid::complete_choroid,
    column::{BRUCH, CSB, Column, EZ_END, RPE_OUTER, edge_of},
    smooth::smooth,
};

/// Options of boundary extraction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExtractOptions {
    /// The model's calibration, from its metadata.
    pub calibration: Calibration,
    /// Added to the score of the ellipsoid zone and subtracted from that of the RPE, so that the boundary between them
    /// follows a convention.
    pub ez_bias: f32,
    /// Largest standard deviation of a retinal boundary, in pixels of the network's grid.
    pub max_deviation: f32,
    /// Largest probability that the boundary lies outside the frame.
    pub max_outside: f32,
    /// Fewest expected rows between ILM and Bruch's membrane in an A-scan that shows a retina.
    pub min_retina: f32,
    /// Fewest expected rows of ONL, ellipsoid zone and RPE; a retina with fewer is the optic disc.
    pub min_outer: f32,
    /// Standard deviation of the window that smooths boundaries over neighbouring A-scans, in columns of the network's
    /// grid; 0 disables smoothing.
    pub smoothing: f32,
    /// Fewest expected rows of choroid for its outer boundary to be seen.
    pub min_choroid: f32,
}

impl Default for ExtractOptions {
    fn default() -> Self {
        Self {
            calibration: Calibration::default(),
            ez_bias: 0.0,
            max_deviation: 12.0,
            max_outside: 0.5,
            min_retina: 8.0,
            min_outer: 4.0,
            // Lowers the error of unet-640 on validation scans by 1 %; wider windows gain nothing.
            smoothing: 3.0,
            min_choroid: 8.0,
        }
    }
}

impl ExtractOptions {
    /// The default options for a model, with the lower boundary of the ellipsoid zone set by `convention`.
    #[must_use]
    pub fn for_model(model: &ModelMetadata, convention: EzConvention) -> Self {
        Self { calibration: model.calibration, ez_bias: convention.bias(model.ez_shift), ..Self::default() }
    }

    /// The bias added to the score of `class`.
    const fn bias(&self, class: usize) -> f32 {
        if class == Layer::Ez.class() as usize {
            self.ez_bias
        } else if class == Layer::Rpe.class() as usize {
            -self.ez_bias
        } else {
            0.0
        }
    }

    /// Whether nerve fibres are the only retinal layer in the A-scan, and the frame does not cut the retina off.
    fn is_disc(&self, posterior: &Posterior, lane: usize) -> bool {
        posterior.retina[lane] >= self.min_retina
            && posterior.outer[lane] < self.min_outer
            && posterior.below[BRUCH][lane] <= self.max_outside
    }

    fn is_determined(&self, posterior: &Posterior, edge: usize, lane: usize, disc: bool) -> bool {
        let layered = edge <= edge_of(Boundary::NflGcl) || !disc;
        // The deviation of the choroid's end is judged later, over neighbouring A-scans.
        let max_deviation = if edge == CSB { f32::INFINITY } else { self.max_deviation };
        layered
            && posterior.retina[lane] >= self.min_retina
            && posterior.deviation[edge][lane] <= max_deviation
            && posterior.above[edge][lane] <= self.max_outside
            && posterior.below[edge][lane] <= self.max_outside
    }
}

/// Extracts the boundaries of a scan placed on the network's grid by `placement`.
///
/// # Examples
/// ```
/// use octrls_core::{
///     layer::{Boundary, CLASSES, Layer},
///     network::{InputSize, Logits, Placement},
///     surface::{ExtractOptions, extract},
/// };
///
/// // Scores for a retina of eight layers, each 6 rows thick, below 5 rows of vitreous.
/// let (width, height) = (16, 64);
/// let class_at = |row: usize| if (5..53).contains(&row) { 1 + (row - 5) / 6 } else { 0 };
/// let scores = (0..CLASSES)
///     .flat_map(|class| (0..height * width).map(move |i| if class_at(i / width) == class { 12.0 } else { 0.0 }))
///     .collect();
/// let logits = Logits::new(width, height, scores).expect("one score for each class and pixel");
///
/// let placement = Placement::new(width, height, InputSize { width, height });
/// let surfaces = extract(&logits, &placement, &ExtractOptions::default());
/// let ilm = surfaces.rows(Boundary::Ilm)[8].expect("determined");
/// assert!((ilm - 5.0).abs() < 0.1);
/// assert_eq!(surfaces.mask()[10 * width], Layer::Nfl.class());
/// ```
#[must_use]
pub fn extract(logits: &Logits, placement: &Placement, options: &ExtractOptions) -> Surfaces {
    extract_parallel(1, logits, placement, options)
}

/// [`extract`] on `threads` threads.
#[must_use]
pub fn extract_parallel(threads: usize, logits: &Logits, placement: &Placement, options: &ExtractOptions) -> Surfaces {
    let (mut columns, choroid): (Vec<Column>, Vec<f32>) =
        solve_columns(threads, logits, placement, options).into_iter().unzip();
    let height = placement.height as f32;
    smooth(&mut columns, options.smoothing, height);
    for column in &mut columns {
        column.shift(&options.calibration.offsets, height);
    }
    complete_choroid(&mut columns, &choroid, options.min_choroid, options.calibration.choroid_limit, height);
    let scale = placement.scan_rows_per_grid_row();
    let mut out = Surfaces::undetermined(placement.scan_width, placement.scan_height);
    for ascan in 0..placement.scan_width {
        let at = placement.grid_column(ascan);
        let (left, share) = (at.floor() as usize, at.fract());
        let column = Column::interpolate(&columns[left], &columns[(left + 1).min(columns.len() - 1)], share);
        let row = |edge: usize| column.rows[edge].map(|row| placement.scan_row(row));
        for (k, edge) in Boundary::ALL.map(edge_of).into_iter().enumerate() {
            out.rows[k][ascan] = row(edge);
            out.deviations[k][ascan] = options.calibration.intervals[k].widen(column.deviations[edge]) * scale;
        }
        (out.ez_end[ascan], out.rpe_outer[ascan]) = (row(EZ_END), row(RPE_OUTER));
        out.confidence[ascan] = column.confidence;
        out.disc[ascan] = column.disc;
        out.choroid_visible[ascan] = column.choroid_visible;
    }
    let doubt = options.calibration.doubt(out.confidence_where_found());
    out.deviations.iter_mut().flatten().for_each(|deviation| *deviation *= doubt);
    out
}

/// The columns, each with its expected rows of choroid.
fn solve_columns(
    threads: usize,
    logits: &Logits,
    placement: &Placement,
    options: &ExtractOptions,
) -> Vec<(Column, f32)> {
    let level = Level::new();
    let mut columns = vec![(Column::default(), 0.0); placement.width];
    let strips = columns.chunks_mut(LANES).enumerate();
    for_each_parallel(threads, strips, Solver::default, |(strip, columns), solver| {
        let first = placement.left + strip * LANES;
        dispatch!(level, simd => simd.vectorize(#[inline(always)] || {
            solve_strip(solver, first, columns, logits, placement, options);
        }));
    });
    columns
}

/// Solves the A-scans of `columns`, starting at column `first` of the grid.
#[expect(clippy::inline_always, reason = "the caller decides the instruction set it is compiled for")]
#[inline(always)]
fn solve_strip(
    solver: &mut Solver,
    first: usize,
    columns: &mut [(Column, f32)],
    logits: &Logits,
    placement: &Placement,
    options: &ExtractOptions,
) {
    // The last strip repeats its last column, to avoid reading past the scan.
    let used = columns.len();
    let temperature = options.calibration.temperature;
    let posterior = solver.solve(placement.height, temperature, logits.has_lesions(), |class, row| {
        let line = &logits.row(class, placement.top + row)[first..][..used];
        let bias = options.bias(class);
        let mut lanes = line.first_chunk().copied().unwrap_or_else(|| std::array::from_fn(|l| line[l.min(used - 1)]));
        for score in &mut lanes {
            *score += bias;
        }
        lanes
    });
    for (lane, solved) in columns.iter_mut().enumerate() {
        *solved = (column_of_lane(&posterior, lane, options), posterior.choroid[lane]);
    }
}

fn column_of_lane(posterior: &Posterior, lane: usize, options: &ExtractOptions) -> Column {
    let disc = options.is_disc(posterior, lane);
    let determined = |k| options.is_determined(posterior, k, lane, disc);
    Column {
        rows: std::array::from_fn(|k| determined(k).then_some(posterior.mean[k][lane])),
        deviations: std::array::from_fn(|k| posterior.deviation[k][lane]),
        confidence: if posterior.retina[lane] >= options.min_retina { posterior.agreement[lane] } else { 0.0 },
        disc,
        choroid_visible: false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        layer::{BOUNDARIES, CLASSES, Measured},
        lesion::{LESION_CLASSES, Lesion},
        network::InputSize,
    };

    /// Scores of +`margin` for the class in the mask, 0 for the others.
    fn logits_of(mask: &[u8], width: usize, height: usize, margin: f32) -> Logits {
        let mut values = vec![0.0; CLASSES * width * height];
        for (i, &class) in mask.iter().enumerate() {
            values[usize::from(class) * width * height + i] = margin;
        }
        Logits::new(width, height, values).expect("the right number of scores")
    }

    fn layered_mask(width: usize, height: usize, edges: [usize; BOUNDARIES]) -> Vec<u8> {
        let mut mask = vec![0; width * height];
        for layer in Layer::ALL {
            for y in edges[layer.upper().index()]..edges[layer.lower().index()] {
                mask[y * width..(y + 1) * width].fill(layer.class());
            }
        }
        mask
    }

    #[test]
    fn clear_scores_give_their_own_edges() {
        let edges = [10, 14, 20, 24, 27, 36, 40, 43, 55];
        let mask = layered_mask(32, 64, edges);
        let placement = Placement::new(32, 64, InputSize { width: 32, height: 64 });
        let out = extract(&logits_of(&mask, 32, 64, 12.0), &placement, &ExtractOptions::default());
        for (k, boundary) in Boundary::ALL.into_iter().enumerate() {
            for row in out.rows(boundary) {
                let row = row.expect("determined");
                assert!((row - edges[k] as f32).abs() < 0.05, "{boundary:?}: {row} for {}", edges[k]);
            }
        }
        assert_eq!(out.mask(), mask);
        assert!(out.confidence().iter().all(|&c| c > 0.99));
    }

    /// Scores of layers as by [`logits_of`], and of +12 for the lesion class in `lesions`.
    fn logits_with(mask: &[u8], lesions: &[u8], width: usize, height: usize) -> Logits {
        let mut values = logits_of(mask, width, height, 12.0).values().to_vec();
        values.resize((CLASSES + LESION_CLASSES) * width * height, 0.0);
        for (i, &class) in lesions.iter().enumerate() {
            values[(CLASSES + usize::from(class)) * width * height + i] = 12.0;
        }
        Logits::new(width, height, values).expect("the right number of scores")
    }

    /// Rows of ILM, EZ end, RPE's upper edge, RPE's outer edge and Bruch's membrane where the network sees `lesion` in
    /// `rows` and there prefers the class `instead`.
    fn lines_with(lesion: Lesion, rows: std::ops::Range<usize>, instead: u8) -> [f32; 5] {
        let (width, height) = (32, 96);
        let mut mask = layered_mask(width, height, [10, 14, 20, 24, 27, 36, 40, 60, 80]);
        let mut lesions = vec![0; width * height];
        for y in rows {
            lesions[y * width..(y + 1) * width].fill(lesion.class());
            mask[y * width..(y + 1) * width].fill(instead);
        }
        let placement = Placement::new(width, height, InputSize { width, height });
        let out = extract(&logits_with(&mask, &lesions, width, height), &placement, &ExtractOptions::default());
        let [ilm, rpe, bruch] = [Boundary::Ilm, Boundary::EzRpe, Boundary::RpeBm].map(|b| out.rows(b)[9]);
        [ilm, out.ez_end()[9], rpe, out.rpe_outer()[9], bruch].map(|row| row.expect("determined"))
    }

    fn assert_lines(found: [f32; 5], expected: [f32; 5]) {
        assert!(found.iter().zip(expected).all(|(f, e)| (f - e).abs() < 0.3), "{found:?} for {expected:?}");
    }

    #[test]
    fn fluid_above_the_rpe_parts_photoreceptors_from_it() {
        assert_lines(lines_with(Lesion::Srf, 40..52, 0), [10.0, 40.0, 52.0, 60.0, 60.0]);
    }

    #[test]
    fn below_a_lifted_rpe_bruchs_membrane_is_the_floor_of_the_lesion() {
        assert_lines(lines_with(Lesion::SubRpe, 46..60, 0), [10.0, 40.0, 40.0, 46.0, 60.0]);
    }

    #[test]
    fn a_hole_is_vitreous_and_a_cyst_is_not() {
        assert_lines(lines_with(Lesion::Hole, 8..40, 0), [40.0, 40.0, 40.0, 60.0, 60.0]);
        // The network takes a cyst below a thin roof for vitreous.
        assert_lines(lines_with(Lesion::Irf, 12..24, 0), [10.0, 40.0, 40.0, 60.0, 60.0]);
    }

    #[test]
    fn deviations_grow_with_doubt() {
        let mask = layered_mask(32, 64, [10, 14, 20, 24, 27, 36, 40, 43, 55]);
        let placement = Placement::new(32, 64, InputSize { width: 32, height: 64 });
        let deviation = |margin, usual_doubt| {
            let calibration = Calibration { usual_doubt, ..Calibration::default() };
            let options = ExtractOptions { calibration, ..ExtractOptions::default() };
            let out = extract(&logits_of(&mask, 32, 64, margin), &placement, &options);
            (out.deviations(Boundary::InlOpl)[5], 1.0 - out.confidence_where_found())
        };
        for margin in [3.0, 4.0, 12.0] {
            let ((plain, doubt), (scaled, _)) = (deviation(margin, None), deviation(margin, Some(0.01)));
            assert!((scaled - plain * (doubt / 0.01).max(1.0)).abs() < 1e-4 * plain, "{plain} {scaled} {doubt}");
        }
    }

    #[test]
    fn the_bias_decides_the_boundary_of_ellipsoid_zone_and_rpe() {
        let edges = [10, 14, 20, 24, 27, 36, 40, 48, 58];
        let mut scores = vec![0.0; CLASSES * 32 * 64];
        for (i, class) in layered_mask(32, 64, edges).into_iter().enumerate() {
            let open = (38..44).contains(&(i / 32));
            for class in if open { [6, 7] } else { [class, class] } {
                scores[usize::from(class) * 32 * 64 + i] = 30.0;
            }
        }
        let logits = Logits::new(32, 64, scores).expect("the right number of scores");
        let placement = Placement::new(32, 64, InputSize { width: 32, height: 64 });
        let edge = |ez_bias| {
            let options = ExtractOptions { ez_bias, ..ExtractOptions::default() };
            extract(&logits, &placement, &options).rows(Boundary::EzRpe)[9].expect("determined")
        };
        assert!((edge(5.0) - 44.0).abs() < 0.05 && (edge(-5.0) - 38.0).abs() < 0.05, "{} {}", edge(5.0), edge(-5.0));
    }

    #[test]
    fn an_artefact_above_the_retina_does_not_move_boundaries() {
        let edges = [40, 44, 50, 54, 57, 66, 70, 73, 85];
        let mut mask = layered_mask(32, 96, edges);
        mask[15 * 32..25 * 32].fill(Layer::Rpe.class());
        let placement = Placement::new(32, 96, InputSize { width: 32, height: 96 });
        let out = extract(&logits_of(&mask, 32, 96, 14.0), &placement, &ExtractOptions::default());
        let ilm = out.rows(Boundary::Ilm)[5].expect("determined");
        let bruch = out.rows(Boundary::RpeBm)[5].expect("determined");
        assert!((ilm - 40.0).abs() < 1.0 && (bruch - 73.0).abs() < 1.0, "{ilm} {bruch}");
    }

    #[test]
    fn edges_are_on_the_pixel_grid_of_the_scan() {
        let edges = [10, 14, 20, 24, 27, 36, 40, 43, 55];
        let mask = layered_mask(32, 64, edges);
        let placement = Placement::new(80, 160, InputSize { width: 32, height: 64 });
        let out = extract(&logits_of(&mask, 32, 64, 12.0), &placement, &ExtractOptions::default());
        assert_eq!((out.width(), out.height()), (80, 160));
        for (k, boundary) in Boundary::ALL.into_iter().enumerate() {
            for row in out.rows(boundary) {
                assert!((row.expect("determined") - 2.5 * edges[k] as f32).abs() < 0.2);
            }
        }
    }

    #[test]
    fn padding_does_not_shift_edges() {
        let edges = [30, 34, 40, 44, 47, 56, 60, 63, 75];
        let mask = layered_mask(48, 450, edges);
        let placement = Placement::new(20, 420, InputSize { width: 48, height: 450 });
        assert_eq!(placement.top, 15);
        let out = extract(&logits_of(&mask, 48, 450, 12.0), &placement, &ExtractOptions::default());
        assert!((out.rows(Boundary::Ilm)[7].expect("determined") - 15.0).abs() < 0.05);
    }

    #[test]
    fn a_boundary_outside_the_frame_is_not_determined() {
        // The frame starts inside the INL and ends inside the RPE.
        let mask = layered_mask(16, 32, [0, 0, 0, 4, 10, 20, 25, 32, 32]);
        let placement = Placement::new(16, 32, InputSize { width: 16, height: 32 });
        let out = extract(&logits_of(&mask, 16, 32, 12.0), &placement, &ExtractOptions::default());
        let seen: Vec<_> = Boundary::ALL.into_iter().filter(|&b| out.rows(b)[3].is_some()).collect();
        assert_eq!(seen, [Boundary::InlOpl, Boundary::OplOnl, Boundary::OnlEz, Boundary::EzRpe]);
    }

    #[test]
    fn in_the_optic_disc_only_the_nerve_fibres_have_edges_and_no_thickness() {
        let mask = layered_mask(16, 64, [10, 50, 50, 50, 50, 50, 50, 50, 50]);
        let placement = Placement::new(16, 64, InputSize { width: 16, height: 64 });
        let out = extract(&logits_of(&mask, 16, 64, 12.0), &placement, &ExtractOptions::default());
        let seen: Vec<_> = Boundary::ALL.into_iter().filter(|&b| out.rows(b)[3].is_some()).collect();
        assert_eq!(seen, [Boundary::Ilm, Boundary::NflGcl]);
        assert!(out.shows_disc(3) && out.mask() == mask);
        assert!(out.thickness_px(Measured::Layer(Layer::Nfl)).all(|t| t.is_none()));
    }

    #[test]
    fn a_cut_off_retina_is_no_disc() {
        let mask = layered_mask(16, 32, [10, 20, 30, 32, 32, 32, 32, 32, 32]);
        let placement = Placement::new(16, 32, InputSize { width: 16, height: 32 });
        let out = extract(&logits_of(&mask, 16, 32, 12.0), &placement, &ExtractOptions::default());
        assert!(!out.shows_disc(3));
        assert!(out.thickness_px(Measured::Layer(Layer::Nfl)).all(|t| t.is_some()));
    }

    #[test]
    fn an_image_without_a_retina_has_no_boundaries() {
        let placement = Placement::new(16, 64, InputSize { width: 16, height: 64 });
        let out = extract(&logits_of(&[0; 16 * 64], 16, 64, 8.0), &placement, &ExtractOptions::default());
        assert!(Boundary::ALL.into_iter().all(|b| out.rows(b).iter().all(Option::is_none)));
        assert!(out.mask().iter().all(|&c| c == 0));
    }

    proptest! {
        #[test]
        fn boundaries_never_cross_and_stay_in_the_frame(
            seed in prop::collection::vec(prop_oneof![8 => -30.0..30.0_f32, 1 => Just(f32::NAN), 1 => Just(f32::INFINITY)],
                CLASSES * 20 * 24),
            scan in (2_usize..60, 2_usize..60),
            temperature in 0.3..4.0_f32,
            ez_bias in -20.0..20.0_f32,
        ) {
            let logits = Logits::new(20, 24, seed).expect("the right number of scores");
            let placement = Placement::new(scan.0, scan.1, InputSize { width: 20, height: 24 });
            let calibration = Calibration { temperature, ..Calibration::default() };
            let lenient = ExtractOptions {
                calibration: Calibration { choroid_limit: 1e9, ..calibration },
                ez_bias,
                max_deviation: 1e9,
                max_outside: 1.0,
                min_retina: 0.0,
                min_outer: 0.0,
                smoothing: 2.0,
                min_choroid: 0.0,
            };
            for options in [lenient, ExtractOptions { calibration, ..Default::default() }] {
                let out = extract(&logits, &placement, &options);
                for ascan in 0..scan.0 {
                    let rows: Vec<f32> = Boundary::ALL.iter().filter_map(|&b| out.rows(b)[ascan]).collect();
                    prop_assert!(rows.is_sorted(), "{rows:?}");
                    prop_assert!(rows.iter().all(|r| (0.0..=scan.1 as f32 + 1e-3).contains(r)), "{rows:?}");
                    prop_assert!((0.0..=1.0).contains(&out.confidence()[ascan]));
                }
            }
        }
    }
}
