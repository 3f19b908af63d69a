//! Tables as Markdown for model cards and as HTML for reports.

use std::fmt::Write;

use octrls_core::{
    layer::{Boundary, CLASSES},
    lesion::Lesion,
};

use super::{
    compare::Comparison,
    report::{BoundaryReport, OverlapReport, Report, class_name},
    robustness::RobustnessReport,
};
use crate::data::Part;

/// A table of text cells; the first row is the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Title.
    pub title: String,
    /// Number of text columns on the left; the others are numeric.
    words: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new<S: Into<String>>(title: &str, words: usize, head: impl IntoIterator<Item = S>) -> Self {
        Self { title: title.to_owned(), words, rows: vec![head.into_iter().map(Into::into).collect()] }
    }

    pub(super) fn push(&mut self, row: impl IntoIterator<Item = String>) {
        self.rows.push(row.into_iter().collect());
    }

    /// Formats the table in Markdown, below its title.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut out = format!("**{}**\n\n", self.title);
        for (i, row) in self.rows.iter().enumerate() {
            let _ = writeln!(out, "| {} |", row.join(" | "));
            if i == 0 {
                let rule = (0..row.len()).map(|c| if c < self.words { "---" } else { "---:" });
                let _ = writeln!(out, "| {} |", rule.collect::<Vec<_>>().join(" | "));
            }
        }
        out
    }

    /// Formats the table in HTML.
    #[must_use]
    pub fn html(&self) -> String {
        let mut out = format!("<h2>{}</h2>\n<table>\n", escape(&self.title));
        for (i, row) in self.rows.iter().enumerate() {
            let tag = if i == 0 { "th" } else { "td" };
            let cells = row.iter().enumerate().map(|(c, cell)| {
                let class = if c < self.words { "" } else { " class=\"number\"" };
                format!("<{tag}{class}>{}</{tag}>", escape(cell))
            });
            let _ = writeln!(out, "<tr>{}</tr>", cells.collect::<String>());
        }
        out + "</table>\n"
    }
}

/// Escapes text for HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The tables of `report`.
#[must_use]
pub fn tables(report: &Report) -> Vec<Table> {
    let iou = classes(report, "IoU", |o| (&o.iou, o.mean_iou));
    let dice = classes(report, "Dice", |o| (&o.dice, o.mean_dice));
    vec![iou, dice, boundaries(report), confidence(report), choroid(report), lesions(report)]
}

fn choroid(report: &Report) -> Table {
    let head = ["set", "kind of stretch", "A-scans", "given", "error, px", "bias, px", "over 15 px off"];
    let mut table = Table::new("Choroid-sclera boundary", 2, head);
    for (name, set) in &report.sets {
        let Some(disease) = &set.disease else { continue };
        for (kind, choroid) in [("visible", &disease.choroid_visible), ("inferred", &disease.choroid_inferred)] {
            let Some(choroid) = choroid else { continue };
            let bias = choroid.bias_px.map_or_else(none, |v| format!("{v:+.2}"));
            let cells = [share(choroid.given), number(choroid.mean_absolute_px, 2), bias, share(choroid.far)];
            table.push([name.clone(), kind.to_owned(), choroid.ascans.to_string()].into_iter().chain(cells));
        }
    }
    table
}

fn lesions(report: &Report) -> Table {
    let names = Lesion::ALL.map(|lesion| format!("Dice {}", lesion.name()));
    let head = ["set".to_owned()].into_iter().chain(names);
    let others = ["false alarms", "floor of sub-RPE, px", "good of the wrong", "wrong scans", "good of the right"];
    let mut table = Table::new("Lesions and verdicts", 1, head.chain(others.map(str::to_owned)));
    for (name, set) in &report.sets {
        let Some(disease) = &set.disease else { continue };
        let dice = Lesion::ALL.map(|lesion| number(disease.lesions.get(lesion.key()).copied(), 3));
        let others = [
            share(disease.false_alarms),
            number(disease.floor_px, 1),
            share(disease.good_of_wrong),
            disease.wrong.to_string(),
            share(disease.good_of_right),
        ];
        table.push([name.clone()].into_iter().chain(dice).chain(others));
    }
    table
}

/// A share as a percentage; a dash without one.
fn share(value: Option<f64>) -> String {
    value.map_or_else(none, |v| format!("{:.1} %", 100.0 * v))
}

type Classes<'a> = (&'a std::collections::BTreeMap<&'static str, f64>, Option<f64>);

fn classes(report: &Report, figure: &str, of: impl Fn(&OverlapReport) -> Classes<'_>) -> Table {
    let names: Vec<_> = (0..CLASSES).map(class_name).collect();
    let head = ["set", "B-scans", "mean", "pixel accuracy"].into_iter().chain(names.iter().copied());
    let mut table = Table::new(&format!("{figure} of the classes"), 1, head);
    for (name, set) in &report.sets {
        let mut line = |name: String, overlap| {
            let (classes, mean) = of(overlap);
            let cells = [name, set.bscans.to_string(), number(mean, 3), number(overlap.pixel_accuracy, 4)];
            table.push(cells.into_iter().chain(names.iter().map(|n| number(classes.get(n).copied(), 3))));
        };
        line(name.clone(), &set.overlap);
        if let Some(graders) = &set.graders_overlap {
            line(format!("{name}: grader 2 to grader 1"), graders);
        }
    }
    table
}

