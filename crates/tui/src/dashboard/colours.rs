//! The colours that a terminal has.

use std::env;

use ratatui::style::Color;

/// The colours that the terminal supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colours {
    /// None, because of `NO_COLOR`.
    None,
    /// The 16 colours that every colour terminal has, in shades of its own.
    Ansi16,
    /// The 256 colours of xterm.
    Ansi256,
    /// 24-bit colours.
    True,
}

impl Colours {
    /// The colours by `NO_COLOR`, `COLORTERM` and `TERM`.
    pub(crate) fn detect() -> Self {
        let var = |name| env::var(name).unwrap_or_default();
        Self::of(&var("NO_COLOR"), &var("COLORTERM"), &var("TERM"))
    }

    fn of(no_color: &str, colorterm: &str, term: &str) -> Self {
        /// Terminals with 16 colours or fewer, by the start of `TERM`.
        const FEW: [&str; 6] = ["linux", "ansi", "vt", "cons", "cygwin", "sun"];
        match (no_color, colorterm) {
            ("", "truecolor" | "24bit") => Self::True,
            ("", _) if term.ends_with("-16color") || FEW.iter().any(|few| term.starts_with(few)) => Self::Ansi16,
            ("", _) => Self::Ansi256,
            _ => Self::None,
        }
    }
}

/// The nearest of xterm's 6 x 6 x 6 cube and 24 greys. The first 16 colours differ between terminals, so they are not
/// used.
pub(super) fn nearest(rgb: [u8; 3]) -> u8 {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let step = |v: u8| (0..6_u8).min_by_key(|i| STEPS[usize::from(*i)].abs_diff(v)).unwrap_or(0);
    let [r, g, b] = rgb.map(step);
    let cube = [r, g, b].map(|i| STEPS[usize::from(i)]);
    let mean = rgb.iter().map(|v| u16::from(*v)).sum::<u16>() / 3;
    let ramp = (mean.saturating_sub(3) / 10).min(23) as u8;
    let grey = [8 + 10 * ramp; 3];
    if distance(grey, rgb) < distance(cube, rgb) { 232 + ramp } else { 16 + 36 * r + 6 * g + b }
}

/// The nearest of the 16 colours, as most terminals show them. The dark ones are used: they are legible on both light
/// and dark backgrounds.
pub(super) fn nearest_of_16(rgb: [u8; 3]) -> Color {
    const NAMED: [(Color, [u8; 3]); 8] = [
        (Color::Black, [0, 0, 0]),
        (Color::Red, [205, 60, 40]),
        (Color::Green, [0, 170, 100]),
        (Color::Yellow, [215, 160, 0]),
        (Color::Blue, [80, 160, 235]),
        (Color::Magenta, [205, 80, 190]),
        (Color::Cyan, [60, 190, 200]),
        (Color::White, [229, 229, 229]),
    ];
    let nearest = NAMED.into_iter().min_by_key(|(_, shown)| distance(*shown, rgb));
    nearest.map_or(Color::Reset, |(colour, _)| colour)
}

fn distance(a: [u8; 3], b: [u8; 3]) -> u32 {
    a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_follow_the_environment() {
        assert_eq!(Colours::of("", "truecolor", "xterm"), Colours::True);
        assert_eq!(Colours::of("", "", "xterm-256color"), Colours::Ansi256);
        assert_eq!(Colours::of("1", "truecolor", "xterm"), Colours::None);
        assert_eq!(Colours::of("", "", "linux"), Colours::Ansi16);
        assert_eq!(Colours::of("", "", "xterm-16color"), Colours::Ansi16);
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
    fn the_16_colours_keep_their_meaning() {
        let check = |rgb, expected| assert_eq!(nearest_of_16(rgb), expected, "{rgb:?}");
        check([86, 180, 233], Color::Blue);
        check([30, 180, 130], Color::Green);
        check([230, 159, 0], Color::Yellow);
        check([255, 120, 60], Color::Red);
    }
}
