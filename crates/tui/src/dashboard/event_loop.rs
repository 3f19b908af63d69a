//! The loop of the dashboard: waits for events, keys, images and the next second, and draws.

use std::{
    io,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, never, select};
use jiff::{Timestamp, tz::TimeZone};
use octrls_engine::{Event, Totals};

use super::{
    DashboardOptions, Subject,
    app::{App, Flow},
    colours::Colours,
    desktop::{copy_sequence, open_with_desktop},
    images::ImageCache,
    keymap::Keymap,
    notice::Notices,
    pacer::{FRAME_INTERVAL, Pacer},
    terminal::{Input, KeyReader, RawTerminal},
    theme::Theme,
};
use crate::Controls;

/// Maximum number of events handled before the next frame is considered.
const MAX_EVENTS_PER_WAKE: usize = 256;

/// Runs the dashboard on `subject`; returns the number of scans by outcome, and whether the engine has stopped.
#[expect(clippy::too_many_lines, reason = "an arm for each source of events")]
pub(super) fn run(
    mut terminal: RawTerminal,
    subject: Subject,
    events: &Receiver<Event>,
    controls: &dyn Controls,
    options: &DashboardOptions,
) -> io::Result<(Totals, bool)> {
    let colours = Colours::detect();
    let images = ImageCache::for_terminal(options.image, colours);
    let theme = Theme::with(colours, options.brightness, &options.colours);
    let version = env!("CARGO_PKG_VERSION");
    let version =
        if matches!(subject, Subject::Attached(_)) { format!("{version} attached") } else { version.to_owned() };
    let mut app = App::new(theme, images, version, TimeZone::system());
    app.keys = Keymap::with(&options.keys);
    app.view.reviewer.clone_from(&options.reviewer);
    app.view.query.wanting_eyes = options.review;
    app.view.mouse = options.mouse;
    terminal.set_mouse(options.mouse)?;
    let mut notices = Notices::new(options.notify);
    match subject {
        Subject::Engine => {}
        Subject::Attached(model) => app.attach(model),
        Subject::Results(model) => app.browse(model),
    }
    app.open_archive();
    let keys = KeyReader::start(app.view.attached)?;
    let (mut pacer, mut interval) = (Pacer::default(), FRAME_INTERVAL);
    let mut events = events.clone();
    let mut keyboard = keys.input.clone();
    let (mut drawn, mut written): (Option<Instant>, Option<Instant>) = (None, None);
    let mut second = 0;
    let mut changed = true;
    loop {
        let now = Timestamp::now();
        changed |= now.as_second() != second;
        let wait = drawn.map_or(Duration::ZERO, |at| interval.saturating_sub(at.elapsed()));
        if changed && wait.is_zero() {
            drawn = Some(Instant::now());
            let frame = terminal.draw(|frame| app.draw(frame, now))?;
            interval = pacer.interval_after(frame, written.map_or(frame.time, |at| at.elapsed()));
            written = Some(Instant::now());
            (second, changed) = (now.as_second(), false);
        }
        let to_next_second = 1000 - u64::try_from(now.subsec_millisecond()).unwrap_or(0);
        let timeout = if changed { wait } else { Duration::from_millis(to_next_second) };
        let (replies, answers) = (app.images.replies().clone(), app.shelf.answers().clone());
        select! {
            recv(events) -> event => {
                changed = true;
                if let Ok(event) = event {
                    app.handle_event(&event);
                    events.try_iter().take(MAX_EVENTS_PER_WAKE).for_each(|event| app.handle_event(&event));
                    app.open_archive();
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
                let flow = match input {
                    Ok(Input::Key(key)) => app.handle_key(key, controls),
                    Ok(Input::Mouse(mouse)) => {
                        app.handle_mouse(mouse);
                        Flow::Continue
                    }
                    Ok(Input::Redraw) => Flow::Continue,
                    Ok(Input::Suspend) => Flow::Suspend,
                    Ok(Input::Continued) => {
                        terminal.resume()?;
                        Flow::Redraw
                    }
                    Ok(Input::End) => Flow::Exit,
                    Ok(Input::Gone) | Err(_) => {
                        keyboard = never();
                        if app.view.attached {
                            break;
                        }
                        controls.drain();
                        app.view.quitting = true;
                        Flow::Continue
                    }
                };
                match flow {
                    Flow::Continue => {}
                    Flow::Exit => break,
                    Flow::Redraw => {
                        terminal.clear()?;
                        app.images.forget_shown();
                    }
                    Flow::Mouse(on) => terminal.set_mouse(on)?,
                    Flow::Copy(text) => terminal.control(&copy_sequence(&text))?,
                    Flow::Open(path) => if let Err(reason) = open_with_desktop(&path) {
                        app.say(reason);
                    },
                    Flow::Suspend => {
                        terminal.suspend()?;
                        app.images.forget_shown();
                    }
                }
            }
            recv(answers) -> answer => if let Ok(answer) = answer {
                app.handle_answer(answer);
                changed = true;
            },
            recv(replies) -> reply => if let Ok(reply) = reply {
                app.images.accept_reply(reply);
                changed = true;
            },
            default(timeout) => {}
        }
        if let Some(sequence) = app.notice.take().and_then(|text| notices.sequence(&text, Instant::now())) {
            terminal.control(&sequence)?;
        }
        if app.model.stopped.is_some() {
            break;
        }
    }
    drop(keys);
    Ok((app.model.totals(), app.model.stopped.is_some()))
}
