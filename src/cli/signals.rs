//! Termination signals.

use std::thread;

use signal_hook::{consts::TERM_SIGNALS, iterator::Signals};

/// Calls `first` at the first termination signal (SIGTERM, Ctrl-C) and `second` at the next.
pub(crate) fn on_signals(
    first: impl FnOnce() + Send + 'static,
    second: impl FnOnce() + Send + 'static,
) -> anyhow::Result<()> {
    let mut signals = Signals::new(TERM_SIGNALS)?;
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
