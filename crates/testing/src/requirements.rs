//! What tests need from outside: other programs, real scans, privileges.
//!
//! A test that lacks something is skipped and says so. With `OCTRLS_REQUIRE_ALL=1` it fails instead, unless
//! `OCTRLS_WITHOUT` lists the need, separated by commas, as in `OCTRLS_WITHOUT=data,root`.

use std::{env, path::PathBuf};

use crate::project;

/// Reports that `test` is skipped because it lacks `need`, a short name such as `data` or `nats-server`.
///
/// # Panics
/// With `OCTRLS_REQUIRE_ALL=1`, unless `OCTRLS_WITHOUT` lists `need`.
pub fn missing(test: &str, need: &str) {
    let excused = env::var("OCTRLS_WITHOUT").is_ok_and(|list| list.split(',').any(|name| name.trim() == need));
    let required = env::var("OCTRLS_REQUIRE_ALL").is_ok_and(|value| value == "1");
    assert!(excused || !required, "{test}: needs {need}, and OCTRLS_REQUIRE_ALL is set");
    eprintln!("{test}: skipped, {need} is missing");
}

/// The folder of real scans, which is not part of the project: `OCTRLS_DATA`, or `shared/data` beside the project.
#[must_use]
pub fn real_data(test: &str) -> Option<PathBuf> {
    let folder = env::var_os("OCTRLS_DATA").map_or_else(|| project().join("../shared/data"), PathBuf::from);
    if folder.join("splits.json").is_file() {
        return Some(folder);
    }
    missing(test, "data");
    None
}

/// The folder of scans that stand for kinds that once failed, beside that of real scans; not part of the project either.
#[must_use]
pub fn cases(test: &str) -> Option<PathBuf> {
    let folder = env::var_os("OCTRLS_CASES").map_or_else(|| project().join("../shared/cases"), PathBuf::from);
    if folder.join("README.md").is_file() {
        return Some(folder);
    }
    missing(test, "cases");
    None
}
