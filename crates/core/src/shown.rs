//! Text from elsewhere, such as file names, as it is shown on a terminal, in a line or in a log.
//!
//! A file name may hold anything but `/` and NUL: an escape sequence that moves the cursor, a line break that forges a
//! line, a control that reverses the order of what follows. All text that may hold a name passes through here before a
//! person sees it. What other programs read (JSON) keeps the name itself.

use std::{borrow::Cow, fmt::Write as _, path::Path};

/// Whether `c` changes how the text around it is shown, or is invisible: control characters, line and paragraph
/// separators, controls of direction (Unicode annex 9), zero-width characters that join nothing, and tags.
#[must_use]
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// `text` with each unsafe character escaped as Rust does: `\n`, `\u{1b}`, `\u{202e}`. Without one, the text itself.
#[must_use]
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_unsafe(c) {
            // Writing to a string cannot fail.
            let _ = write!(safe, "{}", c.escape_default());
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// A path with `/` between folders on every system, each unsafe character escaped as by [`shown`], and each byte that is
/// no UTF-8 as U+FFFD.
#[must_use]
pub fn shown_path(path: &Path) -> String {
    let text = path.to_string_lossy();
    let text = if cfg!(windows) { text.replace('\\', "/").into() } else { text };
    shown(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_escaped() {
        for (text, expected) in [
            ("a b-é.png", "a b-é.png"),
            ("a\u{1b}[2J.png", "a\\u{1b}[2J.png"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("scan\u{202e}gnp.vol", "scan\\u{202e}gnp.vol"),
            ("\u{2066}x\u{2069}\u{200f}", "\\u{2066}x\\u{2069}\\u{200f}"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("\u{feff}\u{e0041}", "\\u{feff}\\u{e0041}"),
            // A joiner is part of words in Persian and of some pictures.
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
        ] {
            assert_eq!(shown(text), expected);
            assert!(!shown(text).contains(is_unsafe));
        }
        assert!(matches!(shown("plain"), Cow::Borrowed(_)));
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_is_not_utf_8_is_shown() {
        use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
        assert_eq!(shown_path(Path::new(OsStr::from_bytes(b"caf\xe9\x1b.png"))), "caf\u{fffd}\\u{1b}.png");
    }
}
