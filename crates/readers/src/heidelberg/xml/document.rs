//! Reads the XML of an export.

use roxmltree::Node;

use crate::{ReadError, sized_file::SizedFile};

/// Maximum size of the XML file; 400 B-scans with eleven boundaries each take 20 MB.
const MAX_BYTES: u64 = 64 << 20;

/// The text of the XML file; older exports use Latin-1.
pub(crate) fn read_text(file: &SizedFile) -> Result<String, ReadError> {
    if file.length() > MAX_BYTES {
        return Err(ReadError::Malformed("the XML is too long".to_owned()));
    }
    Ok(decode(file.read(0, file.length())?))
}

/// Text in UTF-16 with a byte order mark or as the first characters show, else in UTF-8 or Latin-1.
pub(crate) fn decode(bytes: Vec<u8>) -> String {
    let utf_16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.as_chunks::<2>().0.iter().map(|&pair| unit(pair));
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    match *bytes.as_slice() {
        [0xff, 0xfe, ref rest @ ..] => utf_16(rest, u16::from_le_bytes),
        [0xfe, 0xff, ref rest @ ..] => utf_16(rest, u16::from_be_bytes),
        [b'<', 0, ..] => utf_16(&bytes, u16::from_le_bytes),
        [0, b'<', ..] => utf_16(&bytes, u16::from_be_bytes),
        _ => String::from_utf8(bytes).unwrap_or_else(|e| e.into_bytes().into_iter().map(char::from).collect()),
    }
}

pub(crate) fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|n| n.has_tag_name(name))
}

pub(crate) fn text_at<'a>(node: Node<'a, '_>, path: &[&str]) -> Option<&'a str> {
    let found = path.iter().try_fold(node, |node, name| child(node, name))?;
    found.text().map(str::trim).filter(|t| !t.is_empty())
}

/// Number of an image within its series.
pub(crate) fn image_number<'a>(image: Node<'a, '_>) -> Option<&'a str> {
    text_at(image, &["ImageNumber"]).or_else(|| text_at(image, &["ID"]))
}

pub(crate) fn number(node: Node<'_, '_>, path: &[&str]) -> Option<f64> {
    decimal(text_at(node, path)?).filter(|v| v.is_finite())
}

/// A decimal number, with a point or, as exports in some languages have it, a comma.
pub(crate) fn decimal(text: &str) -> Option<f64> {
    text.parse().ok().or_else(|| text.replacen(',', ".", 1).parse().ok())
}
