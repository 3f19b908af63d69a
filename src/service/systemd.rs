//! Signs of life for systemd: ready, status, watchdog, stopping. Without systemd nothing is sent.

use std::{env, io, thread, time::Duration};

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use sd_notify::NotifyState;

use super::{Sink, Tally};
use crate::engine::{Event, EventKind, Remote};

/// Tells systemd how it goes.
pub(crate) struct Systemd {
    tally: Tally,
    told: String,
    /// Ends the watchdog's thread when dropped.
    _watchdog: Option<Sender<()>>,
}

impl Systemd {
    /// Says that the engine is up; `None` where nobody wants to be told.
    ///
    /// # Errors
    /// When the system gives no thread for the watchdog.
    pub(crate) fn start(remote: Remote) -> io::Result<Option<Self>> {
        if env::var_os("NOTIFY_SOCKET").is_none() {
            return Ok(None);
        }
        let watchdog = sd_notify::watchdog_enabled().map(|limit| watch(remote, limit)).transpose()?;
        tell(&[NotifyState::Ready]);
        Ok(Some(Self { tally: Tally::default(), told: String::new(), _watchdog: watchdog }))
    }
}

impl Sink for Systemd {
    fn event(&mut self, event: &Event) {
        self.tally.event(event);
        if matches!(event.kind, EventKind::Draining { .. }) {
            tell(&[NotifyState::Stopping]);
        }
    }

    fn tick(&mut self) {
        let words = self.tally.words();
        if words != self.told {
            tell(&[NotifyState::Status(&words)]);
            self.told = words;
        }
    }
}

/// Settings are read again while `work` runs.
pub(crate) fn reload(work: impl FnOnce()) {
    let clock = NotifyState::monotonic_usec_now();
    tell(&[NotifyState::Reloading]);
    if let Ok(clock) = clock {
        tell(&[clock]);
    }
    work();
    tell(&[NotifyState::Ready]);
}

/// Feeds the watchdog as long as the engine shows signs of life, three times in the time `limit`.
fn watch(remote: Remote, limit: Duration) -> io::Result<Sender<()>> {
    let (end, ended) = bounded(0);
    let period = limit / 3;
    let work = move || {
        loop {
            // An engine that does not answer is asked again: only a whole limit of silence is its end.
            if remote.is_alive(period / 2) {
                tell(&[NotifyState::Watchdog]);
            }
            if !matches!(ended.recv_timeout(period), Err(RecvTimeoutError::Timeout)) {
                return;
            }
        }
    };
    thread::Builder::new().name("octrls-watchdog".into()).spawn(work)?;
    Ok(end)
}

fn tell(state: &[NotifyState]) {
    // Without the service manager's ear there is nobody to tell, and the work goes on.
    let _ = sd_notify::notify(state);
}
