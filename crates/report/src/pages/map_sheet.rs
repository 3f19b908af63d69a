//! The thickness maps of a volume on a page of the report, with text in the type of the page.

use octrls_core::measure::enface::{Coverage, Side};

use super::layout::{MARGIN, RIGHT};
use crate::{
    images::{MapPanel, viridis},
    pdf::{Align, Page, Picture, PictureKind, Style},
};

const COLUMNS: usize = 3;
/// Width of a colour bar with its numbers, and the height of a title, in points.
const BAR: f32 = 32.0;
const TITLE: f32 = 14.0;
/// Largest height of a map.
const MAX_HEIGHT: f32 = 112.0;
/// Steps of a colour bar.
const STEPS: usize = 32;
/// Background of a mean.
const LABEL: [u8; 3] = [24, 24, 28];

/// Draws the maps below `top`, with what they show; returns the lower edge. `visible` is the share of A-scans in which the
/// choroid's end can be seen, and `about` what the circles are centred on.
pub(super) fn draw_maps(page: &mut Page, top: f32, panels: &[MapPanel], visible: Option<f32>, about: &str) -> f32 {
    let Some(first) = panels.first() else { return top };
    let column = (RIGHT - MARGIN) / COLUMNS as f32;
    let (width, height) = first.image.dimensions();
    let scale = ((column - BAR - 10.0) / width as f32).min(MAX_HEIGHT / height as f32);
    let size = (scale * width as f32, scale * height as f32);
    for (i, panel) in panels.iter().enumerate() {
        let place = (MARGIN + column * (i % COLUMNS) as f32, top + (size.1 + TITLE + 16.0) * (i / COLUMNS) as f32);
        draw_panel(page, (place.0, place.1 + TITLE), size, panel);
    }
    let mut y = top + (size.1 + TITLE + 16.0) * panels.len().div_ceil(COLUMNS) as f32 + 4.0;
    let choroid = match visible {
        Some(share) => format!("choroid: end visible in {:.0} % of A-scans; hatched: inferred", 100.0 * share),
        None => "choroid: end not found".to_owned(),
    };
    let small = Style::of(7.5).quiet();
    for line in [
        format!("Means of the ETDRS subfields in \u{b5}m; circles: 1, 3, 6 mm about {about}. {choroid}."),
        format!("{}; dark grey: not known. Each map has its own scale.", Coverage::LEGEND),
    ] {
        page.text(MARGIN, y, small, Align::Left, &line);
        y += 9.5;
    }
    y
}

fn draw_panel(page: &mut Page, at: (f32, f32), size: (f32, f32), panel: &MapPanel) {
    page.text(at.0, at.1 - 4.0, Style::of(8.5).bold(), Align::Left, panel.of.name());
    let (width, height) = panel.image.dimensions();
    let picture = Picture { width, height, pixels: panel.image.as_raw().clone(), kind: PictureKind::Graphic };
    page.picture(at, size, picture);
    for ([x, y], text) in &panel.means {
        let (x, y) = (at.0 + x * size.0, at.1 + y * size.1);
        let half = 1.75 * text.chars().count() as f32;
        page.fill((x - half, y - 3.6), (2.0 * half, 7.0), LABEL);
        page.text(x, y + 2.0, Style::of(6.0).white(), Align::Centre, text);
    }
    let words = |side: Side| match side {
        Side::Nasal => "nasal",
        Side::Temporal => "temporal",
        Side::Left => "image left",
        _ => "image right",
    };
    let small = Style::of(6.5).quiet();
    page.text(at.0, at.1 + size.1 + 7.5, small, Align::Left, words(panel.sides[0]));
    page.text(at.0 + size.0, at.1 + size.1 + 7.5, small, Align::Right, words(panel.sides[1]));
    let (x, step) = (at.0 + size.0 + 4.0, size.1 / STEPS as f32);
    for i in 0..STEPS {
        let share = 1.0 - (i as f32 + 0.5) / STEPS as f32;
        page.fill((x, at.1 + step * i as f32), (6.0, step + 0.2), viridis(share));
    }
    let [bottom, top] = panel.scale_um;
    for (share, um) in [(0.0, top), (0.5, f32::midpoint(bottom, top)), (1.0, bottom)] {
        let y = at.1 + share * size.1 + 6.0 * (1.0 - share);
        let unit = if share == 0.0 { " \u{b5}m" } else { "" };
        page.text(x + 8.0, y, Style::of(6.5), Align::Left, &format!("{um:.0}{unit}"));
    }
}
