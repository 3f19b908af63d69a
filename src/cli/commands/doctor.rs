//! `octrls doctor`: checks the setup and suggests fixes.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use serde_json::json;

use octrls_core::network::{Device, ShippedModel};
use octrls_engine::{LEDGER_FILE, STATE_FOLDER};
use octrls_fs::platform;
use octrls_tui::attach::AttachClient;

use crate::{
    cli::{
        arguments::{
            model::ModelArguments,
            watch::{WatchArguments, default_jobs},
        },
        error::one_line,
        exit_code::some_failed_if,
        limits,
        settings::{Configurable, load_watch, parse_watch},
    },
    doctor::{self, Finding, Folders, Grade},
};

#[derive(Args)]
pub(crate) struct DoctorArguments {
    /// Watched folder to check [default: from the settings file]
    #[arg(value_name = "DIR")]
    root: Option<PathBuf>,
    /// Settings file of `octrls watch` [default: /etc/octrls/octrls.toml, if it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Results folder [default: from the settings file, otherwise DIR/octrls-results]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Model: unet-640, edge, or the path of an ONNX file [default: from the settings file, otherwise unet-640]
    #[arg(long, value_name = "NAME|FILE")]
    model: Option<PathBuf>,
}

pub(super) fn run(arguments: &DoctorArguments) -> ExitCode {
    let mut found = Vec::new();
    let watcher = settings(arguments, &mut found);
    let mut ledger = None;
    if let Some(watcher) = &watcher
        && let Ok(roots) = watcher.roots()
    {
        let folders_of = |root: &PathBuf| Folders {
            root: root.clone(),
            out: watcher.results_folder(&roots[0]),
            polls: watcher.poll.is_some(),
        };
        found.extend(roots.iter().flat_map(|root| doctor::watched(&folders_of(root))));
        let folders = folders_of(&roots[0]);
        found.extend(doctor::results(&folders));
        found.extend(user());
        found.extend(watcher.service.socket(&folders.out).map(|path| socket(&path)));
        ledger = Some(folders.out.join(STATE_FOLDER).join(LEDGER_FILE));
    }
    let model = arguments.model.clone().or_else(|| watcher.as_ref().map(|watcher| watcher.model.model.clone()));
    let device = watcher.as_ref().map_or_else(Device::default, |watcher| watcher.model.device);
    let model = ModelArguments { model: model.unwrap_or_else(|| ShippedModel::default().name().into()), device };
    let (finding, loaded) = doctor::model(|| model.load_silently());
    found.push(finding);
    found.push(doctor::clock(ledger.as_deref()));
    found.extend(doctor::memory());
    let needed = watcher.as_ref().map_or(0, |watcher| {
        let associations = watcher.dicom.receive.max_associations();
        limits::needed_files(watcher.jobs.map_or_else(default_jobs, usize::from), associations)
    });
    found.push(doctor::open_files(limits::shortage(needed)));
    found.push(doctor::terminal());
    found.push(doctor::gpu(loaded.as_ref()));
    let worst = found.iter().map(|finding| finding.grade).max();
    if arguments.json {
        println!("{}", json!({ "schema": "octrls.doctor/1", "worst": worst, "checks": found }));
    } else {
        for finding in &found {
            println!("{finding}");
        }
    }
    some_failed_if(worst == Some(Grade::Problem))
}

/// The arguments of the watcher to check; `None` when there is neither a folder nor a valid settings file.
fn settings(arguments: &DoctorArguments, found: &mut Vec<Finding>) -> Option<WatchArguments> {
    const CHECK: &str = "settings";
    let installed = || {
        Some(Configurable::Watch.installed_file().to_owned()).filter(|file| arguments.root.is_none() && file.exists())
    };
    let file = arguments.config.clone().or_else(installed);
    let mut command_line: Vec<OsString> = ["octrls", "watch"].map(OsString::from).to_vec();
    for (option, value) in [("--config", &file), ("--out", &arguments.out)] {
        command_line.extend(value.iter().flat_map(|value| [option.into(), value.into()]));
    }
    if let Some(root) = &arguments.root {
        command_line.extend(["--".into(), root.into()]);
    }
    if let Some(file) = file {
        return match load_watch(&file, &command_line) {
            Ok((watcher, _)) => {
                found.push(Finding::ok(CHECK, format!("{} is valid", file.display())));
                Some(watcher)
            }
            Err(error) => {
                let advice = "correct the file; `octrls config sample` prints a valid one";
                found.push(Finding::problem(CHECK, one_line(&error), advice));
                None
            }
        };
    }
    if arguments.root.is_none() {
        let advice = "name the folder to watch, or a settings file: octrls doctor DIR";
        found.push(Finding::warning(CHECK, "no settings file and no folder, so only the machine is checked", advice));
        return None;
    }
    parse_watch(&command_line).ok()
}

/// Warns when root runs the checks: root may read and write folders that the service may not.
fn user() -> Option<Finding> {
    platform::is_root()?.then(|| {
        Finding::warning(
            "user",
            "running as root, so permission checks always pass",
            "check as the user that runs octrls: sudo -u USER octrls doctor ...",
        )
    })
}

fn socket(path: &Path) -> Finding {
    const CHECK: &str = "socket";
    /// Longest path of a socket on Linux, in bytes.
    const MAX_BYTES: usize = 107;
    let shown = path.display();
    if path.as_os_str().len() > MAX_BYTES {
        let text = format!("{shown} is too long for a socket; `octrls top` cannot attach");
        return Finding::warning(CHECK, text, "set a shorter path: --socket PATH");
    }
    if fs::symlink_metadata(path).is_err() {
        return Finding::ok(CHECK, format!("{shown} does not exist; the watcher is not running"));
    }
    match AttachClient::connect(path) {
        Ok(attached) => {
            // A connection that breaks now says nothing about the socket.
            let _ = attached.close();
            Finding::ok(CHECK, format!("the watcher is running; `octrls top {shown}` attaches"))
        }
        Err(error) => {
            let advice =
                "check that the watcher runs in this version and that you are in its group: sudo adduser NAME octrls";
            Finding::warning(CHECK, format!("{}: {error}", error.code()), advice)
        }
    }
}
