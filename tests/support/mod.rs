//! Helpers for several test files.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use assert_cmd::Command;

/// The command under test, independent of the caller's terminal.
pub(crate) fn octrls() -> Command {
    let mut command = Command::cargo_bin("octrls").expect("the binary is built");
    command.env("NO_COLOR", "1").env("TERM", "dumb");
    command
}

/// The folder with real scans, which is not part of the project. If it is absent, prints that the test is skipped.
pub(crate) fn real_data(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("OCTRLS_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    if folder.join("splits.json").is_file() {
        return Some(folder);
    }
    eprintln!("{test}: skipped, no real scans in {}", folder.display());
    None
}

/// The columns of a CSV file: cells as numbers, `None` if empty.
pub(crate) fn columns(path: &Path) -> HashMap<String, Vec<Option<f32>>> {
    let mut reader = csv::Reader::from_path(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let names: Vec<String> = reader.headers().expect("a header").iter().map(str::to_owned).collect();
    let mut columns: HashMap<String, Vec<Option<f32>>> = names.iter().map(|n| (n.clone(), Vec::new())).collect();
    for record in reader.records() {
        for (name, cell) in names.iter().zip(&record.expect("a record")) {
            let value = (!cell.is_empty()).then(|| cell.parse().unwrap_or_else(|_| panic!("{cell} is no number")));
            columns.get_mut(name).expect("a known column").push(value);
        }
    }
    columns
}

/// Mean absolute difference where both values exist, and the share of labels for which a value was found.
pub(crate) fn difference(found: &[Option<f32>], label: &[Option<f32>]) -> (f32, f32) {
    assert_eq!(found.len(), label.len());
    let labelled = label.iter().flatten().count().max(1) as f32;
    let both: Vec<f32> = found.iter().zip(label).filter_map(|(f, l)| Some((f.as_ref()? - l.as_ref()?).abs())).collect();
    (both.iter().sum::<f32>() / both.len().max(1) as f32, both.len() as f32 / labelled)
}

/// Reads `result.json` of a result folder and validates it against `docs/result.schema.json`.
pub(crate) fn result(folder: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(folder.join("result.json")).expect("result.json");
    let result: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/result.schema.json");
    let mut schemas = boon::Schemas::new();
    let index = boon::Compiler::new().compile(&schema.to_string_lossy(), &mut schemas).expect("a schema");
    let fault = schemas.validate(&result, index).err().map(|e| format!("{e:#}"));
    assert_eq!(fault, None, "{}", folder.display());
    result
}
