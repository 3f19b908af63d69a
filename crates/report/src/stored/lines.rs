//! The lines of a B-scan as tables hold them, and as a person edits them.

use octrls_core::{
    layer::{BOUNDARIES, Boundary},
    surface::Surfaces,
};
use serde::{Deserialize, Serialize};

use super::TableError;

/// Rows may differ by this many pixels from the order of the layers, because tables hold two decimals.
const ROUNDING: f32 = 0.011;

/// Size of the scan that a table belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Number of B-scans.
    pub bscans: usize,
    /// A-scans in each B-scan.
    pub width: usize,
    /// Samples along each A-scan.
    pub height: usize,
}

/// The lines of one B-scan: the row of each boundary in each A-scan, `None` where it is not determined.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BScanLines {
    /// The boundaries, by [`Boundary::index`].
    pub rows: [Vec<Option<f32>>; BOUNDARIES],
    /// Where the photoreceptors end; the EZ/RPE boundary if the table does not tell.
    pub ez_end: Vec<Option<f32>>,
    /// The outer edge of the RPE; Bruch's membrane if the table does not tell.
    pub rpe_outer: Vec<Option<f32>>,
    /// Whether the end of the choroid can be seen; true if the table does not tell.
    pub choroid_visible: Vec<bool>,
}

/// The lines of neighbouring A-scans of one B-scan, as a person edited them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineStretch {
    /// Index of the B-scan, 0-based.
    pub bscan: usize,
    /// The first A-scan, 0-based.
    pub first_ascan: usize,
    /// The lines from there on.
    pub lines: BScanLines,
}

impl BScanLines {
    /// Lines of `width` A-scans of which nothing is known.
    #[must_use]
    pub fn unknown(width: usize) -> Self {
        let empty = || vec![None; width];
        Self {
            rows: std::array::from_fn(|_| empty()),
            ez_end: empty(),
            rpe_outer: empty(),
            choroid_visible: vec![true; width],
        }
    }

    /// Number of A-scans.
    #[must_use]
    pub fn width(&self) -> usize {
        self.choroid_visible.len()
    }

    /// The lines of the A-scans `ascans`.
    #[must_use]
    pub fn part(&self, ascans: std::ops::Range<usize>) -> Self {
        Self {
            rows: std::array::from_fn(|k| self.rows[k][ascans.clone()].to_vec()),
            ez_end: self.ez_end[ascans.clone()].to_vec(),
            rpe_outer: self.rpe_outer[ascans.clone()].to_vec(),
            choroid_visible: self.choroid_visible[ascans].to_vec(),
        }
    }

    /// The same lines with what else is known of the A-scans, of `found`.
    #[must_use]
    pub fn surfaces(self, found: &Surfaces) -> Surfaces {
        let deviations = Boundary::ALL.map(|boundary| found.deviations(boundary).to_vec());
        let disc = (0..found.width()).map(|x| found.shows_disc(x)).collect();
        Surfaces::exact(found.height(), self.rows)
            .with_choroid_visible(self.choroid_visible)
            .with_fluid(self.ez_end, self.rpe_outer)
            .with_estimates(deviations, found.confidence().to_vec(), disc)
    }

    /// Whether the boundaries are in order in A-scan `x`.
    pub(super) fn check_order(&self, x: usize) -> Result<(), String> {
        let mut last: Option<(&str, f32)> = None;
        for boundary in Boundary::ALL {
            let Some(row) = self.rows[boundary.index()][x] else { continue };
            if let Some((above, at)) = last.filter(|(_, at)| row < at - ROUNDING) {
                return Err(format!("{} (row {row}) is above {above} (row {at}); the layers cross", boundary.name()));
            }
            last = Some((boundary.name(), row));
        }
        Ok(())
    }

    /// Whether the ends of EZ and RPE lie within their layers in A-scan `x`.
    pub(super) fn check_fluid(&self, x: usize) -> Result<(), String> {
        let of = |boundary: Boundary| self.rows[boundary.index()][x];
        let lines = [
            ("EZ_END", self.ez_end[x], of(Boundary::OnlEz), of(Boundary::EzRpe)),
            ("RPE_OUTER", self.rpe_outer[x], of(Boundary::EzRpe), of(Boundary::RpeBm)),
        ];
        for (name, row, upper, lower) in lines {
            let Some(row) = row else { continue };
            if upper.is_some_and(|upper| row < upper - ROUNDING) || lower.is_some_and(|lower| row > lower + ROUNDING) {
                return Err(format!("{name} (row {row}) is outside its layer; the layers cross"));
            }
        }
        Ok(())
    }

    /// Whether the lines can be those of an image with `height` rows.
    ///
    /// # Errors
    /// The first A-scan with a row outside the image or with crossing lines, and what is wrong there.
    pub fn check(&self, height: usize) -> Result<(), (usize, String)> {
        let mut all = Boundary::ALL.iter().map(|b| (b.name(), &self.rows[b.index()])).collect::<Vec<_>>();
        all.extend([("EZ_END", &self.ez_end), ("RPE_OUTER", &self.rpe_outer)]);
        for x in 0..self.width() {
            let rows = all.iter().filter_map(|(name, rows)| Some((name, rows[x]?)));
            let in_image = rows.map(|(name, row)| check_row(row, name, height)).collect::<Result<Vec<()>, _>>();
            in_image.and_then(|_| self.check_order(x)).and_then(|()| self.check_fluid(x)).map_err(|why| (x, why))?;
        }
        Ok(())
    }

