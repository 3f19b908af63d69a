//! Models included in the program.

/// A model included in the binary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ShippedModel {
    /// The most accurate one.
    #[default]
    Unet640,
    /// The fastest one, nearly as accurate.
    Edge,
}

impl ShippedModel {
    /// Every shipped model.
    pub const ALL: [Self; 2] = [Self::Unet640, Self::Edge];

    /// Name in its file name and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unet640 => "unet-640",
            Self::Edge => "edge",
        }
    }

    /// The model with this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.name() == name)
    }

    /// The content of its file.
    #[cfg(feature = "embedded-model")]
    pub(super) const fn file(self) -> &'static [u8] {
        match self {
            Self::Unet640 => include_bytes!("../../../../models/unet-640.onnx"),
            Self::Edge => include_bytes!("../../../../models/edge.onnx"),
        }
    }
}
