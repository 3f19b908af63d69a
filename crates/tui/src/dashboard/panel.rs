//! The panels, their order and their names.

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
    pub(crate) fn cycle(self, step: isize) -> Self {
        let n = Self::ALL.len() as isize;
        Self::ALL[(self as isize + step).rem_euclid(n) as usize]
    }
}
