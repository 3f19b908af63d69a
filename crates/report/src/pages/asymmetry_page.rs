//! The report page about ganglion cells and the posterior pole: above against below, right against left eye, and sizes
//! scaled to the length of the eye.

use octrls_core::measure::{
    enface::{Coverage, POLE_CELL_MM, PosteriorPole, VolumeMeasures},
    follow_up::InterEye,
};

use super::layout::{BODY, LINE, MARGIN, RIGHT, measure_label, micrometres};
use crate::{
    images::viridis,
    pdf::{Align, Page, Style},
    record::ScaledRecord,
};

/// Side of a cell of the posterior pole in points.
const CELL: f32 = 28.0;
/// Thinning against the mirror image, in micrometres, that is drawn in the darkest grey.
const DARKEST_UM: f32 = 30.0;
/// Most rows of differences between the eyes.
const MAX_DIFFERENCES: usize = 14;
/// Right edges of the columns of numbers.
const COLUMNS: [f32; 4] = [310.0, 370.0, 430.0, 510.0];

/// The content of the page.
pub(super) struct AsymmetryPage<'a> {
    pub(super) volume: &'a VolumeMeasures,
    pub(super) inter_eye: Option<&'a InterEye>,
    pub(super) scaled: Option<&'a ScaledRecord>,
}

impl AsymmetryPage<'_> {
    /// Whether there is anything to show.
    pub(super) const fn is_needed(&self) -> bool {
        self.volume.posterior_pole.is_some() || self.inter_eye.is_some() || self.scaled.is_some()
    }

    /// Draws the page.
    pub(super) fn draw(&self) -> Page {
        let mut page = Page::new();
        page.text(MARGIN, 58.0, Style::of(14.0).bold(), Align::Left, "Ganglion cells, posterior pole, both eyes");
        let mut y = self.draw_halves(&mut page, 82.0) + 18.0;
        if let Some(pole) = &self.volume.posterior_pole {
            y = draw_pole(&mut page, pole, y) + 18.0;
        }
        if let Some(inter_eye) = self.inter_eye {
            y = draw_eyes(&mut page, inter_eye, y) + 18.0;
        }
        if let Some(scaled) = self.scaled {
            draw_scaled(&mut page, scaled, self.volume, y);
        }
        page
    }

    /// Means above and below the fovea; returns the lower edge.
    fn draw_halves(&self, page: &mut Page, top: f32) -> f32 {
        heading(page, top, "Above and below the fovea, mean in \u{b5}m", ["whole", "above", "below", "above - below"]);
        let gcc = self.volume.gcc.map(|gcc| {
            ("nerve fibres + GCL+IPL (GCC), 6 mm", gcc.coverage, [gcc.average_um, gcc.superior_um, gcc.inferior_um])
        });
        let gcipl = self.volume.gcipl.as_ref().map(|gcipl| {
            let halves = [gcipl.average_um, gcipl.superior_half_um, gcipl.inferior_half_um];
            ("GCL+IPL, elliptical annulus", gcipl.coverage, halves)
        });
        let pole = self.volume.posterior_pole.as_ref().map(|pole| {
            let whole = pole.superior_um.zip(pole.inferior_um).map(|(above, below)| f32::midpoint(above, below));
            ("retina, posterior pole", 1.0, [whole, pole.superior_um, pole.inferior_um])
        });
        let mut y = top + 5.0;
        for (name, coverage, [whole, above, below]) in [gcc, gcipl, pole].into_iter().flatten() {
            y += LINE;
            let mark = Coverage::of(coverage).mark();
            page.text(MARGIN, y, BODY, Align::Left, &format!("{name}{mark}"));
            let difference = above.zip(below).map_or("-".to_owned(), |(above, below)| format!("{:+.1}", above - below));
            let numbers = [whole, above, below].map(micrometres).into_iter().chain([difference]);
            for (x, number) in COLUMNS.into_iter().zip(numbers) {
                page.text(x, y, BODY, Align::Right, &number);
            }
        }
        y
    }
}

/// Draws a heading with names of columns.
fn heading(page: &mut Page, y: f32, title: &str, names: [&str; 4]) {
    page.text(MARGIN, y, BODY.bold(), Align::Left, title);
    for (x, name) in COLUMNS.into_iter().zip(names) {
        page.text(x, y, BODY.quiet(), Align::Right, name);
    }
    page.rule((MARGIN, y + 4.0), (RIGHT, y + 4.0));
}

