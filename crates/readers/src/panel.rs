//! The B-scan's panel of a picture, for files that may show a viewer's window.

use octrls_core::scan::{BScan, Crop, Layout, layout};

use crate::ReadError;

/// The B-scan of `picture`, and which part of it that is; `None` if it is all of it.
///
/// # Errors
/// [`ReadError::Composite`] if it has panels of which none is clearly the B-scan.
pub(crate) fn bscan_of(picture: BScan) -> Result<(BScan, Option<Crop>), ReadError> {
    match layout(&picture) {
        Layout::Whole => Ok((picture, None)),
        Layout::Panel(crop) => Ok((crop.of(&picture), Some(crop))),
        Layout::Unclear => Err(ReadError::Composite("none of its panels is clearly a B-scan".to_owned())),
    }
}

/// The B-scan of a further `picture` of a scan whose first one has its B-scan at `crop`.
///
/// # Errors
/// [`ReadError::Composite`] if it lies elsewhere.
pub(crate) fn same_panel_of(picture: BScan, crop: Option<Crop>) -> Result<BScan, ReadError> {
    let (bscan, found) = bscan_of(picture)?;
    if found == crop {
        Ok(bscan)
    } else {
        Err(ReadError::Composite("its pictures show their B-scans in different places".to_owned()))
    }
}
