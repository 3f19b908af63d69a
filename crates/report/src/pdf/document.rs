//! Pages encoded as a PDF file.

use std::sync::Arc;

use image::{ExtendedColorType, codecs::jpeg::JpegEncoder};
use krilla::{
    Document, SerializeSettings,
    color::{luma, rgb},
    geom::{PathBuilder, Point, Rect, Size, Transform},
    image::{BitsPerComponent, CustomImage, Image, ImageColorspace},
    metadata::Metadata,
    page::PageSettings,
    paint::{Fill, LineJoin, Stroke},
    surface::Surface,
};

use super::page::{HEIGHT, Item, Page, Picture, PictureKind, WIDTH};

/// From 1 to 100. No loss can be seen in print.
const JPEG_QUALITY: u8 = 92;

/// A page that cannot be encoded.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct PdfError(String);

/// Encodes pages as a PDF file; the same pages give the same bytes.
///
/// # Errors
/// [`PdfError`] if an image does not have the pixels of its size, or a font cannot be embedded.
pub(crate) fn pdf(pages: Vec<Page>, title: &str) -> Result<Vec<u8>, PdfError> {
    let settings = SerializeSettings { xmp_metadata: false, enable_tagging: false, ..Default::default() };
    let mut document = Document::new_with(settings);
    let metadata = Metadata::new().title(title.to_owned()).producer("OCT-RLS".to_owned()).language("en".to_owned());
    document.set_metadata(metadata);
    let size = Size::from_wh(WIDTH, HEIGHT).ok_or_else(|| PdfError("a page without a size".to_owned()))?;
    for page in pages {
        let mut sheet = document.start_page_with(PageSettings::new(size));
        let mut surface = sheet.surface();
        for item in page.items {
            draw(&mut surface, item)?;
        }
        surface.finish();
        sheet.finish();
    }
    document.finish().map_err(|error| PdfError(format!("{error:?}")))
}

fn draw(surface: &mut Surface<'_>, item: Item) -> Result<(), PdfError> {
    match item {
        Item::Text { at: (mut x, y), size, grey, line } => {
            surface.set_stroke(None);
            surface.set_fill(Some(Fill { paint: luma::Color::new(grey).into(), ..Fill::default() }));
            for run in line.runs {
                let font = run.typeface.font.clone();
                surface.draw_glyphs(Point::from_xy(x, y), &run.glyphs, font, &run.text, size, false);
                x += size * run.width;
            }
        }
        Item::Line { points, width, colour } => {
            let mut path = PathBuilder::new();
            let mut drawing = false;
            for point in points {
                match point {
                    Some((x, y)) if drawing => path.line_to(x, y),
                    Some((x, y)) => path.move_to(x, y),
                    None => {}
                }
                drawing = point.is_some();
            }
            surface.set_fill(None);
            let line_join = LineJoin::Round;
            surface.set_stroke(Some(Stroke { paint: paint(colour), width, line_join, ..Stroke::default() }));
            if let Some(path) = path.finish() {
                surface.draw_path(&path);
            }
        }
        Item::Rectangle { at: (x, y), size: (width, height), colour } => {
            let mut path = PathBuilder::new();
            if let Some(rectangle) = Rect::from_xywh(x, y, width, height) {
                path.push_rect(rectangle);
            }
            surface.set_stroke(None);
            surface.set_fill(Some(Fill { paint: paint(colour), ..Fill::default() }));
            if let Some(path) = path.finish() {
                surface.draw_path(&path);
            }
        }
        Item::Picture { at: (x, y), size: (width, height), picture } => {
            let Some(size) = Size::from_wh(width, height) else { return Ok(()) };
            let image = encoded(picture)?;
            surface.push_transform(&Transform::from_translate(x, y));
            surface.draw_image(image, size);
            surface.pop();
        }
    }
    Ok(())
}

fn paint([r, g, b]: [u8; 3]) -> krilla::paint::Paint {
    rgb::Color::new(r, g, b).into()
}

