//! Reviews and corrections: found in ledger, result, report and exports.

use std::{fs, path::PathBuf};

use octrls_core::layer::Boundary;
use tempfile::TempDir;

use crate::support::{columns, octrls, result, scans::scan};

/// A folder with one processed scan.
struct Processed {
    folder: TempDir,
}

impl Processed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        fs::write(folder.path().join("in/a.png"), scan(1)).unwrap();
        fs::write(folder.path().join("in/a.png.toml"), "axial_um = 3.87\nlateral_um = 11.4\n").unwrap();
        let (root, out) = (folder.path().join("in"), folder.path().join("out"));
        let mut watch = octrls();
        watch.arg("watch").arg(root).arg("--out").arg(out);
        watch.args(["--once", "--plain", "--stable", "0.2", "--model", "edge", "--jobs", "1", "--no-socket"]);
        watch.assert().success();
        Self { folder }
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn result_folder(&self) -> PathBuf {
        self.out().join("a.png")
    }

    /// Writes an edited table: `edit` gets each line's number and its cells.
    fn edited(&self, edit: impl Fn(usize, &mut [String])) -> PathBuf {
        let text = fs::read_to_string(self.result_folder().join("boundaries.csv")).unwrap();
        let lines = text.lines().enumerate().map(|(i, line)| {
            let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
            edit(i, &mut cells);
            cells.join(",")
        });
        let file = self.folder.path().join("edited.csv");
        fs::write(&file, lines.collect::<Vec<_>>().join("\n") + "\n").unwrap();
        file
    }

    fn correct(&self, from: &PathBuf) -> assert_cmd::assert::Assert {
        let mut command = octrls();
        command.args(["correct", "a.png", "--from"]).arg(from).arg("--out").arg(self.out());
        command.args(["--reviewer", "Eva Novak", "--comment", "the ILM was too deep"]);
        command.assert()
    }
}

/// Moves the ILM of A-scans 10 to 39 up by 6 rows. The first line is the heading.
fn lift_ilm(line: usize, cells: &mut [String]) {
    if (11..41).contains(&line) {
        let row: f32 = cells[2].parse().unwrap();
        cells[2] = format!("{:.2}", row - 6.0);
    }
}

#[test]
fn a_corrected_line_is_found_in_every_output() {
    let processed = Processed::new();
    let folder = processed.result_folder();
    let before = result(&folder);
    let machine = fs::read(folder.join("boundaries.csv")).unwrap();
    let report = fs::read(folder.join("report.pdf")).unwrap();
    let from = processed.edited(lift_ilm);
    let said = String::from_utf8(processed.correct(&from).success().get_output().stdout.clone()).unwrap();
    assert!(
        said.contains("Lines corrected by hand by Eva Novak") && said.contains("ILM in B-scan 1, 30 points"),
        "{said}"
    );

    let after = result(&folder);
    let correction = &after["correction"];
    assert_eq!(
        (correction["reviewer"].as_str(), correction["machine"].as_str()),
        (Some("Eva Novak"), Some("boundaries-machine.csv"))
    );
    let extent = &correction["extents"][0];
    assert_eq!(
        (extent["boundary"].as_str(), extent["first_ascan"].as_u64(), extent["last_ascan"].as_u64()),
        (Some("ILM"), Some(10), Some(39))
    );
    assert_eq!(fs::read(folder.join("boundaries-machine.csv")).unwrap(), machine, "the program's lines stay");
    let nfl = |value: &serde_json::Value| value["layers"][0]["mean"].as_f64().unwrap();
    // 30 of 128 A-scans are thicker by 6 rows of 3.87 um.
    let expected = 30.0 / 128.0 * 6.0 * 3.87;
    assert!((nfl(&after) - nfl(&before) - expected).abs() < 0.2, "{} {}", nfl(&before), nfl(&after));
    let rows = columns(&folder.join("boundaries.csv"));
    let own = columns(&processed.folder.path().join("edited.csv"));
    assert_eq!(rows[Boundary::Ilm.name()], own[Boundary::Ilm.name()]);
    assert_ne!(fs::read(folder.join("report.pdf")).unwrap(), report);
    for file in ["mask.png", "overlay.png", "thickness.csv", "uncertainty.csv"] {
        assert!(folder.join(file).is_file(), "{file}");
    }
    let review: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("review.json")).unwrap()).unwrap();
    assert_eq!((review["state"].as_str(), review["reviewer"].as_str()), (Some("corrected"), Some("Eva Novak")));
    let exported = octrls().args(["export", "--json", "-"]).arg(processed.out()).output().unwrap();
    let line: serde_json::Value = serde_json::from_slice(&exported.stdout).unwrap();
    assert_eq!(line["review"]["reviews"][0]["comment"].as_str(), Some("the ILM was too deep"));
    assert!(line["result"]["correction"].is_object());

    // A second correction still stands beside the program's own lines, not beside the first.
    processed.correct(&processed.edited(lift_ilm)).success();
    assert_eq!(fs::read(folder.join("boundaries-machine.csv")).unwrap(), machine);
}

