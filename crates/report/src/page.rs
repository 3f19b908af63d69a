//! PDF pages: Helvetica text, lines, rectangles and images, positioned in points from the upper left corner of A4.

use std::io::Write;

use flate2::{Compression, write::ZlibEncoder};
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, Str, types::LineJoinStyle};

/// A4 in points.
pub(super) const WIDTH: f32 = 595.0;
pub(super) const HEIGHT: f32 = 842.0;

const REGULAR: Name<'static> = Name(b"F1");
const BOLD: Name<'static> = Name(b"F2");

/// Advance widths of Helvetica from space to tilde, in thousandths of the size (Adobe's core font metrics).
const WIDTHS: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
];

/// Horizontal alignment of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Align {
    Left,
    Right,
    Centre,
}

/// Text style.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) size: f32,
    pub(super) bold: bool,
    pub(super) grey: f32,
}

impl Style {
    pub(super) const fn of(size: f32) -> Self {
        Self { size, bold: false, grey: 0.1 }
    }

    pub(super) const fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    /// White, for a dark background.
    pub(super) const fn white(self) -> Self {
        Self { grey: 1.0, ..self }
    }

    pub(super) const fn quiet(self) -> Self {
        Self { grey: 0.45, ..self }
    }
}

/// An image.
pub(super) struct Picture {
    pub(super) width: u32,
    pub(super) height: u32,
    /// One byte per pixel if grey, three if coloured.
    pub(super) pixels: Vec<u8>,
    pub(super) coloured: bool,
}

/// A page being drawn.
pub(super) struct Page {
    content: Content,
    pictures: Vec<Picture>,
}

impl Page {
    pub(super) fn new() -> Self {
        Self { content: Content::new(), pictures: Vec::new() }
    }

    /// Writes a line of text whose baseline is at `y`.
    pub(super) fn text(&mut self, x: f32, y: f32, style: Style, align: Align, text: &str) {
        let bytes = latin(text);
        let width = width(&bytes, style.size);
        let x = match align {
            Align::Left => x,
            Align::Right => x - width,
            Align::Centre => x - 0.5 * width,
        };
        let font = if style.bold { BOLD } else { REGULAR };
        self.content.set_fill_gray(style.grey).begin_text().set_font(font, style.size);
        self.content.next_line(x, HEIGHT - y).show(Str(&bytes)).end_text();
    }

    /// Draws a thin line.
    pub(super) fn rule(&mut self, from: (f32, f32), to: (f32, f32)) {
        self.content.set_stroke_gray(0.75).set_line_width(0.5).move_to(from.0, HEIGHT - from.1);
        self.content.line_to(to.0, HEIGHT - to.1).stroke();
    }

    /// Draws a line through `points`; `None` breaks it.
    pub(super) fn curve(&mut self, points: impl Iterator<Item = Option<(f32, f32)>>, width: f32, colour: [u8; 3]) {
        let [r, g, b] = colour.map(|c| f32::from(c) / 255.0);
        self.content.set_stroke_rgb(r, g, b).set_line_width(width).set_line_join(LineJoinStyle::RoundJoin);
        let mut drawing = false;
        for point in points {
            match point {
                Some((x, y)) if drawing => drop(self.content.line_to(x, HEIGHT - y)),
                Some((x, y)) => drop(self.content.move_to(x, HEIGHT - y)),
                None if drawing => drop(self.content.stroke()),
                None => {}
            }
            drawing = point.is_some();
        }
        if drawing {
            self.content.stroke();
        }
    }

    pub(super) fn fill(&mut self, (x, y): (f32, f32), (width, height): (f32, f32), colour: [u8; 3]) {
        let [r, g, b] = colour.map(|c| f32::from(c) / 255.0);
        self.content.set_fill_rgb(r, g, b).rect(x, HEIGHT - y - height, width, height).fill_nonzero();
    }

    /// Draws an image into a rectangle with the upper left corner `x, y`.
    pub(super) fn picture(&mut self, (x, y): (f32, f32), (width, height): (f32, f32), picture: Picture) {
        let name = format!("P{}", self.pictures.len());
        self.content.save_state().transform([width, 0.0, 0.0, height, x, HEIGHT - y - height]);
        self.content.x_object(Name(name.as_bytes())).restore_state();
        self.pictures.push(picture);
    }
}

