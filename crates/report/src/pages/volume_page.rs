//! The report page about a volume: maps, ETDRS subfields, the ganglion cell annulus.

use octrls_core::{
    layer::{Layer, Measured},
    measure::{
        enface::{Centre, Coverage, VolumeMeasures},
        reference::{NotCompared, Standing},
    },
};

use super::{
    layout::{
        BODY, LINE, MARGIN, OTHER_DEVICES, RIGHT, UNCERTAINTY_LEGEND, draw_edge, micrometres, shade, with_half_width,
    },
    map_sheet::draw_maps,
};
use crate::{
    images::{BACKGROUND, MapPanel},
    pdf::{Align, Page, Style, wrapped},
    record::ReferenceRecord,
};

/// Mark of a value in a grid that is not centred on the fovea.
const OFF_FOVEA: &str = "?";

/// What the grid is centred on, where that is, and how certain.
fn centre_in_words(centre: &Centre) -> String {
    let Centre { place, from, confidence } = centre;
    let certain = confidence.filter(|_| from.is_fovea()).map_or(String::new(), |c| format!(", confidence {c:.2}"));
    format!("centre: {}, at {:.2}, {:.2} mm{certain}", from.words(), place.x, place.y)
}

/// Draws the page with the thickness `maps`; `visible` is the share of A-scans in which the choroid's end can be seen.
pub(super) fn volume_page(
    measures: &VolumeMeasures,
    reference: Option<&ReferenceRecord>,
    not_compared: Option<NotCompared>,
    (maps, visible): (&[MapPanel], Option<f32>),
) -> Page {
    let mut page = Page::new();
    page.text(MARGIN, 58.0, Style::of(14.0).bold(), Align::Left, "Volume");
    let mut y = draw_maps(&mut page, 68.0, maps, visible, measures.centre.from.words()) + 16.0;
    page.text(MARGIN, y, BODY.bold(), Align::Left, "ETDRS subfields, mean in \u{b5}m");
    page.text(RIGHT, y, BODY, Align::Right, &centre_in_words(&measures.centre));
    y += LINE + 2.0;
    let column = |i: usize| MARGIN + 92.0 + 42.0 * i as f32;
    for (i, field) in measures.etdrs.iter().flat_map(|g| &g.grid.subfields).take(9).enumerate() {
        page.text(column(i), y, BODY.quiet(), Align::Right, &field.at.name());
    }
    page.text(RIGHT, y, BODY.quiet(), Align::Right, "mm\u{b3}");
    page.rule((MARGIN, y + 4.0), (RIGHT, y + 4.0));
    let off_fovea = if measures.centre.from.is_fovea() { "" } else { OFF_FOVEA };
    for measured in &measures.etdrs {
        y += LINE;
        let name =
            Measured::all().into_iter().find(|of| of.key() == measured.layer).map_or(measured.layer, Measured::name);
        page.text(MARGIN, y + 4.0, BODY, Align::Left, name);
        for (i, field) in measured.grid.subfields.iter().enumerate() {
            // A partly covered subfield is marked, never extrapolated.
            let mark = Coverage::of(field.coverage).mark();
            let text = format!("{}{mark}{off_fovea}", with_half_width(field.mean_um, field.half_width_um));
            let compared = reference.into_iter().flat_map(|r| &r.values);
            let standing = compared.into_iter().find(|c| c.layer == measured.layer && c.subfield == field.at);
            if let Some(colour) = standing.and_then(|c| shade(c.standing)) {
                page.fill((column(i) - 35.0, y - 5.0), (38.0, 12.0), colour);
                draw_edge(&mut page, (column(i) - 35.0, y - 5.0), (38.0, 12.0), standing.map(|c| c.standing));
            }
            page.text(column(i), y + 4.0, BODY, Align::Right, &text);
        }
        let whole = Coverage::of(measured.grid.coverage);
        let uncertain = measured.grid.volume_half_width_mm3.map_or(String::new(), |mm3| format!(" \u{b1} {mm3:.2}"));
        let volume = format!("{:.2}{uncertain}{}{off_fovea}", measured.grid.volume_mm3, whole.mark());
        let volume = whole.shown(volume);
        page.text(RIGHT, y + 4.0, BODY, Align::Right, &volume.unwrap_or_else(|| "-".to_owned()));
        if let Some(shares) = measures.choroid_visible.as_ref().filter(|_| measured.layer == Layer::Choroid.key()) {
            y += LINE;
            page.text(MARGIN + 8.0, y + 4.0, BODY.quiet(), Align::Left, "end visible, %");
            for (i, at) in shares.iter().enumerate() {
                let text = at.share.map_or("-".to_owned(), |share| format!("{:.0}", 100.0 * share));
                page.text(column(i), y + 4.0, BODY.quiet(), Align::Right, &text);
            }
        }
    }
    y += LINE + 8.0;
    page.text(MARGIN, y, Style::of(8.0).quiet(), Align::Left, &format!("{}. {UNCERTAINTY_LEGEND}", Coverage::LEGEND));
    if !off_fovea.is_empty() {
        y += LINE;
        let note =
            "? No fovea was found: these are not the subfields they are named after, and are compared with nothing.";
        page.text(MARGIN, y, Style::of(8.0).bold(), Align::Left, note);
    }
    if let Some(reference) = reference {
        y += LINE;
        for (x, standing, words) in [(MARGIN, Standing::Below, "below"), (MARGIN + 58.0, Standing::Above, "above")] {
            page.fill((x, y - 7.0), (10.0, 9.0), shade(standing).unwrap_or(BACKGROUND));
            draw_edge(&mut page, (x, y - 7.0), (10.0, 9.0), Some(standing));
            page.text(x + 14.0, y, Style::of(8.0), Align::Left, words);
        }
        let words = format!("the reference (mean \u{b1} 1.96 SD): {}; {}", reference.name, reference.population);
        page.text(MARGIN + 120.0, y, Style::of(8.0), Align::Left, &words);
        y += LINE - 2.0;
        let small = Style::of(7.5).quiet();
        page.text(MARGIN, y, small, Align::Left, &format!("{}.", reference.source));
        for line in wrapped(&format!("{OTHER_DEVICES} {}", reference.lines), small, RIGHT - MARGIN) {
            y += 9.5;
            page.text(MARGIN, y, small, Align::Left, &line);
        }
    }
    if let Some(reason) = not_compared {
        y += LINE;
        let words = format!("Not compared with the reference group: {}.", reason.words());
        page.text(MARGIN, y, Style::of(8.0).quiet(), Align::Left, &words);
    }
    if let Some(gcipl) = &measures.gcipl {
        let average = with_half_width(gcipl.average_um, gcipl.average_half_width_um);
        let minimum = micrometres(gcipl.minimum_um);
        y += LINE + 6.0;
        page.text(MARGIN, y, BODY.bold(), Align::Left, "GCL+IPL in the elliptical annulus, mean in \u{b5}m");
        y += LINE + 2.0;
        let sectors = gcipl
            .sectors
            .iter()
            .map(|s| (s.sector.key().replace('_', "-"), with_half_width(s.mean_um, s.half_width_um)));
        let all = sectors.chain([("average".to_owned(), average), ("minimum".to_owned(), minimum)]);
        for (i, (name, value)) in all.enumerate() {
            let x = MARGIN + 64.0 * (i as f32 + 1.0);
            page.text(x, y, Style::of(7.0).quiet(), Align::Right, &name);
            page.text(x, y + LINE, BODY, Align::Right, &value);
        }
        if Coverage::of(gcipl.coverage) != Coverage::Whole {
            let note = format!("The scan covers {:.0} % of the annulus.", 100.0 * gcipl.coverage);
            page.text(MARGIN, y + 2.0 * LINE, Style::of(8.0).quiet(), Align::Left, &note);
        }
    }
    page
}
