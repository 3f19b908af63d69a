//! An evaluation as Markdown tables, for the model card.

use std::fmt::Write;

use octrls::layer::{Boundary, CLASSES};

use super::report::{BoundaryReport, Report, SetReport, class_name};

/// The tables of `report`.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut out = String::new();
    classes(&mut out, report, "IoU", |s| &s.iou);
    classes(&mut out, report, "Dice", |s| &s.dice);
    boundaries(&mut out, report);
    out
}

fn classes(
    out: &mut String,
    report: &Report,
    figure: &str,
    of: impl Fn(&SetReport) -> &std::collections::BTreeMap<&'static str, f64>,
) {
    let names: Vec<_> = (0..CLASSES).map(class_name).collect();
    row(out, ["set", "B-scans", figure, "pixel accuracy"].into_iter().chain(names.iter().copied()));
    row(out, (0..4 + names.len()).map(|i| if i == 0 { "---" } else { "---:" }));
    for (name, set) in &report.sets {
        let mean = if figure == "IoU" { set.mean_iou } else { set.mean_dice };
        let cells = [name.clone(), set.bscans.to_string(), number(mean, 3), number(set.pixel_accuracy, 4)];
        let classes = names.iter().map(|n| number(of(set).get(n).copied(), 3));
        row(out, cells.into_iter().chain(classes));
    }
    out.push('\n');
}

fn boundaries(out: &mut String, report: &Report) {
    row(out, ["set", "mean absolute error"].into_iter().chain(Boundary::ALL.map(Boundary::name)));
    row(out, (0..2 + Boundary::ALL.len()).map(|i| if i < 2 { "---" } else { "---:" }));
    for (name, set) in &report.sets {
        let mut line = |title: &str, list: &[BoundaryReport], of: &dyn Fn(&BoundaryReport) -> String| {
            let cell = |b: Boundary| list.iter().find(|r| r.boundary == b.name()).map_or_else(|| "-".to_owned(), of);
            row(out, [name.clone(), title.to_owned()].into_iter().chain(Boundary::ALL.map(cell)));
        };
        line("model, px", &set.boundaries, &|b| number(b.mean_absolute_px, 2));
        if set.boundaries.iter().any(|b| b.mean_absolute_um.is_some()) {
            line("model, um", &set.boundaries, &|b| number(b.mean_absolute_um, 1));
        }
        line("bias, px", &set.boundaries, &|b| b.bias_px.map_or_else(|| "-".to_owned(), |v| format!("{v:+.2}")));
        line("missed", &set.boundaries, &|b| percent(b.missed, b.compared));
        if let Some(second) = &set.second_grader {
            line("model, second grader, px", second, &|b| number(b.mean_absolute_px, 2));
        }
        if let Some(between) = &set.between_graders {
            line("grader 1 to grader 2, px", between, &|b| number(b.mean_absolute_px, 2));
        }
    }
    out.push('\n');
    for (name, set) in &report.sets {
        if let Some(share) = set.coverage_95 {
            let _ = writeln!(out, "{name}: {:.1} % of labelled rows lie in the model's 95 % interval.", 100.0 * share);
        }
    }
}

fn row<S: AsRef<str>>(out: &mut String, cells: impl Iterator<Item = S>) {
    for cell in cells {
        let _ = write!(out, "| {} ", cell.as_ref());
    }
    out.push_str("|\n");
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |v| format!("{v:.digits$}"))
}

fn percent(missed: u64, compared: u64) -> String {
    format!("{:.1} %", 100.0 * missed as f64 / (missed + compared).max(1) as f64)
}
