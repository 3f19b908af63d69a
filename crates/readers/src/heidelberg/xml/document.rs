//! Reads the XML of an export.

use std::{fs::File, io::Read, path::Path};

use roxmltree::{Document, Node, ParsingOptions};

use crate::ReadError;

/// Maximum size of the XML file; 400 B-scans with eleven boundaries each take 20 MB.
const MAX_BYTES: u64 = 128 << 20;
/// Maximum nodes of the XML; an image has about sixty.
const MAX_NODES: u32 = 2_000_000;

pub(crate) fn parse(text: &str) -> Result<Document<'_>, ReadError> {
    let options = ParsingOptions { nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|e| ReadError::Malformed(format!("invalid XML: {e}")))
}

/// The text of the XML file; older exports use Latin-1.
pub(crate) fn read_text(path: &Path) -> Result<String, ReadError> {
    let io = |source| ReadError::Io { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).map_err(io)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(ReadError::Malformed("the XML is too long".to_owned()));
    }
    Ok(String::from_utf8(bytes).unwrap_or_else(|e| e.into_bytes().into_iter().map(char::from).collect()))
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
    text_at(node, path)?.parse().ok().filter(|v: &f64| v.is_finite())
}
