//! Signs of life for systemd: ready, status, watchdog, stopping. Without systemd nothing is sent.

use std::{env, io, thread, time::Duration};

use sd_notify::NotifyState;

use super::Tally;
use octrls_engine::EventSink;
use octrls_engine::{Event, EventKind};

/// Tells systemd how it goes.
pub(crate) struct Systemd {
    tally: Tally,
    told: String,
}

impl Systemd {
    /// Feeds the watchdog while `is_alive` says so within the time it is given; `None` where nobody wants to be told anything.
    ///
    /// # Errors
    /// When the system gives no thread for the watchdog.
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

/// The watcher is up, and hears every signal.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Settings are read again while `work` runs.
pub(crate) fn reload(work: impl FnOnce()) {
    let clock = NotifyState::monotonic_usec_now();
    tell(&[NotifyState::Reloading]);
    if let Ok(clock) = clock {
        tell(&[clock]);
    }
    work();
    ready();
}

/// Feeds the watchdog as long as there are signs of life, three times in the time `limit`. An engine that has stopped
/// leaves others to finish, such as the delivery of results.
fn watch(is_alive: impl Fn(Duration) -> bool + Send + 'static, limit: Duration) -> io::Result<()> {
    let period = limit / 3;
    let work = move || {
        loop {
            // An engine that does not answer is asked again: only a whole limit of silence is its end.
            if is_alive(period / 2) {
                tell(&[NotifyState::Watchdog]);
            }
            thread::sleep(period);
        }
    };
    thread::Builder::new().name("octrls-watchdog".into()).spawn(work).map(drop)
}

fn tell(state: &[NotifyState]) {
    // Without the service manager's ear there is nobody to tell, and the work goes on.
    let _ = sd_notify::notify(state);
}
