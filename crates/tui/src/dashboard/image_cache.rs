//! Draws B-scans on the screen: as cells from a small cache, or as images from a thread.

use std::sync::Arc;

use crossbeam_channel::{Receiver, never};
use ratatui::{buffer::Buffer, layout::Rect};

use super::{
    bscan_image::{self, Picture, RenderStyle},
    graphics::{Graphics, Reply},
    theme::{Colours, Theme},
};
use octrls_core::segment::SegmentedBScan;

/// Number of cached drawings: enough for a resize and a few B-scans back and forth.
const CAPACITY: usize = 8;

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

/// Everything that a drawing depends on.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) bscan: Arc<SegmentedBScan>,
    pub(crate) look: RenderStyle,
    pub(crate) width: u16,
    pub(crate) height: u16,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        let facts = |k: &Self| (k.look, k.width, k.height);
        Arc::ptr_eq(&self.bscan, &other.bscan) && facts(self) == facts(other)
    }
}

#[derive(Debug)]
enum Way {
    Protocol(Box<Graphics>),
    Half,
    Text,
    Off,
}

#[derive(Debug)]
enum Drawing {
    Half(Picture),
    Text(Vec<String>),
}

/// Draws B-scans by the chosen method.
#[derive(Debug)]
pub(crate) struct Pictures {
    way: Way,
    drawings: Vec<(Key, Drawing)>,
    nobody: Receiver<Reply>,
}

impl Pictures {
    /// Pictures without a graphics protocol.
    pub(crate) fn cells(mode: ImageMode, colours: Colours) -> Self {
        let way = match (mode, colours) {
            (ImageMode::Off, _) => Way::Off,
            (ImageMode::Text, _) | (_, Colours::None) => Way::Text,
            _ => Way::Half,
        };
        Self { way, drawings: Vec::new(), nobody: never() }
    }

    /// Pictures for `mode`. Queries the terminal if necessary, which must be in raw mode.
    pub(crate) fn for_terminal(mode: ImageMode, colours: Colours) -> Self {
        let mut out = Self::cells(mode, colours);
        let plain = matches!(mode, ImageMode::Half | ImageMode::Text | ImageMode::Off)
            || mode == ImageMode::Auto && colours == Colours::None;
        if !plain && let Some(graphics) = Graphics::ask_terminal(mode) {
            out.way = Way::Protocol(Box::new(graphics));
        }
        out
    }

    /// The method as a word.
    pub(crate) fn word(&self) -> &'static str {
        match &self.way {
            Way::Protocol(graphics) => graphics.name(),
            Way::Half => "half blocks",
            Way::Text => "text",
            Way::Off => "off",
        }
    }

    pub(crate) fn off(&self) -> bool {
        matches!(self.way, Way::Off)
    }

    /// Finished images.
    pub(crate) fn replies(&self) -> &Receiver<Reply> {
        match &self.way {
            Way::Protocol(graphics) => graphics.replies(),
            _ => &self.nobody,
        }
    }

    pub(crate) fn accept(&mut self, reply: Reply) {
        if let Way::Protocol(graphics) = &mut self.way {
            graphics.accept(reply);
        }
    }

    /// Draws `bscan` over all of `area`. If a popup covers it, draws cells, because an image would hide the popup.
    pub(crate) fn draw(
        &mut self,
        bscan: &Arc<SegmentedBScan>,
        look: RenderStyle,
        covered: bool,
        theme: Theme,
        area: Rect,
        buf: &mut Buffer,
    ) {
        let key = Key { bscan: Arc::clone(bscan), look, width: area.width, height: area.height };
        if area.is_empty() || self.off() {
            return;
        }
        if let Way::Protocol(graphics) = &mut self.way
            && !covered
            && graphics.draw(&key, area, buf)
        {
            return;
        }
        match self.drawing(key, theme) {
            Drawing::Half(picture) => half_blocks(picture, theme, area, buf),
            Drawing::Text(lines) => {
                for (line, y) in lines.iter().zip(area.top()..) {
                    buf.set_string(area.x, y, line, theme.strong());
                }
            }
        }
    }

    fn drawing(&mut self, key: Key, theme: Theme) -> &Drawing {
        if let Some(at) = self.drawings.iter().position(|(k, _)| *k == key) {
            self.drawings[..=at].rotate_right(1);
        } else {
            let (width, height) = (usize::from(key.width), usize::from(key.height));
            let text = matches!(self.way, Way::Text) || theme.colours() == Colours::None;
            let drawing = if text {
                Drawing::Text(bscan_image::text(&key.bscan, key.look, width, height))
            } else {
                Drawing::Half(Picture::draw(&key.bscan, key.look, width, 2 * height))
            };
            self.drawings.truncate(CAPACITY - 1);
            self.drawings.insert(0, (key, drawing));
        }
        &self.drawings[0].1
    }
}

