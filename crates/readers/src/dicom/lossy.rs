//! Lossy compression of pixels (PS3.3, C.7.6.1.1.5).

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;

use super::{elements::text, object::OpenObject};

/// Lossy compressions that pixels went through, as an object derived from them states them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LossyCompression {
    /// Approximate ratios, as decimal strings; empty if unknown.
    pub ratios: Vec<String>,
    /// Methods, defined terms of C.7.6.1.1.5.1; empty if unknown.
    pub methods: Vec<String>,
}

impl LossyCompression {
    /// The compressions that the object states, or that its transfer syntax shows.
    pub(super) fn of(open: &OpenObject) -> Option<Self> {
        let object = &open.elements;
        let is_stated = text(object, tags::LOSSY_IMAGE_COMPRESSION).is_some_and(|stated| stated == "01");
        let by_syntax = Method::of(open.syntax()).filter(|method| method.is_always_lossy || is_stated);
        if !is_stated && by_syntax.is_none() {
            return None;
        }
        let mut methods = values(object, tags::LOSSY_IMAGE_COMPRESSION_METHOD);
        let mut ratios = values(object, tags::LOSSY_IMAGE_COMPRESSION_RATIO);
        if let Some(method) = by_syntax {
            if methods.is_empty() {
                methods.push(method.term.to_owned());
            }
            if ratios.is_empty() {
                ratios.extend(open.compression_ratio().map(|ratio| format!("{ratio:.1}")));
            }
        }
        Some(Self { ratios, methods })
    }
}

/// The compression method of a transfer syntax.
struct Method {
    /// The defined term of C.7.6.1.1.5.1.
    term: &'static str,
    /// False if the syntax allows lossless compression, too; objects that used it with loss say so.
    is_always_lossy: bool,
}

impl Method {
    fn of(syntax: &str) -> Option<Self> {
        let (term, is_always_lossy) = match syntax {
            uids::JPEG_BASELINE8_BIT | uids::JPEG_EXTENDED12_BIT => ("ISO_10918_1", true),
            uids::JPEGLS_NEAR_LOSSLESS => ("ISO_14495_1", false),
            uids::JPEG2000 => ("ISO_15444_1", false),
            _ => return None,
        };
        Some(Self { term, is_always_lossy })
    }
}

/// The values of an element of text.
fn values(object: &InMemDicomObject, tag: Tag) -> Vec<String> {
    let all = text(object, tag).unwrap_or_default();
    all.split('\\').map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()).collect()
}
