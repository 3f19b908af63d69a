//! The fonts inside the program. `crates/report/fonts` holds them and their licences.

use std::sync::LazyLock;

use krilla::text::Font;
use rustybuzz::Face;

macro_rules! font {
    ($name:literal) => {
        include_bytes!(concat!("../../fonts/", $name, ".ttf"))
    };
}

/// Latin, Greek, Cyrillic and Hebrew, with the widths of Helvetica.
const REGULAR: &[u8] = font!("LiberationSans-Regular");
const BOLD: &[u8] = font!("LiberationSans-Bold");
/// Other scripts, in one weight. The first font that has a character draws it.
const FALLBACKS: [&[u8]; 20] = [
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

static FONTS: LazyLock<Fonts> = LazyLock::new(|| Fonts {
    regular: Typeface::parse(REGULAR),
    bold: Typeface::parse(BOLD),
    fallbacks: FALLBACKS.into_iter().filter_map(Typeface::parse).collect(),
});

struct Fonts {
    regular: Option<Typeface>,
    bold: Option<Typeface>,
    fallbacks: Vec<Typeface>,
}

/// A font, to shape text and to embed.
pub(super) struct Typeface {
    pub(super) face: Face<'static>,
    pub(super) font: Font,
}

impl Typeface {
    fn parse(file: &'static [u8]) -> Option<Self> {
        Some(Self { face: Face::from_slice(file, 0)?, font: Font::new(file.into(), 0)? })
    }

    /// Whether the font has a glyph for `character`.
    pub(super) fn has(&self, character: char) -> bool {
        self.face.glyph_index(character).is_some()
    }
}

/// The fonts for regular or bold text, in the order of preference.
pub(super) fn typefaces(bold: bool) -> impl Iterator<Item = &'static Typeface> + Clone {
    let fonts = &*FONTS;
    let first = if bold { &fonts.bold } else { &fonts.regular };
    first.iter().chain(&fonts.fallbacks)
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
