//! The character sets that escape sequences select (PS3.3, tables C.12-3 and C.12-4).

use encoding_rs::{
    EUC_JP, EUC_KR, Encoding, GBK, ISO_8859_2, ISO_8859_3, ISO_8859_4, ISO_8859_5, ISO_8859_6, ISO_8859_7, ISO_8859_8,
    ISO_8859_15, SHIFT_JIS, WINDOWS_874, WINDOWS_1254,
};

/// What bytes below 80H mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dicom) enum Lower {
    /// ISO-IR 6.
    Ascii,
    /// ISO-IR 14, the Latin half of JIS X 0201: ASCII but for two characters.
    Romaji,
    /// ISO-IR 87, JIS X 0208.
    Kanji,
    /// ISO-IR 159, JIS X 0212.
    SupplementaryKanji,
}

/// What bytes from 80H mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::dicom) enum Upper {
    None,
    /// ISO-IR 100.
    Latin1,
    /// Another set of one byte, by its ISO-IR number.
    Single(u16, &'static Encoding),
    /// ISO-IR 13, the Katakana half of JIS X 0201.
    Katakana,
    /// ISO-IR 149, KS X 1001.
    Korean,
    /// ISO-IR 58, GB 2312.
    Chinese,
}

impl Lower {
    pub(super) const ALL: [Self; 4] = [Self::Ascii, Self::Romaji, Self::Kanji, Self::SupplementaryKanji];

    /// Bytes of a character.
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::Ascii | Self::Romaji => 1,
            Self::Kanji | Self::SupplementaryKanji => 2,
        }
    }

    /// The sequence that selects it, after the escape character.
    pub(super) const fn escape(self) -> &'static [u8] {
        match self {
            Self::Ascii => b"(B",
            Self::Romaji => b"(J",
            Self::Kanji => b"$B",
            Self::SupplementaryKanji => b"$(D",
        }
    }

    pub(super) fn decode(self, bytes: &[u8]) -> Option<char> {
        match (self, bytes) {
            (Self::Romaji, b"\\") => Some('\u{a5}'),
            (Self::Romaji, b"~") => Some('\u{203e}'),
            (Self::Ascii | Self::Romaji, &[byte]) => Some(char::from(byte)),
            // EUC-JP has these sets in its upper half, the second after the byte 8FH.
            (Self::Kanji, &[a, b]) => one(EUC_JP, &[a | 0x80, b | 0x80]),
            (Self::SupplementaryKanji, &[a, b]) => one(EUC_JP, &[0x8f, a | 0x80, b | 0x80]),
            _ => None,
        }
    }
}

impl Upper {
    pub(super) const ALL: [Self; 15] = [
        Self::Latin1,
        Self::Single(101, ISO_8859_2),
        Self::Single(109, ISO_8859_3),
        Self::Single(110, ISO_8859_4),
        Self::Single(144, ISO_8859_5),
        Self::Single(127, ISO_8859_6),
        Self::Single(126, ISO_8859_7),
        Self::Single(138, ISO_8859_8),
        // The encodings of the web that hold ISO 8859-9 and ISO 8859-11; they differ below A0H, where DICOM has no
        // characters.
        Self::Single(148, WINDOWS_1254),
        Self::Single(166, WINDOWS_874),
        Self::Single(203, ISO_8859_15),
        Self::Katakana,
        Self::Korean,
        Self::Chinese,
        Self::None,
    ];

    /// The set with this number in the register of ISO.
    pub(super) fn of_registration(number: u16) -> Self {
        Self::ALL.into_iter().find(|set| set.registration() == number).unwrap_or(Self::None)
    }

    const fn registration(self) -> u16 {
        match self {
            Self::None => 0,
            Self::Latin1 => 100,
            Self::Single(number, _) => number,
            Self::Katakana => 13,
            Self::Korean => 149,
            Self::Chinese => 58,
        }
    }

    /// Bytes of a character.
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::Korean | Self::Chinese => 2,
            _ => 1,
        }
    }

    /// The sequence that selects it, after the escape character.
    pub(super) const fn escape(self) -> Option<&'static [u8]> {
        Some(match self.registration() {
            100 => b"-A",
            101 => b"-B",
            109 => b"-C",
            110 => b"-D",
            144 => b"-L",
            127 => b"-G",
            126 => b"-F",
            138 => b"-H",
            148 => b"-M",
            166 => b"-T",
            203 => b"-b",
            13 => b")I",
            149 => b"$)C",
            58 => b"$)A",
            _ => return None,
        })
    }

    pub(super) fn decode(self, bytes: &[u8]) -> Option<char> {
        match (self, bytes) {
            (Self::Latin1, &[byte @ 0xa0..=0xff]) => Some(char::from(byte)),
            (Self::Single(_, encoding), &[0xa0..=0xff]) => one(encoding, bytes),
            (Self::Katakana, &[0xa1..=0xdf]) => one(SHIFT_JIS, bytes),
            (Self::Korean, &[0xa1..=0xfe, 0xa1..=0xfe]) => one(EUC_KR, bytes),
            (Self::Chinese, &[0xa1..=0xfe, 0xa1..=0xfe]) => one(GBK, bytes),
            _ => None,
        }
    }
}

/// The only character that `bytes` encode.
fn one(encoding: &'static Encoding, bytes: &[u8]) -> Option<char> {
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
    let mut characters = text.chars();
    characters.next().filter(|_| characters.next().is_none())
}