#[test]
fn wrong_lines_are_refused_with_their_line_and_nothing_changes() {
    let processed = Processed::new();
    let before = fs::read(processed.result_folder().join("result.json")).unwrap();
    let refused = |edit: &dyn Fn(usize, &mut [String]), expected: &str| {
        let from = processed.edited(edit);
        let output = processed.correct(&from).code(3).get_output().stderr.clone();
        let said = String::from_utf8(output).unwrap();
        assert!(said.contains("E-CORRECT-LINES") && said.contains(expected), "{said}");
    };
    let set = |line: usize, column: usize, text: &'static str| {
        move |i: usize, cells: &mut [String]| {
            if i == line {
                cells[column] = text.to_owned();
            }
        }
    };
    refused(&set(20, 2, "9000"), "line 21: ILM (row 9000) is outside the image");
    refused(&set(20, 3, "1"), "line 21: NFL_GCL (row 1) is above ILM");
    refused(&set(20, 1, "500"), "line 21: ascan 500 is outside the scan, which has 128");
    refused(&set(20, 1, "0"), "line 21: B-scan 0, A-scan 0 is there twice");
    refused(&set(20, 2, "deep"), "line 21: ILM is 'deep', not a number");
    refused(&|_, _| {}, "nothing is corrected");
    assert_eq!(fs::read(processed.result_folder().join("result.json")).unwrap(), before);
    fs::remove_file(processed.folder.path().join("in/a.png")).unwrap();
    let from = processed.edited(lift_ilm);
    let output = processed.correct(&from).code(3).get_output().stderr.clone();
    assert!(String::from_utf8(output).unwrap().contains("E-CORRECT-SCAN"));
    assert_eq!(fs::read(processed.result_folder().join("result.json")).unwrap(), before);
}

/// Writes `mask.png` of the result with the NFL of A-scans 10 to 39 six rows thicker, upwards.
fn lifted_mask(processed: &Processed) -> (image::GrayImage, PathBuf) {
    let mut mask = image::open(processed.result_folder().join("mask.png")).unwrap().to_luma8();
    for x in 10..40 {
        let top = (0..mask.height()).find(|y| mask.get_pixel(x, *y).0 == [1]).unwrap();
        (top - 6..top).for_each(|y| mask.put_pixel(x, y, image::Luma([1])));
    }
    (mask, processed.folder.path().join("labels.png"))
}

