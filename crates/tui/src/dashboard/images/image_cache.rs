//! Draws B-scans on the screen: as cells from a small cache, or as images from a thread.

use std::sync::Arc;

use crossbeam_channel::{Receiver, never};
use octrls_core::segment::SegmentedBScan;
use ratatui::{buffer::Buffer, layout::Rect};

use super::{
    ImageMode,
    bscan_image::{self, BScanImage},
    graphics::{EncodedImage, Graphics},
    image_key::ImageKey,
    render_style::RenderStyle,
};
use crate::dashboard::{colours::Colours, theme::Theme};

/// Number of cached images: enough for a resize and a few B-scans back and forth.
const CAPACITY: usize = 8;

/// How images reach the terminal.
#[derive(Debug)]
enum Method {
    Protocol(Box<Graphics>),
    HalfBlocks,
    Text,
    Off,
}

/// An image in cells.
#[derive(Debug)]
enum CellImage {
    HalfBlocks(BScanImage),
    Text(Vec<String>),
}

/// Draws B-scans by the chosen method.
#[derive(Debug)]
pub(crate) struct ImageCache {
    method: Method,
    cell_images: Vec<(ImageKey, CellImage)>,
    /// Where the last image was drawn.
    area: Rect,
    no_replies: Receiver<EncodedImage>,
}

impl ImageCache {
    /// Images in cells, without a graphics protocol.
    pub(crate) fn without_graphics(mode: ImageMode, colours: Colours) -> Self {
        let method = match (mode, colours) {
            (ImageMode::Off, _) => Method::Off,
            (ImageMode::Text, _) | (_, Colours::None | Colours::Ansi16) => Method::Text,
            _ => Method::HalfBlocks,
        };
        Self { method, cell_images: Vec::new(), area: Rect::ZERO, no_replies: never() }
    }

    /// Images for `mode`. Queries the terminal if necessary, which must be in raw mode.
    pub(crate) fn for_terminal(mode: ImageMode, colours: Colours) -> Self {
        let mut images = Self::without_graphics(mode, colours);
        let plain = matches!(mode, ImageMode::Half | ImageMode::Text | ImageMode::Off)
            || mode == ImageMode::Auto && matches!(colours, Colours::None | Colours::Ansi16);
        if !plain && let Some(graphics) = Graphics::query_terminal(mode) {
            images.method = Method::Protocol(Box::new(graphics));
        }
        images
    }

    /// The method as a word.
    pub(crate) fn method_name(&self) -> &'static str {
        match &self.method {
            Method::Protocol(graphics) => graphics.name(),
            Method::HalfBlocks => "half blocks",
            Method::Text => "text",
            Method::Off => "off",
        }
    }

    /// Whether B-scans are drawn as characters.
    pub(crate) fn is_text(&self, theme: Theme) -> bool {
        matches!(self.method, Method::Text) || matches!(theme.colours(), Colours::None | Colours::Ansi16)
    }

    /// Where the last image was drawn.
    pub(crate) const fn area(&self) -> Rect {
        self.area
    }

    pub(crate) fn is_off(&self) -> bool {
        matches!(self.method, Method::Off)
    }

    /// Finished images.
    pub(crate) fn replies(&self) -> &Receiver<EncodedImage> {
        match &self.method {
            Method::Protocol(graphics) => graphics.replies(),
            _ => &self.no_replies,
        }
    }

    /// Sends the image to the terminal again, which was cleared.
    pub(crate) fn forget_shown(&mut self) {
        if let Method::Protocol(graphics) = &mut self.method {
            graphics.forget_shown();
        }
    }

    pub(crate) fn accept_reply(&mut self, reply: EncodedImage) {
        if let Method::Protocol(graphics) = &mut self.method {
            graphics.accept_reply(reply);
        }
    }

    /// Draws `bscan` over all of `area`. If a popup covers it, draws cells, because an image would hide the popup.
    pub(crate) fn draw(
        &mut self,
        bscan: &Arc<SegmentedBScan>,
        style: RenderStyle,
        covered: bool,
        theme: Theme,
        area: Rect,
        buf: &mut Buffer,
    ) {
        let key = ImageKey { bscan: Arc::clone(bscan), style, width: area.width, height: area.height };
        self.area = area;
        if area.is_empty() || self.is_off() {
            return;
        }
        if let Method::Protocol(graphics) = &mut self.method
            && !covered
            && graphics.draw(&key, area, buf)
        {
            return;
        }
        match self.cell_image(key, theme) {
            CellImage::HalfBlocks(image) => half_blocks(image, theme, area, buf),
            CellImage::Text(lines) => {
                for (line, y) in lines.iter().zip(area.top()..) {
                    buf.set_string(area.x, y, line, theme.strong());
                }
            }
        }
    }

    fn cell_image(&mut self, key: ImageKey, theme: Theme) -> &CellImage {
        if let Some(at) = self.cell_images.iter().position(|(k, _)| *k == key) {
            self.cell_images[..=at].rotate_right(1);
        } else {
            let (width, height) = (usize::from(key.width), usize::from(key.height));
            let image = if self.is_text(theme) {
                CellImage::Text(bscan_image::render_text(&key.bscan, key.style, width, height))
            } else {
                CellImage::HalfBlocks(BScanImage::render(&key.bscan, key.style, width, 2 * height))
            };
            self.cell_images.truncate(CAPACITY - 1);
            self.cell_images.insert(0, (key, image));
        }
        &self.cell_images[0].1
    }
}