/// Scans become JPEG: a tenth of the time and a third of the size of lossless compression.
fn encoded(picture: Picture) -> Result<Image, PdfError> {
    let bytes = picture.width as usize * picture.height as usize * picture.kind.channels();
    if bytes != picture.pixels.len() {
        return Err(PdfError(format!("an image has {} bytes instead of {bytes}", picture.pixels.len())));
    }
    let colour = match picture.kind {
        PictureKind::Grey => ExtendedColorType::L8,
        PictureKind::Coloured | PictureKind::Graphic => ExtendedColorType::Rgb8,
    };
    if picture.kind == PictureKind::Graphic || picture.width.max(picture.height) > u32::from(u16::MAX) {
        return Image::from_custom(SharedPicture(Arc::new(picture)), false).map_err(PdfError);
    }
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, JPEG_QUALITY)
        .encode(&picture.pixels, picture.width, picture.height, colour)
        .map_err(|error| PdfError(error.to_string()))?;
    Image::from_jpeg(file.into(), false).map_err(PdfError)
}

/// A picture that is cheap to clone.
#[derive(Clone, Hash)]
struct SharedPicture(Arc<Picture>);

impl CustomImage for SharedPicture {
    fn color_channel(&self) -> &[u8] {
        &self.0.pixels
    }

    fn alpha_channel(&self) -> Option<&[u8]> {
        None
    }

    fn bits_per_component(&self) -> BitsPerComponent {
        BitsPerComponent::Eight
    }

    fn size(&self) -> (u32, u32) {
        (self.0.width, self.0.height)
    }

    fn icc_profile(&self) -> Option<&[u8]> {
        None
    }

    fn color_space(&self) -> ImageColorspace {
        match self.0.kind {
            PictureKind::Grey => ImageColorspace::Luma,
            PictureKind::Coloured | PictureKind::Graphic => ImageColorspace::Rgb,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pdf::{Align, Style, shortened};

    fn picture(pixels: Vec<u8>) -> Picture {
        Picture { width: 2, height: 1, pixels, kind: PictureKind::Grey }
    }

    #[test]
    fn a_document_has_its_pages_and_is_the_same_each_time() {
        let made = || {
            let mut page = Page::new();
            page.text(50.0, 50.0, Style::of(12.0).bold(), Align::Left, "ILM \u{b5}m \u{3b1}");
            page.text(50.0, 80.0, Style::of(12.0), Align::Left, "山田太郎 محمد김철수");
            page.rule((50.0, 60.0), (100.0, 60.0));
            page.curve([Some((1.0, 2.0)), None, Some((3.0, 4.0)), Some((5.0, 4.0))].into_iter(), 1.0, [200, 0, 0]);
            page.picture((10.0, 10.0), (20.0, 20.0), picture(vec![0, 255]));
            pdf(vec![page, Page::new()], "a report").expect("a document")
        };
        let bytes = made();
        assert_eq!(bytes, made());
        assert!(bytes.starts_with(b"%PDF-") && bytes.trim_ascii_end().ends_with(b"%%EOF"));
        assert_eq!(bytes.windows(11).filter(|w| w == b"/Type/Page/").count(), 2);
        assert!(bytes.len() < 60_000, "fonts hold only the glyphs in use: {}", bytes.len());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn any_text_can_be_encoded(text in ".{0,60}", bold in any::<bool>()) {
            let style = if bold { Style::of(9.0).bold() } else { Style::of(9.0) };
            let mut page = Page::new();
            page.text(50.0, 50.0, style, Align::Right, &text);
            page.text(50.0, 70.0, style, Align::Left, &shortened(&text, style, 100.0));
            prop_assert!(pdf(vec![page], "a report").is_ok());
        }
    }

    #[test]
    fn an_image_that_lacks_pixels_is_an_error() {
        let mut page = Page::new();
        page.picture((10.0, 10.0), (20.0, 20.0), picture(vec![0]));
        assert!(pdf(vec![page], "a report").is_err());
    }
}
