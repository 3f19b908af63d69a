//! The report page about the course of an eye: trends over all visits, and the difference map.

use octrls_core::{
    measure::follow_up::{FollowUp, FoveaMap, MAP_CELLS, Trend, TrendPoint},
    scan::Eye,
};

use super::layout::{BODY, LINE, MARGIN, RIGHT, day, measure_label};
use crate::{
    images::DifferenceScale,
    pdf::{Align, Page, Style},
};

/// Height of a trend in points, and its colours.
const HEIGHT: f32 = 62.0;
const BAND_COLOUR: [u8; 3] = [222, 230, 222];
const LINE_COLOUR: [u8; 3] = [30, 60, 110];
/// Most trends on the page.
const MAX_TRENDS: usize = 5;
/// Smallest distance of two dates in points.
const DATE_WIDTH: f32 = 52.0;
/// Side of a cell of the difference map in points.
const CELL: f32 = 9.0;
/// Sign where a visit has no thickness.
const UNKNOWN: &str = "\u{b7}";

/// Draws the page; `None` without a trend and a map.
pub(super) fn trend_page(follow_up: &FollowUp, eye: Option<Eye>) -> Option<Page> {
    if follow_up.trends.is_empty() && follow_up.difference_map.is_none() {
        return None;
    }
    let mut page = Page::new();
    page.text(MARGIN, 58.0, Style::of(14.0).bold(), Align::Left, "Course");
    let mut y = 78.0;
    if !follow_up.trends.is_empty() {
        let words = "All visits up to this one; band: the first visit and the repeatability to either side.";
        page.text(MARGIN, y, Style::of(8.0).quiet(), Align::Left, words);
        y += 14.0;
    }
    for trend in follow_up.trends.iter().take(MAX_TRENDS) {
        draw_trend(&mut page, trend, y);
        y += HEIGHT + 34.0;
    }
    if let Some(map) = &follow_up.difference_map {
        draw_map(&mut page, follow_up, map, eye, y);
    }
    Some(page)
}

/// Days since 1970 of a moment as in results.
fn days(point: &TrendPoint) -> f32 {
    let date: Option<jiff::civil::Date> = day(&point.acquired).parse().ok();
    date.map_or(0.0, |date| (date - jiff::civil::date(1970, 1, 1)).get_days() as f32)
}

fn draw_trend(page: &mut Page, trend: &Trend, top: f32) {
    let (left, width) = (MARGIN + 30.0, RIGHT - MARGIN - 60.0);
    let first = trend.points.first().map_or(0.0, |point| point.um);
    let half = trend.repeatability_um.unwrap_or_default();
    let values = || trend.points.iter().map(|point| point.um).chain([first - half, first + half]);
    let (low, high) = (values().fold(f32::MAX, f32::min), values().fold(f32::MIN, f32::max));
    let room = (0.1 * (high - low)).max(1.0);
    let (low, high) = (low - room, high + room);
    let level = |um: f32| top + 12.0 + HEIGHT * (high - um) / (high - low);
    let (start, end) = (trend.points.first().map_or(0.0, days), trend.points.last().map_or(1.0, days));
    let x = |point: &TrendPoint| left + 10.0 + (width - 20.0) * (days(point) - start) / (end - start).max(1.0);
    let title = match trend.repeatability_um {
        Some(um) => format!("{}, \u{b5}m; repeatability \u{b1} {um:.1}", measure_label(&trend.measure)),
        None => format!("{}, \u{b5}m; repeatability not known", measure_label(&trend.measure)),
    };
    page.text(MARGIN, top + 6.0, BODY.bold(), Align::Left, &title);
    if trend.repeatability_um.is_some() {
        page.fill((left, level(first + half)), (width, level(first - half) - level(first + half)), BAND_COLOUR);
    }
    page.rule((left, top + 12.0 + HEIGHT), (left + width, top + 12.0 + HEIGHT));
    for um in [low + room, high - room] {
        page.text(left - 4.0, level(um) + 3.0, Style::of(7.5).quiet(), Align::Right, &format!("{um:.0}"));
    }
    page.curve(trend.points.iter().map(|point| Some((x(point), level(point.um)))), 1.0, LINE_COLOUR);
    let mut labelled = f32::MIN;
    let last = trend.points.last().map_or(left, &x);
    for (i, point) in trend.points.iter().enumerate() {
        let (at, y) = (x(point), level(point.um));
        page.fill((at - 2.0, y - 2.0), (4.0, 4.0), LINE_COLOUR);
        let is_last = i + 1 == trend.points.len();
        if is_last || (at - labelled >= DATE_WIDTH && last - at >= DATE_WIDTH) {
            page.text(at, y - 5.0, Style::of(7.5), Align::Centre, &format!("{:.0}", point.um));
            page.text(at, top + 22.0 + HEIGHT, Style::of(7.5).quiet(), Align::Centre, day(&point.acquired));
            labelled = at;
        }
    }
}

