//! Panics, told without what their messages may quote.

use std::panic::PanicHookInfo;

/// Where a panic is, and its message if that is a fixed text. A message that was put together may quote a scan.
#[must_use]
pub fn describe_panic(info: &PanicHookInfo<'_>) -> String {
    let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    match info.payload().downcast_ref::<&str>() {
        Some(text) => format!("internal error at {place}: {text}"),
        None => format!("internal error at {place}"),
    }
}
