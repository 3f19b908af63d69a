//! Screens: the dashboard, plain lines, JSON lines. Siblings that read the same events.
/// x
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum ImageMode {
    /// x
    Auto,
}
