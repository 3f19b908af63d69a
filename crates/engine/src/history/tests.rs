use std::fs;

use tempfile::TempDir;

use super::*;
use octrls_core::{
    layer::Measured,
    measure::{Verdict, follow_up::Measures},
    scan::{BScanPosition, Pattern, Place, ScanHeader},
};

/// A scan of an eye, and its retinal thickness in micrometres.
struct Acquisition {
    patient: &'static str,
    eye: Eye,
    date: &'static str,
    pattern: Pattern,
    model: &'static str,
    device: &'static str,
    length: f64,
    um: f32,
}

const FIRST: Acquisition = Acquisition {
    patient: "P-1",
    eye: Eye::Right,
    date: "20250101",
    pattern: Pattern::Line,
    model: "model 1",
    device: "scanner",
    length: 8.8,
    um: 300.0,
};
const LATER: Acquisition = Acquisition { date: "20260101", um: 290.0, ..FIRST };

fn open(folder: &TempDir) -> History {
    History::open(folder.path(), Arc::new(Repeatability::published().unwrap())).unwrap()
}

/// Enters a scan and returns the change of its retina.
fn compare_and_enter(history: &History, acquisition: &Acquisition) -> Option<f32> {
    let acquired = Moment::of_digits(acquisition.date, "").unwrap();
    let subject = Subject::new(acquisition.patient, "", acquired, acquisition.device).unwrap();
    let end = Place { x: acquisition.length, y: 0.0 };
    let header = ScanHeader {
        format: "x".into(),
        bscans: 1,
        width: 100,
        height: 100,
        axial: None,
        lateral: None,
        eye: Some(acquisition.eye),
        eye_from: None,
        pattern: acquisition.pattern,
        pattern_from: None,
        tracks: vec![BScanPosition::Line { start: Place::default(), end }],
        places: None,
        notes: Vec::new(),
    };
    let scan = EyeScan {
        subject: &subject,
        eye: acquisition.eye,
        scan: format!("{} {}", acquisition.date, acquisition.patient),
        model: acquisition.model.to_owned(),
        protocol: Protocol::of(&header),
        name: PathBuf::from(acquisition.date),
    };
    let measures = Measures::of([(Measured::Retina, Some(acquisition.um), 1.0)], None, None);
    let now = Visit { acquired, verdict: Verdict::Good, measures, map: None };
    let guard = history.lock();
    let found = guard.compare(&scan, &now).unwrap();
    guard.enter(&scan, &now).unwrap();
    found.map(|f| f.changes[0].change_um)
}

#[test]
fn an_eye_is_recognised_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(compare_and_enter(&open(&folder), &FIRST), None);
    assert_eq!(compare_and_enter(&open(&folder), &LATER), Some(-10.0));
    assert_eq!(compare_and_enter(&open(&folder), &LATER), Some(-10.0), "the same scan is not its own predecessor");
    assert_eq!(compare_and_enter(&open(&folder), &FIRST), None, "nor is a later one");
}

#[test]
fn only_comparable_scans_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let history = open(&folder);
    compare_and_enter(&history, &FIRST);
    for other in [
        Acquisition { patient: "P-2", ..LATER },
        Acquisition { eye: Eye::Left, ..LATER },
        Acquisition { pattern: Pattern::Radial, ..LATER },
        Acquisition { model: "model 2", ..LATER },
        Acquisition { device: "another", ..LATER },
        Acquisition { length: 6.0, ..LATER },
    ] {
        assert_eq!(compare_and_enter(&history, &other), None);
    }
    assert_eq!(compare_and_enter(&history, &LATER), Some(-10.0));
}

#[test]
fn a_late_older_scan_is_sorted_by_date() {
    let folder = tempfile::tempdir().unwrap();
    let history = open(&folder);
    compare_and_enter(&history, &LATER);
    assert_eq!(compare_and_enter(&history, &FIRST), None);
    assert_eq!(compare_and_enter(&history, &Acquisition { date: "20260601", um: 285.0, ..FIRST }), Some(-5.0));
    assert_eq!(compare_and_enter(&history, &Acquisition { date: "20250601", um: 297.0, ..FIRST }), Some(-3.0));
    assert_eq!(compare_and_enter(&history, &LATER), Some(-7.0));
}

#[test]
fn the_ledger_contains_no_patient_identifier() {
    let folder = tempfile::tempdir().unwrap();
    compare_and_enter(&open(&folder), &Acquisition { patient: "Straightforward-4711", ..FIRST });
    for entry in fs::read_dir(folder.path().join(STATE_FOLDER)).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(15).any(|w| w == b"Straightforward"));
    }
}

#[test]
fn the_key_is_private_and_needed_to_find_entries() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    compare_and_enter(&open(&folder), &FIRST);
    let file = folder.path().join(STATE_FOLDER).join(SECRET_FILE);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    fs::remove_file(&file).unwrap();
    assert_eq!(compare_and_enter(&open(&folder), &LATER), None);
    fs::write(&file, "short").unwrap();
    let table = Arc::new(Repeatability::published().unwrap());
    assert_eq!(History::open(folder.path(), table).unwrap_err().code(), "E-LEDGER-SECRET");
}

#[test]
fn forgetting_a_patient_removes_all_and_only_their_scans() {
    let folder = tempfile::tempdir().unwrap();
    let history = open(&folder);
    for acquisition in [FIRST, LATER, Acquisition { eye: Eye::Left, ..FIRST }, Acquisition { patient: "P-2", ..FIRST }]
    {
        compare_and_enter(&history, &acquisition);
    }
    let subject = Subject::new("P-1", "", Moment::of_digits("20260101", "").unwrap(), "any").unwrap();
    assert_eq!(history.forget(&subject).unwrap(), 3);
    assert_eq!(compare_and_enter(&history, &Acquisition { date: "20270101", ..FIRST }), None);
    assert_eq!(compare_and_enter(&history, &Acquisition { patient: "P-2", ..LATER }), Some(-10.0));
}

#[test]
fn results_that_a_late_visit_changes_are_outdated_until_they_are_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let history = open(&folder);
    let dates = ["20250101", "20250601", "20260101", "20260601"];
    let at = |date, um| Acquisition { date, um, ..FIRST };
    let outdated = || {
        let names = dates.map(PathBuf::from);
        let found = history.outdated(names.iter().map(PathBuf::as_path)).unwrap();
        found.iter().map(|name| name.display().to_string()).collect::<Vec<_>>()
    };
    compare_and_enter(&history, &at(dates[0], 300.0));
    compare_and_enter(&history, &at(dates[2], 290.0));
    compare_and_enter(&history, &at(dates[3], 289.0));
    assert!(outdated().is_empty(), "in order");
    compare_and_enter(&history, &at(dates[1], 296.0));
    assert_eq!(outdated(), dates[2..], "the third compares with another visit, and the last shows one more");
    assert_eq!(compare_and_enter(&history, &at(dates[2], 290.0)), Some(-6.0));
    assert_eq!(compare_and_enter(&history, &at(dates[3], 289.0)), Some(-1.0));
    assert!(outdated().is_empty(), "made anew, with the same measures");
    // The first visit is measured again, as with another centre.
    compare_and_enter(&history, &at(dates[0], 301.0));
    assert_eq!(outdated(), dates[1..]);
}
