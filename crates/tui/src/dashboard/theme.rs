//! The colours. A glyph or word always carries the same information.

use std::{env, fmt, str::FromStr};

use octrls_core::{
    layer::{BOUNDARIES, Boundary},
    lesion::Lesion,
};
use octrls_engine::Level;
use ratatui::style::{Color, Modifier, Style};

use super::colours::{Colours, nearest, nearest_of_16};
use crate::state::ScanState;

/// A colour, sRGB.
type Rgb = [u8; 3];

/// Whether the terminal's background is dark or light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Brightness {
    /// As the terminal says, else dark.
    #[default]
    Auto,
    /// Light text on a dark background.
    Dark,
    /// Dark text on a light background.
    Light,
}

impl Brightness {
    /// Whether the background is light. `COLORFGBG` ends with the number of the background's colour.
    fn is_light(self) -> bool {
        match self {
            Self::Dark => false,
            Self::Light => true,
            Self::Auto => Self::is_light_number(&env::var("COLORFGBG").unwrap_or_default()),
        }
    }

    fn is_light_number(colorfgbg: &str) -> bool {
        matches!(colorfgbg.rsplit(';').next(), Some("7" | "9" | "10" | "11" | "12" | "13" | "14" | "15"))
    }
}

/// What a colour is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Dim,
    Frame,
    Focus,
    Selected,
    Success,
    Active,
    Warning,
    Error,
}

/// Number of roles.
const ROLES: usize = 8;

impl Role {
    const ALL: [(Self, &'static str); ROLES] = [
        (Self::Dim, "dim"),
        (Self::Frame, "frame"),
        (Self::Focus, "focus"),
        (Self::Selected, "selected"),
        (Self::Success, "success"),
        (Self::Active, "active"),
        (Self::Warning, "warning"),
        (Self::Error, "error"),
    ];
}

const DARK: [Rgb; ROLES] = [
    [150, 150, 150],
    [98, 98, 98],
    [86, 180, 233],
    [38, 46, 56],
    [30, 180, 130],
    [86, 180, 233],
    [230, 159, 0],
    [255, 120, 60],
];
const LIGHT: [Rgb; ROLES] = [
    [90, 90, 90],
    [150, 150, 150],
    [0, 80, 150],
    [215, 228, 240],
    [0, 95, 65],
    [0, 80, 150],
    [125, 75, 0],
    [165, 45, 0],
];

/// The line of ONL and EZ on the screen: white would not be seen on the bright band below it.
const ONL_EZ: Rgb = [255, 60, 255];

/// A colour of the operator's own, as in `onl_ez=#ff00ff`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CustomColour {
    of: CustomOf,
    rgb: Rgb,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CustomOf {
    Role(Role),
    Line(Boundary),
}

impl FromStr for CustomColour {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, colour) = text.split_once('=').ok_or("expected NAME=#RRGGBB")?;
        let role = Role::ALL.into_iter().find(|(_, known)| *known == name).map(|(role, _)| CustomOf::Role(role));
        let line = Boundary::ALL.into_iter().find(|boundary| boundary.name().eq_ignore_ascii_case(name));
        let of = role.or(line.map(CustomOf::Line)).ok_or_else(|| {
            let roles = Role::ALL.map(|(_, name)| name.to_owned());
            let lines = Boundary::ALL.map(|boundary| boundary.name().to_lowercase());
            format!("'{name}' is none of {}", [roles.as_slice(), &lines].concat().join(", "))
        })?;
        let hex = colour.strip_prefix('#').unwrap_or(colour);
        let is_hex = hex.len() == 6 && hex.chars().all(|c| c.is_ascii_hexdigit());
        let value = u32::from_str_radix(hex, 16).ok().filter(|_| is_hex);
        let [_, r, g, b] = value.ok_or_else(|| format!("'{colour}' is no colour such as #ff00ff"))?.to_be_bytes();
        Ok(Self { of, rgb: [r, g, b] })
    }
}

impl fmt::Display for CustomColour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.of {
            CustomOf::Role(role) => Role::ALL[role as usize].1.to_owned(),
            CustomOf::Line(boundary) => boundary.name().to_lowercase(),
        };
        let [r, g, b] = self.rgb;
        write!(f, "{name}=#{r:02x}{g:02x}{b:02x}")
    }
}

/// The colours of the lines over a B-scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LineColours([Rgb; BOUNDARIES]);

