//! XML of bounded size, depth and numbers of attributes.
//!
//! The parser takes a time that grows with the square of an element's attributes, and copies the namespaces of an element
//! into each that declares another. So the text is looked through first, tag by tag.

use roxmltree::{Document, ParsingOptions};

use crate::ReadError;

/// Maximum nodes; an image of an export has about sixty.
const MAX_NODES: u32 = 500_000;
/// Maximum attributes of the whole text; exports have hardly any.
const MAX_ATTRIBUTES: usize = 100_000;
/// Maximum attributes of one element.
const MAX_ELEMENT_ATTRIBUTES: usize = 64;
/// Maximum namespaces that the text declares.
const MAX_NAMESPACES: usize = 64;
/// Maximum nesting of elements; exports have ten levels.
const MAX_DEPTH: usize = 64;

/// Parses `text`.
///
/// # Errors
/// [`ReadError::Malformed`] if it is no XML or exceeds the limits. The text is never quoted.
pub(crate) fn parse(text: &str) -> Result<Document<'_>, ReadError> {
    check_bounds(text)?;
    let options = ParsingOptions { nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|error| {
        let at = error.pos();
        ReadError::Malformed(format!("invalid XML at row {}, column {}", at.row, at.col))
    })
}

/// Checks depth and numbers of attributes. What is not well-formed is left to the parser.
fn check_bounds(text: &str) -> Result<(), ReadError> {
    let exceeds = |what: &str| Err(ReadError::Malformed(format!("XML with more than {what}")));
    let (mut depth, mut attributes, mut namespaces) = (0_usize, 0_usize, 0_usize);
    let mut rest = text.as_bytes();
    while let Some(start) = rest.iter().position(|&b| b == b'<') {
        rest = &rest[start + 1..];
        let special = [(&b"!--"[..], &b"-->"[..]), (b"![CDATA[", b"]]>"), (b"?", b"?>"), (b"!", b">")];
        if let Some((begin, end)) = special.into_iter().find(|(begin, _)| rest.starts_with(begin)) {
            rest = after(&rest[begin.len()..], end);
            continue;
        }
        if rest.first() == Some(&b'/') {
            depth = depth.saturating_sub(1);
            continue;
        }
        let tag = Tag::of(rest);
        rest = &rest[tag.bytes..];
        attributes += tag.attributes;
        namespaces += tag.namespaces;
        depth += usize::from(!tag.empty);
        if tag.attributes > MAX_ELEMENT_ATTRIBUTES {
            return exceeds(&format!("{MAX_ELEMENT_ATTRIBUTES} attributes in one element"));
        }
        if attributes > MAX_ATTRIBUTES {
            return exceeds(&format!("{MAX_ATTRIBUTES} attributes"));
        }
        if namespaces > MAX_NAMESPACES {
            return exceeds(&format!("{MAX_NAMESPACES} namespaces"));
        }
        if depth > MAX_DEPTH {
            return exceeds(&format!("{MAX_DEPTH} levels of elements"));
        }
    }
    Ok(())
}

/// What follows `end` in `text`; nothing if it does not occur.
fn after<'a>(text: &'a [u8], end: &[u8]) -> &'a [u8] {
    text.windows(end.len()).position(|window| window == end).map_or(&[], |at| &text[at + end.len()..])
}

/// The start tag of an element.
struct Tag {
    /// Bytes up to its end, which is included.
    bytes: usize,
    attributes: usize,
    /// Attributes that declare a namespace.
    namespaces: usize,
    /// Whether it is the whole element.
    empty: bool,
}

impl Tag {
    /// The tag in `text`, which starts with its name.
    fn of(text: &[u8]) -> Self {
        let mut tag = Self { bytes: text.len(), attributes: 0, namespaces: 0, empty: false };
        let mut quote = None;
        let mut name = 0;
        for (i, &byte) in text.iter().enumerate() {
            match (quote, byte) {
                (Some(open), _) if byte == open => quote = None,
                (None, b'"' | b'\'') => quote = Some(byte),
                (None, b'=') => {
                    tag.attributes += 1;
                    tag.namespaces += usize::from(text[name..].starts_with(b"xmlns"));
                }
                (None, b' ' | b'\t' | b'\r' | b'\n') => name = i + 1,
                (None, b'>') => {
                    tag.bytes = i + 1;
                    tag.empty = i > 0 && text[i - 1] == b'/';
                    break;
                }
                _ => {}
            }
        }
        tag
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn refused(text: &str) -> String {
        let start = Instant::now();
        let error = parse(text).expect_err("exceeds a limit").to_string();
        assert!(start.elapsed() < Duration::from_secs(5), "{error}: {:?}", start.elapsed());
        error
    }

    fn repeated(count: usize, part: impl Fn(usize) -> String) -> String {
        (0..count).map(part).collect()
    }

    #[test]
    fn ordinary_text_is_parsed() {
        let text = "<?xml version='1.0'?><!-- <a b='1'> --><HEDX xmlns:x='u' a=\"1 > 0 = true\"><x:b/>\
                    <![CDATA[<c d='1'>]]><e f = 'g' /></HEDX>";
        let document = parse(text).unwrap();
        assert_eq!(document.descendants().filter(roxmltree::Node::is_element).count(), 3);
    }

    #[test]
    fn too_many_attributes_namespaces_and_levels_are_refused_quickly() {
        assert!(refused(&format!("<a {}/>", repeated(300_000, |i| format!("b{i}='' ")))).contains("64 attributes"));
        let many = repeated(3000, |_| format!("<b {}/>", repeated(60, |i| format!("c{i}='' "))));
        assert!(refused(&format!("<a>{many}</a>")).contains("100000 attributes"));
        let spaces = repeated(70, |i| format!("<b xmlns:n{i}='u{i}'/>"));
        assert!(refused(&format!("<a>{spaces}</a>")).contains("64 namespaces"));
        assert!(refused(&"<a>".repeat(3_000_000)).contains("64 levels"));
        assert!(refused(&format!("<a>{}</a>", "<b/>".repeat(2_000_000))).contains("invalid XML"));
    }

    #[test]
    fn errors_do_not_quote_the_text() {
        for text in [
            "<Doe></John>",
            "<a Doe='' Doe=''/>",
            "<a>&Doe;</a>",
            "<Doe:a/>",
            "<a",
            "<!DOCTYPE Doe [<!ENTITY b 'c'>]><a/>",
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(!error.contains("Doe") && !error.contains("John") && error.contains("row 1"), "{error}");
        }
    }
}
