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
