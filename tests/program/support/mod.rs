//! Helpers for several test files.

pub(crate) mod certificates;
pub(crate) mod instance;
pub(crate) mod scans;
pub(crate) mod stub;
pub(crate) mod terminal;

use std::path::Path;

use assert_cmd::Command;
pub(crate) use octrls_testing::{columns, difference, missing, real_data};

/// The command under test, independent of the caller's terminal.
pub(crate) fn octrls() -> Command {
    let mut command = Command::cargo_bin("octrls").expect("the binary is built");
    command.env("NO_COLOR", "1").env("TERM", "dumb");
    command
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
