//! The lines over a B-scan: its boundaries, and the outer edge of the RPE where a lesion lifts it.

use std::{borrow::Cow, ops::Range};

use octrls_core::{layer::Boundary, segment::SegmentedBScan, surface::Surfaces};

use super::render_style::{Overlay, RenderStyle};
use crate::dashboard::text::bin_means;

/// Rows between Bruch's membrane and the outer edge of the RPE from which both are drawn.
const LIFTED_PX: f32 = 1.0;
/// Columns of an image in a dash, at least; wider images have longer dashes.
const MIN_DASH: usize = 2;
const DASHES: usize = 64;

/// A line over a B-scan.
pub(super) struct OverlayLine<'a> {
    rows: Cow<'a, [Option<f32>]>,
    /// Colour, sRGB.
    pub(super) colour: [u8; 3],
    mark: char,
    /// The mark where the line is inferred, and whether it is seen in each A-scan; `None` if it is seen everywhere.
    inferred: Option<(char, &'a [bool])>,
}

/// The lines to draw in the A-scans `columns`, most important last.
pub(super) fn lines<'a>(bscan: &'a SegmentedBScan, style: RenderStyle, columns: &Range<usize>) -> Vec<OverlayLine<'a>> {
    // The line that is corrected is drawn over all others.
    let corrected = style.marks.map(|marks| marks.boundary());
    let own = [style.layer.lower(), style.layer.upper()];
    let own = if corrected == Some(style.layer.lower()) { [own[1], own[0]] } else { own };
    let boundaries: Vec<Boundary> = match style.overlay {
        Overlay::All => Boundary::ALL.into_iter().rev().filter(|b| !own.contains(b)).chain(own).collect(),
        Overlay::Layer => own.into(),
        Overlay::None => corrected.into_iter().collect(),
    };
    let surfaces = &bscan.surfaces;
    let line = |boundary: Boundary| OverlayLine {
        rows: Cow::Borrowed(&surfaces.rows(boundary)[columns.clone()]),
        colour: style.colours.of(boundary),
        mark: char::from_digit(boundary.index() as u32 + 1, 9).unwrap_or('='),
        inferred: (boundary == Boundary::Csb).then(|| ('-', &surfaces.choroid_visible()[columns.clone()])),
    };
    boundaries
        .into_iter()
        .flat_map(|boundary| {
            let outer = (boundary == Boundary::RpeBm).then(|| lifted_rpe(surfaces, style, columns)).flatten();
            outer.into_iter().chain([line(boundary)])
        })
        .collect()
}

/// Whether a lesion lifts the RPE from Bruch's membrane.
pub(crate) fn has_lifted_rpe(bscan: &SegmentedBScan) -> bool {
    lifted_rows(&bscan.surfaces).any(|row| row.is_some())
}

/// The outer edge of the RPE where it leaves Bruch's membrane, in the same colour.
fn lifted_rpe(surfaces: &Surfaces, style: RenderStyle, columns: &Range<usize>) -> Option<OverlayLine<'static>> {
    let rows: Vec<_> = lifted_rows(surfaces).skip(columns.start).take(columns.len()).collect();
    rows.iter().any(Option::is_some).then(|| OverlayLine {
        rows: Cow::Owned(rows),
        colour: style.colours.of(Boundary::RpeBm),
        mark: '~',
        inferred: None,
    })
}

fn lifted_rows(surfaces: &Surfaces) -> impl Iterator<Item = Option<f32>> + '_ {
    let both = surfaces.rpe_outer().iter().zip(surfaces.rows(Boundary::RpeBm));
    both.map(|(outer, bruch)| outer.filter(|outer| bruch.is_some_and(|bruch| bruch - outer > LIFTED_PX)))
}

impl OverlayLine<'_> {
    /// The pixel rows of the line in each of `width` columns, if `rows` fill `height` pixels; neighbouring columns are
    /// connected.
    pub(super) fn spans(&self, rows: &Range<usize>, width: usize, height: usize) -> Vec<Option<Range<usize>>> {
        let pixel = |row: f32| {
            let y = (row - rows.start as f32) / rows.len() as f32 * height as f32;
            (y >= 0.0 && y < height as f32).then_some(y as usize)
        };
        let mut previous = None;
        bin_means(&self.rows, width)
            .into_iter()
            .map(|mean| {
                let y = mean.and_then(pixel);
                let span = y.map(|y| match previous {
                    Some(p) if p < y => p + 1..y + 1,
                    Some(p) if p > y => y..p,
                    _ => y..y + 1,
                });
                previous = y;
                span
            })
            .collect()
    }

    /// Whether column `x` of `width` shows the line: it is dashed where it is inferred.
    pub(super) fn is_drawn(&self, x: usize, width: usize) -> bool {
        let dash = (width / DASHES).max(MIN_DASH);
        !self.is_inferred(x, width) || (x / dash).is_multiple_of(2)
    }

    /// The line's character in column `x` of `width`.
    pub(super) fn mark(&self, x: usize, width: usize) -> char {
        match self.inferred {
            Some((mark, _)) if self.is_inferred(x, width) => mark,
            _ => self.mark,
        }
    }

    /// Whether the line is inferred in the middle A-scan of column `x` of `width`.
    fn is_inferred(&self, x: usize, width: usize) -> bool {
        self.inferred.is_some_and(|(_, seen)| seen.get((2 * x + 1) * seen.len() / (2 * width)) == Some(&false))
    }
}
