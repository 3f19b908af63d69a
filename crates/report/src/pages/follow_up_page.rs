//! The report page that compares an eye with its earlier visits.

use octrls_core::measure::follow_up::{Change, ChangeStanding, FollowUp};

use super::layout::{BODY, LINE, MARGIN, RIGHT, day, measure_label};
use crate::pdf::{Align, Page, Style};

/// Right edges of the columns of numbers.
const COLUMNS: [f32; 4] = [205.0, 255.0, 305.0, 375.0];
/// Left edge of the verdicts.
const VERDICT: f32 = 385.0;
/// Largest number of rows on the page.
const MAX_ROWS: usize = 40;

/// Draws the page.
pub(super) fn follow_up_page(follow_up: &FollowUp) -> Page {
    let mut page = Page::new();
    page.text(MARGIN, 58.0, Style::of(14.0).bold(), Align::Left, "Follow-up");
    let dates = format!(
        "this scan {}, previous visit {} ({}), first visit {} ({})",
        day(&follow_up.acquired),
        day(&follow_up.previous.acquired),
        follow_up.previous.verdict.words(),
        day(&follow_up.first.acquired),
        follow_up.first.verdict.words(),
    );
    page.text(MARGIN, 76.0, BODY, Align::Left, &dates);
    let mut y = 100.0;
    page.text(MARGIN, y, BODY.bold(), Align::Left, "\u{b5}m");
    for (x, name) in COLUMNS.into_iter().zip(["now", "previous", "change", "repeatability"]) {
        page.text(x, y, BODY.quiet(), Align::Right, name);
    }
    page.text(VERDICT, y, BODY.quiet(), Align::Left, "change since the previous visit");
    page.rule((MARGIN, y + 4.0), (RIGHT, y + 4.0));
    y += 5.0;
    for change in listed_changes(follow_up) {
        y += LINE;
        page.text(MARGIN, y, BODY, Align::Left, &measure_label(&change.measure));
        let limit = change.repeatability_um.map_or("not known".to_owned(), |um| format!("\u{b1} {um:.1}"));
        let numbers = [
            format!("{:.1}", change.um),
            format!("{:.1}", change.previous_um),
            format!("{:+.1}", change.change_um),
            limit,
        ];
        for (x, number) in COLUMNS.into_iter().zip(numbers) {
            page.text(x, y, BODY, Align::Right, &number);
        }
        let words = change.standing.map_or("repeatability not known", ChangeStanding::words);
        let style = match change.standing {
            Some(ChangeStanding::Thinner | ChangeStanding::Thicker) => BODY.bold(),
            Some(ChangeStanding::Within) => BODY,
            None => BODY.quiet(),
        };
        page.text(VERDICT, y, style, Align::Left, words);
    }
    y += LINE + 10.0;
    let small = Style::of(7.5).quiet();
    let about = format!("Repeatability: table \"{}\". {}", follow_up.repeatability, follow_up.note);
    let lines = [
        "Compared: scans of the same eye by the same scanner, of the same pattern, measured by the same model."
            .to_owned(),
        "Beyond repeatability: two measurements of an unchanged eye differ this much in fewer than 5 of 100 cases."
            .to_owned(),
        about,
        "All measures, changes since the first visit and sources of the repeatabilities are in result.json.".to_owned(),
    ];
    for line in &lines {
        page.text(MARGIN, y, small, Align::Left, line);
        y += 9.5;
    }
    page
}

/// Changes of the whole retina and changes with a known repeatability; all changes if fewer than two remain.
fn listed_changes(follow_up: &FollowUp) -> impl Iterator<Item = &Change> {
    let main = |c: &&Change| c.repeatability_um.is_some() || c.measure.contains("/retina");
    let all = follow_up.changes.iter().filter(main).count() < 2;
    follow_up.changes.iter().filter(move |c| all || main(c)).take(MAX_ROWS)
}
