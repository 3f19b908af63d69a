//! States the centre of a scan in its sidecar.

use std::{
    fs,
    io::{self, ErrorKind},
};

use octrls_core::scan::{BScanPosition, Place};
use octrls_fs::{durable, within::Within};

use crate::{OpenedScan, ReadError, ReadOptions, ScanFiles, sidecar};

/// Keys of the centre in a sidecar.
const KEYS: [&str; 2] = ["centre_x_mm", "centre_y_mm"];

/// States `centre` as the fovea of the scan in `files`, or as the middle of the disc if the scan is a circle, in place of
/// an earlier statement; `None` withdraws it. Everything else in the sidecar stays as it is, comments included.
///
/// # Errors
/// [`ReadError::Sidecar`] if the sidecar is broken, or would be with this centre; [`ReadError::Io`] if it cannot be
/// written.
pub fn state_centre(files: &ScanFiles, centre: Option<Place>) -> Result<(), ReadError> {
    let scan = files.path();
    // A broken sidecar stays as it is.
    sidecar::read(scan, &Within::anywhere())?;
    let path = sidecar::path_of(scan);
    let failed = |source: io::Error| ReadError::Io { path: path.clone(), source };
    let is_ordinary = sidecar::is_sidecar(scan, &path) && !path.is_symlink();
    if path.symlink_metadata().is_ok() && !is_ordinary {
        let reason = "it is a link or no file, and is not written".to_owned();
        return Err(ReadError::Sidecar { path, reason });
    }
    let before = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(error)),
    };
    let after = with_centre(&before, centre);
    if after.len() as u64 > sidecar::MAX_BYTES {
        return Err(ReadError::Sidecar { path, reason: "longer than 64 KiB".to_owned() });
    }
    sidecar::check(&after).map_err(|reason| ReadError::Sidecar { path: path.clone(), reason })?;
    if after.is_empty() {
        return match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        };
    }
    durable::replace(&path, after.as_bytes()).map_err(failed)
}

/// Checks that `centre` can be the fovea of the scan in `files`, or the middle of the disc if the scan is a circle.
///
/// # Errors
/// [`ReadError::Hint`] if it lies outside the scan, or the scan has no known places or several series; otherwise as
/// [`open`](crate::open()).
pub fn check_centre(files: &ScanFiles, centre: Place, options: ReadOptions) -> Result<(), ReadError> {
    let opened = OpenedScan::open(files)?;
    if opened.series_count() > 1 {
        return Err(ReadError::Hint("the file has several series, each with a centre of its own".to_owned()));
    }
    let reader = opened.reader(options)?;
    let header = reader.header();
    match header.tracks.as_slice() {
        [] => Err(ReadError::Hint("the places of its B-scans are not known, so it has no centre".to_owned())),
        [BScanPosition::Line { .. }] => Err(ReadError::Hint("a single line has no centre".to_owned())),
        tracks if holds(tracks, centre, header.width) => Ok(()),
        _ => Err(ReadError::Hint(format!("the centre {:.2}, {:.2} mm lies outside the scan", centre.x, centre.y))),
    }
}

/// Whether `place` lies in the bounding box of the lines, or within the circle.
fn holds(tracks: &[BScanPosition], place: Place, width: usize) -> bool {
    if let [BScanPosition::Circle { centre, start, .. }] = tracks {
        return place.distance(*centre) < start.distance(*centre);
    }
    let ends = || tracks.iter().flat_map(|track| [0, width.saturating_sub(1)].map(|ascan| track.at(ascan, width)));
    let within = |of: fn(Place) -> f64| {
        let (low, high) = ends().map(of).fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
        (low..=high).contains(&of(place))
    };
    within(|p| p.x) && within(|p| p.y)
}

/// The text of a sidecar with another centre. Its own keys come first, where they belong to no table.
fn with_centre(text: &str, centre: Option<Place>) -> String {
    let key = |line: &str| line.split_once('=').map(|(key, _)| key.trim().to_owned());
    let is_centre = |line: &&str| key(line).is_some_and(|key| KEYS.contains(&key.as_str()));
    let kept = text.lines().filter(|line| !is_centre(line)).map(str::to_owned);
    let own = centre.map(|Place { x, y }| [format!("{} = {x:?}", KEYS[0]), format!("{} = {y:?}", KEYS[1])]);
    own.into_iter().flatten().chain(kept).map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sidecar_after(before: Option<&str>, centre: Option<Place>) -> (Option<String>, Result<(), ReadError>) {
        let folder = tempfile::tempdir().expect("a folder");
        let scan = folder.path().join("a.vol");
        let path = sidecar::path_of(&scan);
        fs::write(&scan, "").expect("a scan");
        if let Some(text) = before {
            fs::write(&path, text).expect("a sidecar");
        }
        let outcome = state_centre(&ScanFiles::one(&scan), centre);
        (fs::read_to_string(&path).ok(), outcome)
    }

    #[test]
    fn a_centre_is_stated_replaced_and_withdrawn() {
        let at = |x, y| Some(Place { x, y });
        let (text, outcome) = sidecar_after(None, at(4.35, -2.0));
        assert!(outcome.is_ok() && text.as_deref() == Some("centre_x_mm = 4.35\ncentre_y_mm = -2.0\n"), "{text:?}");
        let before = "# by A. B.\naxial_um = 3.87\ncentre_y_mm=1.0 # old\ncentre_x_mm = 1\neye = \"OD\"\n";
        let (text, outcome) = sidecar_after(Some(before), at(2.0, 3.0));
        outcome.expect("written");
        let expected = "centre_x_mm = 2.0\ncentre_y_mm = 3.0\n# by A. B.\naxial_um = 3.87\neye = \"OD\"\n";
        assert_eq!(text.as_deref(), Some(expected));
        let (text, _) = sidecar_after(Some("centre_x_mm = 1\ncentre_y_mm = 2\n"), None);
        assert_eq!(text, None, "nothing else was stated");
    }

    #[test]
    fn a_broken_sidecar_and_an_impossible_centre_change_nothing() {
        for (before, centre) in [("axial_um = ", Place::default()), ("axial_um = 3.9", Place { x: f64::NAN, y: 0.0 })] {
            let (text, outcome) = sidecar_after(Some(before), Some(centre));
            assert!(matches!(outcome, Err(ReadError::Sidecar { .. })) && text.as_deref() == Some(before));
        }
    }
}
