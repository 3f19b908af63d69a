//! What the commands that follow a watcher show.

use clap::Args;

use octrls_tui::ScreenKind;

#[derive(Args)]
pub(crate) struct ImageArguments {
    /// How the dashboard draws B-scans
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub(crate) image: octrls_tui::ImageMode,
}

/// The screen that `--plain` or `--json` asks for; `None` for one that fits the terminal.
pub(crate) const fn asked_screen(plain: bool, json: bool) -> Option<ScreenKind> {
    match (plain, json) {
        (true, _) => Some(ScreenKind::Plain),
        (_, true) => Some(ScreenKind::Json),
        _ => None,
    }
}
