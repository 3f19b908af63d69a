//! What the operator looks at: focus, selection, options. Nothing here comes from the engine.

use super::picture::{Look, Overlay};
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

    /// Those that share a place as tabs on a small screen.
    pub(crate) const TABS: [Self; 5] = [Self::Layers, Self::Profile, Self::Map, Self::Throughput, Self::Log];

    /// The key that leads to it.
    pub(crate) const fn number(self) -> usize {
        self as usize + 1
    }

    pub(crate) const fn name(self) -> &'static str {
        ["Queue", "B-scan", "Layers", "Profile", "Map", "Throughput", "Log"][self as usize]
    }

    /// The panel `step` places on, round and round.
    pub(crate) fn turn(self, step: isize) -> Self {
        let n = Self::ALL.len() as isize;
        Self::ALL[(self as isize + step).rem_euclid(n) as usize]
    }
}

/// What lies over the panels, or takes the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Popup {
    /// First line shown.
    Help(usize),
    Quit,
    /// Letters go to the filter.
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
    /// The chosen B-scan of the selected scan; the latest where none is chosen.
    pub(crate) bscan: Option<usize>,
    /// Whether the selection moves to the scan in work.
    pub(crate) follow: bool,
    pub(crate) look: Look,
    /// Whether the map is of the selected layer, or of the whole retina.
    pub(crate) layer_map: bool,
    pub(crate) filter: String,
    pub(crate) level: Level,
    /// Messages above the first shown.
    pub(crate) log_scroll: usize,
    pub(crate) paused: bool,
    /// Whether the engine is another process, which leaving does not stop.
    pub(crate) attached: bool,
    /// Whether the operator wants to leave; the engine is stopping.
    pub(crate) leaving: bool,
    /// Whether the scans in work are given up as well.
    pub(crate) aborting: bool,
    /// A word to the operator until the next key.
    pub(crate) reply: Option<&'static str>,
    /// Rows that the list with the focus showed last.
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
            look: Look { crop: true, overlay: Overlay::All, layer: Layer::Nfl },
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
