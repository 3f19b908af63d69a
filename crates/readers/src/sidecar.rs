//! Sidecars: TOML files beside scans that state what the scan's format cannot.
//!
//! The sidecar of `a/b.png` is `a/b.png.toml`:
//!
//! ```toml
//! axial_um = 3.87    # micrometres from sample to sample along an A-scan
//! lateral_um = 11.3  # micrometres from A-scan to A-scan
//! eye = "OD"
//! um_per_degree = 293.3       # for files with positions in degrees: micrometres on the retina per degree
//! between_um = 240.0          # for volumes: micrometres from B-scan to B-scan,
//! first_bscan = "superior"    # and which end comes first; A-scans run from left to right on the fundus image
//! centre_x_mm = 4.35          # place of the fovea, or of the middle of the disc in a circle: millimetres right and down,
//! centre_y_mm = 2.87          # as `volume.centre.place` in `result.json`
//! axial_length_mm = 25.1      # length of the eye
//! ```

use std::{
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
};

use octrls_core::scan::{BScanPosition, Eye, MILLIMETRE, Place, Provenance, Spacing, plausible};
use octrls_fs::within::Within;
use serde::Deserialize;

use crate::{ReadError, ReadOptions};

/// Geometry stated outside the scan's own file; used where the file itself states none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hints {
    pub(crate) axial: Option<Spacing>,
    pub(crate) lateral: Option<Spacing>,
    pub(crate) eye: Option<Eye>,
    pub(crate) layout: Option<VolumeLayout>,
    /// Micrometres per degree, as a spacing.
    pub(crate) per_degree: Option<Spacing>,
    /// What a person states about the eye.
    pub(crate) stated: StatedFacts,
}

/// What a person states about an eye in the sidecar of its scan.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StatedFacts {
    /// Place of the fovea, or of the middle of the disc in a circle.
    pub centre: Option<Place>,
    /// Axial length of the eye in millimetres.
    pub axial_length_mm: Option<f64>,
}

/// Order and distance of the B-scans of a volume.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VolumeLayout {
    between_mm: f64,
    first: FirstBScan,
}

/// Where a volume of horizontal B-scans starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FirstBScan {
    Superior,
    Inferior,
}

impl VolumeLayout {
    pub(crate) const fn new(between_mm: f64, first: FirstBScan) -> Self {
        Self { between_mm, first }
    }

    /// Tracks of `count` B-scans, each `length_mm` long, with the volume's upper left corner at [`Place`] 0, 0; empty
    /// if they are implausible.
    pub(crate) fn tracks(self, count: usize, length_mm: f64) -> Vec<BScanPosition> {
        let line = |i: usize| {
            let above = if self.first == FirstBScan::Superior { i } else { count - 1 - i };
            let y = (above as f64 + 0.5) * self.between_mm;
            BScanPosition::line(Place { x: 0.0, y }, Place { x: length_mm, y })
        };
        (0..count).map(line).collect::<Option<_>>().unwrap_or_default()
    }
}

impl Hints {
    /// Takes missing values from `options`.
    pub(crate) fn fill_from(&mut self, options: ReadOptions, from: Provenance) -> Result<(), ReadError> {
        for (slot, um) in [(&mut self.axial, options.axial_um), (&mut self.lateral, options.lateral_um)] {
            if let (None, Some(um)) = (&slot, um) {
                *slot = Some(Spacing { um: plausible(um).map_err(ReadError::Hint)?, from });
            }
        }
        if let (None, Some(um)) = (self.per_degree, options.um_per_degree) {
            self.per_degree = Some(Spacing { um: plausible_degree(um).map_err(ReadError::Hint)?, from });
        }
        Ok(())
    }