/// Encodes pages as a PDF file; the same pages give the same bytes.
///
/// # Errors
/// If compression fails.
pub(super) fn pdf(pages: Vec<Page>, title: &str) -> std::io::Result<Vec<u8>> {
    let mut ids = (1..).map(Ref::new);
    let mut id = || ids.next().unwrap_or(Ref::new(1));
    let (catalog, tree, regular, bold, info) = (id(), id(), id(), id(), id());
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(tree);
    pdf.document_info(info).title(pdf_writer::TextStr(title)).producer(pdf_writer::TextStr("OCT-RLS"));
    for (font, name) in [(regular, &b"Helvetica"[..]), (bold, b"Helvetica-Bold")] {
        pdf.type1_font(font).base_font(Name(name)).encoding_predefined(Name(b"WinAnsiEncoding"));
    }
    let page_ids: Vec<Ref> = pages.iter().map(|_| id()).collect();
    pdf.pages(tree).kids(page_ids.iter().copied()).count(page_ids.len() as i32);
    for (page, page_id) in pages.into_iter().zip(page_ids) {
        let content_id = id();
        let pictures: Vec<(Ref, Picture)> = page.pictures.into_iter().map(|p| (id(), p)).collect();
        let mut writer = pdf.page(page_id);
        writer.parent(tree).media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT)).contents(content_id);
        let mut resources = writer.resources();
        resources.fonts().pair(REGULAR, regular).pair(BOLD, bold);
        let mut objects = resources.x_objects();
        for (i, (picture, _)) in pictures.iter().enumerate() {
            objects.pair(Name(format!("P{i}").as_bytes()), *picture);
        }
        objects.finish();
        resources.finish();
        writer.finish();
        pdf.stream(content_id, &deflated(page.content.finish().as_slice())?).filter(Filter::FlateDecode);
        for (picture_id, picture) in pictures {
            let pixels = deflated(&picture.pixels)?;
            let mut image = pdf.image_xobject(picture_id, &pixels);
            image.filter(Filter::FlateDecode);
            image.width(picture.width as i32).height(picture.height as i32);
            if picture.coloured {
                image.color_space().device_rgb();
            } else {
                image.color_space().device_gray();
            }
            image.bits_per_component(8);
        }
    }
    Ok(pdf.finish())
}

fn deflated(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Text in the font's encoding; missing characters become `?`.
fn latin(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).ok().filter(|b| !(0x7f..0xa0).contains(b) && *b >= 0x20))
        .map(|b| b.unwrap_or(b'?'))
        .collect()
}

/// Width of a line in points.
fn width(bytes: &[u8], size: f32) -> f32 {
    const OTHERS: u16 = 556;
    let of = |&b: &u8| b.checked_sub(b' ').and_then(|i| WIDTHS.get(usize::from(i))).copied().unwrap_or(OTHERS);
    bytes.iter().map(|b| f32::from(of(b))).sum::<f32>() * size / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_its_pages_and_is_the_same_each_time() {
        let made = || {
            let mut page = Page::new();
            page.text(50.0, 50.0, Style::of(12.0).bold(), Align::Left, "ILM \u{b5}m \u{3b1}");
            page.rule((50.0, 60.0), (100.0, 60.0));
            page.curve([Some((1.0, 2.0)), None, Some((3.0, 4.0)), Some((5.0, 4.0))].into_iter(), 1.0, [200, 0, 0]);
            page.picture(
                (10.0, 10.0),
                (20.0, 20.0),
                Picture { width: 2, height: 1, pixels: vec![0, 255], coloured: false },
            );
            pdf(vec![page, Page::new()], "a report").expect("a document")
        };
        let bytes = made();
        assert_eq!(bytes, made());
        assert!(bytes.starts_with(b"%PDF-") && bytes.ends_with(b"%%EOF"));
        assert_eq!(
            bytes.windows(11).filter(|w| w == b"/Type /Page" || w == b"/Type/Page/").count(),
            3,
            "two pages, one tree"
        );
    }

    #[test]
    fn characters_that_the_font_lacks_are_marked() {
        assert_eq!(latin("a\u{b5}\u{3b1}\n"), b"a\xb5??");
    }

    #[test]
    fn widths_are_those_of_helvetica() {
        assert!((width(b"Wi", 10.0) - (9.44 + 2.22)).abs() < 1e-4);
    }
}
