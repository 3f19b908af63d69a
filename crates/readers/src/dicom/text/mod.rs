//! Text of a data set in its character sets (PS3.3, C.12.1.1.2; PS3.5, 6.1).
//!
//! A character set is either one for all bytes (UTF-8, GB18030, GBK), or two halves in the manner of ISO 2022: G0 for the
//! bytes below 80H and G1 for those above, each of which escape sequences can replace.

mod repertoire;
#[cfg(test)]
mod tests;

use encoding_rs::{Encoding, GB18030, UTF_8};

use self::repertoire::{Lower, Upper};

const ESCAPE: u8 = 0x1b;
/// Stands for what cannot be decoded.
const UNKNOWN: char = char::REPLACEMENT_CHARACTER;

/// What separates the parts of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parts {
    /// Values, and the components and groups of a person's name.
    Names,
    /// Values.
    Values,
    /// Nothing: a backslash is text.
    None,
}

/// The character sets of a data set or an item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum CharacterSets {
    /// One encoding for all bytes.
    Whole(&'static Encoding),
    /// The two halves that are active at the start of each part.
    Halves(Lower, Upper),
}

impl Default for CharacterSets {
    /// ASCII. Bytes above it are unknown.
    fn default() -> Self {
        Self::Halves(Lower::Ascii, Upper::None)
    }
}

impl CharacterSets {
    /// The character sets that Specific Character Set names. Its first value says what is active at the start of each
    /// part; escape sequences say which of the others is active, so that these need no list.
    pub(super) fn named(value: &[u8]) -> Self {
        let first = value.split(|&b| b == b'\\').next().unwrap_or_default();
        let first = String::from_utf8_lossy(first).trim_matches(['\0', ' ']).to_uppercase();
        match first.as_str() {
            "ISO_IR 192" => Self::Whole(UTF_8),
            // GBK, and GB 2312 without escape sequences, are parts of GB18030.
            "GB18030" | "GBK" | "GB2312" => Self::Whole(GB18030),
            _ => {
                let number = first.strip_prefix("ISO 2022 IR ").or_else(|| first.strip_prefix("ISO_IR "));
                let number = number.and_then(|n| n.trim().parse().ok()).unwrap_or(0);
                let lower = if number == 13 { Lower::Romaji } else { Lower::Ascii };
                Self::Halves(lower, Upper::of_registration(number))
            }
        }
    }

    /// Decodes the text of an element. What is not valid becomes U+FFFD.
    pub(super) fn decode(self, bytes: &[u8], parts: Parts) -> String {
        match self {
            Self::Whole(encoding) => encoding.decode_without_bom_handling(bytes).0.into_owned(),
            Self::Halves(lower, upper) => {
                let mut text = String::with_capacity(bytes.len());
                let mut reader = Reader { rest: bytes, lower, upper, parts };
                while !reader.rest.is_empty() {
                    if reader.starts_part() {
                        (reader.lower, reader.upper) = (lower, upper);
                    }
                    reader.next(&mut text);
                }
                text
            }
        }
    }
}

/// A text being decoded.
struct Reader<'a> {
    rest: &'a [u8],
    lower: Lower,
    upper: Upper,
    parts: Parts,
}

impl<'a> Reader<'a> {
    /// Whether the next byte separates parts, before which the initial character sets are active again. The bytes of a
    /// character of two are none.
    fn starts_part(&self) -> bool {
        let separates = match self.rest.first() {
            Some(b'\t' | b'\n' | b'\r' | b'\x0c') => return true,
            Some(b'\\') => self.parts != Parts::None,
            Some(b'^' | b'=') => self.parts == Parts::Names,
            _ => false,
        };
        separates && self.lower.bytes() == 1
    }

    /// Decodes the next character or escape sequence.
    fn next(&mut self, text: &mut String) {
        let byte = self.rest[0];
        let is_control = byte < 0x20 || byte == 0x7f;
        if byte == ESCAPE {
            self.escape(text);
        } else if byte < 0x80 && (is_control || byte == b' ') {
            self.take(1);
            text.push(char::from(byte));
        } else if byte < 0x80 {
            let bytes = self.take(self.lower.bytes());
            let is_separator = byte == b'\\' && self.parts != Parts::None;
            text.push(if is_separator && bytes.len() == 1 {
                '\\'
            } else {
                self.lower.decode(bytes).unwrap_or(UNKNOWN)
            });
        } else {
            let bytes = self.take(self.upper.bytes());
            text.push(self.upper.decode(bytes).unwrap_or(UNKNOWN));
        }
    }

    /// Follows the escape sequence at the start.
    fn escape(&mut self, text: &mut String) {
        let sequence = &self.rest[1..];
        let lower = Lower::ALL.into_iter().find(|set| sequence.starts_with(set.escape()));
        let upper = Upper::ALL.into_iter().find(|set| set.escape().is_some_and(|escape| sequence.starts_with(escape)));
        let length = match (lower, upper) {
            (Some(lower), _) => {
                self.lower = lower;
                lower.escape().len()
            }
            (None, Some(upper)) => {
                self.upper = upper;
                upper.escape().map_or(0, <[u8]>::len)
            }
            (None, None) => {
                text.push(UNKNOWN);
                0
            }
        };
        self.take(1 + length);
    }

    /// The next `count` bytes, or fewer at the end.
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }
}