fn boundaries(report: &Report) -> Table {
    let head = ["set", "figure"].into_iter().chain(Boundary::ALL.map(Boundary::name)).chain(["mean of 8"]);
    let mut table = Table::new("Mean absolute error of the boundaries", 2, head);
    for (name, set) in &report.sets {
        let mut line = |title: &str, list: &[BoundaryReport], of: &dyn Fn(&BoundaryReport) -> String, mean: String| {
            let cell = |b: Boundary| list.iter().find(|r| r.boundary == b.name()).map_or_else(none, of);
            table.push([name.clone(), title.to_owned()].into_iter().chain(Boundary::ALL.map(cell)).chain([mean]));
        };
        let mean = |list: &[BoundaryReport], of: &dyn Fn(&BoundaryReport) -> Option<f64>, digits| {
            let inner = list.iter().filter(|b| b.boundary != Boundary::Csb.name());
            number(crate::score::mean(inner.filter_map(of)), digits)
        };
        let px = |b: &BoundaryReport| b.mean_absolute_px;
        let um = |b: &BoundaryReport| b.mean_absolute_um;
        line("model, px", &set.boundaries, &|b| number(px(b), 2), mean(&set.boundaries, &px, 2));
        if set.boundaries.iter().any(|b| b.mean_absolute_um.is_some()) {
            line("model, um", &set.boundaries, &|b| number(um(b), 1), mean(&set.boundaries, &um, 1));
        }
        let bias = |b: &BoundaryReport| b.bias_px.map_or_else(none, |v| format!("{v:+.2}"));
        line("bias, px", &set.boundaries, &bias, none());
        line("missed", &set.boundaries, &|b| percent(b.missed, b.compared), none());
        if let Some(second) = &set.second_grader {
            line("model, second grader, px", second, &|b| number(px(b), 2), mean(second, &px, 2));
        }
        if let Some(between) = &set.between_graders {
            line("grader 1 to grader 2, px", between, &|b| number(px(b), 2), mean(between, &px, 2));
        }
    }
    table
}

fn confidence(report: &Report) -> Table {
    let kept = report.sets.values().next().map_or(&[][..], |s| &s.risk);
    let head = ["set".to_owned(), "in the 95 % interval".to_owned()].into_iter();
    let head = head.chain(kept.iter().map(|r| format!("surest {:.0} %", 100.0 * r.kept)));
    let mut table =
        Table::new("Error in px where the A-scans of least confidence, or of largest deviation, are left out", 1, head);
    for (name, set) in &report.sets {
        let coverage = set.coverage_95.map_or_else(none, |share| format!("{:.1} %", 100.0 * share));
        let cells = [name.clone(), coverage].into_iter();
        table.push(cells.chain(set.risk.iter().map(|r| number(r.mean_absolute_px, 2))));
        let cells = [format!("{name}, by deviation"), none()].into_iter();
        table.push(cells.chain(set.risk.iter().map(|r| number(r.by_deviation_px, 2))));
    }
    table
}

/// The table of accuracies under perturbations.
#[must_use]
pub fn robustness_table(rows: &[RobustnessReport]) -> Table {
    let head = ["disturbance", "mean error, px", "missed", "good", "not a retina"];
    let mut table = Table::new("Under disturbances, in pixels of the undisturbed scan", 1, head);
    for row in rows {
        let share = |s: f64| format!("{:.1} %", 100.0 * s);
        let figures = [share(row.missed), share(row.good), share(row.not_a_retina)];
        let cells = [row.perturbation.to_owned(), number(row.mean_absolute_px, 2)];
        table.push(cells.into_iter().chain(figures));
    }
    table
}

/// The table that compares models: Dice and boundary error averaged over the sets of each part, Dice for each set of
/// the last part, boundary error under perturbations, and the separation of rotated scans.
#[must_use]
pub fn comparison_table(models: &[Comparison]) -> Table {
    let first = models.first();
    let parts: Vec<_> = first.into_iter().flat_map(|m| m.parts.iter().map(|(part, _)| *part)).collect();
    let sets: Vec<_> = first.into_iter().filter_map(|m| m.parts.last()).flat_map(|(_, s)| s).map(|s| &s.set).collect();
    let perturbed = first.into_iter().flat_map(|m| m.perturbed.iter().map(|d| d.perturbation));
    let head = std::iter::once("model".to_owned())
        .chain(parts.iter().flat_map(|part| [format!("{part}, Dice"), format!("{part}, px")]))
        .chain(sets.iter().map(|set| format!("{set}, Dice")))
        .chain(perturbed.map(|name| format!("{name}, px")))
        .chain(["turned scans told apart".to_owned()]);
    let mut table = Table::new("Models side by side", 1, head);
    for model in models {
        let over =
            |part| [number(model.over_sets(part, |s| s.dice), 3), number(model.over_sets(part, |s| s.boundary_px), 2)];
        let (_, last) = model.parts.last().cloned().unwrap_or((Part::Test, Vec::new()));
        let cells = std::iter::once(model.name.clone())
            .chain(parts.iter().flat_map(|&part| over(part)))
            .chain(sets.iter().map(|set| number(last.iter().find(|s| s.set == **set).and_then(|s| s.dice), 3)))
            .chain(model.perturbed.iter().map(|d| number(d.mean_absolute_px, 2)))
            .chain([number(model.separation, 3)]);
        table.push(cells);
    }
    table
}

fn none() -> String {
    "-".to_owned()
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(none, |v| format!("{v:.digits$}"))
}

fn percent(missed: u64, compared: u64) -> String {
    format!("{:.1} %", 100.0 * missed as f64 / (missed + compared).max(1) as f64)
}
