//! A page: text, lines, rectangles and images, positioned in points from the upper left corner of A4.

use unicode_segmentation::UnicodeSegmentation;

use super::text::ShapedLine;

/// Width of A4 in points.
pub(crate) const WIDTH: f32 = 595.0;
/// Height of A4 in points.
pub(crate) const HEIGHT: f32 = 842.0;

/// Horizontal alignment of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Align {
    Left,
    Right,
    Centre,
}

/// Text style.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(super) size: f32,
    pub(super) bold: bool,
    /// 0 is black, 255 white.
    pub(super) grey: u8,
}

impl Style {
    /// Dark regular text of `size` points.
    pub(crate) const fn of(size: f32) -> Self {
        Self { size, bold: false, grey: 26 }
    }

    pub(crate) const fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    /// White, for a dark background.
    pub(crate) const fn white(self) -> Self {
        Self { grey: 255, ..self }
    }

    /// Grey, for labels and notes.
    pub(crate) const fn quiet(self) -> Self {
        Self { grey: 115, ..self }
    }
}

/// An image.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Picture {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// One byte per pixel if grey, else three.
    pub(crate) pixels: Vec<u8>,
    pub(crate) kind: PictureKind,
}

/// What a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PictureKind {
    /// A scan in grey.
    Grey,
    /// A scan with colours.
    Coloured,
    /// Lines, text and areas of one colour.
    Graphic,
}

impl PictureKind {
    /// Bytes in a pixel.
    pub(super) const fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Coloured | Self::Graphic => 3,
        }
    }
}

/// A page being drawn; later items cover earlier ones.
#[derive(Default)]
pub(crate) struct Page {
    pub(super) items: Vec<Item>,
}

/// Something on a page. Places and sizes are in points.
pub(super) enum Item {
    /// Text that starts at `at`, on the baseline.
    Text { at: (f32, f32), size: f32, grey: u8, line: ShapedLine },
    /// A line through points; `None` breaks it.
    Line { points: Vec<Option<(f32, f32)>>, width: f32, colour: [u8; 3] },
    /// A filled rectangle with its upper left corner at `at`.
    Rectangle { at: (f32, f32), size: (f32, f32), colour: [u8; 3] },
    /// An image that fills a rectangle with its upper left corner at `at`.
    Picture { at: (f32, f32), size: (f32, f32), picture: Picture },
}

impl Page {
    /// An empty page.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Writes a line of text whose baseline is at `y`.
    pub(crate) fn text(&mut self, x: f32, y: f32, style: Style, align: Align, text: &str) {
        let line = ShapedLine::new(text, style.bold);
        let width = style.size * line.width();
        let x = match align {
            Align::Left => x,
            Align::Right => x - width,
            Align::Centre => x - 0.5 * width,
        };
        self.items.push(Item::Text { at: (x, y), size: style.size, grey: style.grey, line });
    }

    /// Draws a thin line.
    pub(crate) fn rule(&mut self, from: (f32, f32), to: (f32, f32)) {
        self.items.push(Item::Line { points: vec![Some(from), Some(to)], width: 0.5, colour: [191; 3] });
    }

    /// Draws a line through `points`; `None` breaks it.
    pub(crate) fn curve(&mut self, points: impl Iterator<Item = Option<(f32, f32)>>, width: f32, colour: [u8; 3]) {
        self.items.push(Item::Line { points: points.collect(), width, colour });
    }

    /// Fills a rectangle with the upper left corner `at`.
    pub(crate) fn fill(&mut self, at: (f32, f32), size: (f32, f32), colour: [u8; 3]) {
        self.items.push(Item::Rectangle { at, size, colour });
    }

    /// Draws an image into a rectangle with the upper left corner `at`.
    pub(crate) fn picture(&mut self, at: (f32, f32), size: (f32, f32), picture: Picture) {
        self.items.push(Item::Picture { at, size, picture });
    }
}

/// Lines of at most `width` points, broken between words; a longer word has a line of its own.
pub(crate) fn wrapped(text: &str, style: Style, width: f32) -> Vec<String> {
    let fits = |line: &str| style.size * ShapedLine::new(line, style.bold).width() <= width;
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if fits(&format!("{line} {word}")) => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The end of a text that is wider than `width` points: the end of a path tells more than its start.
pub(crate) fn shortened(text: &str, style: Style, width: f32) -> String {
    let fits = |text: &str| style.size * ShapedLine::new(text, style.bold).width() <= width;
    if fits(text) {
        return text.to_owned();
    }
    let from = |start: usize| format!("...{}", &text[start..]);
    let starts: Vec<usize> = text.grapheme_indices(true).map(|(start, _)| start).collect();
    let first = starts.partition_point(|&start| !fits(&from(start)));
    from(starts.get(first).copied().unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_keep_them_all() {
        let text = "findings to be read by a clinician: subretinal fluid, no ellipsoid zone";
        let style = Style::of(9.0).bold();
        let lines = wrapped(text, style, 120.0);
        assert!(lines.len() > 1 && lines.iter().all(|line| 9.0 * ShapedLine::new(line, true).width() <= 120.0));
        assert_eq!(lines.join(" "), text);
        assert_eq!(wrapped("ellipsoid", style, 5.0), ["ellipsoid"]);
    }

    #[test]
    fn a_long_path_keeps_its_end_within_its_width() {
        let style = Style::of(9.0);
        assert_eq!(shortened("ward/scan.vol", style, 180.0), "ward/scan.vol");
        for path in ["ward/".repeat(40) + "scan.vol", "眼科/".repeat(40) + "患者.vol"] {
            let short = shortened(&path, style, 180.0);
            let width = 9.0 * ShapedLine::new(&short, false).width();
            assert!((160.0..=180.0).contains(&width), "{short} {width}");
            let end = short.strip_prefix("...").expect("a mark");
            assert!(path.ends_with(end));
        }
    }
}
