//! `octrls doctor`: what is not as it should be, and what to do.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser};
use serde_json::json;

use super::{
    SOME_FAILED,
    args::{Arguments, Command, ModelArguments, WatchArguments},
    config, network,
    watch::out_of,
};
use crate::doctor::{self, Finding, Folders, Grade};
use octrls_core::network::{Device, ShippedModel};
use octrls_engine::LEDGER_FILE;

#[derive(Args)]
pub(super) struct DoctorArguments {
    /// Folder that is or will be watched [default: what the settings file says]
    #[arg(value_name = "DIR")]
    root: Option<PathBuf>,
    /// Settings file of `octrls watch` [default: /etc/octrls/octrls.toml, where it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder for results [default: what the settings file says, else DIR/octrls-results]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// unet-640, edge, or an ONNX file [default: what the settings file says, else unet-640]
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
        let of = |root: &PathBuf| Folders {
            root: root.clone(),
            out: out_of(watcher, &roots[0]),
            polls: watcher.poll.is_some(),
        };
        found.extend(roots.iter().flat_map(|root| doctor::watched(&of(root))));
        let folders = of(&roots[0]);
        found.extend(doctor::results(&folders));
        found.extend(user());
        if !watcher.service.no_socket {
            found.push(socket(&super::service::socket(watcher, &folders.out)));
        }
        ledger = Some(folders.out.join(octrls_engine::STATE_FOLDER).join(LEDGER_FILE));
    }
    let model = arguments.model.clone().or_else(|| watcher.as_ref().map(|watcher| watcher.model.model.clone()));
    let device = watcher.as_ref().map_or_else(Device::default, |watcher| watcher.model.device);
    let model = ModelArguments { model: model.unwrap_or_else(|| ShippedModel::default().name().into()), device };
    let (finding, loaded) = doctor::model(|| network(&model));
    found.push(finding);
    found.push(doctor::clock(ledger.as_deref()));
    found.extend(doctor::memory());
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
    if worst == Some(Grade::Problem) { ExitCode::from(SOME_FAILED) } else { ExitCode::SUCCESS }
}

/// The arguments of the watcher that is looked at; `None` where nobody says what it watches.
fn settings(arguments: &DoctorArguments, found: &mut Vec<Finding>) -> Option<WatchArguments> {
    const CHECK: &str = "settings";
    let installed = || Some(PathBuf::from(config::INSTALLED)).filter(|file| arguments.root.is_none() && file.exists());
    let file = arguments.config.clone().or_else(installed);
    let mut line: Vec<OsString> = ["octrls", "watch"].map(OsString::from).to_vec();
    for (option, value) in [("--config", &file), ("--out", &arguments.out)] {
        line.extend(value.iter().flat_map(|value| [option.into(), value.into()]));
    }
    if let Some(root) = &arguments.root {
        line.extend(["--".into(), root.into()]);
    }
    if let Some(file) = file {
        return match config::load(&file, &line) {
            Ok((watcher, _)) => {
                found.push(Finding::ok(CHECK, format!("{} is right", file.display())));
                Some(watcher)
            }
            Err(error) => {
                let advice = "mend the file; `octrls config sample` prints one to begin with";
                found.push(Finding::problem(CHECK, format!("{error:#}"), advice));
                None
            }
        };
    }
    arguments.root.as_ref()?;
    match Arguments::try_parse_from(line).map(|parsed| parsed.command) {
        Ok(Command::Watch(watcher)) => Some(*watcher),
        _ => None,
    }
}

/// An administrator may do what the service may not.
fn user() -> Option<Finding> {
    let is_root = std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").ok()?) == 0;
    is_root.then(|| {
        Finding::warning(
            "user",
            "root may read and write every folder",
            "for what the service may: sudo -u octrls octrls doctor",
        )
    })
}

fn socket(path: &Path) -> Finding {
    const CHECK: &str = "socket";
    /// Longest path of a socket on Linux, in bytes.
    const LONGEST: usize = 107;
    let shown = path.display();
    if path.as_os_str().len() > LONGEST {
        let text = format!("{shown} is too long for a socket: nobody will be able to attach");
        return Finding::warning(CHECK, text, "choose a shorter one: --socket PATH");
    }
    if fs::symlink_metadata(path).is_err() {
        return Finding::ok(CHECK, format!("nobody listens at {shown}: the watcher does not run"));
    }
    match octrls_tui::attach::Attached::connect(path) {
        Ok(attached) => {
            // A connection that broke meanwhile tells nothing about the socket.
            let _ = attached.leave();
            Finding::ok(CHECK, format!("a watcher runs; `octrls top {shown}` attaches"))
        }
        Err(error) => {
            let advice = "is the watcher running, in this version, and are you in its group? sudo adduser NAME octrls";
            Finding::warning(CHECK, format!("{}: {error}", error.code()), advice)
        }
    }
}
