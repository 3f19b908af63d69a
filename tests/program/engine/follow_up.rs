//! Follow-up through the command line: phantoms as `.vol` files with dates and a patient.

use std::{fs, path::Path};

use octrls_core::phantom::{Phantom, PhantomOptions};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{octrls, result};

const BSCANS: usize = 5;
const WIDTH: usize = 256;
const LATERAL_MM: f64 = 0.026;
/// Distance between two B-scans in millimetres.
const APART: f64 = 0.5;
const PATIENT: &str = "Mustermann-4711";

/// A volume around the fovea of a right eye, taken at a `FILETIME`. A larger `axial_mm` makes every layer thicker.
fn vol(patient: &str, filetime: u64, axial_mm: f64) -> Vec<u8> {
    let mut header = vec![0; 2048];
    let mut put = |at: usize, value: &[u8]| header[at..at + value.len()].copy_from_slice(value);
    let scans: Vec<_> = (0..BSCANS).map(bscan).collect();
    let height = scans[0].len() / WIDTH;
    put(0, b"HSF-OCT-103");
    put(12, &(WIDTH as i32).to_le_bytes());
    put(16, &(BSCANS as i32).to_le_bytes());
    put(20, &(height as i32).to_le_bytes());
    put(24, &LATERAL_MM.to_le_bytes());
    put(40, &axial_mm.to_le_bytes());
    put(84, b"OD");
    put(88, &filetime.to_le_bytes());
    put(96, &3_i32.to_le_bytes());
    put(100, &256_i32.to_le_bytes());
    put(140, patient.as_bytes());
    let mut bytes = header;
    for (i, scan) in scans.into_iter().enumerate() {
        let mut header = vec![0; 256];
        header[12..16].copy_from_slice(&256_i32.to_le_bytes());
        let (y, half) = (4.0 + offset(i), 0.5 * WIDTH as f64 * LATERAL_MM);
        for (k, mm) in [5.0 - half, y, 5.0 + half, y].into_iter().enumerate() {
            header[16 + 8 * k..24 + 8 * k].copy_from_slice(&f64::to_le_bytes(mm));
        }
        bytes.extend(header);
        // Files store reflectivity; its fourth root is displayed.
        bytes.extend(scan.into_iter().flat_map(|v| v.powi(4).to_le_bytes()));
    }
    bytes
}

/// Distance of a B-scan below the fovea in millimetres.
fn offset(bscan: usize) -> f64 {
    (bscan as f64 - (BSCANS / 2) as f64) * APART
}

fn bscan(index: usize) -> Vec<f32> {
    let options = PhantomOptions {
        width: WIDTH,
        lateral_um: 1000.0 * LATERAL_MM,
        fovea_um: 0.0,
        fovea_offset_um: 1000.0 * offset(index),
        nasal_right: true,
        anatomy_seed: Some(11),
        pathology: 0.0,
        ..PhantomOptions::spectralis()
    };
    Phantom::generate(&options, 100 + index as u64).bscan.intensity
}

/// Noon UTC, `day` days after 2025-01-01, as a `FILETIME`.
const fn noon(day: u64) -> u64 {
    const NEW_YEAR: u64 = 13_380_163_200;
    (NEW_YEAR + day * 86_400 + 43_200) * 10_000_000
}

const HEALTHY: f64 = 0.003_87;
/// Ten per cent thinner.
const THINNER: f64 = 0.9 * HEALTHY;

struct Clinic(TempDir);

impl Clinic {
    fn arrives(&self, name: &str, content: &[u8]) {
        fs::create_dir_all(self.scans()).unwrap();
        fs::write(self.scans().join(name), content).unwrap();
    }

    fn scans(&self) -> std::path::PathBuf {
        self.0.path().join("in")
    }

    fn out(&self) -> std::path::PathBuf {
        self.0.path().join("out")
    }

    /// Processes all files; returns the output.
    fn watch(&self, more: &[&str]) -> String {
        let mut command = octrls();
        command.args(["watch", "--once", "--plain", "--stable", "0.1", "--jobs", "1", "--model", "edge"]).args(more);
        let output =
            command.arg("--out").arg(self.out()).arg(self.scans()).assert().success().get_output().stdout.clone();
        String::from_utf8(output).unwrap()
    }

    fn follow_up(&self, name: &str) -> Value {
        result(&self.out().join(name))["follow_up"].clone()
    }
}

/// Dates of the previous and first visits.
fn dates(follow_up: &Value) -> [&str; 2] {
    ["previous", "first"].map(|visit| follow_up[visit]["acquired"].as_str().unwrap().split('T').next().unwrap())
}

fn change<'a>(follow_up: &'a Value, measure: &str) -> &'a Value {
    let changes = follow_up["changes"].as_array().unwrap();
    changes.iter().find(|c| c["measure"] == measure).unwrap_or_else(|| panic!("no {measure} in {follow_up:#}"))
}

fn holds(folder: &Path, text: &str) -> bool {
    let bytes = text.as_bytes();
    walkdir::WalkDir::new(folder)
        .into_iter()
        .map(|e| e.unwrap())
        .filter(|e| e.file_type().is_file())
        .any(|entry| fs::read(entry.path()).unwrap().windows(bytes.len()).any(|w| w == bytes))
}

