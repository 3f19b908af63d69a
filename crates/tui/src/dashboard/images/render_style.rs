//! What is drawn of a B-scan.

use std::ops::Range;

use octrls_core::layer::Layer;

use super::marks::Marks;
use crate::dashboard::theme::LineColours;

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

/// The part of a B-scan that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Window {
    /// Magnification as a power of two.
    power: u8,
    /// Its middle, in thousandths of width and height.
    middle: (u16, u16),
}

impl Window {
    /// All of the B-scan.
    pub(crate) const WHOLE: Self = Self { power: 0, middle: (500, 500) };
    /// Largest magnification, as a power of two.
    const MAX_POWER: u8 = 5;

    /// How many times the B-scan is magnified.
    pub(crate) const fn magnification(self) -> u32 {
        1 << self.power
    }

    /// Magnifies by `steps` powers of two.
    pub(crate) fn magnified(self, steps: i8) -> Self {
        let power = self.power.saturating_add_signed(steps).min(Self::MAX_POWER);
        if power == 0 { Self::WHOLE } else { Self { power, ..self } }
    }

    /// Moves by a share of what is shown, in tenths, to the right and down.
    pub(crate) fn moved(self, right: i16, down: i16) -> Self {
        let step = |tenths: i16| i32::from(tenths) * 100 / (1 << self.power);
        let half = 500 >> self.power;
        let at = |middle: u16, by: i32| (i32::from(middle) + by).clamp(half, 1000 - half) as u16;
        Self { middle: (at(self.middle.0, step(right)), at(self.middle.1, step(down))), ..self }
    }

    /// Moved as little as needed to show a place, in shares of width and height.
    pub(crate) fn showing(self, (x, y): (f32, f32)) -> Self {
        let half = 500 >> self.power;
        let near = |middle: u16, share: f32| {
            let (at, middle) = ((1000.0 * share) as i32, i32::from(middle));
            let margin = half - half / 5;
            middle.clamp(at - margin, at + margin).clamp(half, 1000 - half) as u16
        };
        Self { middle: (near(self.middle.0, x), near(self.middle.1, y)), ..self }
    }

    /// The shown columns of `width`.
    pub(super) fn columns(self, width: usize) -> Range<usize> {
        self.part(width, self.middle.0)
    }

    /// The shown rows of `rows`.
    pub(super) fn rows(self, rows: &Range<usize>) -> Range<usize> {
        let part = self.part(rows.len(), self.middle.1);
        rows.start + part.start..rows.start + part.end
    }

    fn part(self, length: usize, middle: u16) -> Range<usize> {
        let shown = (length >> self.power).max(1).min(length);
        let start = (length * usize::from(middle) / 1000).saturating_sub(shown / 2).min(length - shown);
        start..start + shown
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
    /// The part that is shown.
    pub(crate) window: Window,
    /// Whether characters draw the lines with eight dots a cell.
    pub(crate) dots: bool,
    /// Colours of the lines.
    pub(crate) colours: LineColours,
    /// The rows of a cropped B-scan; `None` to find them from its lines.
    pub(crate) cropped_rows: Option<(u32, u32)>,
    /// What marks the place where lines are corrected.
    pub(crate) marks: Option<Marks>,
}

impl RenderStyle {
    /// The style at the start.
    pub(crate) const START: Self = Self {
        crop: true,
        overlay: Overlay::All,
        layer: Layer::Nfl,
        window: Window::WHOLE,
        dots: false,
        colours: LineColours::SCREEN,
        cropped_rows: None,
        marks: None,
    };

    /// The style of a panel that is not zoomed.
    pub(crate) const fn of_panel(self) -> Self {
        Self { window: Window::WHOLE, dots: false, ..self }
    }

    /// The style of a B-scan on the full screen.
    pub(crate) const fn of_full_screen(self) -> Self {
        Self { dots: true, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_stays_within_the_bscan() {
        let mut window = Window::WHOLE;
        assert_eq!((window.columns(100), window.rows(&(20..60))), (0..100, 20..60));
        assert_eq!(window.moved(3, 3), Window::WHOLE, "the whole cannot be moved");
        window = window.magnified(2);
        assert_eq!((window.magnification(), window.columns(100), window.rows(&(20..60))), (4, 38..63, 35..45));
        for _ in 0..50 {
            window = window.moved(5, -5);
        }
        assert_eq!((window.columns(100), window.rows(&(20..60))), (75..100, 20..30));
        assert_eq!(window.magnified(9).columns(3).len(), 1);
        assert_eq!(window.magnified(-9), Window::WHOLE);
        assert_eq!(window.columns(0), 0..0);
        let magnified = Window::WHOLE.magnified(2);
        assert_eq!(magnified.showing((0.5, 0.55)), magnified, "it is shown already");
        assert_eq!(magnified.showing((0.9, 0.0)).columns(100), 68..93);
        assert_eq!(magnified.showing((0.7, 0.5)).columns(100), 48..73);
    }
}
