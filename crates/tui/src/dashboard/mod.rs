//! The dashboard: panels on a terminal.
//!
//! ```text
//!  events ──▶ Model ─┐
//!                    ├──▶ RenderContext ──▶ bars, panels, popups ──▶ terminal
//!  keys ────▶ View ──┘                              ▲
//!                      ImageCache ──────────────────┘ (a thread encodes images)
//! ```
//!
//! One thread owns all state. It wakes for an event, a key, a finished image or a new second, and draws changes at most
//! twelve times a second.

mod action;
mod app;
mod bars;
mod centring;
mod colours;
mod correcting;
mod custom_key;
mod desktop;
mod event_loop;
mod images;
mod keymap;
mod layout;
mod mouse;
mod moving;
mod notice;
mod pacer;
mod panel;
mod panels;
mod popups;
mod render_context;
mod reopening;
mod reviewing;
mod terminal;
mod text;
mod theme;
mod view;
mod widgets;

#[cfg(test)]
mod snapshot_tests;

use std::io;

use crossbeam_channel::Receiver;
use octrls_engine::{Event, Totals};

use self::terminal::RawTerminal;
use crate::{Controls, state::Model};

pub use custom_key::CustomKey;
pub use images::ImageMode;
pub use notice::Notify;
pub use theme::{Brightness, CustomColour};

/// Options of the dashboard.
#[derive(Clone, Debug, Default)]
pub struct DashboardOptions {
    /// How B-scans are drawn.
    pub image: ImageMode,
    /// The terminal's background.
    pub brightness: Brightness,
    /// The operator's own colours.
    pub colours: Vec<CustomColour>,
    /// The operator's own keys.
    pub keys: Vec<CustomKey>,
    /// Whether the mouse works in the dashboard.
    pub mouse: bool,
    /// How a person is told of a scan in quarantine.
    pub notify: Notify,
    /// Name of the person who reviews; empty if it is not known.
    pub reviewer: String,
    /// Whether to list only the scans that a person should look at.
    pub review: bool,
}

/// What the dashboard shows.
enum Subject {
    /// The engine of this process.
    Engine,
    /// The engine of another process, with its current state.
    Attached(Model),
    /// Results without an engine.
    Results(Model),
}

/// A terminal that is set up for the dashboard.
pub struct TerminalSession {
    terminal: RawTerminal,
    subject: Subject,
}

impl TerminalSession {
    /// Sets up the terminal.
    ///
    /// # Errors
    /// When the terminal cannot show a dashboard; it is restored then.
    pub fn start() -> io::Result<Self> {
        Ok(Self { terminal: RawTerminal::enter()?, subject: Subject::Engine })
    }

    /// Attaches to the engine of another process; `model` is its current state.
    #[must_use]
    pub fn attached(self, model: Model) -> Self {
        Self { subject: Subject::Attached(model), ..self }
    }

    /// Shows finished scans without an engine; `model` names their folders, see [`Model::of_results`].
    #[must_use]
    pub fn browsing(self, model: Model) -> Self {
        Self { subject: Subject::Results(model), ..self }
    }

    /// Shows the dashboard until the engine has stopped or the operator leaves, then prints a summary line. Leaving does
    /// not stop an attached engine.
    ///
    /// # Errors
    /// When the terminal cannot be written to. The engine is drained then, unless it is attached.
    pub fn run(
        self,
        events: &Receiver<Event>,
        controls: &dyn Controls,
        options: &DashboardOptions,
    ) -> io::Result<Totals> {
        let is_attached = !matches!(self.subject, Subject::Engine);
        let ended = event_loop::run(self.terminal, self.subject, events, controls, options);
        if ended.is_err() && !is_attached {
            controls.drain();
        }
        let (totals, stopped) = ended?;
        if stopped || !is_attached {
            println!("{}", summary(&totals));
        }
        Ok(totals)
    }
}

/// The number of scans by outcome, as one line.
fn summary(totals: &Totals) -> String {
    let Totals { done, already_done, quarantined, left } = totals;
    let known = if *already_done > 0 { format!(", {already_done} known") } else { String::new() };
    let left = if *left > 0 { format!("{left} left for the next start") } else { "none left".into() };
    format!("octrls: {done} done{known}, {quarantined} quarantined, {left}")
}

/// A dashboard without a terminal, attached to an engine with the state `model`.
#[cfg(any(test, fuzzing))]
pub(crate) fn attached_app_without_terminal(model: Model) -> app::App {
    let none = colours::Colours::None;
    let images = images::ImageCache::without_graphics(ImageMode::Text, none);
    let mut app = app::App::new(theme::Theme::new(none), images, "0.0.0".into(), jiff::tz::TimeZone::UTC);
    app.attach(model);
    app
}
