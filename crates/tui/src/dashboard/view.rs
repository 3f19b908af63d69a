//! The operator's view: focus, selection and options. Independent of the engine.

use std::borrow::Cow;

use octrls_core::scan::Place;
use octrls_engine::{Level, ReviewState, ScanId};

use super::{correcting::Correction, images::RenderStyle, keymap::KeyContext, panel::Panel};
use crate::state::Query;

/// A popup over the panels, or an input that takes the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Popup {
    /// The help, scrolled so that it starts at this line.
    Help {
        first_line: usize,
    },
    /// The details of the selected scan, scrolled so that they start at this line.
    Details {
        first_line: usize,
    },
    Quit,
    /// Typed characters go to the filter.
    Filter,
    /// Typed characters are searched for in the log.
    Find,
    /// Typed characters are the reason why the scan is rejected, or a comment.
    Review(ReviewState),
}

/// The operator's choices.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own, with a key of its own")]
pub(crate) struct View {
    pub(crate) focus: Panel,
    /// The tab on a small screen.
    pub(crate) tab: Panel,
    pub(crate) zoomed: bool,
    pub(crate) popup: Option<Popup>,
    pub(crate) selected: Option<ScanId>,
    /// The chosen B-scan of the selected scan; `None` shows the latest.
    pub(crate) bscan_index: Option<usize>,
    /// Whether the selection follows the running scan.
    pub(crate) following: bool,
    pub(crate) render_style: RenderStyle,
    /// Whether the map shows the selected layer instead of the retina.
    pub(crate) layer_map: bool,
    /// Which scans are listed, and in which order.
    pub(crate) query: Query,
    /// Text to find in the log.
    pub(crate) find: String,
    /// Words of a review that is being typed.
    pub(crate) comment: String,
    /// The lines that are corrected.
    pub(crate) correction: Option<Correction>,
    /// The place of the fovea that is being stated, in millimetres.
    pub(crate) centring: Option<Place>,
    /// Name of the reviewer; empty if it is not known.
    pub(crate) reviewer: String,
    pub(crate) log_level: Level,
    /// Number of messages scrolled past.
    pub(crate) log_scroll: usize,
    pub(crate) paused: bool,
    /// Whether the mouse works here, and does not select text.
    pub(crate) mouse: bool,
    /// A place along the B-scan that the operator points at, 0 to 1.
    pub(crate) pointed: Option<f32>,
    /// Whether the engine is in another process, which leaving does not stop.
    pub(crate) attached: bool,
    /// Whether there is no engine at all, only results.
    pub(crate) browsing: bool,
    /// Whether the operator quit and the engine is stopping.
    pub(crate) quitting: bool,
    /// Whether the running scans are aborted.
    pub(crate) aborting: bool,
    /// A message to the operator until the next key.
    pub(crate) message: Option<Cow<'static, str>>,
    /// Number of rows in the focused panel when last drawn.
    pub(crate) page_rows: usize,
}

impl Default for View {
    fn default() -> Self {
        Self {
            focus: Panel::Queue,
            tab: Panel::Layers,
            zoomed: false,
            popup: None,
            selected: None,
            bscan_index: None,
            following: true,
            render_style: RenderStyle::START,
            layer_map: false,
            query: Query::default(),
            find: String::new(),
            comment: String::new(),
            correction: None,
            centring: None,
            reviewer: String::new(),
            log_level: Level::Info,
            log_scroll: 0,
            paused: false,
            mouse: false,
            pointed: None,
            attached: false,
            browsing: false,
            quitting: false,
            aborting: false,
            message: None,
            page_rows: 10,
        }
    }
}

impl View {
    /// Which key bindings are active.
    pub(crate) const fn key_context(&self) -> KeyContext {
        match self.popup {
            None if self.centring.is_some() => KeyContext::Centre,
            None if self.correction.is_some() => KeyContext::Correct,
            None => KeyContext::Main,
            Some(Popup::Help { .. } | Popup::Details { .. }) => KeyContext::Help,
            Some(Popup::Quit) => KeyContext::Quit,
            Some(Popup::Filter | Popup::Find) => KeyContext::Filter,
            Some(Popup::Review(_)) => KeyContext::Text,
        }
    }

    /// Whether the screen shows more of a finished scan than its B-scan.
    pub(crate) fn needs_result(&self) -> bool {
        self.zoomed && self.focus == Panel::Map || matches!(self.popup, Some(Popup::Details { .. }))
    }

    /// Whether the B-scan fills the screen.
    pub(crate) fn is_full_bscan(&self) -> bool {
        self.zoomed && self.focus == Panel::Preview
    }

    /// How the B-scan is drawn now.
    pub(crate) fn bscan_style(&self) -> RenderStyle {
        match &self.correction {
            Some(correction) => RenderStyle {
                cropped_rows: correction.crop(),
                marks: Some(correction.marks()),
                ..self.render_style.of_full_screen()
            },
            None if self.is_full_bscan() => self.render_style.of_full_screen(),
            None => self.render_style.of_panel(),
        }
    }

    /// The keys that the help explains.
    pub(crate) const fn help_context(&self) -> KeyContext {
        if self.correction.is_some() { KeyContext::Correct } else { KeyContext::Main }
    }

    /// Focuses `panel` and brings its tab to the front.
    pub(crate) fn focus_panel(&mut self, panel: Panel) {
        self.focus = panel;
        if Panel::TABS.contains(&panel) {
            self.tab = panel;
        }
    }
}