    /// The eye and its source: the file itself, else the sidecar.
    pub(crate) fn eye_or(&self, own: Option<(Eye, Provenance)>) -> (Option<Eye>, Option<Provenance>) {
        own.or(self.eye.map(|eye| (eye, Provenance::Sidecar))).unzip()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SidecarFile {
    axial_um: Option<f64>,
    lateral_um: Option<f64>,
    eye: Option<Eye>,
    um_per_degree: Option<f64>,
    between_um: Option<f64>,
    first_bscan: Option<FirstBScan>,
    centre_x_mm: Option<f64>,
    centre_y_mm: Option<f64>,
    axial_length_mm: Option<f64>,
}

/// Maximum bytes of a sidecar; a real one has about a hundred.
pub(crate) const MAX_BYTES: u64 = 64 * 1024;

/// Plausible micrometres per degree: 293 is usual; longer eyes have more.
const UM_PER_DEGREE: std::ops::RangeInclusive<f64> = 200.0..=400.0;

/// Plausible places of a centre, in millimetres from the origin of the scan's positions.
const CENTRE_MM: std::ops::RangeInclusive<f64> = -100.0..=100.0;

/// Plausible axial lengths of eyes, in millimetres; most have 22 to 26.
const AXIAL_LENGTH_MM: std::ops::RangeInclusive<f64> = 15.0..=40.0;

/// Plausible distances between B-scans, in micrometres.
const BETWEEN_UM: std::ops::RangeInclusive<f64> = 1.0..=5000.0;

/// Path of the sidecar of `scan`: its name with `.toml` appended.
pub(crate) fn path_of(scan: &Path) -> PathBuf {
    let mut name = scan.as_os_str().to_owned();
    name.push(".toml");
    name.into()
}

/// Reads the sidecar of `scan`, `within` what may be opened; empty if there is none.
pub(crate) fn read(scan: &Path, within: &Within) -> Result<Hints, ReadError> {
    let path = path_of(scan);
    let broken = |reason: String| ReadError::Sidecar { path: path.clone(), reason };
    let mut text = String::new();
    // A person may name a scan by a link, and its sidecar by another.
    if within.is_anywhere() && !is_sidecar(scan, &path) {
        return Ok(Hints::default());
    }
    let read = within.open_companion(&path).and_then(|file| match file {
        Some(file) => file.take(MAX_BYTES + 1).read_to_string(&mut text),
        None => Err(ErrorKind::NotFound.into()),
    });
    match read {
        Ok(bytes) if bytes as u64 > MAX_BYTES => return Err(broken("longer than 64 KiB".to_owned())),
        Ok(_) => {}
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Hints::default()),
        Err(e) if e.kind() == ErrorKind::InvalidData => return Err(broken("not text".to_owned())),
        Err(source) => return Err(ReadError::Io { path, source }),
    }
    parse(&text).map_err(broken)
}

/// Checks the text of a sidecar.
pub(crate) fn check(text: &str) -> Result<(), String> {
    parse(text).map(|_| ())
}

fn parse(text: &str) -> Result<Hints, String> {
    let file: SidecarFile = toml::from_str(text).map_err(|e| reason_of(&e, text))?;
    let spacing =
        |um: Option<f64>| um.map(|um| plausible(um).map(|um| Spacing { um, from: Provenance::Sidecar })).transpose();
    let layout = match (file.between_um, file.first_bscan) {
        (Some(um), Some(first)) if BETWEEN_UM.contains(&um) => {
            Some(VolumeLayout { between_mm: um / MILLIMETRE, first })
        }
        (Some(um), Some(_)) => return Err(format!("between_um = {um} is outside 1 to 5000")),
        (None, None) => None,
        (Some(_), None) => return Err("between_um needs first_bscan, superior or inferior".to_owned()),
        (None, Some(_)) => return Err("first_bscan needs between_um".to_owned()),
    };
    let per_degree = file.um_per_degree.map(plausible_degree).transpose()?;
    let per_degree = per_degree.map(|um| Spacing { um, from: Provenance::Sidecar });
    let (axial, lateral) = (spacing(file.axial_um)?, spacing(file.lateral_um)?);
    Ok(Hints { axial, lateral, eye: file.eye, layout, per_degree, stated: stated(&file)? })
}

fn stated(file: &SidecarFile) -> Result<StatedFacts, String> {
    let centre = match (file.centre_x_mm, file.centre_y_mm) {
        (Some(x), Some(y)) if CENTRE_MM.contains(&x) && CENTRE_MM.contains(&y) => Some(Place { x, y }),
        (Some(x), Some(y)) => return Err(format!("a centre at {x}, {y} mm is outside -100 to 100")),
        (None, None) => None,
        _ => return Err("centre_x_mm and centre_y_mm belong together".to_owned()),
    };
    let axial_length_mm = match file.axial_length_mm {
        Some(mm) if !AXIAL_LENGTH_MM.contains(&mm) => {
            return Err(format!("an axial length of {mm} mm is outside 15 to 40"));
        }
        other => other,
    };
    Ok(StatedFacts { centre, axial_length_mm })
}

/// What is wrong with a sidecar, without its words, which may name a patient.
fn reason_of(error: &toml::de::Error, text: &str) -> String {
    const KEYS: &str = "axial_um, lateral_um, eye, um_per_degree, between_um, first_bscan, centre_x_mm, centre_y_mm, \
                        axial_length_mm";
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = 1 + before.matches('\n').count();
    format!("line {line} is no TOML, has an unknown key, or has a value of the wrong kind; the keys are {KEYS}")
}

fn plausible_degree(um: f64) -> Result<f64, String> {
    if UM_PER_DEGREE.contains(&um) { Ok(um) } else { Err(format!("{um} um per degree is outside 200 to 400")) }
}

/// Whether the file at `path` counts as the sidecar of `scan`. A pipe does not, since reading it would block; a link
/// only does if the scan is a link too.
pub(crate) fn is_sidecar(scan: &Path, path: &Path) -> bool {
    match path.symlink_metadata() {
        Ok(found) if found.is_symlink() => scan.is_symlink() && path.is_file(),
        Ok(found) => found.is_file(),
        // A name of the greatest length leaves no room for a sidecar's.
        Err(e) if e.kind() == ErrorKind::InvalidFilename => false,
        // Opening it will report the reason.
        Err(_) => true,
    }
}
