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

mod app;
mod bars;
mod event_loop;
mod images;
mod keymap;
mod layout;
mod panel;
mod panels;
mod popups;
mod render_context;
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

use self::{terminal::RawTerminal, theme::Colours};
use crate::{Controls, state::Model};

pub use images::ImageMode;

/// Options of the dashboard.
#[derive(Clone, Copy, Debug)]
pub struct DashboardOptions {
    image: ImageMode,
    colours: Colours,
}

impl DashboardOptions {
    /// Options with the given image mode and the colours of the environment.
    #[must_use]
    pub fn new(image: ImageMode) -> Self {
        Self { image, colours: Colours::detect() }
    }
}

/// A terminal that is set up for the dashboard.
pub struct TerminalSession {
    terminal: RawTerminal,
    /// State of the engine of another process, if attached to one.
    attached: Option<Model>,
}

impl TerminalSession {
    /// Sets up the terminal.
    ///
    /// # Errors
    /// When the terminal cannot show a dashboard; it is restored then.
    pub fn start() -> io::Result<Self> {
        Ok(Self { terminal: RawTerminal::enter()?, attached: None })
    }

    /// Attaches to the engine of another process; `model` is its current state.
    #[must_use]
    pub fn attached(self, model: Model) -> Self {
        Self { attached: Some(model), ..self }
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
        options: DashboardOptions,
    ) -> io::Result<Totals> {
        let is_attached = self.attached.is_some();
        let ended = event_loop::run(self.terminal, self.attached, events, controls, options);
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
    let images = images::ImageCache::without_graphics(ImageMode::Text, Colours::None);
    let mut app = app::App::new(theme::Theme::new(Colours::None), images, "0.0.0".into(), jiff::tz::TimeZone::UTC);
    app.attach(model);
    app
}
