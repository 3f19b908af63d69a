//! Lines of text in any script: order of writing, choice of fonts, shapes and widths.

use krilla::text::{GlyphId, KrillaGlyph};
use rustybuzz::{Direction, UnicodeBuffer};
use unicode_bidi::{BidiInfo, Level};
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

use super::fonts::{Typeface, typefaces};

/// A line of text with its glyphs.
pub(super) struct ShapedLine {
    /// From left to right.
    pub(super) runs: Vec<Run>,
}

/// A part of a line in one font and one direction.
pub(super) struct Run {
    pub(super) typeface: &'static Typeface,
    pub(super) text: String,
    /// From left to right; positions in units of the font size.
    pub(super) glyphs: Vec<KrillaGlyph>,
    /// In units of the font size.
    pub(super) width: f32,
}

impl ShapedLine {
    /// Shapes a line that as a whole runs from left to right. Parts in Arabic or Hebrew run from right to left.
    pub(super) fn new(text: &str, bold: bool) -> Self {
        let text = printable(text);
        let bidi = BidiInfo::new(&text, Some(Level::ltr()));
        let mut runs = Vec::new();
        for paragraph in &bidi.paragraphs {
            let (levels, ranges) = bidi.visual_runs(paragraph, paragraph.range.clone());
            for range in ranges {
                let from_right = levels[range.start].is_rtl();
                let mut parts = split_by_font(&text[range], bold);
                if from_right {
                    parts.reverse();
                }
                let direction = if from_right { Direction::RightToLeft } else { Direction::LeftToRight };
                runs.extend(parts.into_iter().map(|(typeface, part)| Run::new(typeface, part, direction)));
            }
        }
        Self { runs }
    }

    /// Width in units of the font size.
    pub(super) fn width(&self) -> f32 {
        self.runs.iter().map(|run| run.width).sum()
    }
}

impl Run {
    fn new(typeface: &'static Typeface, text: &str, direction: Direction) -> Self {
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.set_direction(direction);
        buffer.guess_segment_properties();
        let shaped = rustybuzz::shape(&typeface.face, &[], buffer);

        // A glyph stands for the text from its cluster to the next one.
        let mut clusters: Vec<usize> = shaped.glyph_infos().iter().map(|info| info.cluster as usize).collect();
        clusters.push(text.len());
        clusters.sort_unstable();
        clusters.dedup();
        let units = typeface.font.units_per_em();
        let glyph = |(info, position): (&rustybuzz::GlyphInfo, &rustybuzz::GlyphPosition)| {
            let start = info.cluster as usize;
            let next = clusters.partition_point(|&cluster| cluster <= start);
            let end = clusters.get(next).copied().unwrap_or(text.len());
            let [x_advance, x_offset, y_offset, y_advance] =
                [position.x_advance, position.x_offset, position.y_offset, position.y_advance]
                    .map(|value| value as f32 / units);
            let id = GlyphId::new(info.glyph_id);
            KrillaGlyph::new(id, x_advance, x_offset, y_offset, y_advance, start..end, None)
        };
        let glyphs = shaped.glyph_infos().iter().zip(shaped.glyph_positions()).map(glyph).collect();
        let width = shaped.glyph_positions().iter().map(|position| position.x_advance as f32 / units).sum();
        Self { typeface, text: text.to_owned(), glyphs, width }
    }
}

/// Splits text into parts of one font each. Letters stay with their marks.
fn split_by_font(text: &str, bold: bool) -> Vec<(&'static Typeface, &str)> {
    let mut starts: Vec<(&'static Typeface, usize)> = Vec::new();
    for (start, grapheme) in text.grapheme_indices(true) {
        let Some(typeface) = typeface_for(grapheme, bold) else { continue };
        if starts.last().is_none_or(|(last, _)| !std::ptr::eq(*last, typeface)) {
            starts.push((typeface, start));
        }
    }
    let ends = starts.iter().skip(1).map(|&(_, start)| start).chain([text.len()]);
    starts.iter().zip(ends).map(|(&(typeface, start), end)| (typeface, &text[start..end])).collect()
}

/// The first font that has all characters of `grapheme`, or its first character; otherwise the main font, which draws
/// a box.
fn typeface_for(grapheme: &str, bold: bool) -> Option<&'static Typeface> {
    let mut typefaces = typefaces(bold);
    let visible = grapheme.chars().filter(|&c| !is_invisible(c));
    let has_all = |typeface: &&Typeface| visible.clone().all(|c| typeface.has(c));
    let has_first = |typeface: &&Typeface| visible.clone().next().is_some_and(|c| typeface.has(c));
    let main = typefaces.clone().next();
    typefaces.clone().find(has_all).or_else(|| typefaces.find(has_first)).or(main)
}

