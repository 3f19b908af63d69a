//! `octrls recentre`: states the fovea of a scan by hand, or the disc of a circle, and makes its results anew.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;

use octrls_core::{ErrorCode, scan::Place};
use octrls_engine::{
    AuditAction, AuditChange, EngineError, LedgerAdmin, Processor, ScanTask, Segmenter, digest, lock_results, recentre,
    result_folder,
};
use octrls_readers::{ScanFiles, series_of};
use octrls_report::{EarlierResult, RESULT_FILE, is_result_of};

use super::segment::summary_line;
use crate::cli::{
    arguments::{
        follow_up::HistoryArguments,
        heading::{FOLLOW_UP, MODEL, RESULTS},
        model::ModelArguments,
        number::place,
        results::ResultArguments,
    },
    error::coded,
    ledger::record,
    output::{display_path, escaped},
};

#[derive(Args)]
pub(crate) struct RecentreArguments {
    /// The scan: a file or folder, or a path that `octrls ls` prints
    #[arg(value_name = "SCAN")]
    scan: PathBuf,
    /// Place of the fovea, or of the middle of the disc in a circle, in millimetres: right and down, as
    /// `volume.centre.place` and `circle.disc.place` in result.json
    #[arg(long, value_name = "X,Y", value_parser = place, allow_hyphen_values = true, required_unless_present = "clear")]
    at: Option<Place>,
    /// Withdraw the stated place, so that the fovea is looked for again
    #[arg(long, conflicts_with = "at")]
    clear: bool,
    /// Results folder with the results of the scan
    #[arg(long, value_name = "DIR", default_value = "octrls-results")]
    out: PathBuf,
    #[command(flatten, next_help_heading = FOLLOW_UP)]
    history: HistoryArguments,
    #[command(flatten, next_help_heading = RESULTS)]
    results: ResultArguments,
    #[command(flatten, next_help_heading = MODEL)]
    model: ModelArguments,
}

pub(super) fn run(arguments: &RecentreArguments) -> anyhow::Result<ExitCode> {
    let RecentreArguments { scan, at, out, .. } = arguments;
    let centre = at.filter(|_| !arguments.clear);
    anyhow::ensure!(out.is_dir(), "{}: there are no results in {}", ErrorCode::ArgsEmpty, out.display());
    let ledger = LedgerAdmin::open(out).ok();
    let lock = match lock_results(out) {
        Ok(lock) => Some(lock),
        // A watcher notices the sidecar, and makes the results anew by its own settings.
        Err(EngineError::Locked { .. }) => None,
        Err(error) => return Err(coded(error.code(), error)),
    };
    match (lock, ledger) {
        (Some(_lock), ledger) => remake(arguments, ledger.as_ref(), centre)?,
        (None, Some(ledger)) => {
            let name = ledger.below_root(scan);
            let before = stated_centre(&out.join(result_folder(&name)));
            ledger.recentre(&name, centre).map_err(|e| coded(e.code(), e))?;
            record_centre(out, &name, before, centre)?;
            println!("{}  the watcher makes its results anew", escaped(&display_path(&name)));
        }
        (None, None) => {
            let text = "another octrls writes into it; try again when it is done";
            anyhow::bail!("{}: {}: {text}", ErrorCode::EngineLocked, out.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// States the centre and segments the scan again into the folder of its results.
fn remake(arguments: &RecentreArguments, ledger: Option<&LedgerAdmin>, centre: Option<Place>) -> anyhow::Result<()> {
    let RecentreArguments { scan, out, .. } = arguments;
    let watched = ledger.map(|ledger| ledger.below_root(scan));
    let file = match (scan.exists(), &watched, ledger) {
        (false, Some(name), Some(ledger)) => ledger.file_of(name),
        _ => scan.clone(),
    };
    let files = if file.is_dir() { ScanFiles::one(&file) } else { series_of(&file).map_err(|e| coded(e.code(), e))? };
    let options = arguments.results.options()?;
    let sha256 = digest(&files, scan)?;
    let Some(name) = name_of_result(files.path(), watched.as_deref(), out, &sha256) else {
        let text = "has no results of this scan; segment it first";
        anyhow::bail!("{}: {} {text}", ErrorCode::ArgsEmpty, out.display());
    };
    let network = arguments.model.load()?;
    let history = arguments.history.history()?;
    let before = stated_centre(&out.join(result_folder(&name)));
    recentre(files.path(), &name, centre, options.read)?;
    record_centre(out, &name, before, centre)?;
    let segmenter = Segmenter::new(network, options, out).with_history(history);
    segmenter.recover()?;
    let folder = out.join(result_folder(&name));
    let earlier = &EarlierResult::read(&folder);
    let task = ScanTask { files: &files, name: &name, sha256: &sha256, digests: &[], out: &folder, earlier };
    let summary = segmenter.process(&task, &mut |_| ControlFlow::Continue(()))?;
    println!("{}  {}", escaped(&display_path(&name)), summary_line(&summary));
    Ok(())
}

/// The centre that the result in `folder` was stated to have; `None` if it was found or is the middle of the scan.
fn stated_centre(folder: &Path) -> Option<Place> {
    let text = std::fs::read(folder.join(RESULT_FILE)).ok()?;
    let result: serde_json::Value = serde_json::from_slice(&text).ok()?;
    let centres = [&result["volume"]["centre"], &result["circle"]["disc"]];
    let stated = centres.into_iter().find(|centre| centre["from"] == "stated")?;
    serde_json::from_value(stated["place"].clone()).ok()
}

/// Records in the audit who stated the centre of the scan called `name`.
fn record_centre(out: &Path, name: &Path, before: Option<Place>, after: Option<Place>) -> anyhow::Result<()> {
    let text = |place: Option<Place>| place.map(|Place { x, y }| format!("{x},{y}"));
    let (before, after, subject) = (text(before), text(after), display_path(name));
    let (before, after) = (before.as_deref(), after.as_deref());
    record(out, &AuditChange { action: AuditAction::Centre, subject: &subject, before, after })
}

/// The folder below `out` with the results of the scan in `file`, whose digest is `sha256`: the name that the ledger
/// knows, or the path of the file without some of its first folders.
fn name_of_result(file: &Path, watched: Option<&Path>, out: &Path, sha256: &str) -> Option<PathBuf> {
    let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let parts: Vec<_> = file.iter().collect();
    let shorter = (0..parts.len()).rev().map(|first| parts[first..].iter().collect::<PathBuf>());
    let mut names = watched.map(Path::to_owned).into_iter().chain(shorter).filter(|name| name.is_relative());
    names.find(|name| is_result_of(&out.join(result_folder(name)), sha256))
}
