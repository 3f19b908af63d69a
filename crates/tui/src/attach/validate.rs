//! Checks messages from the socket, so that later code can rely on their values.

use octrls_engine::{EventKind, validate};

use super::protocol::Message;

/// Whether a message's values are consistent.
pub(super) fn is_valid(message: &Message) -> bool {
    match message {
        Message::State(model) => model.is_valid(),
        Message::BScan(_, bscan) => validate::bscan(bscan),
        Message::Live => true,
        Message::Event(event) => match &event.kind {
            EventKind::Scan { change, .. } => validate::change(change),
            _ => true,
        },
    }
}
