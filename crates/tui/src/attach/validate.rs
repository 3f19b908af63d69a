//! Checks messages from the socket, so that later code can rely on their values.

use super::Message;
use octrls_engine::{EventKind, validate};

/// Whether a message's values are consistent.
pub(super) fn is_sound(message: &Message) -> bool {
    match message {
        Message::State(model) => model.is_sound(),
        Message::Picture(_, picture) => validate::bscan(picture),
        Message::Live => true,
        Message::Event(event) => match &event.kind {
            EventKind::Scan { change, .. } => validate::change(change),
            _ => true,
        },
    }
}
