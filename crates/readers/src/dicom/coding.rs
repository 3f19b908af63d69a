//! How a transfer syntax codes pixels.

use dicom_dictionary_std::uids;
use dicom_encoding::transfer_syntax::TransferSyntaxIndex;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use crate::ReadError;

/// Bytes of each frame's pixels as they are, in fragments.
const ENCAPSULATED_UNCOMPRESSED: &str = "1.2.840.10008.1.2.1.98";
/// Each frame deflated by itself.
const DEFLATED_FRAMES: &str = "1.2.840.10008.1.2.8.1";
/// A retired transfer syntax that old archives still contain.
const EXPLICIT_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";
/// First bytes of JPEG 2000 data, as a codestream or as a file.
const J2K: [&[u8]; 2] = [b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  "];
/// First bytes of JPEG and JPEG-LS data.
const JPEG: [&[u8]; 1] = [b"\xff\xd8\xff"];

/// The coding of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// All frames one after the other.
    Native {
        big_endian: bool,
    },
    /// The same, each frame in a fragment.
    Encapsulated,
    Deflated,
    Rle,
    Jpeg,
    JpegLs,
    Jpeg2000,
}

impl Coding {
    /// The coding of a transfer syntax.
    ///
    /// # Errors
    /// [`ReadError::Unsupported`] with the name of the transfer syntax if this build cannot decode it.
    pub(super) fn of(syntax: &str) -> Result<Self, ReadError> {
        Ok(match syntax {
            uids::JPEG2000_LOSSLESS | uids::JPEG2000 => Self::Jpeg2000,
            uids::JPEGLS_LOSSLESS | uids::JPEGLS_NEAR_LOSSLESS => Self::JpegLs,
            uids::JPEG_BASELINE8_BIT | uids::JPEG_EXTENDED12_BIT | uids::JPEG_LOSSLESS | uids::JPEG_LOSSLESS_SV1 => {
                Self::Jpeg
            }
            uids::RLE_LOSSLESS => Self::Rle,
            ENCAPSULATED_UNCOMPRESSED => Self::Encapsulated,
            DEFLATED_FRAMES => Self::Deflated,
            EXPLICIT_BIG_ENDIAN => Self::Native { big_endian: true },
            other => match TransferSyntaxRegistry.get(other) {
                Some(known) if !known.is_encapsulated_pixel_data() => Self::Native { big_endian: false },
                _ => return Err(unsupported_syntax(other)),
            },
        })
    }

    /// Whether a fragment is the first of a frame; `None` if its bytes do not tell.
    pub(super) fn begins(self, fragment: &[u8]) -> Option<bool> {
        let starts = |magic: &[&[u8]]| magic.iter().any(|magic| fragment.starts_with(magic));
        match self {
            Self::Jpeg2000 => Some(starts(&J2K)),
            Self::Jpeg | Self::JpegLs => Some(starts(&JPEG)),
            _ => None,
        }
    }
}

/// Error for a transfer syntax that this build cannot decode. Only one that the standard names is quoted.
pub(super) fn unsupported_syntax(syntax: &str) -> ReadError {
    let known = TransferSyntaxRegistry.get(syntax);
    let what = known.map_or_else(|| "an unknown".to_owned(), |known| format!("the {} ({})", known.name(), known.uid()));
    ReadError::Unsupported(format!(
        "DICOM with {what} transfer syntax; export or convert it uncompressed, or as JPEG 2000"
    ))
}

/// Error for JPEG with discrete cosine transform of more than 8 bits.
pub(super) fn twelve_bits() -> ReadError {
    ReadError::Unsupported(
        "DICOM pixels as JPEG Extended (Process 2 & 4) with 12 bits per sample; export them uncompressed or as JPEG 2000, \
         or decompress the file, for example with dcmdjpeg"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transfer_syntaxes_are_known_or_refused_by_name() {
        for syntax in ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"] {
            assert_eq!(Coding::of(syntax).unwrap(), Coding::Native { big_endian: false }, "{syntax}");
        }
        assert_eq!(Coding::of("1.2.840.10008.1.2.1.98").unwrap(), Coding::Encapsulated);
        for (syntax, name) in [
            ("1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000"),
            ("1.2.840.10008.1.2.4.203", "High-Throughput JPEG 2000"),
            ("1.2.840.10008.1.2.4.110", "JPEG XL"),
            ("1.2.840.10008.1.2.4.102", "MPEG-4"),
            ("1.2.3.4", "unknown"),
        ] {
            let error = Coding::of(syntax).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("convert"), "{error}");
        }
    }
}