    fn is_consistent(&self) -> bool {
        let width = self.width();
        self.rows.iter().chain([&self.ez_end, &self.rpe_outer]).all(|line| line.len() == width)
    }
}

/// Whether `row` of the line `name` lies in an image with `height` rows.
pub(super) fn check_row(row: f32, name: &str, height: usize) -> Result<(), String> {
    if (0.0..=height as f32).contains(&row) {
        Ok(())
    } else {
        Err(format!("{name} (row {row}) is outside the image, which has {height} rows"))
    }
}

/// The `lines` of a scan of this `grid` with edited stretches in them.
///
/// # Errors
/// [`TableError`] for a stretch outside the grid, a row outside the image, and boundaries that cross.
pub fn with_stretches(
    mut lines: Vec<BScanLines>,
    stretches: &[LineStretch],
    grid: Grid,
) -> Result<Vec<BScanLines>, TableError> {
    let wrong = |problem: String| TableError { line: None, problem };
    for LineStretch { bscan, first_ascan, lines: edited } in stretches {
        let place = |x: usize| format!("B-scan {bscan}, A-scan {x}");
        let end = first_ascan.checked_add(edited.width()).filter(|end| *end <= grid.width && edited.is_consistent());
        let (Some(end), Some(own)) = (end, lines.get_mut(*bscan)) else {
            return Err(wrong(format!("{} is outside the scan", place(*first_ascan))));
        };
        edited.check(grid.height).map_err(|(x, why)| wrong(format!("{}: {why}", place(first_ascan + x))))?;
        let ascans = *first_ascan..end;
        for (own, edited) in own.rows.iter_mut().zip(&edited.rows) {
            own[ascans.clone()].copy_from_slice(edited);
        }
        own.ez_end[ascans.clone()].copy_from_slice(&edited.ez_end);
        own.rpe_outer[ascans.clone()].copy_from_slice(&edited.rpe_outer);
        own.choroid_visible[ascans].copy_from_slice(&edited.choroid_visible);
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Grid = Grid { bscans: 2, width: 4, height: 100 };

    fn lines(width: usize, top: f32) -> BScanLines {
        let row = |k: usize| vec![Some(top + 5.0 * k as f32); width];
        BScanLines {
            rows: std::array::from_fn(row),
            ez_end: row(6),
            rpe_outer: row(7),
            choroid_visible: vec![true; width],
        }
    }

    #[test]
    fn stretches_replace_their_a_scans_alone() {
        let stretch = LineStretch { bscan: 1, first_ascan: 1, lines: lines(2, 20.0) };
        let edited = with_stretches(vec![lines(4, 10.0); 2], &[stretch], GRID).unwrap();
        assert_eq!(edited[0], lines(4, 10.0));
        assert_eq!(edited[1].rows[0], [Some(10.0), Some(20.0), Some(20.0), Some(10.0)]);
        assert_eq!(edited[1].rpe_outer, [Some(45.0), Some(55.0), Some(55.0), Some(45.0)]);
        assert_eq!(edited[1].part(1..3), lines(2, 20.0));
    }

    #[test]
    fn a_stretch_outside_the_scan_or_out_of_order_is_refused() {
        let refused = |bscan, first_ascan, lines| {
            let all = vec![self::lines(4, 10.0); 2];
            with_stretches(all, &[LineStretch { bscan, first_ascan, lines }], GRID).unwrap_err().to_string()
        };
        assert_eq!(refused(2, 0, lines(1, 10.0)), "B-scan 2, A-scan 0 is outside the scan");
        assert_eq!(refused(0, 3, lines(2, 10.0)), "B-scan 0, A-scan 3 is outside the scan");
        assert_eq!(
            refused(0, usize::MAX, lines(2, 10.0)),
            format!("B-scan 0, A-scan {} is outside the scan", usize::MAX)
        );
        let uneven = BScanLines { ez_end: Vec::new(), ..lines(2, 10.0) };
        assert_eq!(refused(0, 0, uneven), "B-scan 0, A-scan 0 is outside the scan");
        let mut crossing = lines(2, 10.0);
        crossing.rows[2][1] = Some(11.0);
        assert!(refused(0, 1, crossing).starts_with("B-scan 0, A-scan 2: IPL_INL (row 11) is above NFL_GCL"));
        let nowhere = lines(1, f32::NAN);
        assert!(refused(1, 0, nowhere).contains("outside the image"));
        let mut fluid = lines(1, 10.0);
        fluid.ez_end[0] = Some(90.0);
        assert!(refused(1, 0, fluid).contains("EZ_END (row 90) is outside its layer"));
    }
}
