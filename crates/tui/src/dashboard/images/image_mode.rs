//! The choice of how B-scans are drawn.

/// How B-scans are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ImageMode {
    /// The best method that the terminal supports; in tmux, the query enables passthrough.
    #[default]
    Auto,
    /// Kitty graphics protocol.
    Kitty,
    /// Sixel graphics.
    Sixel,
    /// iTerm2 inline images.
    Iterm,
    /// Half blocks: two coloured pixels per character.
    Half,
    /// Characters only.
    Text,
    /// No images.
    Off,
}