fn half_blocks(image: &BScanImage, theme: Theme, area: Rect, buf: &mut Buffer) {
    for (y, rows) in (area.top()..area.bottom()).zip(image.rgb.chunks_exact(2 * image.width)) {
        let (upper, lower) = rows.split_at(image.width);
        for (x, (upper, lower)) in (area.left()..area.right()).zip(upper.iter().zip(lower)) {
            let (Some(upper), Some(lower)) = (theme.colour(*upper), theme.colour(*lower)) else { continue };
            buf[(x, y)].set_symbol("▀").set_fg(upper).set_bg(lower);
        }
    }
}

#[cfg(test)]
mod tests {
    use octrls_core::layer::Boundary;
    use ratatui::style::Color;

    use super::*;
    use crate::{dashboard::theme::LineColours, fixtures::segmented_bscan};

    const STYLE: RenderStyle = RenderStyle::START;

    fn drawn(images: &mut ImageCache, bscan: &Arc<SegmentedBScan>, colours: Colours) -> Buffer {
        let area = Rect::new(0, 0, 60, 20);
        let mut buf = Buffer::empty(area);
        images.draw(bscan, STYLE, false, Theme::new(colours), area, &mut buf);
        buf
    }

    #[test]
    fn a_half_block_holds_two_pixels() {
        let bscan = Arc::new(segmented_bscan(0, None));
        let mut images = ImageCache::without_graphics(ImageMode::Half, Colours::True);
        let buf = drawn(&mut images, &bscan, Colours::True);
        let image = BScanImage::render(&bscan, STYLE, 60, 40);
        let [r, g, b] = LineColours::SCREEN.of(Boundary::Ilm);
        let ilm = Color::Rgb(r, g, b);
        assert!(buf.content.iter().all(|c| c.symbol() == "▀"));
        assert!(buf.content.iter().any(|c| c.fg == ilm || c.bg == ilm));
        let [r, g, b] = image.rgb[60 * 11 + 7];
        assert_eq!(buf[(7, 5)].bg, Color::Rgb(r, g, b));
    }

    #[test]
    fn fewer_colours_are_indexed_and_no_colours_means_characters() {
        let bscan = Arc::new(segmented_bscan(0, None));
        let mut images = ImageCache::without_graphics(ImageMode::Auto, Colours::Ansi256);
        let buf = drawn(&mut images, &bscan, Colours::Ansi256);
        assert!(buf.content.iter().all(|c| matches!(c.fg, Color::Indexed(16..))));
        let mut images = ImageCache::without_graphics(ImageMode::Auto, Colours::None);
        let buf = drawn(&mut images, &bscan, Colours::None);
        assert!(buf.content.iter().all(|c| c.fg == Color::Reset && c.bg == Color::Reset && c.symbol() != "▀"));
        assert!(buf.content.iter().any(|c| c.symbol() == "1"));
    }

    #[test]
    fn an_image_is_rendered_once() {
        let mut images = ImageCache::without_graphics(ImageMode::Half, Colours::True);
        let bscans: Vec<_> = (0..3 * CAPACITY).map(|i| Arc::new(segmented_bscan(i, None))).collect();
        for bscan in &bscans[..3] {
            drawn(&mut images, bscan, Colours::True);
            drawn(&mut images, bscan, Colours::True);
        }
        assert_eq!(images.cell_images.len(), 3);
        for bscan in &bscans {
            drawn(&mut images, bscan, Colours::True);
        }
        assert_eq!(images.cell_images.len(), CAPACITY);
    }
}