/// The corrected stretches of the ILM, and the number of stretches of other boundaries.
fn corrected_ilm(processed: &Processed) -> (Vec<(u64, u64)>, usize) {
    let result = result(&processed.result_folder());
    let extents = result["correction"]["extents"].as_array().unwrap();
    let of = |extent: &&serde_json::Value| extent["boundary"] == "ILM";
    let place =
        |extent: &serde_json::Value| (extent["first_ascan"].as_u64().unwrap(), extent["last_ascan"].as_u64().unwrap());
    (extents.iter().filter(of).map(place).collect(), extents.iter().filter(|extent| !of(extent)).count())
}

#[test]
fn label_images_and_polygons_correct_only_what_they_show_elsewhere() {
    let processed = Processed::new();
    let (mask, file) = lifted_mask(&processed);
    mask.save(&file).unwrap();
    processed.correct(&file).success();
    assert_eq!(corrected_ilm(&processed), (vec![(10, 39)], 0));

    // The same labels as ITK-SNAP saves them.
    let processed = Processed::new();
    let (mask, _) = lifted_mask(&processed);
    let mut nifti = vec![0; 352];
    nifti[..4].copy_from_slice(&348_i32.to_le_bytes());
    let axes = [3, mask.width() as i16, mask.height() as i16, 1, 1, 1, 1, 1];
    for (i, axis) in axes.iter().enumerate() {
        nifti[40 + 2 * i..42 + 2 * i].copy_from_slice(&axis.to_le_bytes());
    }
    (nifti[70], nifti[72]) = (2, 8);
    nifti[108..112].copy_from_slice(&352_f32.to_le_bytes());
    nifti[112..116].copy_from_slice(&1_f32.to_le_bytes());
    nifti[344..348].copy_from_slice(b"n+1\0");
    nifti.extend(mask.as_raw());
    let file = processed.folder.path().join("labels.nii");
    fs::write(&file, nifti).unwrap();
    processed.correct(&file).success();
    assert_eq!(corrected_ilm(&processed), (vec![(10, 39)], 0));

    // A polygon of the NFL whose top lies 6 rows higher.
    let processed = Processed::new();
    let rows = columns(&processed.result_folder().join("boundaries.csv"));
    let point = |boundary: Boundary, by: f32| {
        move |x: usize, rows: &std::collections::HashMap<String, Vec<Option<f32>>>| {
            rows[boundary.name()][x].unwrap() + by
        }
    };
    let (top, bottom) = (point(Boundary::Ilm, -6.0), point(Boundary::NflGcl, 0.0));
    let outline = (10..40).map(|x| (x, top(x, &rows))).chain((10..40).rev().map(|x| (x, bottom(x, &rows))));
    let (xs, ys): (Vec<f32>, Vec<f32>) = outline.map(|(x, y)| (x as f32 + 0.5, y)).unzip();
    let json = serde_json::json!({"a.png": {"filename": "a.png", "regions": [{
        "shape_attributes": {"name": "polygon", "all_points_x": xs, "all_points_y": ys},
        "region_attributes": {"label": "NFL"}}]}});
    let file = processed.folder.path().join("labels.json");
    fs::write(&file, json.to_string()).unwrap();
    processed.correct(&file).success();
    let (ilm, _) = corrected_ilm(&processed);
    assert!(matches!(ilm[..], [(10 | 11, 38 | 39)]), "{ilm:?}");
    let after = columns(&processed.result_folder().join("boundaries.csv"));
    assert!((after["ILM"][20].unwrap() - rows["ILM"][20].unwrap() + 6.0).abs() < 0.02);
}

