//! The arguments of `octrls watch`.

use std::{
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use clap::Args;

use octrls_core::ErrorCode;
use octrls_engine::{EngineOptions, Tuning};

use super::{
    dicom::WatchDicomArguments,
    follow_up::FollowUpArguments,
    heading::{DICOM_NETWORK, FOLDERS, FOLLOW_UP, MODEL, QUEUE, RESULTS, RETENTION, SCANS, SCREEN, SERVICE},
    hook::HookArguments,
    limits::LimitArguments,
    model::ModelArguments,
    number::{folder_and_seconds, seconds},
    queue::WatchQueueArguments,
    results::ResultArguments,
    screen::ScreenArguments,
    service::ServiceArguments,
};

/// Default name of the results folder, below the first watched folder.
pub(crate) const DEFAULT_OUT: &str = "octrls-results";

#[derive(Args)]
pub(crate) struct WatchArguments {
    /// Folders to watch, including subfolders; with several, each gets a results subfolder of its own name
    #[arg(value_name = "DIR", required_unless_present = "config")]
    roots: Vec<PathBuf>,
    /// Folder for results, ledger and quarantine [default: DIR/octrls-results in the first folder]
    #[arg(long, value_name = "DIR", help_heading = FOLDERS)]
    pub(crate) out: Option<PathBuf>,
    /// Check the folders every SECONDS instead of using file system events [default: 10 on network shares]
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = FOLDERS)]
    pub(crate) poll: Option<f64>,
    /// Like --poll, for one folder, for example /srv/share=10; repeatable
    #[arg(long, value_name = "DIR=SECONDS", value_parser = folder_and_seconds, help_heading = FOLDERS)]
    pub(crate) poll_root: Vec<(PathBuf, f64)>,
    /// Seconds a file must stay unchanged before it is processed
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds, help_heading = SCANS)]
    pub(crate) stable: f64,
    /// Attempts before a scan that fails for a temporary reason is quarantined
    #[arg(
        long,
        value_name = "N",
        default_value = "3",
        value_parser = clap::value_parser!(u32).range(1..=100),
        help_heading = SCANS
    )]
    pub(crate) attempts: u32,
    /// Process the scans that are there, then stop
    #[arg(long, help_heading = SCANS)]
    pub(crate) once: bool,
    /// Scans to process at once [default: one per core; with --queue, 32]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64), help_heading = SCANS)]
    pub(crate) jobs: Option<u16>,
    /// Print one line per change instead of the dashboard
    #[arg(long, conflicts_with = "json", help_heading = SCREEN)]
    pub(crate) plain: bool,
    /// Print one JSON object per event instead of the dashboard
    #[arg(long, help_heading = SCREEN)]
    pub(crate) json: bool,
    #[command(flatten, next_help_heading = SERVICE)]
    pub(crate) service: ServiceArguments,
    #[command(flatten, next_help_heading = SERVICE)]
    pub(crate) hook: HookArguments,
    #[command(flatten, next_help_heading = RETENTION)]
    pub(crate) limits: LimitArguments,
    #[command(flatten, next_help_heading = FOLLOW_UP)]
    pub(crate) follow_up: FollowUpArguments,
    #[command(flatten, next_help_heading = DICOM_NETWORK)]
    pub(crate) dicom: WatchDicomArguments,
    #[command(flatten, next_help_heading = QUEUE)]
    pub(crate) queue: WatchQueueArguments,
    #[command(flatten, next_help_heading = SCREEN)]
    pub(crate) screen: ScreenArguments,
    #[command(flatten, next_help_heading = RESULTS)]
    pub(crate) results: ResultArguments,
    #[command(flatten, next_help_heading = MODEL)]
    pub(crate) model: ModelArguments,
}

impl WatchArguments {
    /// The watched folders.
    ///
    /// # Errors
    /// When there is none: the parser allows that together with a settings file.
    pub(crate) fn roots(&self) -> anyhow::Result<&[PathBuf]> {
        anyhow::ensure!(
            !self.roots.is_empty(),
            "{}: no folder to watch; name one on the command line, or set `roots` in the settings file",
            ErrorCode::ConfigTogether
        );
        Ok(&self.roots)
    }
    /// The results folder of the watcher.
    pub(crate) fn results_folder(&self, first_root: &Path) -> PathBuf {
        self.out.clone().unwrap_or_else(|| first_root.join(DEFAULT_OUT))
    }

    /// The engine settings that can change while it runs.
    pub(crate) fn tuning(&self) -> Tuning {
        Tuning { stability: Duration::from_secs_f64(self.stable), attempts: self.attempts }
    }

    /// The options of the engine that watches `roots` and writes to `out`.
    pub(crate) fn engine_options(&self, roots: &[PathBuf], out: PathBuf) -> EngineOptions {
        let Tuning { stability, attempts } = self.tuning();
        let poll_roots = self.poll_root.iter().map(|(root, every)| (root.clone(), Duration::from_secs_f64(*every)));
        let jobs = self.jobs.map(usize::from).or(self.queue.default_jobs());
        self.limits.options(EngineOptions {
            roots: roots.to_vec(),
            stability,
            poll: self.poll.map(Duration::from_secs_f64),
            poll_roots: poll_roots.collect(),
            workers: jobs.unwrap_or_else(default_jobs),
            attempts,
            until_idle: self.once,
            ..EngineOptions::new(&roots[0], out)
        })
    }
}

/// Default number of scans to process at once: one per core.
pub(crate) fn default_jobs() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
