//! Entry points of the fuzz targets: arbitrary bytes in either direction of the socket.

use std::{io::Cursor, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use ratatui::{Terminal, backend::TestBackend};

use super::{
    AttachError, Message,
    client::{message, state},
    hub::listen,
};
use crate::{Controls, dashboard, state::Model};
use octrls_engine::ScanId;

/// The first byte selects the rest: 0 is a whole stream, anything else the content of one message.
pub(crate) fn from_server(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let shown = if *kind == 0 { stream(rest) } else { one(rest) };
    if let Err(error) = shown {
        assert!(error.code().as_str().starts_with("E-ATTACH-") && !error.to_string().is_empty());
    }
}

fn stream(bytes: &[u8]) -> Result<(), AttachError> {
    let mut stream = Cursor::new(bytes);
    let mut model = state(&mut stream)?;
    show(model.clone());
    while let Message::Event(event) = message(&mut stream)? {
        model.apply(&event);
    }
    show(model);
    Ok(())
}

fn one(content: &[u8]) -> Result<(), AttachError> {
    let length = content.len() as u32;
    match message(&mut Cursor::new([&length.to_le_bytes(), content].concat()))? {
        Message::State(model) => show(*model),
        Message::Event(event) => {
            let mut model = Model::default();
            model.apply(&event);
            show(model);
        }
        Message::Picture(id, picture) => _ = Model::default().restore(id, picture),
        Message::Live => {}
    }
    Ok(())
}

/// Draws the dashboard and writes the recap lines.
fn show(model: Model) {
    let mut out = Vec::new();
    for event in model.recap() {
        let written = crate::json::JsonLines::new(&mut out).event(&event);
        assert!(written.is_ok(), "writing into memory failed: {written:?}");
    }
    let Ok(mut terminal) = Terminal::new(TestBackend::new(120, 40));
    let mut app = dashboard::attached_for_tests(model, TimeZone::UTC);
    let now = Timestamp::from_second(1_800_000_000).unwrap_or_default();
    let Ok(_) = terminal.draw(|frame| app.draw(frame, now));
}

/// Counts requests.
#[derive(Default)]
struct Asked(std::cell::Cell<usize>);

impl Asked {
    fn count(&self) {
        self.0.set(self.0.get() + 1);
    }
}

impl Controls for Asked {
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
}

/// The first byte selects the rest: 0 is everything from the greeting on, anything else follows a valid greeting.
pub(crate) fn from_client(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let greeting = if *kind == 0 { String::new() } else { format!("{}\n", super::frame::greeting()) };
    let asked = Asked::default();
    listen(&mut Cursor::new([greeting.as_bytes(), rest].concat()), &asked, Duration::ZERO);
    // A request has at least five bytes.
    assert!(asked.0.get() <= rest.len() / 5);
}

#[cfg(test)]
pub(crate) fn server_seeds() -> Vec<Vec<u8>> {
    use crate::fixtures;

    let sent = |messages: &[Message], kind: u8| {
        let mut bytes = vec![kind];
        for message in messages {
            super::frame::send(&mut bytes, message).unwrap();
        }
        bytes
    };
    // B-scans would make the seeds large.
    let events: Vec<_> =
        fixtures::morning().into_iter().filter(|event| !format!("{event:?}").contains("BScan(")).collect();
    let mut model = Model::default();
    for event in &events {
        model.apply(event);
    }
    let state = Message::State(Box::new(model));
    let mut messages = vec![state.clone(), Message::Live];
    messages.extend(events.into_iter().map(|event| Message::Event(Box::new(event))));
    let mut seeds = vec![sent(&messages, 0)];
    for message in messages.iter().take(24) {
        // The fuzz target adds the length itself.
        let bytes = sent(std::slice::from_ref(message), 1);
        seeds.push([&bytes[..1], &bytes[5..]].concat());
    }
    seeds
}

#[cfg(test)]
pub(crate) fn client_seeds() -> Vec<Vec<u8>> {
    use super::Request;

    let requests =
        [Request::Drain, Request::Abort, Request::Pause(true), Request::Rescan, Request::Retry(ScanId(1 << 40))];
    let mut bytes = vec![1];
    for request in &requests {
        super::frame::send(&mut bytes, request).unwrap();
    }
    let greeted = [&[0], super::frame::greeting().as_bytes(), b"\n", &bytes[1..]].concat();
    vec![bytes, greeted]
}

#[cfg(test)]
mod tests {
    use octrls_testing::{Target, assert_never_panics, write_corpora};

    const TARGETS: [Target; 2] = [
        ("attach_server", super::from_server, super::server_seeds),
        ("attach_client", super::from_client, super::client_seeds),
    ];

    #[test]
    fn seeds_and_changed_seeds_keep_all_promises() {
        assert_never_panics(&TARGETS);
    }

    #[test]
    #[ignore = "writes the first inputs of the fuzz targets"]
    fn write_fuzz_corpora() {
        write_corpora(&TARGETS);
    }
}