impl LineColours {
    /// Those of the overlays, except one.
    pub(crate) const SCREEN: Self = {
        let mut colours = [[0; 3]; BOUNDARIES];
        let mut i = 0;
        while i < BOUNDARIES {
            colours[i] = Boundary::ALL[i].colour();
            i += 1;
        }
        colours[Boundary::OnlEz.index()] = ONL_EZ;
        Self(colours)
    };

    pub(crate) const fn of(self, boundary: Boundary) -> Rgb {
        self.0[boundary.index()]
    }
}

/// The styles of the dashboard. Without colours, every style is plain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Theme {
    colours: Colours,
    is_light: bool,
    roles: [Rgb; ROLES],
    lines: LineColours,
}

impl Theme {
    /// The dark theme.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn new(colours: Colours) -> Self {
        Self::with(colours, Brightness::Dark, &[])
    }

    /// The theme for a background, with the operator's own colours.
    pub(crate) fn with(colours: Colours, brightness: Brightness, custom: &[CustomColour]) -> Self {
        let is_light = brightness.is_light();
        let (mut roles, mut lines) = (if is_light { LIGHT } else { DARK }, LineColours::SCREEN);
        for CustomColour { of, rgb } in custom {
            match of {
                CustomOf::Role(role) => roles[*role as usize] = *rgb,
                CustomOf::Line(boundary) => lines.0[boundary.index()] = *rgb,
            }
        }
        Self { colours, is_light, roles, lines }
    }

    pub(crate) const fn colours(self) -> Colours {
        self.colours
    }

    /// The colours of the lines over a B-scan.
    pub(crate) const fn lines(self) -> LineColours {
        self.lines
    }

    fn role(self, role: Role) -> Style {
        self.foreground(self.roles[role as usize])
    }

    /// Secondary text.
    pub(crate) fn dim(self) -> Style {
        // The dark grey of 16 colours is often illegible.
        if self.colours == Colours::Ansi16 { Style::new() } else { self.role(Role::Dim) }
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
        if self.colours == Colours::Ansi16 { Style::new() } else { self.role(Role::Frame) }
    }

    /// Frame and title of the focused panel.
    pub(crate) fn focus(self) -> Style {
        self.role(Role::Focus).patch(self.attribute(Modifier::BOLD))
    }

    /// The selected row, which also has a `>` marker.
    pub(crate) fn selected(self) -> Style {
        match self.colours {
            Colours::None => Style::new(),
            Colours::Ansi16 => Style::new().add_modifier(Modifier::REVERSED),
            Colours::Ansi256 | Colours::True => {
                let background = self.colour(self.roles[Role::Selected as usize]);
                background.map_or_else(Style::new, |c| Style::new().bg(c).add_modifier(Modifier::BOLD))
            }
        }
    }

    /// Text over a map.
    pub(crate) fn label(self) -> Style {
        let both = self.colour([0, 0, 0]).zip(self.colour([255, 255, 255]));
        both.map_or_else(Style::new, |(bg, fg)| Style::new().bg(bg).fg(fg))
    }

    /// Keys in the hint bar and in the help.
    pub(crate) fn key(self) -> Style {
        self.focus()
    }

    /// Success.
    pub(crate) fn success(self) -> Style {
        self.role(Role::Success)
    }

    /// Running work, bars and sparklines.
    pub(crate) fn active(self) -> Style {
        self.role(Role::Active)
    }

    /// Warnings.
    pub(crate) fn warning(self) -> Style {
        self.role(Role::Warning)
    }

    /// Errors.
    pub(crate) fn error(self) -> Style {
        self.role(Role::Error).patch(self.attribute(Modifier::BOLD))
    }

    pub(crate) fn state(self, state: &ScanState) -> Style {
        match state {
            ScanState::Running => self.active(),
            ScanState::Done => self.success(),
            ScanState::Retry { .. } | ScanState::Interrupted => self.warning(),
            ScanState::Quarantined { .. } => self.error(),
            ScanState::Seen | ScanState::Queued | ScanState::Known | ScanState::Vanished | ScanState::Expired => {
                self.dim()
            }
        }
    }

    pub(crate) fn level(self, level: Level) -> Style {
        match level {
            Level::Info => self.dim(),
            Level::Warning => self.warning(),
            Level::Error => self.error(),
        }
    }

    /// Text about a boundary.
    pub(crate) fn boundary(self, boundary: Boundary) -> Style {
        self.foreground(self.legible(self.lines.of(boundary)))
    }

    pub(crate) fn lesion(self, lesion: Lesion) -> Style {
        self.foreground(self.legible(lesion.colour()))
    }

    /// A colour that is made for dark images, as text on the background.
    fn legible(self, rgb: Rgb) -> Rgb {
        if self.is_light { rgb.map(|v| (f32::from(v) * 0.5) as u8) } else { rgb.map(|v| v.max(40)) }
    }

    /// The terminal's nearest colour; `None` without colours.
    pub(crate) fn colour(self, rgb: Rgb) -> Option<Color> {
        match self.colours {
            Colours::None => None,
            Colours::Ansi16 => Some(nearest_of_16(rgb)),
            Colours::Ansi256 => Some(Color::Indexed(nearest(rgb))),
            Colours::True => Some(Color::Rgb(rgb[0], rgb[1], rgb[2])),
        }
    }

    fn foreground(self, rgb: Rgb) -> Style {
        self.colour(rgb).map_or_else(Style::new, |colour| Style::new().fg(colour))
    }

    fn attribute(self, modifier: Modifier) -> Style {
        if self.colours == Colours::None { Style::new() } else { Style::new().add_modifier(modifier) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colours_no_style_has_any() {
        let theme = Theme::new(Colours::None);
        for style in [theme.dim(), theme.strong(), theme.focus(), theme.selected(), theme.error(), theme.warning()] {
            assert_eq!(style, Style::new());
        }
        assert_eq!(theme.colour([1, 2, 3]), None);
    }

    #[test]
    fn the_background_is_told_by_the_terminal_or_the_operator() {
        let check = |text, expected| assert_eq!(Brightness::is_light_number(text), expected, "{text}");
        check("0;15", true);
        check("15;0", false);
        check("15;default;0", false);
        check("", false);
        assert!(Brightness::Light.is_light() && !Brightness::Dark.is_light());
    }

    #[test]
    fn custom_colours_are_checked() {
        let parsed = |text: &str| text.parse::<CustomColour>();
        for text in ["onl_ez=#00ff7f", "selected=#102030"] {
            assert_eq!(parsed(text).unwrap().to_string(), text);
        }
        assert!(parsed("onl_ez=00ff7f").is_ok());
        for (text, part) in
            [("nose=#000000", "'nose' is none of dim,"), ("dim=#12", "no colour"), ("dim", "expected NAME")]
        {
            assert!(parsed(text).unwrap_err().contains(part), "{text}");
        }
        let theme = Theme::with(Colours::True, Brightness::Dark, &[parsed("ilm=#010203").unwrap()]);
        assert_eq!(theme.lines().of(Boundary::Ilm), [1, 2, 3]);
    }

    /// Contrast ratio by WCAG 2.
    fn contrast(a: Rgb, b: Rgb) -> f64 {
        let linear = |v: u8| {
            let v = f64::from(v) / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        let luminance = |[r, g, b]: Rgb| 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        if a > b { a / b } else { b / a }
    }

    #[test]
    fn text_is_legible_in_both_themes_also_on_the_selected_row() {
        for (roles, background, text) in [(DARK, [0, 0, 0], [220, 220, 220]), (LIGHT, [255, 255, 255], [0, 0, 0])] {
            let selected = roles[Role::Selected as usize];
            for role in [Role::Dim, Role::Focus, Role::Success, Role::Active, Role::Warning, Role::Error] {
                let of = contrast(roles[role as usize], background).min(contrast(roles[role as usize], selected));
                assert!(of >= 4.5, "{role:?} {of}");
            }
            assert!(contrast(text, selected) >= 7.0);
        }
        for boundary in Boundary::ALL {
            let light = Theme::with(Colours::True, Brightness::Light, &[]);
            let of = contrast(light.legible(light.lines.of(boundary)), [255, 255, 255]);
            assert!(of >= 3.0, "{boundary:?} {of}");
        }
    }

    #[test]
    fn the_line_of_onl_and_ez_is_seen_on_a_bright_band() {
        let line = LineColours::SCREEN.of(Boundary::OnlEz);
        assert!(contrast(line, [255, 255, 255]) > 2.5 && contrast(line, [0, 0, 0]) > 2.5);
    }
}
