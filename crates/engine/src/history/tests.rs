use std::fs;

use tempfile::TempDir;

use super::*;
use octrls_core::{
    layer::Measured,
    measure::{Verdict, follow_up::Measures},
    scan::{BScanPosition, Pattern, Place, ScanHeader},
};

/// A scan of an eye, and its retinal thickness in micrometres.
struct Taken {
    patient: &'static str,
    eye: Eye,
    date: &'static str,
    pattern: Pattern,
    model: &'static str,
    device: &'static str,
    length: f64,
    um: f32,
}

const FIRST: Taken = Taken {
    patient: "P-1",
    eye: Eye::Right,
    date: "20250101",
    pattern: Pattern::Line,
    model: "model 1",
    device: "scanner",
    length: 8.8,
    um: 300.0,
};
const LATER: Taken = Taken { date: "20260101", um: 290.0, ..FIRST };

fn open(folder: &TempDir) -> History {
    History::open(folder.path(), Arc::new(Repeatability::published().unwrap())).unwrap()
}

/// Enters a scan and returns the change of its retina.
fn take(history: &History, taken: &Taken) -> Option<f32> {
    let acquired = Moment::of_digits(taken.date, "").unwrap();
    let subject = Subject::new(taken.patient, "", acquired, taken.device).unwrap();
    let end = Place { x: taken.length, y: 0.0 };
    let header = ScanHeader {
        format: "x".into(),
        bscans: 1,
        width: 100,
        height: 100,
        axial: None,
        lateral: None,
        eye: Some(taken.eye),
        eye_from: None,
        pattern: taken.pattern,
        pattern_from: None,
        tracks: vec![BScanPosition::Line { start: Place::default(), end }],
        places: None,
    };
    let scan = EyeScan {
        subject: &subject,
        eye: taken.eye,
        scan: format!("{} {}", taken.date, taken.patient),
        model: taken.model.to_owned(),
        protocol: Protocol::of(&header),
    };
    let measures = Measures::of([(Measured::Retina, Some(taken.um), 1.0)], None, None);
    let now = Visit { acquired, verdict: Verdict::Good, measures };
    let turn = history.lock();
    let found = turn.compare(&scan, &now).unwrap();
    turn.enter(&scan, &now).unwrap();
    found.map(|f| f.changes[0].change_um)
}

#[test]
fn the_same_eye_is_known_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(take(&open(&folder), &FIRST), None);
    assert_eq!(take(&open(&folder), &LATER), Some(-10.0));
    assert_eq!(take(&open(&folder), &LATER), Some(-10.0), "the same scan is not its own predecessor");
    assert_eq!(take(&open(&folder), &FIRST), None, "nor is a later one");
}

#[test]
fn only_like_is_compared_with_like() {
    let folder = tempfile::tempdir().unwrap();
    let history = open(&folder);
    take(&history, &FIRST);
    for other in [
        Taken { patient: "P-2", ..LATER },
        Taken { eye: Eye::Left, ..LATER },
        Taken { pattern: Pattern::Radial, ..LATER },
        Taken { model: "model 2", ..LATER },
        Taken { device: "another", ..LATER },
        Taken { length: 6.0, ..LATER },
    ] {
        assert_eq!(take(&history, &other), None);
    }
    assert_eq!(take(&history, &LATER), Some(-10.0));
}

#[test]
fn an_older_scan_that_comes_late_finds_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let history = open(&folder);
    take(&history, &LATER);
    assert_eq!(take(&history, &FIRST), None);
    assert_eq!(take(&history, &Taken { date: "20260601", um: 285.0, ..FIRST }), Some(-5.0));
    assert_eq!(take(&history, &Taken { date: "20250601", um: 297.0, ..FIRST }), Some(-3.0));
    assert_eq!(take(&history, &LATER), Some(-7.0));
}

#[test]
fn nothing_in_the_ledger_names_the_patient() {
    let folder = tempfile::tempdir().unwrap();
    take(&open(&folder), &Taken { patient: "Straightforward-4711", ..FIRST });
    for entry in fs::read_dir(folder.path().join(STATE_FOLDER)).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(15).any(|w| w == b"Straightforward"));
    }
}

#[test]
fn the_secret_is_its_owner_s_alone_and_without_it_nothing_is_found() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    take(&open(&folder), &FIRST);
    let file = folder.path().join(STATE_FOLDER).join(SECRET_FILE);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    fs::remove_file(&file).unwrap();
    assert_eq!(take(&open(&folder), &LATER), None);
    fs::write(&file, "short").unwrap();
    let table = Arc::new(Repeatability::published().unwrap());
    assert_eq!(History::open(folder.path(), table).unwrap_err().code(), "E-LEDGER-SECRET");
}

#[test]
fn a_patient_is_forgotten_as_a_whole_and_alone() {
    let folder = tempfile::tempdir().unwrap();
    let history = open(&folder);
    for taken in [FIRST, LATER, Taken { eye: Eye::Left, ..FIRST }, Taken { patient: "P-2", ..FIRST }] {
        take(&history, &taken);
    }
    let subject = Subject::new("P-1", "", Moment::of_digits("20260101", "").unwrap(), "any").unwrap();
    assert_eq!(history.forget(&subject).unwrap(), 3);
    assert_eq!(take(&history, &Taken { date: "20270101", ..FIRST }), None);
    assert_eq!(take(&history, &Taken { patient: "P-2", ..LATER }), Some(-10.0));
}
