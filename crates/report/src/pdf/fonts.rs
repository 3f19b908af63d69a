//! The fonts inside the program, compressed. `crates/report/fonts` holds them and their licences.

use std::{io::Read, sync::LazyLock};

use flate2::read::GzDecoder;
use krilla::text::Font;
use rustybuzz::Face;

/// A font that is unpacked when it is first used.
type LazyFont = LazyLock<Option<Typeface>>;

macro_rules! font {
    ($name:literal) => {
        LazyLock::new(|| Typeface::unpack(include_bytes!(concat!("../../fonts/", $name, ".ttf.gz"))))
    };
}

/// Latin, Greek, Cyrillic and Hebrew, with the widths of Helvetica.
static REGULAR: LazyFont = font!("LiberationSans-Regular");
static BOLD: LazyFont = font!("LiberationSans-Bold");
/// Other scripts, in one weight. The first font that has a character draws it.
static FALLBACKS: [LazyFont; 20] = [
    font!("NotoSansArabic-Regular"),
    font!("NotoSansArmenian-Regular"),
    font!("NotoSansGeorgian-Regular"),
    font!("NotoSansDevanagari-Regular"),
    font!("NotoSansBengali-Regular"),
    font!("NotoSansGujarati-Regular"),
    font!("NotoSansGurmukhi-Regular"),
    font!("NotoSansKannada-Regular"),
    font!("NotoSansMalayalam-Regular"),
    font!("NotoSansOriya-Regular"),
    font!("NotoSansSinhala-Regular"),
    font!("NotoSansTamil-Regular"),
    font!("NotoSansTelugu-Regular"),
    font!("NotoSansThaana-Regular"),
    font!("NotoSansThai-Regular"),
    font!("NotoSansLao-Regular"),
    font!("NotoSansKhmer-Regular"),
    font!("NotoSansMyanmar-Regular"),
    font!("NotoSansEthiopic-Regular"),
    // Chinese, Japanese and Korean.
    font!("DroidSansFallback"),
];

/// A font, to shape text and to embed.
pub(super) struct Typeface {
    pub(super) face: Face<'static>,
    pub(super) font: Font,
}

impl Typeface {
    fn unpack(packed: &[u8]) -> Option<Self> {
        let mut file = Vec::new();
        GzDecoder::new(packed).read_to_end(&mut file).ok()?;
        // Fonts live as long as the program.
        let file: &'static [u8] = file.leak();
        Some(Self { face: Face::from_slice(file, 0)?, font: Font::new(file.into(), 0)? })
    }

    /// Whether the font has a glyph for `character`.
    pub(super) fn has(&self, character: char) -> bool {
        self.face.glyph_index(character).is_some()
    }
}

/// The fonts for regular or bold text, in the order of preference.
pub(super) fn typefaces(bold: bool) -> impl Iterator<Item = &'static Typeface> + Clone {
    let first = if bold { &BOLD } else { &REGULAR };
    std::iter::once(first).chain(&FALLBACKS).filter_map(|font| font.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_fonts_can_be_read() {
        for bold in [false, true] {
            assert_eq!(typefaces(bold).count(), 1 + FALLBACKS.len());
        }
    }

    #[test]
    fn latin_has_the_widths_of_helvetica() {
        let Some(regular) = typefaces(false).next() else { panic!("no font") };
        // Adobe's core font metrics, in thousandths of the size.
        for (character, width) in [('W', 944.0), ('i', 222.0), ('0', 556.0), (' ', 278.0)] {
            let glyph = regular.face.glyph_index(character).expect("a glyph");
            let advance = f32::from(regular.face.glyph_hor_advance(glyph).expect("an advance"));
            assert!((1000.0 * advance / regular.font.units_per_em() - width).abs() < 1.0, "{character}");
        }
    }
}