fn half_blocks(picture: &Picture, theme: Theme, area: Rect, buf: &mut Buffer) {
    for (y, rows) in (area.top()..area.bottom()).zip(picture.rgb.chunks_exact(2 * picture.width)) {
        let (upper, lower) = rows.split_at(picture.width);
        for (x, (upper, lower)) in (area.left()..area.right()).zip(upper.iter().zip(lower)) {
            let (Some(upper), Some(lower)) = (theme.colour(*upper), theme.colour(*lower)) else { continue };
            buf[(x, y)].set_symbol("▀").set_fg(upper).set_bg(lower);
        }
    }
}

#[cfg(test)]
mod tests {
    use ratatui::style::Color;

    use super::*;
    use crate::{dashboard::bscan_image::Overlay, fixtures::retina};
    use octrls_core::layer::{Boundary, Layer};

    const LOOK: RenderStyle = RenderStyle { crop: true, overlay: Overlay::All, layer: Layer::Nfl };

    fn drawn(pictures: &mut Pictures, bscan: &Arc<SegmentedBScan>, colours: Colours) -> Buffer {
        let area = Rect::new(0, 0, 60, 20);
        let mut buf = Buffer::empty(area);
        pictures.draw(bscan, LOOK, false, Theme::new(colours), area, &mut buf);
        buf
    }

    #[test]
    fn a_cell_holds_two_pixels() {
        let bscan = Arc::new(retina(0, None));
        let mut pictures = Pictures::cells(ImageMode::Half, Colours::True);
        let buf = drawn(&mut pictures, &bscan, Colours::True);
        let picture = Picture::draw(&bscan, LOOK, 60, 40);
        let [r, g, b] = Boundary::Ilm.colour();
        let ilm = Color::Rgb(r, g, b);
        assert!(buf.content.iter().all(|c| c.symbol() == "▀"));
        assert!(buf.content.iter().any(|c| c.fg == ilm || c.bg == ilm));
        let [r, g, b] = picture.rgb[60 * 11 + 7];
        assert_eq!(buf[(7, 5)].bg, Color::Rgb(r, g, b));
    }

    #[test]
    fn fewer_colours_are_indexed_and_none_are_characters() {
        let bscan = Arc::new(retina(0, None));
        let mut pictures = Pictures::cells(ImageMode::Auto, Colours::Ansi256);
        let buf = drawn(&mut pictures, &bscan, Colours::Ansi256);
        assert!(buf.content.iter().all(|c| matches!(c.fg, Color::Indexed(16..))));
        let mut pictures = Pictures::cells(ImageMode::Auto, Colours::None);
        let buf = drawn(&mut pictures, &bscan, Colours::None);
        assert!(buf.content.iter().all(|c| c.fg == Color::Reset && c.bg == Color::Reset && c.symbol() != "▀"));
        assert!(buf.content.iter().any(|c| c.symbol() == "1"));
    }

    #[test]
    fn a_drawing_is_made_once() {
        let mut pictures = Pictures::cells(ImageMode::Half, Colours::True);
        let bscans: Vec<_> = (0..3 * CAPACITY).map(|i| Arc::new(retina(i, None))).collect();
        for bscan in &bscans[..3] {
            drawn(&mut pictures, bscan, Colours::True);
            drawn(&mut pictures, bscan, Colours::True);
        }
        assert_eq!(pictures.drawings.len(), 3);
        for bscan in &bscans {
            drawn(&mut pictures, bscan, Colours::True);
        }
        assert_eq!(pictures.drawings.len(), CAPACITY);
    }
}