/// Whether a character only changes how its neighbours look.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{e0100}'..='\u{e01ef}')
}

/// Text in composed characters, which fonts have rather than their parts. Controls become `?`: a file name must not
/// break the line or change the order of the text.
fn printable(text: &str) -> String {
    let visible = |c: char| match c {
        '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | char::REPLACEMENT_CHARACTER => '?',
        c if c.is_control() => '?',
        c => c,
    };
    text.nfc().map(visible).collect()
}

#[cfg(test)]
mod tests {
    use krilla::text::Glyph;

    use super::*;

    fn missing(line: &ShapedLine) -> usize {
        line.runs.iter().flat_map(|run| &run.glyphs).filter(|g| g.glyph_id().to_u32() == 0).count()
    }

    #[test]
    fn names_in_many_scripts_have_all_their_glyphs() {
        let names = [
            "M\u{fc}ller, \u{141}\u{f3}d\u{17a}, Nguy\u{1ec5}n V\u{103}n \u{110}\u{1ee9}c \u{b5}m mm\u{b3} \u{b1}",
            "Παπαδόπουλος/δεξί μάτι",
            "Щербаков/Иван, Ґалаґан, Ђорђе",
            "山田太郎/左眼/スキャン.vol",
            "김철수/오른쪽 눈.e2e",
            "王小明，李娜（右眼）",
            "محمد علي/العين اليمنى.dcm",
            "פרץ/עין ימין.img",
            "सुनीता शर्मा क्षत्रिय",
            "রহমান",
            "தமிழ்ச்செல்வன்",
            "สมชาย ใจดี",
            "გიორგი",
            "Արմեն",
            "አበበ",
        ];
        for name in names {
            for bold in [false, true] {
                let line = ShapedLine::new(name, bold);
                assert_eq!(missing(&line), 0, "{name}");
                assert!(line.width() > 0.0);
            }
        }
    }

    #[test]
    fn decomposed_names_are_composed() {
        let [composed, decomposed] = ["한글 ガ é".nfc().collect::<String>(), "한글 ガ é".nfd().collect()];
        assert_ne!(composed, decomposed);
        let [one, other] = [&composed, &decomposed].map(|name| ShapedLine::new(name, false));
        assert_eq!((missing(&one), missing(&other)), (0, 0));
        assert!((one.width() - other.width()).abs() < 1e-6);
    }

    #[test]
    fn arabic_runs_from_right_to_left_and_is_joined() {
        let line = ShapedLine::new("a محمد 12", false);
        let texts: Vec<&str> = line.runs.iter().map(|run| run.text.as_str()).collect();
        assert_eq!(texts, ["a ", "12", " ", "محمد"]);
        let arabic = &line.runs[3];
        let ranges: Vec<usize> = arabic.glyphs.iter().map(|g| g.text_range().start).collect();
        assert!(ranges.is_sorted_by(|a, b| a > b), "{ranges:?}");
        let alone = ShapedLine::new("م", false).runs[0].glyphs[0].glyph_id();
        assert!(arabic.glyphs.iter().all(|glyph| glyph.glyph_id() != alone), "joined letters have other glyphs");
    }

    #[test]
    fn controls_do_not_break_or_reorder_a_line() {
        let line = ShapedLine::new("a\n\u{202e}b", false);
        assert_eq!(missing(&line), 0);
        assert_eq!(line.runs.iter().map(|run| run.text.as_str()).collect::<String>(), "a??b");
    }

    #[test]
    fn a_character_that_no_font_has_is_a_box() {
        let line = ShapedLine::new("a\u{12000}b", false);
        assert_eq!(missing(&line), 1);
    }
}
