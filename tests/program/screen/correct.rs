//! Lines corrected in the terminal: in result, tables, report, review, audit and exports, and on the screen afterwards.

use std::fs;

use octrls_core::layer::Boundary;

use super::{Folders, write_volume};
use crate::support::{columns, octrls, result, terminal::Terminal};

/// The smallest usual terminal, as over ssh.
const SMALL: (u16, u16) = (80, 24);

/// Marks a stretch to the right of the middle, moves the ILM there up by three rows, and saves it with a comment.
fn correct(terminal: &mut Terminal) {
    terminal.press("E");
    terminal.wait_for("1 ILM");
    terminal.press(" LLkkk");
    terminal.wait_for("points changed");
    terminal.press("w");
    terminal.wait_for("comment:");
    terminal.press("too deep\r");
}

/// What the correction of [`correct`] must have changed in the folder with the results.
fn check_outputs(folders: &Folders, before: &serde_json::Value, machine: &[u8], report: &[u8]) {
    let folder = folders.path("out/volume.tif");
    let after = result(&folder);
    let correction = &after["correction"];
    assert_eq!((correction["reviewer"].as_str(), correction["comment"].as_str()), (Some("Eva"), Some("too deep")));
    let extent = &correction["extents"][0];
    let place = |key: &str| extent[key].as_u64().unwrap() as usize;
    assert_eq!((extent["boundary"].as_str(), place("bscan"), place("first_ascan")), (Some("ILM"), 1, 64));
    assert_eq!(correction["extents"].as_array().unwrap().len(), 1, "{correction}");
    assert_eq!(fs::read(folder.join("boundaries-machine.csv")).unwrap(), machine, "the program's lines stay");
    let nfl = |value: &serde_json::Value| value["bscans"][1]["layers"][0]["mean"].as_f64().unwrap();
    let share = (place("last_ascan") + 1 - 64) as f64 / 128.0;
    assert!((nfl(&after) - nfl(before) - 3.0 * share).abs() < 0.05, "{} {}", nfl(before), nfl(&after));
    let rows = columns(&folder.join("boundaries.csv"));
    let own = columns(&folder.join("boundaries-machine.csv"));
    let at = 128 + 70;
    let row = |table: &std::collections::HashMap<String, Vec<Option<f32>>>| table[Boundary::Ilm.name()][at].unwrap();
    assert!((row(&own) - row(&rows) - 3.0).abs() < 0.011, "{} {}", row(&own), row(&rows));
    assert_ne!(fs::read(folder.join("report.pdf")).unwrap(), report);
    let review: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("review.json")).unwrap()).unwrap();
    assert_eq!((review["state"].as_str(), review["reviewer"].as_str()), (Some("corrected"), Some("Eva")));
    let exported = octrls().args(["export", "--json", "-"]).arg(folders.out()).output().unwrap();
    let line: serde_json::Value = serde_json::from_slice(&exported.stdout).unwrap();
    assert!(line["result"]["correction"].is_object());
    let audit = octrls().args(["audit", "--out"]).arg(folders.out()).output().unwrap();
    let audit = String::from_utf8_lossy(&audit.stdout).into_owned();
    assert!(audit.contains("lines") && audit.contains("by Eva"), "{audit}");
    assert!(!audit.contains("too deep"), "the comment may name a patient");
}

#[test]
fn a_line_corrected_in_the_terminal_is_found_in_every_output() {
    let folders = Folders::new();
    write_volume(&folders.path("in/volume.tif"), 2);
    folders.process_once();
    let folder = folders.path("out/volume.tif");
    let before = result(&folder);
    let machine = fs::read(folder.join("boundaries.csv")).unwrap();
    let report = fs::read(folder.join("report.pdf")).unwrap();
    let mut terminal = Terminal::start(&["browse", &folders.out(), "--image", "text", "--reviewer", "Eva"], SMALL);
    terminal.wait_for("2/2 volume.tif");
    terminal.wait_for("100%");
    correct(&mut terminal);
    terminal.wait_for("corrected");
    terminal.wait_until("the new lines", |screen| screen.contents().contains("conf. "));
    check_outputs(&folders, &before, &machine, &report);
    terminal.press("\r");
    terminal.wait_for("corrected by Eva");
}

#[test]
fn over_the_socket_the_watcher_makes_the_corrected_results() {
    let folders = Folders::new();
    write_volume(&folders.path("in/volume.tif"), 2);
    folders.process_once();
    let folder = folders.path("out/volume.tif");
    let before = result(&folder);
    let machine = fs::read(folder.join("boundaries.csv")).unwrap();
    let report = fs::read(folder.join("report.pdf")).unwrap();
    let arguments = folders.watch();
    let watcher = Terminal::start(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), SMALL);
    watcher.wait_for("volume.tif");
    let mut terminal = Terminal::start(&["top", &folders.out(), "--image", "text", "--reviewer", "Eva"], SMALL);
    terminal.wait_for("2/2 volume.tif");
    terminal.wait_for("100%");
    correct(&mut terminal);
    terminal.wait_for("corrected");
    check_outputs(&folders, &before, &machine, &report);
    // The watcher's own screen shows the review, too.
    watcher.wait_for("corrected");
}
