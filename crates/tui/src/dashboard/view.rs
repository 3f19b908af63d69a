//! The operator's view: focus, selection and options. Independent of the engine.

use octrls_core::layer::Layer;
use octrls_engine::{Level, ScanId};

use super::{
    images::{Overlay, RenderStyle},
    keymap::KeyContext,
    panel::Panel,
};

/// A popup over the panels, or an input that takes the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Popup {
    /// The help, scrolled so that it starts at this line.
    Help {
        first_line: usize,
    },
    Quit,
    /// Typed characters go to the filter.
    Filter,
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
    pub(crate) filter: String,
    pub(crate) log_level: Level,
    /// Number of messages scrolled past.
    pub(crate) log_scroll: usize,
    pub(crate) paused: bool,
    /// Whether the engine is in another process, which leaving does not stop.
    pub(crate) attached: bool,
    /// Whether the operator quit and the engine is stopping.
    pub(crate) quitting: bool,
    /// Whether the running scans are aborted.
    pub(crate) aborting: bool,
    /// A message to the operator until the next key.
    pub(crate) message: Option<&'static str>,
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
            render_style: RenderStyle { crop: true, overlay: Overlay::All, layer: Layer::Nfl },
            layer_map: false,
            filter: String::new(),
            log_level: Level::Info,
            log_scroll: 0,
            paused: false,
            attached: false,
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
            None => KeyContext::Main,
            Some(Popup::Help { .. }) => KeyContext::Help,
            Some(Popup::Quit) => KeyContext::Quit,
            Some(Popup::Filter) => KeyContext::Filter,
        }
    }

    /// Focuses `panel` and brings its tab to the front.
    pub(crate) fn focus_panel(&mut self, panel: Panel) {
        self.focus = panel;
        if Panel::TABS.contains(&panel) {
            self.tab = panel;
        }
    }
}
