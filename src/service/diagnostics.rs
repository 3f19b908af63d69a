//! Messages of dependencies, through `tracing`.
//!
//! Only warnings and errors of crates that never see a scan pass, and only their text: a decoder's message could quote
//! patient data, and a file system's message could name a file.

use std::{
    fmt::{Debug, Write},
    io,
};

use crossbeam_channel::{Receiver, Sender, bounded};
use jiff::Timestamp;
use tracing::{
    Event as TracingEvent, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
};
use tracing_log::NormalizeEvent;
use tracing_subscriber::{Layer, layer::Context, prelude::*};

use octrls_engine::{Event, EventKind, Level};
use octrls_tui::plain::PlainLines;

/// The crates whose messages pass. They transport bytes that are encoded or encrypted elsewhere.
const NETWORK_CRATES: [&str; 4] = ["async_nats", "rustls", "tokio", "tokio_rustls"];
/// Messages that may wait for the log; further ones are dropped.
const MAX_WAITING: usize = 256;
/// Longest message, in characters.
const MAX_CHARACTERS: usize = 500;

/// Subscribes to the messages of dependencies, once in a process. Returns them as notices for the log; with
/// `to_stderr`, they are also printed to standard error.
pub(crate) fn subscribe(to_stderr: bool) -> Receiver<Event> {
    let (log, messages) = bounded(MAX_WAITING);
    // Fails if there is a subscriber already, as in tests of several watchers.
    let _ = tracing_subscriber::registry().with(Forward { log, to_stderr }).try_init();
    messages
}

/// Forwards messages without waiting for a reader.
struct Forward {
    log: Sender<Event>,
    to_stderr: bool,
}

impl<S: Subscriber> Layer<S> for Forward {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        is_allowed(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn on_event(&self, event: &TracingEvent<'_>, _: Context<'_, S>) {
        // Records of the `log` crate carry their origin in fields.
        let normalized = event.normalized_metadata();
        let metadata = normalized.as_ref().unwrap_or_else(|| event.metadata());
        if !is_allowed(metadata) {
            return;
        }
        let mut message = Message::default();
        event.record(&mut message);
        let level = if *metadata.level() == tracing::Level::ERROR { Level::Error } else { Level::Warning };
        let text = format!("{}: {}", metadata.target(), message.line());
        let event = Event { at: Timestamp::now(), kind: EventKind::Notice { level, code: None, text } };
        if self.to_stderr {
            // Without a standard error, the log still gets the message.
            let _ = PlainLines::new(io::stderr().lock()).event(&event);
        }
        let _ = self.log.try_send(event);
    }
}

fn is_allowed(metadata: &Metadata<'_>) -> bool {
    let name = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= tracing::Level::WARN && NETWORK_CRATES.contains(&name)
}

/// The text of an event without its other fields.
#[derive(Default)]
struct Message(String);

impl Message {
    /// The text as one line of limited length.
    fn line(&self) -> String {
        self.0.chars().take(MAX_CHARACTERS).map(|c| if c.is_control() { ' ' } else { c }).collect()
    }
}

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            // Writing to a string cannot fail.
            let _ = write!(self.0, "{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing::subscriber::with_default;
    use tracing_log::{LogTracer, log};

    use super::*;

    fn texts(log: impl FnOnce()) -> Vec<(Level, String)> {
        let (sender, messages) = bounded(MAX_WAITING);
        let forward = Forward { log: sender, to_stderr: false };
        with_default(tracing_subscriber::registry().with(forward), log);
        let text = |event: Event| match event.kind {
            EventKind::Notice { level, text, .. } => (level, text),
            other => panic!("{other:?}"),
        };
        messages.try_iter().map(text).collect()
    }

    #[test]
    fn warnings_of_network_crates_pass_without_their_fields() {
        let found = texts(|| {
            tracing::warn!(target: "async_nats::connector", server = "10.0.0.1", "connection\nlost");
            tracing::error!(target: "rustls", "no shared cipher");
        });
        let expected = [
            (Level::Warning, "async_nats::connector: connection lost".to_owned()),
            (Level::Error, "rustls: no shared cipher".to_owned()),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn messages_of_decoders_and_below_warning_are_dropped() {
        let found = texts(|| {
            tracing::error!(target: "dicom_object", "PatientName DOE^JANE");
            tracing::error!(target: "notify", "/srv/in/doe_jane.dcm");
            tracing::error!(target: "async_nats_like", "x");
            tracing::info!(target: "async_nats", "connected");
        });
        assert_eq!(found, []);
    }

    #[test]
    fn records_of_the_log_crate_pass_too() {
        let found = texts(|| {
            // Fails if another test has done it.
            let _ = LogTracer::init();
            log::warn!(target: "rustls::client", "a certificate expired");
            log::warn!(target: "tract_onnx", "dropped");
            log::info!(target: "rustls::client", "dropped");
        });
        assert_eq!(found, [(Level::Warning, "rustls::client: a certificate expired".to_owned())]);
    }
}
