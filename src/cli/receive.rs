//! `octrls receive`: a DICOM node that writes received scans into a folder.

use std::{
    io::{Write, stdout},
    process::ExitCode,
};

use jiff::Timestamp;

use octrls_dicom_net::{Listener, NodeEvent};

use super::{coded, make_folder, node_args::ReceiveArguments, on_signals};

pub(super) fn run(arguments: &ReceiveArguments) -> anyhow::Result<ExitCode> {
    make_folder(&arguments.folder)?;
    let verbose = arguments.verbose;
    let listener = Listener::start(&arguments.folder, arguments.options(), move |event| tell(&event, verbose))
        .map_err(|e| coded(e.code(), e))?;
    let (drained, aborted) = (listener.stopper(), listener.stopper());
    on_signals(move || drained.drain(), move || aborted.abort())?;
    listener.join();
    Ok(ExitCode::SUCCESS)
}

/// Prints one line: the time in UTC, a word, and `key=value` pairs.
fn tell(event: &NodeEvent, verbose: bool) {
    let code = event.code().map(|code| format!(" code={code}")).unwrap_or_default();
    let file = event.file().filter(|_| verbose).map(|name| format!(" file={name}")).unwrap_or_default();
    let at = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
    // A closed standard output must not stop receiving.
    let _ = writeln!(stdout(), "{at} {event}{code}{file}");
}
