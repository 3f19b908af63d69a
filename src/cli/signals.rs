//! Termination signals.

use std::{fs, thread};

use signal_hook::{
    consts::{SIGHUP, TERM_SIGNALS},
    iterator::Signals,
};

/// Calls `first` at the first termination signal (SIGTERM, Ctrl-C) and `second` at the next. With `hang_up`, the end of
/// the terminal is one too, unless the program was started to outlive it (`nohup`).
pub(crate) fn on_signals(
    hang_up: bool,
    first: impl FnOnce() + Send + 'static,
    second: impl FnOnce() + Send + 'static,
) -> anyhow::Result<()> {
    let mut signals = Signals::new(TERM_SIGNALS)?;
    if hang_up && !is_ignored(SIGHUP) {
        signals.add_signal(SIGHUP)?;
    }
    thread::Builder::new().name("octrls-signals".to_owned()).spawn(move || {
        let mut received = signals.forever();
        if received.next().is_some() {
            first();
        }
        if received.next().is_some() {
            second();
        }
    })?;
    Ok(())
}

/// Whether whoever started the program made it ignore `signal`.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).map(str::trim);
    let mask = mask.and_then(|mask| u64::from_str_radix(mask, 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}
