//! The report page about a circle around the optic disc.

use octrls_core::{
    layer::Boundary,
    measure::{
        enface::{CircleProfile, Coverage, DiscSource},
        reference::{CircleComparison, NotCompared, Standing},
    },
};

use super::{
    layout::{BODY, LINE, MARGIN, OTHER_DEVICES, RIGHT, UNCERTAINTY_LEGEND, draw_edge, shade, with_half_width},
    localizer::Localizer,
};
use crate::{
    pdf::{Align, Page, Style},
    record::CircleReferenceRecord,
};

/// Colour of the reference range in the profile.
const BAND_COLOUR: [u8; 3] = [222, 230, 222];
/// Half of the 95 % interval, in standard deviations.
const HALF_INTERVAL: f32 = 1.96;

/// The reference range of a quadrant in the profile.
struct Band {
    /// Start and end as shares of the profile.
    turn: [f32; 2],
    /// Lower and upper end in micrometres.
    um: [f32; 2],
}

/// The reference ranges of the quadrants; the temporal one is at both ends of the profile.
fn bands(values: &[CircleComparison]) -> Vec<Band> {
    let turns = [
        ("temporal", [0.0, 0.125]),
        ("superior", [0.125, 0.375]),
        ("nasal", [0.375, 0.625]),
        ("inferior", [0.625, 0.875]),
        ("temporal", [0.875, 1.0]),
    ];
    let band = |(name, turn): (&str, [f32; 2])| {
        let value = values.iter().find(|value| value.area == name)?;
        let half = HALF_INTERVAL * value.reference_sd_um;
        Some(Band { turn, um: [value.reference_um - half, value.reference_um + half] })
    };
    turns.into_iter().filter_map(band).collect()
}

