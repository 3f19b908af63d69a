//! What the commands that follow a watcher show.

use clap::Args;

use octrls_tui::{
    ScreenKind,
    dashboard::{Brightness, CustomColour, CustomKey, DashboardOptions, ImageMode, Notify},
};

#[derive(Args)]
pub(crate) struct ScreenArguments {
    /// How the dashboard draws B-scans
    #[arg(long, value_name = "HOW", default_value = "auto")]
    image: ImageMode,
    /// Background of the terminal
    #[arg(long, value_name = "BACKGROUND", default_value = "auto")]
    theme: Brightness,
    /// A colour of your own, as in onl_ez=#ff00ff: of a boundary, or dim, frame, focus, selected, success, active,
    /// warning, error; repeatable
    #[arg(long, value_name = "NAME=#RRGGBB")]
    colour: Vec<CustomColour>,
    /// A key of your own, as in pause=p or zoom=F5; repeatable. An unknown action lists all of them
    #[arg(long, value_name = "ACTION=KEY")]
    key: Vec<CustomKey>,
    /// Leave the mouse to the terminal, which selects text with it
    #[arg(long)]
    no_mouse: bool,
    /// Your name, for reviews [default: that of the login]
    #[arg(long, value_name = "NAME")]
    reviewer: Option<String>,
    /// How the dashboard tells that a scan was quarantined
    #[arg(long, value_name = "HOW", default_value = "bell")]
    notify: Notify,
}

impl ScreenArguments {
    /// The options of a dashboard.
    pub(crate) fn options(&self) -> DashboardOptions {
        DashboardOptions {
            image: self.image,
            brightness: self.theme,
            colours: self.colour.clone(),
            keys: self.key.clone(),
            mouse: !self.no_mouse,
            notify: self.notify,
            reviewer: self.reviewer.clone().or_else(login_name).unwrap_or_default(),
            review: false,
        }
    }
}

/// The name of the login.
pub(crate) fn login_name() -> Option<String> {
    ["LOGNAME", "USER"].into_iter().find_map(|name| std::env::var(name).ok()).filter(|name| !name.is_empty())
}

/// The screen that `--plain` or `--json` asks for; `None` for one that fits the terminal.
pub(crate) const fn asked_screen(plain: bool, json: bool) -> Option<ScreenKind> {
    match (plain, json) {
        (true, _) => Some(ScreenKind::Plain),
        (_, true) => Some(ScreenKind::Json),
        _ => None,
    }
}