#[test]
fn an_eye_is_compared_with_its_earlier_visits() {
    let clinic = Clinic(tempfile::tempdir().unwrap());
    let first = vol(PATIENT, noon(9), HEALTHY);
    clinic.arrives("a.vol", &first);
    clinic.watch(&[]);
    assert_eq!(clinic.follow_up("a.vol"), Value::Null);

    clinic.arrives("b.vol", &vol(PATIENT, noon(374), THINNER));
    let said = clinic.watch(&[]);
    let found = clinic.follow_up("b.vol");
    assert_eq!(dates(&found), ["2025-01-10", "2025-01-10"]);
    let centre = change(&found, "etdrs/retina/C");
    assert!((-35.0..-20.0).contains(&centre["change_um"].as_f64().unwrap()), "{centre:#}");
    assert_eq!((&centre["standing"], &centre["repeatability_um"]), (&"thinner".into(), &20.0.into()));
    let layer = change(&found, "etdrs/onl/C");
    assert_eq!((&layer["standing"], &layer["repeatability_um"]), (&Value::Null, &Value::Null));
    assert!(said.contains("since the previous visit: 1 of 1 beyond repeatability: etdrs/retina/C -"), "{said}");

    // An older scan arrives late. It has no predecessor, and later scans find all visits in order.
    // The same run makes their results anew.
    clinic.arrives("old.vol", &vol(PATIENT, noon(2), HEALTHY));
    let said = clinic.watch(&[]);
    assert_eq!(clinic.follow_up("old.vol"), Value::Null);
    assert_eq!(dates(&clinic.follow_up("a.vol")), ["2025-01-03", "2025-01-03"], "{said}");
    let again = clinic.follow_up("b.vol");
    assert_eq!(dates(&again), ["2025-01-10", "2025-01-03"]);
    assert_eq!(change(&again, "etdrs/retina/C")["change_um"], centre["change_um"]);
    assert!(!holds(&clinic.out(), "Mustermann"), "the patient's identifier is in no result and not in the ledger");

    let forget = |scan: &str| {
        let output = octrls().arg("forget").arg(clinic.scans().join(scan)).arg("--out").arg(clinic.out()).assert();
        String::from_utf8(output.success().get_output().stdout.clone()).unwrap()
    };
    assert!(forget("a.vol").contains("  3 scans deleted from the history"));
    assert!(forget("b.vol").contains("  0 scans deleted from the history"));
}

#[test]
fn a_backlog_in_any_order_is_compared_in_the_order_of_acquisition() {
    let clinic = Clinic(tempfile::tempdir().unwrap());
    let dates_of = ["2025-01-03", "2025-01-10", "2025-04-11"];
    // Names in the reverse order of the dates.
    for (name, day) in [("c.vol", 2), ("b.vol", 9), ("a.vol", 100)] {
        clinic.arrives(name, &vol(PATIENT, noon(day), HEALTHY));
    }
    let check = |out: &Path, how: &str| {
        let follow_up = |name: &str| result(&out.join(name))["follow_up"].clone();
        assert_eq!(follow_up("c.vol"), Value::Null, "{how}");
        assert_eq!(dates(&follow_up("b.vol")), [dates_of[0]; 2], "{how}");
        assert_eq!(dates(&follow_up("a.vol")), [dates_of[1], dates_of[0]], "{how}");
    };
    clinic.watch(&[]);
    check(&clinic.out(), "watched");
    let (out, history) = (clinic.0.path().join("once"), clinic.0.path().join("history"));
    fs::create_dir(&history).unwrap();
    let mut command = octrls();
    command.args(["segment", "--model", "edge", "--jobs", "1", "--history"]).arg(&history).arg("--out").arg(&out);
    command.arg(clinic.scans()).assert().success();
    check(&out, "segmented");
}

#[test]
fn without_follow_up_nothing_is_stored() {
    let clinic = Clinic(tempfile::tempdir().unwrap());
    clinic.arrives("a.vol", &vol(PATIENT, noon(9), HEALTHY));
    clinic.watch(&["--no-follow-up"]);
    assert_eq!(clinic.follow_up("a.vol"), Value::Null);
    assert!(!clinic.out().join(".octrls/follow-up.key").exists());
    let out = clinic.0.path().join("once");
    let segment = |name: &str| {
        let mut command = octrls();
        command.args(["segment", "--model", "edge", "--history"]).arg(clinic.out()).arg("--out").arg(&out);
        command.arg(clinic.scans().join(name)).assert().success();
        result(&out.join(name))["follow_up"].clone()
    };
    clinic.arrives("b.vol", &vol(PATIENT, noon(400), HEALTHY));
    segment("a.vol");
    let found = segment("b.vol");
    assert_eq!(dates(&found), ["2025-01-10", "2025-01-10"]);
    assert_eq!(change(&found, "etdrs/retina/C")["standing"], "within");
    assert_eq!(segment("b.vol"), found, "a scan is not its own predecessor");
}
