//! Records changed settings in the audit.

use std::{ffi::OsString, path::Path};

use octrls_engine::{AuditLog, EngineHandle, Level};

use crate::config::Values;

/// Records the settings that differ from those at the last start or reload. An audit that cannot be written is reported;
/// the watcher goes on.
pub(super) fn record_settings(engine: &EngineHandle, out: &Path, values: &Values) {
    if values.is_empty() {
        return;
    }
    let set =
        values.iter().filter(|(_, values)| !values.is_empty()).map(|(name, values)| (name.as_str(), text(values)));
    if let Err(error) = AuditLog::open(out).and_then(|mut audit| audit.record_settings(set)) {
        engine.notice(Level::Error, Some(error.code()), error.to_string());
    }
}

/// The values of a setting as one text, without passwords.
fn text(values: &[OsString]) -> String {
    values.iter().map(|value| without_password(&value.to_string_lossy())).collect::<Vec<_>>().join(", ")
}

/// `value` without user and password, if it is an address that contains them.
fn without_password(value: &str) -> String {
    match value.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let host = rest[..end].rfind('@').map_or(0, |at| at + 1);
            let hidden = if host > 0 { "***@" } else { "" };
            format!("{scheme}://{hidden}{}", &rest[host..])
        }
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_recorded() {
        for (value, shown) in [
            ("nats://anna:secret@queue.example.org:4222", "nats://***@queue.example.org:4222"),
            ("https://pacs.example.org/dicom-web@2", "https://pacs.example.org/dicom-web@2"),
            ("PACS@host:104", "PACS@host:104"),
        ] {
            assert_eq!(without_password(value), shown);
        }
        assert_eq!(text(&["a".into(), "b".into()]), "a, b");
    }
}
