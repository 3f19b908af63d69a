//! The colours. A glyph or word always carries the same information.

use std::env;

use octrls_core::{layer::Boundary, lesion::Lesion};
use octrls_engine::Level;
use ratatui::style::{Color, Modifier, Style};

use crate::state::ScanState;

/// The colours that the terminal supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colours {
    /// None, because of `NO_COLOR`.
    None,
    /// The 256 colours of xterm.
    Ansi256,
    /// 24-bit colours.
    True,
}

impl Colours {
    /// The colours by `NO_COLOR` and `COLORTERM`.
    pub(crate) fn detect() -> Self {
        let var = |name| env::var(name).unwrap_or_default();
        Self::of(&var("NO_COLOR"), &var("COLORTERM"))
    }

    fn of(no_color: &str, colorterm: &str) -> Self {
        match (no_color, colorterm) {
            ("", "truecolor" | "24bit") => Self::True,
            ("", _) => Self::Ansi256,
            _ => Self::None,
        }
    }
}

const BLUE: [u8; 3] = [86, 180, 233];
const GREEN: [u8; 3] = [0, 158, 115];
const ORANGE: [u8; 3] = [230, 159, 0];
const VERMILION: [u8; 3] = [213, 94, 0];
const GREY: [u8; 3] = [138, 138, 138];

/// The styles of the dashboard. Without colours, every style is plain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Theme {
    colours: Colours,
}

impl Theme {
    pub(crate) const fn new(colours: Colours) -> Self {
        Self { colours }
    }

    pub(crate) const fn colours(self) -> Colours {
        self.colours
    }

    /// Secondary text.
    pub(crate) fn dim(self) -> Style {
        self.foreground(GREY)
    }

    /// Headings and names.
    pub(crate) fn strong(self) -> Style {
        if self.colours == Colours::None {
            return Style::new();
        }
        // Reset the colour, because a title on a frame would inherit the frame's.
        Style::new().fg(Color::Reset).add_modifier(Modifier::BOLD)
    }

    /// Frames of unfocused panels.
    pub(crate) fn frame(self) -> Style {
        self.foreground([98, 98, 98])
    }

    /// Frame and title of the focused panel.
    pub(crate) fn focus(self) -> Style {
        self.foreground(BLUE).patch(self.attribute(Modifier::BOLD))
    }

    /// The selected row, which also has a `>` marker.
    pub(crate) fn selected(self) -> Style {
        match self.colours {
            Colours::None => Style::new(),
            Colours::Ansi256 => Style::new().bg(Color::Indexed(237)).add_modifier(Modifier::BOLD),
            Colours::True => Style::new().bg(Color::Rgb(48, 56, 66)).add_modifier(Modifier::BOLD),
        }
    }

    /// Keys in the hint bar and in the help.
    pub(crate) fn key(self) -> Style {
        self.focus()
    }

    /// Success.
    pub(crate) fn success(self) -> Style {
        self.foreground(GREEN)
    }

    /// Running work, bars and sparklines.
    pub(crate) fn active(self) -> Style {
        self.foreground(BLUE)
    }

    /// Warnings.
    pub(crate) fn warning(self) -> Style {
        self.foreground(ORANGE)
    }

    /// Errors.
    pub(crate) fn error(self) -> Style {
        self.foreground(VERMILION).patch(self.attribute(Modifier::BOLD))
    }

    pub(crate) fn state(self, state: &ScanState) -> Style {
        match state {
            ScanState::Running => self.active(),
            ScanState::Done => self.success(),
            ScanState::Retry { .. } => self.warning(),
            ScanState::Quarantined { .. } => self.error(),
            ScanState::Seen | ScanState::Queued | ScanState::Known | ScanState::Vanished => self.dim(),
        }
    }

    pub(crate) fn level(self, level: Level) -> Style {
        match level {
            Level::Info => self.dim(),
            Level::Warning => self.warning(),
            Level::Error => self.error(),
        }
    }

    pub(crate) fn boundary(self, boundary: Boundary) -> Style {
        self.foreground(boundary.colour())
    }

    pub(crate) fn lesion(self, lesion: Lesion) -> Style {
        self.foreground(lesion.colour())
    }

    /// The terminal's nearest colour; `None` without colours.
    pub(crate) fn colour(self, rgb: [u8; 3]) -> Option<Color> {
        match self.colours {
            Colours::None => None,
            Colours::Ansi256 => Some(Color::Indexed(nearest(rgb))),
            Colours::True => Some(Color::Rgb(rgb[0], rgb[1], rgb[2])),
        }
    }

    fn foreground(self, rgb: [u8; 3]) -> Style {
        self.colour(rgb).map_or_else(Style::new, |colour| Style::new().fg(colour))
    }

    fn attribute(self, modifier: Modifier) -> Style {
        if self.colours == Colours::None { Style::new() } else { Style::new().add_modifier(modifier) }
    }
}

/// The nearest of xterm's 6 x 6 x 6 cube and 24 greys. The first 16 colours differ between terminals, so they are not
/// used.
fn nearest(rgb: [u8; 3]) -> u8 {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let step = |v: u8| (0..6_u8).min_by_key(|i| STEPS[usize::from(*i)].abs_diff(v)).unwrap_or(0);
    let [r, g, b] = rgb.map(step);
    let cube = [r, g, b].map(|i| STEPS[usize::from(i)]);
    let mean = rgb.iter().map(|v| u16::from(*v)).sum::<u16>() / 3;
    let ramp = (mean.saturating_sub(3) / 10).min(23) as u8;
    let grey = [8 + 10 * ramp; 3];
    let distance = |c: [u8; 3]| c.iter().zip(rgb).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum::<u32>();
    if distance(grey) < distance(cube) { 232 + ramp } else { 16 + 36 * r + 6 * g + b }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_follow_the_environment() {
        assert_eq!(Colours::of("", "truecolor"), Colours::True);
        assert_eq!(Colours::of("", ""), Colours::Ansi256);
        assert_eq!(Colours::of("1", "truecolor"), Colours::None);
    }

    #[test]
    fn the_256_colours_are_met_closely() {
        let check = |rgb, expected| assert_eq!(nearest(rgb), expected, "{rgb:?}");
        check([0, 0, 0], 16);
        check([255, 255, 255], 231);
        check([128, 128, 128], 244);
        check([86, 180, 233], 74);
        check([213, 94, 0], 166);
    }

    #[test]
    fn without_colours_no_style_has_any() {
        let theme = Theme::new(Colours::None);
        for style in [theme.dim(), theme.strong(), theme.focus(), theme.selected(), theme.error(), theme.warning()] {
            assert_eq!(style, Style::new());
        }
        assert_eq!(theme.colour([1, 2, 3]), None);
    }
}
