//! Accuracy of a model file, measured with the runtime.

mod acceptance;
mod calibrate;
mod compare;
mod disease;
mod evaluation;
mod overlay;
mod page;
mod report;
mod robustness;
mod table;
mod verdicts;

pub use acceptance::{Change, changes};
pub use calibrate::{FittedCalibration, Trial, TrialAccuracy, best_trial, fit_calibration, try_extractions};
pub use compare::{Comparison, SetAccuracy, turned_by_90_degrees, upside_down};
pub use disease::{ChoroidReport, DiseaseReport, DiseaseScore};
pub use evaluation::{Evaluation, ScanReport, segment};
pub use overlay::overlay;
pub use page::{image_name, page, worst_scans};
pub use report::{BoundaryReport, ModelReport, OverlapReport, Report, SetReport};
pub use robustness::{RobustnessReport, robustness, robustness_under};
pub use table::{Table, comparison_table, robustness_table, tables};
pub use verdicts::{Judged, judge, rules};

#[cfg(test)]
mod tests {
    use octrls_core::{
        layer::{BOUNDARIES, Boundary},
        measure::{Quality, accuracy::BoundaryError},
        scan::BScan,
        segment::FoundSurfaces,
        surface::Surfaces,
    };

    use super::*;
    use crate::data::{BoundaryRows, Part, Sample};

    const WIDTH: usize = 4;
    const HEIGHT: usize = 24;

    /// Boundaries two rows apart, starting at row 2, moved down by `shift`; no choroid-sclera boundary.
    fn rows(shift: f32) -> BoundaryRows {
        std::array::from_fn(|k| vec![(k + 1 < BOUNDARIES).then_some(2.0 + 2.0 * k as f32 + shift); WIDTH])
    }

    fn sample() -> Sample {
        let bscan = BScan { width: WIDTH, height: HEIGHT, intensity: vec![0.5; WIDTH * HEIGHT] };
        Sample {
            set: "graded".to_owned(),
            boundaries: Some(rows(0.0)),
            second_grader: Some(rows(3.0)),
            axial_um: Some(4.0),
            ..Sample::new(bscan, Surfaces::exact(HEIGHT, rows(0.0)).mask())
        }
    }

    fn evaluation() -> Evaluation {
        let mut evaluation = Evaluation::default();
        evaluation.add(&sample(), &found(1.0));
        evaluation
    }

    fn found(shift: f32) -> FoundSurfaces {
        let surfaces = Surfaces::exact(HEIGHT, rows(shift));
        let quality = Quality::of(&sample().bscan, &surfaces);
        FoundSurfaces { surfaces, lesions: None, quality, network_time: std::time::Duration::ZERO }
    }

    fn report() -> Report {
        let model =
            ModelReport { name: "m".to_owned(), version: "1".to_owned(), file_sha256: String::new(), temperature: 1.0 };
        Report::new(model, Part::Val, &evaluation())
    }

    #[test]
    fn compares_model_and_graders_pairwise() {
        let evaluation = evaluation();
        let mean = |errors: &[BoundaryError; BOUNDARIES]| errors[0].mean_absolute();
        assert_eq!(mean(&evaluation.score.0["graded"].boundaries), Some(1.0));
        assert_eq!(mean(&evaluation.second_grader["graded"]), Some(2.0));
        assert_eq!(mean(&evaluation.between_graders["graded"]), Some(3.0));
        // Layers of two rows, moved by three rows.
        assert_eq!(crate::score::mean_dice(&evaluation.graders_overlap["graded"]), Some(0.0));
    }

    #[test]
    fn report_has_pixels_micrometres_and_overlap() {
        let report = report();
        let set = &report.sets["graded"];
        let ilm = &set.boundaries[0];
        assert_eq!((ilm.boundary, ilm.mean_absolute_px, ilm.mean_absolute_um), ("ILM", Some(1.0), Some(4.0)));
        assert_eq!((ilm.bias_px, ilm.compared, ilm.missed), (Some(1.0), WIDTH as u64, 0));
        assert_eq!(set.boundaries.len(), BOUNDARIES - 1, "the choroid is not labelled");
        // Layers of two rows, of which half overlap.
        assert!((set.overlap.dice["INL"] - 0.5).abs() < 1e-9 && (set.overlap.iou["INL"] - 1.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn tables_match_the_report() {
        let tables = tables(&report());
        let text: String = tables.iter().map(Table::markdown).collect();
        for line in [
            "| graded | model, px | 1.00 | 1.00 | 1.00 | 1.00 | 1.00 | 1.00 | 1.00 | 1.00 | - | 1.00 |",
            "| graded | model, um | 4.0 | 4.0 | 4.0 | 4.0 | 4.0 | 4.0 | 4.0 | 4.0 | - | 4.0 |",
            "| graded | grader 1 to grader 2, px | 3.00 | 3.00 | 3.00 | 3.00 | 3.00 | 3.00 | 3.00 | 3.00 | - | 3.00 |",
            "| graded | 0.0 % | 1.00 | 1.00 | 1.00 | 1.00 | 1.00 | 1.00 |",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
        for table in tables {
            let widths: Vec<_> = table.markdown().lines().skip(2).map(|l| l.matches('|').count()).collect();
            assert!(widths.iter().all(|w| *w == widths[0]), "{}", table.title);
        }
    }

    #[test]
    fn page_shows_worst_scan_first_and_escapes_names() {
        let mut evaluation = Evaluation::default();
        for (id, shift) in [("good", 0.1), ("<bad>", 3.0), ("fair", 1.0)] {
            let sample = Sample { id: id.to_owned(), ..sample() };
            evaluation.add(&sample, &found(shift));
        }
        let scans = &evaluation.scans;
        let order: Vec<_> = worst_scans(scans)["graded"].iter().map(|s| s.id.as_str()).collect();
        assert_eq!(order, ["<bad>", "fair", "good"]);
        let page = page(&Report { scans: scans.clone(), ..report() });
        assert!(page.contains("pictures/graded_&lt;bad&gt;.png") && !page.contains("<bad>"));
        assert!(page.contains("<td class=\"number\">1.00</td>"));
    }

    #[test]
    fn overlay_draws_boundaries_on_their_rows() {
        let sample = sample();
        let image = overlay(&sample, &found(0.0), &rows(0.0));
        assert_eq!(image.dimensions(), (2 * WIDTH as u32, 2 * HEIGHT as u32));
        // The edge of a row that begins at 2.0 is between rows 3 and 4 of the image.
        let coloured: Vec<u32> = (0..8).filter(|&y| image.get_pixel(0, y).0 == Boundary::Ilm.colour()).collect();
        assert_eq!(coloured, [4]);
    }
}
