//! Images by a terminal's graphics protocol, encoded in a thread of their own.

use std::{
    io::{Write, stdout},
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, bounded};
use image::{DynamicImage, RgbImage};
use ratatui::{
    buffer::Buffer,
    layout::{Rect, Size},
    widgets::Widget,
};
use ratatui_image::{
    Image, Resize,
    picker::{Picker, ProtocolType, cap_parser::QueryStdioOptions},
    protocol::Protocol,
};

use super::{bscan_image::BScanImage, image_key::ImageKey, image_mode::ImageMode};

/// Time to wait for the terminal's answer about its capabilities.
const QUERY_TIMEOUT: Duration = Duration::from_secs(1);
/// Largest side of an image in pixels. More would only cost time.
const MAX_SIDE: usize = 2000;

/// An encoded image, or `None` if encoding failed.
pub(crate) struct EncodedImage {
    key: ImageKey,
    image: Option<Protocol>,
}

/// Requests one image at a time and shows it when it is ready.
pub(crate) struct Graphics {
    protocol: ProtocolType,
    requests: Sender<ImageKey>,
    replies: Receiver<EncodedImage>,
    pending: Option<ImageKey>,
    ready: Option<(ImageKey, Protocol)>,
    /// Encoding failed once; text cells are used from then on.
    failed: bool,
}

impl std::fmt::Debug for Graphics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Graphics").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}

impl Graphics {
    /// Queries the terminal; `None` if it has no graphics protocol. Call in raw mode and before keys are read, because
    /// the answer arrives as key input.
    pub(crate) fn query_terminal(mode: ImageMode) -> Option<Self> {
        let mut picker = query()?;
        match mode {
            ImageMode::Kitty => picker.set_protocol_type(ProtocolType::Kitty),
            ImageMode::Sixel => picker.set_protocol_type(ProtocolType::Sixel),
            ImageMode::Iterm => picker.set_protocol_type(ProtocolType::Iterm2),
            _ => {}
        }
        (picker.protocol_type() != ProtocolType::Halfblocks).then(|| Self::start(picker)).flatten()
    }

    fn start(picker: Picker) -> Option<Self> {
        let protocol = picker.protocol_type();
        let (requests, requested) = bounded::<ImageKey>(1);
        let (reply, replies) = bounded(1);
        let work = move || {
            for key in requested {
                let image = encode(&picker, &key);
                if reply.send(EncodedImage { key, image }).is_err() {
                    break;
                }
            }
        };
        thread::Builder::new().name("images".into()).spawn(work).ok()?;
        Some(Self { protocol, requests, replies, pending: None, ready: None, failed: false })
    }

    pub(crate) fn name(&self) -> &'static str {
        match self.protocol {
            ProtocolType::Kitty => "kitty",
            ProtocolType::Sixel => "sixel",
            ProtocolType::Iterm2 => "iterm",
            ProtocolType::Halfblocks => "half blocks",
        }
    }

    pub(crate) fn replies(&self) -> &Receiver<EncodedImage> {
        &self.replies
    }

    /// Encodes the image anew when it is drawn next.
    pub(crate) fn forget_shown(&mut self) {
        self.ready = None;
    }

    pub(crate) fn accept_reply(&mut self, reply: EncodedImage) {
        self.pending = None;
        match reply.image {
            Some(image) => self.ready = Some((reply.key, image)),
            None => self.failed = true,
        }
    }

    /// Shows the image of `key`, or until it is ready the previous one of the same size; false if there is neither.
    pub(crate) fn draw(&mut self, key: &ImageKey, area: Rect, buf: &mut Buffer) -> bool {
        if self.failed {
            return false;
        }
        let current = self.ready.as_ref().is_some_and(|(ready, _)| ready == key);
        if !current && self.pending.is_none() && self.requests.try_send(key.clone()).is_ok() {
            self.pending = Some(key.clone());
        }
        match &self.ready {
            Some((ready, image)) if (ready.width, ready.height) == (key.width, key.height) => {
                Image::new(image).render(area, buf);
                true
            }
            _ => false,
        }
    }
}

fn query() -> Option<Picker> {
    let start = Instant::now();
    let options = QueryStdioOptions { timeout: QUERY_TIMEOUT, ..QueryStdioOptions::default() };
    let picker = Picker::from_query_stdio_with_options(options).ok();
    if start.elapsed() >= QUERY_TIMEOUT {
        // The picker still waits for an answer and would take the next key for one. This query ends that: tmux answers
        // it itself, while the picker's query went to the terminal around tmux.
        let written = write!(stdout(), "\x1b[5n").and_then(|()| stdout().flush());
        if written.is_ok() {
            thread::sleep(Duration::from_millis(100));
        }
    }
    picker
}

fn encode(picker: &Picker, key: &ImageKey) -> Option<Protocol> {
    let font = picker.font_size();
    let pixels = |cells: u16, size: u16| (usize::from(cells) * usize::from(size.max(1))).min(MAX_SIDE);
    let (width, height) = (pixels(key.width, font.width), pixels(key.height, font.height));
    let image = BScanImage::render(&key.bscan, key.style, width, height);
    let pixels = image.rgb.into_flattened();
    let image = RgbImage::from_raw(width as u32, height as u32, pixels)?;
    let size = Size::new(key.width, key.height);
    picker.new_protocol(DynamicImage::ImageRgb8(image), size, Resize::Fit(None)).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{dashboard::images::RenderStyle, fixtures::segmented_bscan};

    #[test]
    fn an_image_is_shown_when_it_is_encoded() {
        let mut picker = Picker::halfblocks();
        picker.set_protocol_type(ProtocolType::Kitty);
        let mut graphics = Graphics::start(picker).unwrap();
        let area = Rect::new(0, 0, 30, 10);
        let style = RenderStyle::START;
        let key = ImageKey { bscan: Arc::new(segmented_bscan(0, None)), style, width: 30, height: 10 };
        let mut buf = Buffer::empty(area);
        assert!(!graphics.draw(&key, area, &mut buf), "nothing is ready yet");
        let reply = graphics.replies().recv().unwrap();
        graphics.accept_reply(reply);
        assert!(graphics.draw(&key, area, &mut buf));
        assert!(buf.content[0].symbol().contains("\x1b_G"), "kitty's escape");
        let other = ImageKey { width: 20, ..key };
        assert!(!graphics.draw(&other, Rect::new(0, 0, 20, 10), &mut buf), "an image of another size is not shown");
    }
}
