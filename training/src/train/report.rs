//! The results of a training as curves and numbers.

use std::path::Path;

use anyhow::{Result, anyhow};
use octrls_core::layer::{Boundary, Layer};
use plotters::prelude::*;
use serde::Serialize;

use super::{
    history::{Epoch, Validation},
    run_dir::RunDir,
};

/// Size of an image in pixels.
const SIZE: (u32, u32) = (900, 480);

/// Results of a run for `report.json`.
#[derive(Serialize)]
struct Report<'a> {
    steps: u64,
    best: Option<&'a Validation>,
    last: Option<&'a Validation>,
}

/// One line of a chart.
struct Curve {
    name: String,
    colour: RGBColor,
    points: Vec<(f64, f64)>,
}

/// Writes `report.json`, `loss.svg`, `accuracy.svg` and `layers.svg` into the folder of the run.
///
/// # Errors
/// If a file cannot be written.
pub fn write_report(dir: &RunDir, history: &[Epoch]) -> Result<()> {
    let validations = || history.iter().filter_map(|e| Some((e.step as f64, e.validation.as_ref()?)));
    let report = Report {
        steps: history.last().map_or(0, |e| e.step),
        best: validations().map(|(_, v)| v).max_by(|a, b| a.dice.total_cmp(&b.dice)),
        last: history.iter().rev().find_map(|e| e.validation.as_ref()),
    };
    dir.write_json("report.json", &report)?;

    let loss = |name: &str, colour, of: fn(&Epoch) -> f64| Curve {
        name: name.to_owned(),
        colour,
        points: history.iter().map(|e| (e.step as f64, of(e))).collect(),
    };
    let losses = [loss("cross-entropy", BLUE, |e| e.cross_entropy), loss("Dice loss", RED, |e| e.dice_loss)];
    draw(&dir.file("loss.svg"), "Training loss", &losses, SeriesLabelPosition::UpperRight)?;

    let accuracy = |name: &str, colour, of: &dyn Fn(&Validation) -> Option<f64>| Curve {
        name: name.to_owned(),
        colour,
        points: validations().filter_map(|(step, v)| Some((step, of(v)?))).collect(),
    };
    let overall = [
        accuracy("pixel accuracy", BLACK, &|v| Some(v.pixel_accuracy)),
        accuracy("mean Dice of the layers", BLUE, &|v| Some(v.dice)),
        accuracy("mean IoU", RED, &|v| Some(v.mean_iou)),
    ];
    draw(&dir.file("accuracy.svg"), "Validation accuracy", &overall, SeriesLabelPosition::LowerRight)?;

    let labelled = Layer::ALL.into_iter().filter(|l| *l != Layer::Choroid);
    let layers: Vec<Curve> = labelled
        .map(|layer| {
            let class = usize::from(layer.class());
            accuracy(layer.name(), darkened(layer.upper()), &|v| v.iou.get(class).copied())
        })
        .collect();
    draw(&dir.file("layers.svg"), "Validation IoU of the layers", &layers, SeriesLabelPosition::LowerRight)
}

/// The colour of a boundary, darkened for white paper.
fn darkened(boundary: Boundary) -> RGBColor {
    let [r, g, b] = boundary.colour().map(|c| c / 4 * 3);
    RGBColor(r, g, b)
}

fn draw(path: &Path, title: &str, curves: &[Curve], legend: SeriesLabelPosition) -> Result<()> {
    let points = || curves.iter().flat_map(|c| &c.points);
    let steps = points().map(|p| p.0).fold(1.0, f64::max);
    let top = points().map(|p| p.1).fold(1.0, f64::max) * 1.02;
    let write_error = |e: &dyn std::fmt::Display| anyhow!("cannot write {}: {e}", path.display());
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE).map_err(|e| write_error(&e))?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .margin_right(28)
        .x_label_area_size(36)
        .y_label_area_size(44)
        .build_cartesian_2d(0.0..steps, 0.0..top)
        .map_err(|e| write_error(&e))?;
    chart
        .configure_mesh()
        .x_desc("step")
        .x_label_formatter(&|step| format!("{step:.0}"))
        .light_line_style(WHITE)
        .draw()
        .map_err(|e| write_error(&e))?;
    for curve in curves {
        let style = curve.colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(curve.points.iter().copied(), style))
            .map_err(|e| write_error(&e))?
            .label(curve.name.as_str())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style));
    }
    chart
        .configure_series_labels()
        .position(legend)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()
        .map_err(|e| write_error(&e))?;
    area.present().map_err(|e| write_error(&e))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn writes_reports_also_without_validation() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = RunDir::create(folder.path()).expect("a run");
        let epoch = |step, dice| Epoch {
            step,
            seconds: 1.0,
            learning_rate: 1e-3,
            cross_entropy: 1.0 / step as f64,
            dice_loss: 0.5,
            lesion_loss: None,
            distillation: None,
            validation: (dice > 0.0).then(|| Validation { dice, iou: vec![0.5; 8], ..Validation::default() }),
        };
        for history in [vec![], vec![epoch(10, 0.0)], vec![epoch(10, 0.8), epoch(20, 0.9), epoch(30, 0.7)]] {
            write_report(&dir, &history).expect("a report");
        }
        let report: serde_json::Value =
            serde_json::from_slice(&fs::read(dir.file("report.json")).expect("a report")).expect("JSON");
        assert_eq!((&report["best"]["dice"], &report["last"]["dice"]), (&0.9.into(), &0.7.into()));
        for name in ["loss.svg", "accuracy.svg", "layers.svg"] {
            assert!(fs::read_to_string(dir.file(name)).expect("a picture").contains("</svg>"), "{name}");
        }
    }
}
