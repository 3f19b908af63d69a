//! Checks of what came over the socket, so that nothing further on can stumble over it.

use super::Message;
use octrls_engine::{EventKind, sound};

/// Whether a message holds together.
pub(super) fn is_sound(message: &Message) -> bool {
    match message {
        Message::State(model) => model.is_sound(),
        Message::Picture(_, picture) => sound::bscan(picture),
        Message::Live => true,
        Message::Event(event) => match &event.kind {
            EventKind::Scan { change, .. } => sound::change(change),
            _ => true,
        },
    }
}
