//! Notifications to systemd: ready, status, watchdog, stopping. Without systemd, nothing is sent.

use std::{env, io, thread, time::Duration};

use sd_notify::NotifyState;

use super::Tally;
use octrls_engine::EventSink;
use octrls_engine::{Event, EventKind};

/// Sends the watcher's status to systemd.
pub(crate) struct Systemd {
    tally: Tally,
    told: String,
}

impl Systemd {
    /// Starts to feed the watchdog while `is_alive`, called with a time limit, returns true. `None` without systemd.
    ///
    /// # Errors
    /// If the watchdog thread cannot be started.
    pub(crate) fn start(is_alive: impl Fn(Duration) -> bool + Send + 'static) -> io::Result<Option<Self>> {
        if env::var_os("NOTIFY_SOCKET").is_none() {
            return Ok(None);
        }
        sd_notify::watchdog_enabled().map(|limit| watch(is_alive, limit)).transpose()?;
        Ok(Some(Self { tally: Tally::default(), told: String::new() }))
    }
}

impl EventSink for Systemd {
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

/// Reports that the watcher is up and handles signals.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Runs `work`, which reloads the settings, and reports the start and end of the reload.
pub(crate) fn reload(work: impl FnOnce()) {
    let clock = NotifyState::monotonic_usec_now();
    tell(&[NotifyState::Reloading]);
    if let Ok(clock) = clock {
        tell(&[clock]);
    }
    work();
    ready();
}

/// Feeds the watchdog three times in the time `limit` while `is_alive` returns true. A stopped engine counts as alive:
/// other work may have to finish, such as the delivery of results.
fn watch(is_alive: impl Fn(Duration) -> bool + Send + 'static, limit: Duration) -> io::Result<()> {
    let period = limit / 3;
    let work = move || {
        loop {
            // A missed beat is harmless: systemd acts only after the whole limit without one.
            if is_alive(period / 2) {
                tell(&[NotifyState::Watchdog]);
            }
            thread::sleep(period);
        }
    };
    thread::Builder::new().name("octrls-watchdog".into()).spawn(work).map(drop)
}

fn tell(state: &[NotifyState]) {
    // The work goes on if systemd does not listen.
    let _ = sd_notify::notify(state);
}
