//! What is drawn of a B-scan.

use octrls_core::layer::Layer;

/// Which boundaries are drawn. Lesions are drawn with any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Overlay {
    All,
    /// The boundaries of the selected layer.
    Layer,
    None,
}

impl Overlay {
    pub(crate) const fn next(self) -> Self {
        match self {
            Self::All => Self::Layer,
            Self::Layer => Self::None,
            Self::None => Self::All,
        }
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Layer => "layer",
            Self::None => "none",
        }
    }
}

/// How a B-scan is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RenderStyle {
    /// Whether to show only the rows from ILM to Bruch's membrane.
    pub(crate) crop: bool,
    pub(crate) overlay: Overlay,
    /// The selected layer, whose boundaries are drawn on top.
    pub(crate) layer: Layer,
}
