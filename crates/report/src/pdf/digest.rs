//! The digest of pages, by which two reports are compared.

use octrls_fs::digest::sha256;

use super::page::{Item, Page};

/// SHA-256 of everything on `pages`.
pub(crate) fn digest(pages: &[Page]) -> String {
    let mut content = Content::default();
    for page in pages {
        content.number(page.items.len() as u32);
        page.items.iter().for_each(|item| content.item(item));
    }
    sha256(&content.0)
}

/// What is on the pages as bytes; each part has a length of its own or states it.
#[derive(Default)]
struct Content(Vec<u8>);

impl Content {
    fn item(&mut self, item: &Item) {
        match item {
            Item::Text { at, size, grey, line } => {
                self.kind(b't');
                self.points(&[*at]);
                self.points(&[(*size, line.width())]);
                self.number(u32::from(*grey));
                self.number(line.runs.len() as u32);
                for run in &line.runs {
                    self.kind(u8::from(run.typeface.face.is_bold()));
                    self.bytes(run.text.as_bytes());
                }
            }
            Item::Line { points, width, colour } => {
                self.kind(b'l');
                self.number(points.len() as u32);
                for point in points {
                    self.points(&[point.unwrap_or((f32::NAN, f32::NAN))]);
                }
                self.points(&[(*width, 0.0)]);
                self.bytes(colour);
            }
            Item::Rectangle { at, size, colour } => {
                self.kind(b'r');
                self.points(&[*at, *size]);
                self.bytes(colour);
            }
            Item::Picture { at, size, picture } => {
                self.kind(b'p');
                self.points(&[*at, *size]);
                self.number(picture.width);
                self.number(picture.height);
                self.bytes(sha256(&picture.pixels).as_bytes());
            }
        }
    }

    fn kind(&mut self, kind: u8) {
        self.0.push(kind);
    }

    fn number(&mut self, number: u32) {
        self.0.extend(number.to_le_bytes());
    }

    fn points(&mut self, points: &[(f32, f32)]) {
        for (x, y) in points {
            self.number(x.to_bits());
            self.number(y.to_bits());
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u32);
        self.0.extend(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pdf::{Align, Picture, PictureKind, Style};

    #[test]
    fn pages_have_the_same_digest_only_if_nothing_differs() {
        let page = |x: f32, text: &str, bold: bool, grey: u8| {
            let mut page = Page::new();
            let style = if bold { Style::of(9.0).bold() } else { Style::of(9.0) };
            page.text(x, 10.0, style, Align::Left, text);
            page.rule((0.0, 0.0), (x, 1.0));
            page.fill((0.0, 0.0), (5.0, 5.0), [1, 2, 3]);
            let picture = Picture { width: 1, height: 1, pixels: vec![grey], kind: PictureKind::Grey };
            page.picture((0.0, 0.0), (1.0, 1.0), picture);
            digest(&[page])
        };
        let first = page(1.0, "a", false, 0);
        assert_eq!(first, page(1.0, "a", false, 0));
        let others =
            [page(2.0, "a", false, 0), page(1.0, "b", false, 0), page(1.0, "a", true, 0), page(1.0, "a", false, 1)];
        assert!(others.iter().all(|other| *other != first));
    }
}
