//! The table of lesions on the first page of the report.

use octrls_core::{
    lesion::Lesion,
    measure::enface::{Coverage, LesionVolume},
};

use super::layout::{BODY, LINE, MARGIN, RIGHT};
use crate::{
    lesions::LesionRecord,
    pdf::{Align, Page, Style},
    record::ResultRecord,
};

/// Right edges of area and height.
const AREA: f32 = 330.0;
const HEIGHT: f32 = 395.0;
/// Diameter in millimetres of the circle whose volume is shown.
const CIRCLE_MM: f64 = 6.0;

/// The lesions of a scan.
pub(super) struct LesionTable<'a> {
    lesions: &'a [LesionRecord],
    record: &'a ResultRecord<'a>,
}

impl<'a> LesionTable<'a> {
    /// `None` if there are no lesions.
    pub(super) fn of(record: &'a ResultRecord<'a>) -> Option<Self> {
        let lesions = record.lesions.as_deref().filter(|lesions| !lesions.is_empty())?;
        Some(Self { lesions, record })
    }

    /// Height in points, with the space above.
    pub(super) fn height(&self) -> f32 {
        38.0 + LINE * self.lesions.len() as f32
    }

    /// Draws the table; returns the lower edge.
    pub(super) fn draw(&self, page: &mut Page, top: f32) -> f32 {
        let several = self.record.scan.bscans > 1;
        let known = self.lesions.iter().any(|lesion| lesion.area_mm2.is_some());
        let unit = if known { "mm\u{b2}" } else { "px" };
        page.text(MARGIN, top, BODY.bold(), Align::Left, "Lesions");
        let area = if several { format!("area, all B-scans, {unit}") } else { format!("area, {unit}") };
        page.text(AREA, top, BODY.quiet(), Align::Right, &area);
        page.text(HEIGHT, top, BODY.quiet(), Align::Right, "height, \u{b5}m");
        if self.record.volume.is_some() {
            page.text(RIGHT, top, BODY.quiet(), Align::Right, "volume within 6 mm, nl");
        }
        page.rule((MARGIN, top + 4.0), (RIGHT, top + 4.0));
        let mut y = top + 5.0;
        for lesion in self.lesions {
            y += LINE;
            page.fill((MARGIN, y - 7.0), (10.0, 8.0), lesion.lesion.colour());
            page.text(MARGIN + 16.0, y, BODY, Align::Left, short_name(lesion.lesion));
            page.text(AREA, y, BODY, Align::Right, &area_of(lesion));
            let height = lesion.height_um.map_or("-".to_owned(), |um| format!("{um:.0}"));
            page.text(HEIGHT, y, BODY, Align::Right, &height);
            if let Some(volume) = self.volume(lesion.lesion) {
                page.text(RIGHT, y, BODY, Align::Right, &volume_of(volume));
            }
        }
        y += 11.0;
        let note = "In brackets: the parts that are certain, and all that are possible. * 50 to 95 % of the circle was \
                    scanned; - less.";
        let note = if self.record.volume.is_some() { note } else { note.split(" *").next().unwrap_or(note) };
        page.text(MARGIN, y, Style::of(7.5).quiet(), Align::Left, note);
        y
    }

    fn volume(&self, lesion: Lesion) -> Option<&LesionVolume> {
        let grid = self.record.volume.as_ref()?.lesions.as_ref()?.iter().find(|grid| grid.lesion == lesion)?;
        let circle = grid.circles.iter().find(|circle| (circle.diameter_mm - CIRCLE_MM).abs() < 1e-6)?;
        Some(&circle.volume)
    }
}

/// The full name without its explanation.
fn short_name(lesion: Lesion) -> &'static str {
    lesion.long_name().split(" (").next().unwrap_or(lesion.long_name())
}

fn area_of(lesion: &LesionRecord) -> String {
    match (lesion.area_mm2, lesion.area_bounds_mm2) {
        (Some(area), Some([low, high])) => format!("{area:.3} ({low:.3} to {high:.3})"),
        _ => format!("{:.0}", lesion.area_px),
    }
}

fn volume_of(volume: &LesionVolume) -> String {
    let LesionVolume { volume_nl, bounds_nl: [low, high], coverage, .. } = *volume;
    let coverage = Coverage::of(coverage);
    let words = format!("{volume_nl:.1} ({low:.1} to {high:.1}){}", coverage.mark());
    coverage.shown(words).unwrap_or_else(|| "-".to_owned())
}
