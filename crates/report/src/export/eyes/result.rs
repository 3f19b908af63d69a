//! Access to the values of a `result.json`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::ScanIdentity;

/// Characters of the digest in a record's name: enough for any archive.
const ID_LENGTH: usize = 16;

/// The result of a scan.
pub(in crate::export) struct EyeResult {
    pub(in crate::export) folder: PathBuf,
    json: Value,
    sha256: String,
}

impl EyeResult {
    /// # Errors
    /// What is missing in `json`.
    pub(in crate::export) fn new(json: Value, folder: &Path) -> Result<Self, String> {
        let sha256 = json["scan"]["sha256"].as_str().ok_or("scan.sha256 is missing")?.to_owned();
        for key in ["verdict", "layers", "bscans"] {
            if json[key].is_null() {
                return Err(format!("{key} is missing"));
            }
        }
        Ok(Self { folder: folder.to_owned(), json, sha256 })
    }

    pub(in crate::export) fn identity(&self) -> ScanIdentity<'_> {
        let source = &self.json["dicom"]["source"];
        let is_series = source["objects"].as_u64().is_some_and(|objects| objects > 1);
        let series_uid = source["series_instance_uid"].as_str().filter(|_| is_series);
        ScanIdentity { sha256: &self.sha256, series: self.series(), series_uid }
    }

    fn series(&self) -> Option<u32> {
        self.json["scan"]["series"].as_u64().and_then(|series| series.try_into().ok())
    }

    pub(in crate::export) fn record_id(&self) -> String {
        let start = self.sha256.get(..ID_LENGTH).unwrap_or(&self.sha256);
        self.series().map_or_else(|| start.to_owned(), |series| format!("{start}-{series}"))
    }

    pub(in crate::export) fn created(&self) -> &str {
        self.text("/created").unwrap_or_default()
    }

    /// The value at a JSON pointer; `None` if it is absent or null.
    pub(in crate::export) fn get(&self, pointer: &str) -> Option<&Value> {
        self.json.pointer(pointer).filter(|value| !value.is_null())
    }

    pub(in crate::export) fn text(&self, pointer: &str) -> Option<&str> {
        self.get(pointer)?.as_str()
    }

    pub(in crate::export) fn number(&self, pointer: &str) -> Option<f64> {
        self.get(pointer)?.as_f64()
    }

    /// The items of an array; none if it is absent or null.
    pub(in crate::export) fn items(&self, pointer: &str) -> &[Value] {
        self.get(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Whether thicknesses are in micrometres.
    pub(in crate::export) fn is_in_um(&self) -> bool {
        self.text("/unit") == Some("um")
    }

    /// Whether the grids lie around a fovea that was found or stated, and not around the middle of the scan.
    pub(in crate::export) fn has_fovea(&self) -> bool {
        self.text("/volume/centre/from").is_some_and(|from| from != "scan_middle")
    }
}

/// The item whose `key` has the text `value`.
pub(in crate::export) fn item<'a>(items: &'a [Value], key: &str, value: &str) -> Option<&'a Value> {
    items.iter().find(|item| item[key] == value)
}

/// A number with `decimals`.
pub(in crate::export) fn rounded(value: Option<f64>, decimals: usize) -> Option<String> {
    value.filter(|value| value.is_finite()).map(|value| format!("{value:.decimals$}"))
}