/// Draws the page.
pub(super) fn circle_page(
    circle: &CircleProfile,
    reference: Option<&CircleReferenceRecord>,
    not_compared: Option<NotCompared>,
    localizer: Option<&Localizer<'_>>,
) -> Page {
    let mut page = Page::new();
    page.text(MARGIN, 58.0, Style::of(14.0).bold(), Align::Left, "Nerve fibres around the optic disc");
    let disc = match circle.disc.from {
        DiscSource::Circle => "directions from the centre of the circle".to_owned(),
        DiscSource::Stated => {
            format!("disc stated by hand, {:.2} mm from the centre of the circle", circle.disc.distance_mm)
        }
    };
    let mean = with_half_width(circle.mean_um, circle.mean_half_width_um);
    let facts = format!("circle of {:.2} mm radius, mean {mean} \u{b5}m; {disc}", circle.radius_mm);
    page.text(MARGIN, 76.0, BODY, Align::Left, &facts);
    let (left, top, width, height) = (MARGIN + 24.0, 100.0, RIGHT - MARGIN - 24.0, 180.0);
    let highest = reference.iter().flat_map(|r| &r.values).map(|v| v.reference_um + HALF_INTERVAL * v.reference_sd_um);
    let most = circle.tsnit_um.iter().flatten().copied().chain(highest).fold(100.0, f32::max);
    let most = (most / 50.0).ceil() * 50.0;
    let level = |um: f32| top + height * (1.0 - um / most);
    for band in reference.map(|r| bands(&r.values)).unwrap_or_default() {
        let [from, to] = band.turn.map(|turn| left + width * turn);
        let [low, high] = band.um.map(|um| level(um.clamp(0.0, most)));
        page.fill((from, high), (to - from, low - high), BAND_COLOUR);
    }
    for um in [0.0, 0.5 * most, most] {
        page.rule((left, level(um)), (left + width, level(um)));
        page.text(left - 4.0, level(um) + 3.0, Style::of(8.0).quiet(), Align::Right, &format!("{um:.0}"));
    }
    page.text(left - 4.0, top - 8.0, Style::of(8.0).quiet(), Align::Right, "\u{b5}m");
    for (i, name) in ["T", "S", "N", "I", "T"].into_iter().enumerate() {
        let x = left + 0.25 * width * i as f32;
        page.text(x, top + height + 14.0, BODY.quiet(), Align::Centre, name);
    }
    let count = circle.tsnit_um.len().max(1) as f32;
    let point = |(i, um): (usize, &Option<f32>)| um.map(|um| (left + width * (i as f32 + 0.5) / count, level(um)));
    page.curve(circle.tsnit_um.iter().enumerate().map(point), 1.2, Boundary::NflGcl.colour());
    let mut y = top + height + 40.0;
    let columns = [150.0, 230.0, 330.0];
    for (x, name) in columns.into_iter().zip(["mean, \u{b5}m", "measured", "reference"]) {
        page.text(x, y, BODY.quiet(), Align::Right, name);
    }
    page.rule((MARGIN, y + 4.0), (columns[2] + 60.0, y + 4.0));
    y += 4.0;
    let areas = circle.quadrants.iter().map(|q| (q.side.key(), (q.mean_um, q.half_width_um), q.coverage));
    let whole = ("mean", (circle.mean_um, circle.mean_half_width_um), circle.coverage());
    for (name, (mean, half_width), coverage) in areas.chain([whole]) {
        y += LINE;
        let compared = reference.and_then(|r| r.values.iter().find(|v| v.area == name));
        if let Some(colour) = compared.and_then(|c| shade(c.standing)) {
            page.fill((columns[0] - 33.0, y - 9.0), (36.0, 12.0), colour);
            draw_edge(&mut page, (columns[0] - 33.0, y - 9.0), (36.0, 12.0), compared.map(|c| c.standing));
        }
        page.text(MARGIN, y, BODY.quiet(), Align::Left, name);
        page.text(columns[0], y, BODY, Align::Right, &with_half_width(mean, half_width));
        page.text(columns[1], y, BODY, Align::Right, &format!("{:.0} %", 100.0 * coverage));
        if let Some(c) = compared {
            let words = match c.standing {
                Standing::Below => ", below",
                Standing::Within => "",
                Standing::Above => ", above",
            };
            let text = format!("{:.0} \u{b1} {:.0}{words}", c.reference_um, c.reference_sd_um);
            page.text(columns[2] - 40.0, y, BODY, Align::Left, &text);
        }
    }
    y += LINE + 4.0;
    page.text(MARGIN, y, Style::of(7.5).quiet(), Align::Left, UNCERTAINTY_LEGEND);
    y += 9.5;
    if let Some(reference) = reference {
        let small = Style::of(7.5).quiet();
        let words = "Below, above: more than 1.96 SD from the mean of the reference group;";
        page.text(MARGIN, y, small, Align::Left, &format!("{words} {}", reference.population));
        page.text(MARGIN, y + 9.5, small, Align::Left, &format!("{}.", reference.source));
        page.text(MARGIN, y + 19.0, small, Align::Left, OTHER_DEVICES);
        y += 34.0;
    }
    if let Some(reason) = not_compared {
        let words = format!("Not compared with the reference group: {}.", reason.words());
        page.text(MARGIN, y, Style::of(8.0).quiet(), Align::Left, &words);
        y += LINE;
    }
    y = draw_sectors(&mut page, circle, y + 10.0);
    if let Some(localizer) = localizer {
        localizer.draw_with_caption(&mut page, (MARGIN, y + 2.0 * LINE + 10.0), 220.0);
    }
    page
}

/// Draws clock hours, sectors and the difference of the halves; returns the last line of names.
fn draw_sectors(page: &mut Page, circle: &CircleProfile, top: f32) -> f32 {
    let mut y = top;
    page.text(MARGIN, y, BODY.quiet(), Align::Left, "clock hours, \u{b5}m");
    for (i, hour) in circle.clock_hours.iter().enumerate() {
        let x = MARGIN + 108.0 + 34.0 * i as f32;
        page.text(x, y, BODY.quiet(), Align::Right, &hour.hour.to_string());
        page.text(x, y + LINE, BODY, Align::Right, &with_half_width(hour.mean_um, hour.half_width_um));
    }
    y += 2.0 * LINE + 8.0;
    page.text(MARGIN, y, BODY.quiet(), Align::Left, "Garway-Heath, \u{b5}m");
    for (i, sector) in circle.sectors.iter().enumerate() {
        let x = MARGIN + 108.0 + 50.0 * i as f32;
        let mark = Coverage::of(sector.coverage).mark();
        page.text(x, y, BODY.quiet(), Align::Right, &sector.sector.key().to_uppercase());
        page.text(
            x,
            y + LINE,
            BODY,
            Align::Right,
            &format!("{}{mark}", with_half_width(sector.mean_um, sector.half_width_um)),
        );
    }
    let difference = circle.difference_um.map_or("-".to_owned(), |um| format!("{um:+.1}"));
    page.text(RIGHT - 60.0, y, BODY.quiet(), Align::Right, "upper - lower");
    page.text(RIGHT - 60.0, y + LINE, BODY, Align::Right, &difference);
    y
}
