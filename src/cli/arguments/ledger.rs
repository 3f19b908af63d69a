//! Which results folder a command about a watcher means.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::bail;
use clap::Args;

use octrls_core::ErrorCode;
use octrls_engine::{LEDGER_FILE, STATE_FOLDER};

use super::watch::DEFAULT_OUT;
use crate::cli::settings::{Configurable, load_watch};

/// The results folder of a watcher.
#[derive(Args)]
pub(crate) struct ResultsFolderArguments {
    /// Results folder of the watcher [default: as `octrls watch` finds it: from the settings file, or where you are: a
    /// results folder, or a watched folder with octrls-results in it]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Settings file of the watcher [default: /etc/octrls/octrls.toml, if it exists]
    #[arg(long, value_name = "FILE", conflicts_with = "out")]
    config: Option<PathBuf>,
}

impl ResultsFolderArguments {
    /// The results folder: `--out`, or that of the settings file `--config`, or that of the folder we are in, or that of
    /// the installed service.
    ///
    /// # Errors
    /// When there is none, or the settings file is invalid.
    pub(crate) fn folder(&self) -> anyhow::Result<PathBuf> {
        let installed = Configurable::Watch.installed_file();
        self.folder_from(Path::new("."), installed)
    }

    fn folder_from(&self, here: &Path, installed: &Path) -> anyhow::Result<PathBuf> {
        if let Some(out) = &self.out {
            return Ok(out.clone());
        }
        if let Some(file) = &self.config {
            return configured(file);
        }
        let has_ledger = |folder: &Path| folder.join(STATE_FOLDER).join(LEDGER_FILE).is_file();
        let nearby = [here.to_owned(), here.join(DEFAULT_OUT)].into_iter().find(|folder| has_ledger(folder));
        match nearby {
            Some(folder) => Ok(folder),
            None if installed.is_file() => configured(installed),
            None => bail!(
                "{}: no results folder here; name it with --out, or the watcher's settings file with --config",
                ErrorCode::LedgerMissing
            ),
        }
    }
}

/// The results folder of the watcher with this settings file.
fn configured(file: &Path) -> anyhow::Result<PathBuf> {
    let command_line: Vec<OsString> = Configurable::Watch.command_line(file);
    let (watcher, _) = load_watch(file, &command_line)?;
    Ok(watcher.results_folder(&watcher.roots()?[0]))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_results_folder_is_found_as_watch_finds_it() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let arguments = |out: Option<&str>, config: Option<&str>| ResultsFolderArguments {
            out: out.map(Into::into),
            config: config.map(at),
        };
        let ledger = |folder: &str| {
            fs::create_dir_all(at(folder).join(STATE_FOLDER)).unwrap();
            fs::write(at(folder).join(STATE_FOLDER).join(LEDGER_FILE), "").unwrap();
        };
        ledger("ward/octrls-results");
        ledger("results");
        fs::create_dir(at("empty")).unwrap();
        fs::write(at("a.toml"), format!("roots = ['{}']", at("ward").display())).unwrap();
        fs::write(at("b.toml"), format!("roots = ['{}']\nout = '/srv/out'", at("ward").display())).unwrap();
        let found = |out, config, here: &str, installed: &str| {
            arguments(out, config).folder_from(&at(here), &at(installed)).map_err(|error| error.to_string())
        };
        assert_eq!(found(Some("/x"), None, "ward", "a.toml"), Ok("/x".into()));
        assert_eq!(found(None, Some("a.toml"), "results", "b.toml"), Ok(at("ward/octrls-results")));
        assert_eq!(found(None, Some("b.toml"), "results", "none"), Ok("/srv/out".into()));
        assert_eq!(found(None, None, "ward", "b.toml"), Ok(at("ward/octrls-results")));
        assert_eq!(found(None, None, "results", "b.toml"), Ok(at("results")));
        assert_eq!(found(None, None, "empty", "b.toml"), Ok("/srv/out".into()));
        assert!(found(None, None, "empty", "none").unwrap_err().starts_with("E-LEDGER-MISSING"));
        assert!(found(None, Some("none"), "ward", "none").is_err());
    }
}
