//! `octrls watch`: watches folders, with the screen that fits the terminal.

use std::{ffi::OsString, process::ExitCode};

use octrls_engine::resolve;
use octrls_tui::ScreenKind;

use crate::cli::{
    arguments::{screen::asked_screen, watch::WatchArguments},
    error::{coded, one_line},
    exit_code::INVALID_ARGUMENTS,
    output::error_line,
    settings::{Configurable, LoadedSettings, load_watch},
    watcher::{DicomPeers, Services, Watcher},
};
use crate::config::Values;

/// Runs the command; `command_line` is merged with the settings file.
pub(super) fn run(arguments: &WatchArguments, command_line: Vec<OsString>) -> anyhow::Result<ExitCode> {
    let Some(file) = arguments.service.config.clone() else {
        let values = Configurable::Watch.merge(&command_line, "").map(|(_, values)| values);
        return watch(arguments, values.unwrap_or_default(), None);
    };
    match load_watch(&file, &command_line) {
        Ok((arguments, values)) => {
            let settings = LoadedSettings { file, arguments: command_line, values: values.clone() };
            watch(&arguments, values, Some(settings))
        }
        Err(error) => {
            error_line(format_args!("octrls: {}", one_line(&error)));
            Ok(ExitCode::from(INVALID_ARGUMENTS))
        }
    }
}

fn watch(arguments: &WatchArguments, values: Values, settings: Option<LoadedSettings>) -> anyhow::Result<ExitCode> {
    let segmenter = arguments.results.options()?;
    let queue = arguments.queue.queue()?;
    let network = arguments.model.load()?;
    let roots = arguments.roots()?;
    let options = arguments.engine_options(roots, arguments.results_folder(&roots[0]));
    // Fails on a missing root before a folder is created below it.
    let options = resolve(options).map_err(|e| coded(e.code(), e))?;
    // Remote workers cannot read the history of eyes.
    let history = match queue {
        Some(_) => None,
        None => arguments.follow_up.history(&options.out)?,
    };
    let watcher = Watcher {
        services: Services::new(&arguments.service, arguments.hook.options()?, &options.out, values, settings),
        options,
        segmenter,
        history,
        screen: ScreenKind::select(asked_screen(arguments.plain, arguments.json)),
        dicom_peers: DicomPeers::new(&arguments.dicom)?,
        queue,
        no_follow_up: arguments.follow_up.no_follow_up,
    };
    watcher.run(network, &arguments.screen.options())
}
