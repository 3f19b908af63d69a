//! The operator's view: focus, selection and options. Independent of the engine.

use super::bscan_image::{Overlay, RenderStyle};
use octrls_core::layer::Layer;
use octrls_engine::{Level, ScanId};

/// A panel of the dashboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Panel {
    Queue,
    Preview,
    Layers,
    Profile,
    Map,
    Throughput,
    Log,
}

impl Panel {
    pub(crate) const ALL: [Self; 7] =
        [Self::Queue, Self::Preview, Self::Layers, Self::Profile, Self::Map, Self::Throughput, Self::Log];

    /// The panels that are tabs on a small screen.
    pub(crate) const TABS: [Self; 5] = [Self::Layers, Self::Profile, Self::Map, Self::Throughput, Self::Log];

    /// The number key that focuses it.
    pub(crate) const fn number(self) -> usize {
        self as usize + 1
    }

    pub(crate) const fn name(self) -> &'static str {
        ["Queue", "B-scan", "Layers", "Profile", "Map", "Throughput", "Log"][self as usize]
    }

    /// The panel `step` places further, wrapping around.
    pub(crate) fn turn(self, step: isize) -> Self {
        let n = Self::ALL.len() as isize;
        Self::ALL[(self as isize + step).rem_euclid(n) as usize]
    }
}

/// A popup over the panels, or an input that takes the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Popup {
    /// The help, from this line on.
    Help(usize),
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
    pub(crate) zoom: bool,
    pub(crate) popup: Option<Popup>,
    pub(crate) selected: Option<ScanId>,
    /// The chosen B-scan of the selected scan; `None` shows the latest.
    pub(crate) bscan: Option<usize>,
    /// Whether the selection follows the running scan.
    pub(crate) follow: bool,
    pub(crate) look: RenderStyle,
    /// Whether the map shows the selected layer instead of the retina.
    pub(crate) layer_map: bool,
    pub(crate) filter: String,
    pub(crate) level: Level,
    /// Number of messages scrolled past.
    pub(crate) log_scroll: usize,
    pub(crate) paused: bool,
    /// Whether the engine is in another process, which leaving does not stop.
    pub(crate) attached: bool,
    /// Whether the operator quit and the engine is stopping.
    pub(crate) leaving: bool,
    /// Whether the running scans are aborted.
    pub(crate) aborting: bool,
    /// A message to the operator until the next key.
    pub(crate) reply: Option<&'static str>,
    /// Number of rows in the focused panel when last drawn.
    pub(crate) page: usize,
}

impl Default for View {
    fn default() -> Self {
        Self {
            focus: Panel::Queue,
            tab: Panel::Layers,
            zoom: false,
            popup: None,
            selected: None,
            bscan: None,
            follow: true,
            look: RenderStyle { crop: true, overlay: Overlay::All, layer: Layer::Nfl },
            layer_map: false,
            filter: String::new(),
            level: Level::Info,
            log_scroll: 0,
            paused: false,
            attached: false,
            leaving: false,
            aborting: false,
            reply: None,
            page: 10,
        }
    }
}

impl View {
    pub(crate) fn go_to(&mut self, panel: Panel) {
        self.focus = panel;
        if Panel::TABS.contains(&panel) {
            self.tab = panel;
        }
    }
}
