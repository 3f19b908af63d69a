//! The dashboard: panels on a terminal.
//!
//! ```text
//!  events ──▶ Model ─┐
//!                    ├──▶ RenderContext ──▶ panels ──▶ terminal
//!  keys ────▶ View ──┘                ▲
//!                      pictures ──────┘ (a thread encodes images)
//! ```
//!
//! One thread owns all state. It wakes for an event, a key, a finished image or a new second, and draws changes at most
//! twelve times a second.

mod app;
mod bscan_image;
mod graphics;
mod image_cache;
mod keymap;
mod layout;
mod panels;
mod render_context;
mod terminal;
mod text;
mod theme;
mod view;

use std::{
    io,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, never, select};
pub use image_cache::ImageMode;
use jiff::{Timestamp, tz::TimeZone};
pub use theme::Colours;

use self::{
    app::{App, Flow},
    image_cache::Pictures,
    terminal::{Input, Keys, Screen},
    theme::Theme,
};
use super::{Controls, state::Model};
use octrls_engine::{Event, Totals};

/// Minimum time between two frames.
const FRAME: Duration = Duration::from_millis(83);
/// Maximum number of events handled per frame check.
const BATCH: usize = 256;

/// Options of the dashboard.
#[derive(Clone, Copy, Debug)]
pub struct DashboardOptions {
    /// How B-scans are drawn.
    pub image: ImageMode,
    /// Number of colours.
    pub colours: Colours,
    /// Whether the dashboard stays open after the engine has stopped, until the operator quits.
    pub stay: bool,
}

impl DashboardOptions {
    /// Options with the given image mode and the colours of the environment; closes when the engine stops.
    #[must_use]
    pub fn new(image: ImageMode) -> Self {
        Self { image, colours: Colours::detect(), stay: false }
    }
}

/// Shows the dashboard until the engine has stopped or the operator leaves, then prints a summary line.
///
/// # Errors
/// When the terminal cannot be set up or written to. The engine is drained then.
pub fn run(events: &Receiver<Event>, controls: &dyn Controls, options: DashboardOptions) -> io::Result<Totals> {
    TerminalSession::take().inspect_err(|_| controls.drain())?.run(events, controls, options)
}

/// A terminal that is set up for the dashboard.
pub struct TerminalSession {
    screen: Screen,
    /// State of the engine of another process, if attached to one.
    attached: Option<Model>,
}

impl TerminalSession {
    /// Sets up the terminal.
    ///
    /// # Errors
    /// When the terminal cannot show a dashboard; it is restored then.
    pub fn take() -> io::Result<Self> {
        Ok(Self { screen: Screen::enter()?, attached: None })
    }

    /// Attaches to the engine of another process; `so_far` is its current state.
    pub fn attached(self, so_far: Model) -> Self {
        Self { attached: Some(so_far), ..self }
    }

    /// See [`run`].
    pub fn run(
        self,
        events: &Receiver<Event>,
        controls: &dyn Controls,
        options: DashboardOptions,
    ) -> io::Result<Totals> {
        let attached = self.attached.is_some();
        let shown = show(self, events, controls, options);
        if shown.is_err() && !attached {
            controls.drain();
        }
        let (totals, stopped) = shown?;
        if stopped || !attached {
            println!("{}", summary(&totals));
        }
        Ok(totals)
    }
}

/// The number of scans by outcome, as one line.
#[must_use]
pub fn summary(totals: &Totals) -> String {
    let Totals { done, already_done, quarantined, left } = totals;
    let known = if *already_done > 0 { format!(", {already_done} known") } else { String::new() };
    let left = if *left > 0 { format!("{left} left for the next start") } else { "none left".into() };
    format!("octrls: {done} done{known}, {quarantined} quarantined, {left}")
}

/// Runs the dashboard; returns the number of scans by outcome, and whether the engine has stopped.
fn show(
    desk: TerminalSession,
    events: &Receiver<Event>,
    controls: &dyn Controls,
    options: DashboardOptions,
) -> io::Result<(Totals, bool)> {
    let TerminalSession { mut screen, attached } = desk;
    let pictures = Pictures::for_terminal(options.image, options.colours);
    let theme = Theme::new(options.colours);
    let version = env!("CARGO_PKG_VERSION");
    let version = if attached.is_some() { format!("{version} attached") } else { version.to_owned() };
    let mut app = App::new(theme, pictures, version, TimeZone::system());
    if let Some(model) = attached {
        app.attach(model);
    }
    let keys = Keys::read()?;
    let mut events = events.clone();
    let mut keyboard = keys.input.clone();
    let mut drawn: Option<Instant> = None;
    let mut second = 0;
    let mut changed = true;
    loop {
        let now = Timestamp::now();
        changed |= now.as_second() != second;
        let wait = drawn.map_or(Duration::ZERO, |at| FRAME.saturating_sub(at.elapsed()));
        if changed && wait.is_zero() {
            screen.draw(|frame| app.draw(frame, now))?;
            (drawn, second, changed) = (Some(Instant::now()), now.as_second(), false);
        }
        let to_next_second = 1000 - u64::try_from(now.subsec_millisecond()).unwrap_or(0);
        let timeout = if changed { wait } else { Duration::from_millis(to_next_second) };
        let replies = app.pictures.replies().clone();
        select! {
            recv(events) -> event => {
                changed = true;
                if let Ok(event) = event {
                    app.event(&event);
                    events.try_iter().take(BATCH).for_each(|event| app.event(&event));
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
                    Ok(Input::Key(key)) if app.key(key, controls) == Flow::Leave => break,
                    Ok(Input::Key(_) | Input::Redraw) => {}
                    Ok(Input::Gone) | Err(_) => {
                        keyboard = never();
                        if app.view.attached {
                            break;
                        }
                        controls.drain();
                        app.view.leaving = true;
                    }
                }
            }
            recv(replies) -> reply => if let Ok(reply) = reply {
                app.pictures.accept(reply);
                changed = true;
            },
            default(timeout) => {}
        }
        if app.model.stopped.is_some() && (app.view.leaving || !options.stay) {
            break;
        }
    }
    drop(keys);
    Ok((app.model.totals(), app.model.stopped.is_some()))
}

/// A dashboard without a terminal, attached to an engine with the state `model`.
#[cfg(any(test, fuzzing))]
pub(crate) fn attached_for_tests(model: Model, zone: TimeZone) -> App {
    let pictures = Pictures::cells(ImageMode::Text, Colours::None);
    let mut app = App::new(Theme::new(Colours::None), pictures, "0.0.0".into(), zone);
    app.attach(model);
    app
}

#[cfg(test)]
mod snapshots;
