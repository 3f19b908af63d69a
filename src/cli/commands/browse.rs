//! `octrls browse`: the dashboard on finished scans, without a watcher.

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::Args;
use crossbeam_channel::{Sender, unbounded};
use jiff::Timestamp;

use octrls_core::ErrorCode;
use octrls_engine::{CorrectionOptions, Event, EventKind, Level, ScanId};
use octrls_tui::{
    Controls, Corrections, LedgerChange, LedgerChanges, Model, ScreenKind,
    dashboard::{DashboardOptions, TerminalSession},
};

use crate::cli::{
    arguments::{
        follow_up::FollowUpArguments,
        heading::{FOLLOW_UP, RESULTS},
        results::ResultArguments,
        screen::ScreenArguments,
    },
    ledger::open_ledger,
};

#[derive(Args)]
pub(crate) struct BrowseArguments {
    /// Results folder of a watcher; it may be running or not
    #[arg(value_name = "OUT")]
    out: PathBuf,
    #[command(flatten)]
    screen: ScreenArguments,
    #[command(flatten, next_help_heading = FOLLOW_UP)]
    follow_up: FollowUpArguments,
    #[command(flatten, next_help_heading = RESULTS)]
    results: ResultArguments,
}

/// Runs the command; with `review`, lists only the scans that a person should look at.
pub(super) fn run(arguments: &BrowseArguments, review: bool) -> anyhow::Result<ExitCode> {
    let roots = open_ledger(&arguments.out)?.roots();
    let out = arguments.out.canonicalize().context(ErrorCode::Ledger)?;
    anyhow::ensure!(
        ScreenKind::select(None) == ScreenKind::Dashboard,
        "browse needs a terminal; `octrls ls` lists the scans without one"
    );
    let (notices, events) = unbounded();
    let corrections = Corrections {
        options: CorrectionOptions::of(&arguments.results.options()?),
        history: arguments.follow_up.history(&out)?,
    };
    let controls = BrowseControls::new(&out, corrections, notices)?;
    let terminal = TerminalSession::start().context("cannot set up the terminal")?;
    let model = Model::of_results(roots, out);
    terminal.browsing(model).run(&events, &controls, &DashboardOptions { review, ..arguments.screen.options() })?;
    Ok(ExitCode::SUCCESS)
}

/// Controls without an engine: they change the ledger, and a watcher that runs follows.
struct BrowseControls(LedgerChanges);

impl BrowseControls {
    fn new(out: &Path, corrections: Corrections, notices: Sender<Event>) -> io::Result<Self> {
        let notify = move |level: Level, code: Option<ErrorCode>, text: String| {
            // Fails only after the screen has ended.
            let _ = notices.send(Event { at: Timestamp::now(), kind: EventKind::Notice { level, code, text } });
        };
        LedgerChanges::start(out, corrections, notify).map(Self)
    }
}

impl Controls for BrowseControls {
    fn drain(&self) {}

    fn abort(&self) {}

    fn pause(&self, _: bool) {}

    fn rescan(&self) {}

    fn retry(&self, _: ScanId) {}

    fn change_ledger(&self, change: LedgerChange) {
        self.0.make(change);
    }
}