#[test]
fn labels_that_do_not_fit_are_refused_with_their_place() {
    let processed = Processed::new();
    let refused = |name: &str, bytes: &[u8], expected: &str| {
        let file = processed.folder.path().join(name);
        fs::write(&file, bytes).unwrap();
        let output = processed.correct(&file).code(3).get_output().stderr.clone();
        let said = String::from_utf8(output).unwrap();
        assert!(said.contains("E-CORRECT-LINES") && said.contains(expected), "{said}");
    };
    let (mut mask, file) = lifted_mask(&processed);
    mask.put_pixel(7, 3, image::Luma([77]));
    mask.save(&file).unwrap();
    refused("a.png", &fs::read(&file).unwrap(), "B-scan 0, A-scan 7: 77 is no layer");
    image::GrayImage::new(5, 5).save(&file).unwrap();
    refused("b.png", &fs::read(&file).unwrap(), "the mask is 5 x 5");
    refused("c.json", b"{\"a\": {\"filename\": \"../a.png\", \"regions\": []}}", "is not a file name");
    refused("d.nii.gz", b"\x1f\x8bno stream", "");
    assert!(result(&processed.result_folder())["correction"].is_null());
}

#[test]
fn reviewed_scans_become_a_data_set_without_identities() {
    let processed = Processed::new();
    let set = processed.folder.path().join("data");
    let export = |code: i32| {
        let mut command = octrls();
        command.args(["export", "--training"]).arg(&set).arg(processed.out());
        let output = command.assert().code(code).get_output().clone();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    assert!(export(3).contains("no scan is accepted or corrected"));
    processed.correct(&processed.edited(lift_ilm)).success();
    let said = export(0);
    assert!(said.contains("exported 1 B-scan of 1 scan") && said.contains("at least two patients"), "{said}");
    let splits: serde_json::Value = serde_json::from_slice(&fs::read(set.join("splits.json")).unwrap()).unwrap();
    let patient = splits["site"]["train"][0].as_str().unwrap().to_owned();
    assert!(patient.starts_with("scan") && splits["site"]["val"].as_array().unwrap().is_empty());
    let groups = fs::read_to_string(set.join("site/groups.csv")).unwrap();
    assert_eq!(groups, format!("image,group\n{patient}-0000,{patient}\n"));
    let id = format!("{patient}-0000");
    let rows = columns(&set.join(format!("site/boundaries/{id}.csv")));
    let own = columns(&processed.result_folder().join("boundaries.csv"));
    assert_eq!(rows["ILM"], own["ILM"], "the corrected lines");
    let mask = image::open(set.join(format!("site/masks/{id}.png"))).unwrap().to_luma8();
    assert_eq!(mask.get_pixel(20, own["ILM"][20].unwrap().round() as u32).0, [1]);
    let image = image::open(set.join(format!("site/images/{id}.png"))).unwrap();
    assert_eq!((image.width(), image.height()), (mask.width(), mask.height()));
    let sidecar = fs::read_to_string(set.join(format!("site/images/{id}.png.toml"))).unwrap();
    assert!(sidecar.contains("axial_um = 3.87") && !sidecar.contains("Eva"), "{sidecar}");
    // Patients of an earlier export would stay.
    assert!(export(3).contains("is not empty"));
}

#[test]
fn two_models_are_compared_on_a_scan() {
    let processed = Processed::new();
    let scan = processed.folder.path().join("in/a.png");
    let overlays = processed.folder.path().join("overlays");
    let mut command = octrls();
    command.args(["model", "compare", "edge", "edge", "--json", "--overlay"]).arg(&overlays).arg(&scan);
    let output = command.assert().success().get_output().stdout.clone();
    let same: serde_json::Value = serde_json::from_slice(&output).unwrap();
    assert_eq!((same["bscans"].as_u64(), same["boundaries"][0]["mean_absolute_px"].as_f64()), (Some(1), Some(0.0)));
    assert!(overlays.join("scan001-000.png").is_file());
    let mut command = octrls();
    let output = command.args(["model", "compare", "edge", "unet-640"]).arg(&scan).assert().success();
    let text = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    let ilm = text.lines().find(|line| line.starts_with("ILM")).unwrap();
    let figures: Vec<&str> = ilm.split_whitespace().collect();
    let mean: f32 = figures[1].parse().unwrap();
    assert!(mean > 0.0 && mean < 3.0, "{ilm}");
    assert_ne!(figures[2], "-", "the spacing is stated");
}
