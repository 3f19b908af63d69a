//! Entry points of the fuzz targets: arbitrary bytes in either direction of the socket.

use std::{io::Cursor, time::Duration};

use jiff::Timestamp;
use octrls_engine::ScanId;
use ratatui::{Terminal, backend::TestBackend};

use super::{
    client::{receive_message, receive_state},
    error::AttachError,
    framing,
    protocol::Message,
    server::receive_requests,
};
use crate::{Controls, LedgerChange, dashboard, state::Model};

/// The first byte selects the rest: 0 is a whole stream, anything else the content of one message.
pub fn from_server(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let result = if *kind == 0 { show_stream(rest) } else { show_message(rest) };
    if let Err(error) = result {
        assert!(error.code().as_str().starts_with("E-ATTACH-") && !error.to_string().is_empty());
    }
}

fn show_stream(bytes: &[u8]) -> Result<(), AttachError> {
    let mut stream = Cursor::new(bytes);
    let mut model = receive_state(&mut stream)?;
    show(model.clone());
    while let Message::Event(event) = receive_message(&mut stream)? {
        model.apply(&event);
    }
    show(model);
    Ok(())
}

fn show_message(content: &[u8]) -> Result<(), AttachError> {
    let length = content.len() as u32;
    match receive_message(&mut Cursor::new([&length.to_le_bytes(), content].concat()))? {
        Message::State(model) => show(*model),
        Message::Event(event) => {
            let mut model = Model::default();
            model.apply(&event);
            show(model);
        }
        Message::BScan(id, bscan) => _ = Model::default().restore_pixels(id, bscan),
        Message::Live => {}
    }
    Ok(())
}

/// Draws the dashboard and writes the lines that catch up.
fn show(model: Model) {
    let mut out = Vec::new();
    for event in model.catch_up_events() {
        let written = crate::json::JsonLines::new(&mut out).write_event(&event);
        assert!(written.is_ok(), "writing into memory failed: {written:?}");
    }
    let Ok(mut terminal) = Terminal::new(TestBackend::new(120, 40));
    let mut app = dashboard::attached_app_without_terminal(model);
    let now = Timestamp::from_second(1_800_000_000).unwrap_or_default();
    let Ok(_) = terminal.draw(|frame| app.draw(frame, now));
}

/// Counts requests.
#[derive(Default)]
struct RequestCounter(std::cell::Cell<usize>);

impl RequestCounter {
    fn count(&self) {
        self.0.set(self.0.get() + 1);
    }
}

impl Controls for RequestCounter {
    fn drain(&self) {
        self.count();
    }
    fn abort(&self) {
        self.count();
    }
    fn pause(&self, _: bool) {
        self.count();
    }
    fn rescan(&self) {
        self.count();
    }
    fn retry(&self, _: ScanId) {
        self.count();
    }
    fn change_ledger(&self, _: LedgerChange) {
        self.count();
    }
}

/// The first byte selects the rest: 0 is everything from the greeting on, anything else follows a valid greeting.
pub fn from_client(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let greeting = if *kind == 0 { String::new() } else { format!("{}\n", framing::greeting()) };
    let requests = RequestCounter::default();
    receive_requests(&mut Cursor::new([greeting.as_bytes(), rest].concat()), &requests, Duration::ZERO);
    // A request has at least five bytes.
    assert!(requests.0.get() <= rest.len() / 5);
}

#[cfg(test)]
pub(crate) fn server_seeds() -> Vec<Vec<u8>> {
    use crate::fixtures;

    let encode = |messages: &[Message], kind: u8| {
        let mut bytes = vec![kind];
        for message in messages {
            framing::send(&mut bytes, message).unwrap();
        }
        bytes
    };
    // B-scans would make the seeds large.
    let events: Vec<_> =
        fixtures::sample_events().into_iter().filter(|event| !format!("{event:?}").contains("BScan(")).collect();
    let mut model = Model::default();
    for event in &events {
        model.apply(event);
    }
    let state = Message::State(Box::new(model));
    let mut messages = vec![state.clone(), Message::Live];
    messages.extend(events.into_iter().map(|event| Message::Event(Box::new(event))));
    let mut seeds = vec![encode(&messages, 0)];
    for message in messages.iter().take(24) {
        // The fuzz target adds the length itself.
        let bytes = encode(std::slice::from_ref(message), 1);
        seeds.push([&bytes[..1], &bytes[5..]].concat());
    }
    seeds
}

#[cfg(test)]
pub(crate) fn client_seeds() -> Vec<Vec<u8>> {
    use super::protocol::Request;

    let requests =
        [Request::Drain, Request::Abort, Request::Pause(true), Request::Rescan, Request::Retry(ScanId(1 << 40))];
    let mut bytes = vec![1];
    for request in &requests {
        framing::send(&mut bytes, request).unwrap();
    }
    let with_greeting = [&[0], framing::greeting().as_bytes(), b"\n", &bytes[1..]].concat();
    vec![bytes, with_greeting]
}

#[cfg(test)]
mod tests {
    use octrls_testing::{Target, assert_never_panics, write_corpora};

    const TARGETS: [Target; 2] = [
        ("attach_server", super::from_server, super::server_seeds),
        ("attach_client", super::from_client, super::client_seeds),
    ];

    #[test]
    fn seeds_and_mutated_seeds_are_handled() {
        assert_never_panics(&TARGETS);
    }

    #[test]
    #[ignore = "writes the first inputs of the fuzz targets"]
    fn write_fuzz_corpora() {
        write_corpora(&TARGETS);
    }
}