fn draw_map(page: &mut Page, follow_up: &FollowUp, map: &FoveaMap, eye: Option<Eye>, top: f32) {
    let scale = DifferenceScale::of(follow_up, map);
    let side = CELL * MAP_CELLS as f32;
    let title = format!("Retina, {} minus {}, \u{b5}m", day(&follow_up.acquired), day(&follow_up.previous.acquired));
    page.text(MARGIN, top + 6.0, BODY.bold(), Align::Left, &title);
    let (left, top) = (MARGIN, top + 14.0);
    for (row, cells) in map.rows().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            let (x, y) = (left + CELL * column as f32, top + CELL * row as f32);
            // A little larger, so that no gaps show between cells.
            let sign = match cell {
                Some(um) => {
                    page.fill((x, y), (CELL + 0.2, CELL + 0.2), scale.colour(*um));
                    scale.sign(*um)
                }
                None => UNKNOWN,
            };
            if !sign.is_empty() {
                page.text(x + 0.5 * CELL, y + 0.75 * CELL, Style::of(7.0), Align::Centre, sign);
            }
        }
    }
    let (before, after) = match eye {
        Some(Eye::Right) => ("temporal", "nasal"),
        Some(Eye::Left) => ("nasal", "temporal"),
        None => ("image left", "image right"),
    };
    page.text(left, top + side + 10.0, Style::of(7.5).quiet(), Align::Left, before);
    page.text(left + side, top + side + 10.0, Style::of(7.5).quiet(), Align::Right, after);
    let (x, steps) = (left + side + 14.0, 40);
    for step in 0..steps {
        let um = scale.top_um * (1.0 - 2.0 * (step as f32 + 0.5) / steps as f32);
        let height = side / steps as f32;
        page.fill((x, top + height * step as f32), (10.0, height + 0.2), scale.colour(um));
    }
    for (share, um) in [(0.0, scale.top_um), (0.5, 0.0), (1.0, -scale.top_um)] {
        page.text(x + 14.0, top + share * side + 6.0 * (1.0 - share), Style::of(8.0), Align::Left, &change(um));
    }
    let beyond = match scale.within_um {
        Some(um) => format!("+ and -: more than {um:.1} \u{b5}m, the largest repeatability of a subfield."),
        None => "The repeatability is not known.".to_owned(),
    };
    let notes = [
        beyond,
        "Cells of 0.25 mm about the fovea, by which".to_owned(),
        "the visits are registered; a turned head is".to_owned(),
        "not corrected. Dots: not known.".to_owned(),
    ];
    let small = Style::of(8.0).quiet();
    let mut y = top + 8.0;
    for line in notes.iter().flat_map(|note| crate::pdf::wrapped(note, small, RIGHT - x - 50.0)) {
        page.text(x + 50.0, y, small, Align::Left, &line);
        y += LINE - 2.0;
    }
}

/// A change at the end or the middle of a scale.
fn change(um: f32) -> String {
    if um == 0.0 { "0".to_owned() } else { format!("{um:+.0}") }
}