/// Draws the grid of thickness and the grid of asymmetry; returns the lower edge.
fn draw_pole(page: &mut Page, pole: &PosteriorPole, top: f32) -> f32 {
    let second = MARGIN + 8.0 * CELL + 30.0;
    page.text(MARGIN, top, BODY.bold(), Align::Left, "Retina, posterior pole, \u{b5}m");
    page.text(second, top, BODY.bold(), Align::Left, "Minus its mirror image above or below, \u{b5}m");
    let known = || pole.rows.iter().flatten().filter_map(|cell| cell.mean_um);
    let (low, high) = (known().fold(f32::MAX, f32::min), known().fold(0.0, f32::max));
    for (row, cells) in pole.rows.iter().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            let at = |left: f32| (left + CELL * column as f32, top + 8.0 + CELL * row as f32);
            let mean = cell.mean_um.map(|um| {
                let share = if high > low { (um - low) / (high - low) } else { 0.5 };
                (viridis(share), share < 0.5, format!("{um:.0}{}", Coverage::of(cell.coverage).mark()))
            });
            draw_cell(page, at(MARGIN), mean);
            let asymmetry = cell.asymmetry_um.map(|um| {
                let thinning = (-um / DARKEST_UM).clamp(0.0, 1.0);
                let grey = (255.0 - 190.0 * thinning) as u8;
                ([grey; 3], thinning > 0.5, format!("{um:+.0}"))
            });
            draw_cell(page, at(second), asymmetry);
        }
    }
    let y = top + 8.0 + 8.0 * CELL + 10.0;
    let note = format!(
        "Cells of {POLE_CELL_MM} mm around the fovea, as on the fundus image; rows are horizontal, not along the axis from \
         disc to fovea. {}. Darker: thinner than the mirror image.",
        Coverage::LEGEND
    );
    let small = Style::of(7.5).quiet();
    let lines = crate::pdf::wrapped(&note, small, RIGHT - MARGIN);
    for (i, line) in lines.iter().enumerate() {
        page.text(MARGIN, y + 9.5 * i as f32, small, Align::Left, line);
    }
    y + 9.5 * lines.len() as f32
}

/// Draws a cell: its colour, whether that is dark, and its text.
fn draw_cell(page: &mut Page, (x, y): (f32, f32), content: Option<([u8; 3], bool, String)>) {
    let style = Style::of(7.5);
    let Some((colour, is_dark, text)) = content else {
        page.text(x + 0.5 * CELL, y + 0.5 * CELL + 3.0, style.quiet(), Align::Centre, "-");
        return;
    };
    page.fill((x, y), (CELL - 1.0, CELL - 1.0), colour);
    let style = if is_dark { style.white() } else { style };
    page.text(x + 0.5 * CELL, y + 0.5 * CELL + 3.0, style, Align::Centre, &text);
}

/// Draws the differences between the eyes; returns the lower edge.
fn draw_eyes(page: &mut Page, inter_eye: &InterEye, top: f32) -> f32 {
    heading(page, top, "Both eyes at this visit, \u{b5}m", ["right", "left", "right - left", ""]);
    let is_main =
        |name: &str| name.starts_with("gc") || name.starts_with("circle/") || name.starts_with("etdrs/retina/");
    let mut y = top + 5.0;
    for difference in inter_eye.differences.iter().filter(|d| is_main(&d.measure)).take(MAX_DIFFERENCES) {
        y += LINE;
        page.text(MARGIN, y, BODY, Align::Left, &measure_label(&difference.measure));
        let numbers = [difference.right_um, difference.left_um].map(|um| format!("{um:.1}"));
        let numbers = numbers.into_iter().chain([format!("{:+.1}", difference.difference_um)]);
        for (x, number) in COLUMNS.into_iter().zip(numbers) {
            page.text(x, y, BODY, Align::Right, &number);
        }
    }
    y
}

/// Draws the means of the retina without and with the length of the eye.
fn draw_scaled(page: &mut Page, scaled: &ScaledRecord, volume: &VolumeMeasures, top: f32) {
    let magnification = scaled.magnification;
    page.text(MARGIN, top, BODY.bold(), Align::Left, "Scaled to the length of the eye");
    let words = format!(
        "Axial length {:.2} mm: lateral distances times {:.3}, by Littmann and Bennett, from the {:.2} mm that scanners \
         assume. Not right for a scanner that knew the length.",
        magnification.axial_length_mm, magnification.factor, magnification.assumed_length_mm
    );
    let small = Style::of(7.5).quiet();
    let mut y = top + 2.0;
    for line in crate::pdf::wrapped(&words, small, RIGHT - MARGIN) {
        y += 9.5;
        page.text(MARGIN, y, small, Align::Left, &line);
    }
    y += LINE + 2.0;
    let column = |i: usize| MARGIN + 110.0 + 40.0 * i as f32;
    for (i, (name, measures)) in
        [("retina, as stated", Some(volume)), ("retina, scaled", scaled.volume.as_ref())].into_iter().enumerate()
    {
        let grid = measures.and_then(|m| m.etdrs.iter().find(|grid| grid.layer == "retina"));
        let Some((measures, grid)) = measures.zip(grid) else { continue };
        let doubt = if measures.centre.from.is_fovea() { "" } else { "?" };
        page.text(MARGIN, y + LINE, BODY, Align::Left, name);
        for (place, field) in grid.grid.subfields.iter().enumerate() {
            if i == 0 {
                page.text(column(place), y, BODY.quiet(), Align::Right, &field.at.name());
            }
            let mark = Coverage::of(field.coverage).mark();
            let text = field.mean_um.map_or("-".to_owned(), |um| format!("{um:.1}{mark}{doubt}"));
            page.text(column(place), y + LINE, BODY, Align::Right, &text);
        }
        page.text(RIGHT, y + LINE, BODY, Align::Right, &format!("{:.2} mm\u{b3}", grid.grid.volume_mm3));
        y += LINE;
    }
}
