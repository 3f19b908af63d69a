//! Errors of DICOM files.

use std::panic::UnwindSafe;

use crate::ReadError;

/// Runs `read` and turns a panic into an error. Broken structures can make the parser panic, and the checks of lengths
/// and nesting may miss some of them.
pub(crate) fn catch_panic<T>(read: impl FnOnce() -> Result<T, ReadError> + UnwindSafe) -> Result<T, ReadError> {
    std::panic::catch_unwind(read).unwrap_or_else(|_| Err(ReadError::Malformed("invalid DICOM structure".to_owned())))
}

/// The error for `error` of the parser or of a decoder. It leaves their words out, which quote values.
pub(crate) fn of_parser(error: &dyn std::error::Error) -> ReadError {
    // The parser's errors name their cause only in their sources.
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::UnexpectedEof) {
            return ends_early();
        }
        source = cause.source();
    }
    ReadError::Malformed("DICOM: invalid structure or value".to_owned())
}

/// Error for a file that ends within its data set.
pub(crate) fn ends_early() -> ReadError {
    ReadError::Truncated("unexpected end of file".to_owned())
}

/// Error for a length that a file of `bytes` bytes cannot have.
pub(crate) fn too_long(length: u64, bytes: u64) -> ReadError {
    ReadError::Truncated(format!("{length} bytes declared, but the DICOM file has {bytes}"))
}

/// Error for pixels that Zeiss scrambles.
pub(crate) fn obfuscated() -> ReadError {
    ReadError::Unsupported("Zeiss DICOM with obfuscated pixels; export it as unobfuscated DICOM, or as .img".to_owned())
}
