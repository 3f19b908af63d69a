//! The loop of the dashboard: waits for events, keys, images and the next second, and draws.

use std::{
    io,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, never, select};
use jiff::{Timestamp, tz::TimeZone};
use octrls_engine::{Event, Totals};

use super::{
    DashboardOptions,
    app::{App, Flow},
    images::ImageCache,
    terminal::{Input, KeyReader, RawTerminal},
    theme::Theme,
};
use crate::{Controls, state::Model};

/// Minimum time between two frames.
const FRAME_INTERVAL: Duration = Duration::from_millis(83);
/// Maximum number of events handled before the next frame is considered.
const MAX_EVENTS_PER_WAKE: usize = 256;

/// Runs the dashboard; returns the number of scans by outcome, and whether the engine has stopped. `attached` is the
/// current state of the engine if it is in another process.
pub(super) fn run(
    mut terminal: RawTerminal,
    attached: Option<Model>,
    events: &Receiver<Event>,
    controls: &dyn Controls,
    options: DashboardOptions,
) -> io::Result<(Totals, bool)> {
    let images = ImageCache::for_terminal(options.image, options.colours);
    let theme = Theme::new(options.colours);
    let version = env!("CARGO_PKG_VERSION");
    let version = if attached.is_some() { format!("{version} attached") } else { version.to_owned() };
    let mut app = App::new(theme, images, version, TimeZone::system());
    if let Some(model) = attached {
        app.attach(model);
    }
    let keys = KeyReader::start()?;
    let mut events = events.clone();
    let mut keyboard = keys.input.clone();
    let mut drawn: Option<Instant> = None;
    let mut second = 0;
    let mut changed = true;
    loop {
        let now = Timestamp::now();
        changed |= now.as_second() != second;
        let wait = drawn.map_or(Duration::ZERO, |at| FRAME_INTERVAL.saturating_sub(at.elapsed()));
        if changed && wait.is_zero() {
            terminal.draw(|frame| app.draw(frame, now))?;
            (drawn, second, changed) = (Some(Instant::now()), now.as_second(), false);
        }
        let to_next_second = 1000 - u64::try_from(now.subsec_millisecond()).unwrap_or(0);
        let timeout = if changed { wait } else { Duration::from_millis(to_next_second) };
        let replies = app.images.replies().clone();
        select! {
            recv(events) -> event => {
                changed = true;
                if let Ok(event) = event {
                    app.handle_event(&event);
                    events.try_iter().take(MAX_EVENTS_PER_WAKE).for_each(|event| app.handle_event(&event));
                } else {
                    // The engine has ended, or the connection to it.
                    events = never();
                    if app.view.attached {
                        break;
                    }
                    let totals = app.model.totals();
                    app.model.stopped.get_or_insert(totals);
                }
            }
            recv(keyboard) -> input => {
                changed = true;
                match input {
                    Ok(Input::Key(key)) if app.handle_key(key, controls) == Flow::Exit => break,
                    Ok(Input::Key(_) | Input::Redraw) => {}
                    Ok(Input::Gone) | Err(_) => {
                        keyboard = never();
                        if app.view.attached {
                            break;
                        }
                        controls.drain();
                        app.view.quitting = true;
                    }
                }
            }
            recv(replies) -> reply => if let Ok(reply) = reply {
                app.images.accept_reply(reply);
                changed = true;
            },
            default(timeout) => {}
        }
        if app.model.stopped.is_some() {
            break;
        }
    }
    drop(keys);
    Ok((app.model.totals(), app.model.stopped.is_some()))
}
