//! Parsers of numbers with limits and of addresses, and conversions between units.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use octrls_core::scan::Place;

/// Bytes in one MiB.
pub(crate) const BYTES_IN_MIB: u64 = 1 << 20;

/// Parses a time in seconds, from 10 milliseconds to a day.
pub(crate) fn seconds(text: &str) -> Result<f64, String> {
    number_in(text, 0.01, 86_400.0)
}

/// Parses a time in seconds, where 0 stands for none.
pub(crate) fn seconds_or_none(text: &str) -> Result<f64, String> {
    if text.parse() == Ok(0.0) { Ok(0.0) } else { seconds(text) }
}

/// The time limit that [`seconds_or_none`] parsed.
pub(crate) fn time_limit(seconds: f64) -> Option<Duration> {
    (seconds > 0.0).then(|| Duration::from_secs_f64(seconds))
}

/// Parses `DIR=SECONDS`.
pub(crate) fn folder_and_seconds(text: &str) -> Result<(PathBuf, f64), String> {
    let (folder, every) = text.rsplit_once('=').ok_or("expected DIR=SECONDS")?;
    Ok((folder.into(), seconds(every)?))
}

/// Parses `ADDR:PORT`.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "expected an IP address and a port, as in 127.0.0.1:11112".to_owned())
}

/// Parses a pixel spacing in micrometres.
pub(crate) fn spacing(text: &str) -> Result<f64, String> {
    number_in(text, 0.1, 500.0)
}

/// Parses the length of a degree on the retina in micrometres.
pub(crate) fn um_per_degree(text: &str) -> Result<f64, String> {
    number_in(text, 200.0, 400.0)
}

/// Parses a place on the retina, `X,Y` in millimetres.
pub(crate) fn place(text: &str) -> Result<Place, String> {
    let number = |part: &str| number_in(part.trim(), -100.0, 100.0);
    let (x, y) = text.split_once(',').ok_or("expected X,Y in millimetres, as in 4.35,2.87")?;
    Ok(Place { x: number(x)?, y: number(y)? })
}

fn number_in(text: &str, min: f64, max: f64) -> Result<f64, String> {
    text.parse().ok().filter(|v| (min..=max).contains(v)).ok_or_else(|| format!("not a number from {min} to {max}"))
}
