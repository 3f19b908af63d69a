//! Notifications to systemd: ready, status, watchdog, stopping. Without systemd, nothing is sent.

use std::{env, io, thread, time::Duration};

use sd_notify::NotifyState;

use octrls_engine::{Event, EventKind, EventSink};

use super::ScanCounts;

/// Sends the watcher's status to systemd.
pub(crate) struct Systemd {
    counts: ScanCounts,
    last_status: String,
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
        sd_notify::watchdog_enabled().map(|limit| feed_watchdog(is_alive, limit)).transpose()?;
        Ok(Some(Self { counts: ScanCounts::default(), last_status: String::new() }))
    }
}

impl EventSink for Systemd {
    fn event(&mut self, event: &Event) {
        self.counts.event(event);
        if matches!(event.kind, EventKind::Draining { .. }) {
            notify(&[NotifyState::Stopping]);
        }
    }

    fn tick(&mut self) {
        let status = self.counts.status_line();
        if status != self.last_status {
            notify(&[NotifyState::Status(&status)]);
            self.last_status = status;
        }
    }
}

/// Reports that the watcher is up and handles signals.
pub(crate) fn ready() {
    notify(&[NotifyState::Ready]);
}

/// Runs `work`, which reloads the settings, and reports the start and end of the reload.
pub(crate) fn reload(work: impl FnOnce()) {
    let time = NotifyState::monotonic_usec_now();
    notify(&[NotifyState::Reloading]);
    if let Ok(time) = time {
        notify(&[time]);
    }
    work();
    ready();
}

/// Feeds the watchdog three times in the time `limit` while `is_alive` returns true. A stopped engine counts as alive:
/// other work may have to finish, such as the delivery of results.
fn feed_watchdog(is_alive: impl Fn(Duration) -> bool + Send + 'static, limit: Duration) -> io::Result<()> {
    let period = limit / 3;
    let work = move || {
        loop {
            // A missed beat is harmless: systemd acts only after the whole limit without one.
            if is_alive(period / 2) {
                notify(&[NotifyState::Watchdog]);
            }
            thread::sleep(period);
        }
    };
    thread::Builder::new().name("octrls-watchdog".into()).spawn(work).map(drop)
}

fn notify(state: &[NotifyState]) {
    // The work goes on if systemd does not listen.
    let _ = sd_notify::notify(state);
}
