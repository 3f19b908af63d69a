//! Margins, styles, colours and numbers that the pages of the report share.

use octrls_core::measure::reference::Standing;

use crate::pdf::{Style, WIDTH};

/// Left edge of the text, in points.
pub(super) const MARGIN: f32 = 42.0;
/// Right edge of the text.
pub(super) const RIGHT: f32 = WIDTH - MARGIN;
/// Style of most text.
pub(super) const BODY: Style = Style::of(9.0);
/// Distance of lines in the body style.
pub(super) const LINE: f32 = 13.0;

/// Note on every comparison with a reference group.
pub(super) const OTHER_DEVICES: &str = "Results of other devices and programs differ by a few micrometres.";

/// Background colour of a value outside the reference range.
pub(super) const fn shade(standing: Standing) -> Option<[u8; 3]> {
    match standing {
        Standing::Below => Some([190, 215, 240]),
        Standing::Within => None,
        Standing::Above => Some([250, 215, 170]),
    }
}

/// A mean in whole micrometres; a dash if it is not known.
pub(super) fn micrometres(um: Option<f32>) -> String {
    um.map_or("-".to_owned(), |um| format!("{um:.0}"))
}
