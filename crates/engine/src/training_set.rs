//! Writes reviewed results as a data set that the training crate reads: B-scans and their lines, under pseudonyms.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use image::{ImageBuffer, ImageFormat, Luma};
use octrls_core::{
    ErrorCode,
    layer::{Boundary, EzConvention},
    measure::accuracy::IGNORE,
    scan::{BScan, ScanHeader},
    surface::Surfaces,
};
use octrls_fs::digest::sha256;
use octrls_readers::{ReadOptions, open};
use octrls_report::StoredResult;
use serde_json::json;

use crate::{LedgerAdmin, LedgerEntry, LedgerError, MeasuredScan, Pseudonyms, ReviewState, ScanState};

/// The set's folder in the data, and its name in `splits.json`.
const SET: &str = "site";
/// Digits of a digest that stand for a patient whom the scan does not name.
const DIGITS: usize = 12;
/// Of the patients, this share each is kept for validation and for the test.
const HELD_OUT: usize = 5;
/// Fewest patients of which one can be kept for the test, too.
const MIN_FOR_TEST: usize = 4;

/// Why a data set cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum TrainingSetError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A file of the data set cannot be written.
    #[error("cannot write {path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The folder holds something; patients of an earlier export would stay in it.
    #[error("{path} is not empty; name a new folder", path = path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
}

impl TrainingSetError {
    /// A stable code for scripts.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Ledger(error) => error.code(),
            Self::Io { .. } | Self::NotEmpty { .. } => ErrorCode::OutIo,
        }
    }
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainingSetCounts {
    /// Scans.
    pub scans: usize,
    /// B-scans.
    pub bscans: usize,
    /// Patients in the parts `train`, `val` and `test`.
    pub patients: [usize; 3],
}

/// A data set that is being written.
#[derive(Debug)]
pub struct TrainingSet {
    folder: PathBuf,
    /// The images of each patient.
    patients: BTreeMap<String, Vec<String>>,
    scans: usize,
}

impl TrainingSet {
    /// Begins a data set in the folder `data`, which must be missing or empty.
    ///
    /// # Errors
    /// [`TrainingSetError`] if the folder holds something or cannot be made.
    pub fn begin(data: &Path) -> Result<Self, TrainingSetError> {
        let failed = |source| TrainingSetError::Io { path: data.to_owned(), source };
        match fs::read_dir(data) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(TrainingSetError::NotEmpty { path: data.to_owned() });
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        Ok(Self { folder: data.to_owned(), patients: BTreeMap::new(), scans: 0 })
    }

    /// Adds the accepted and corrected scans of the results folder `out`. `skipped` is told the path of each that cannot be
    /// used, and why.
    ///
    /// # Errors
    /// [`TrainingSetError`] if the ledger cannot be read or a file cannot be written.
    pub fn add(&mut self, out: &Path, skipped: &mut dyn FnMut(&Path, &str)) -> Result<(), TrainingSetError> {
        let ledger = LedgerAdmin::open(out)?;
        let pseudonyms = Pseudonyms::open(out)?;
        let mut entries = Vec::new();
        ledger.each(&mut |entry| entries.push(entry))?;
        for entry in entries.iter().filter(|entry| entry.state == ScanState::Written) {
            let reviews = ledger.reviews_of(entry)?;
            let decision = reviews.iter().rfind(|review| review.state.is_decision()).map(|review| review.state);
            if !matches!(decision, Some(ReviewState::Accepted | ReviewState::Corrected)) {
                continue;
            }
            match usable(out, &ledger, entry) {
                Err(reason) => skipped(&entry.path, &reason),
                Ok((result, scan)) => {
                    let patient = patient(&result, &scan, pseudonyms.as_ref())?;
                    if let Err(reason) = self.add_scan(&result, scan, &patient)? {
                        skipped(&entry.path, &reason);
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes the B-scans of a scan with their labels; returns why it is left out.
    fn add_scan(
        &mut self,
        result: &StoredResult,
        mut scan: MeasuredScan,
        patient: &str,
    ) -> Result<Result<(), String>, TrainingSetError> {
        let surfaces = match result.surfaces() {
            Ok(surfaces) => surfaces,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let mut written = 0;
        for (index, surfaces) in surfaces.into_iter().enumerate() {
            // A B-scan without a retina teaches no lines.
            if surfaces.rows(Boundary::Ilm).iter().all(Option::is_none) {
                continue;
            }
            let bscan = match scan.bscan(index) {
                Ok(bscan) => bscan,
                Err(error) => return Ok(Err(error.to_string())),
            };
            let count = self.patients.get(patient).map_or(0, Vec::len);
            let id = format!("{patient}-{count:04}");
            if self.write_bscan(&id, &bscan, &surfaces, result.header())? {
                self.patients.entry(patient.to_owned()).or_default().push(id);
                written += 1;
            }
        }
        if written == 0 {
            return Ok(Err("no B-scan shows a retina".to_owned()));
        }
        self.scans += 1;
        Ok(Ok(()))
    }

    /// Writes the picture `id` with its labels; false if it would not be read back as it is.
    fn write_bscan(
        &self,
        id: &str,
        bscan: &BScan,
        surfaces: &Surfaces,
        header: &ScanHeader,
    ) -> Result<bool, TrainingSetError> {
        let set = self.folder.join(SET);
        for folder in ["images", "masks", "boundaries"] {
            let path = set.join(folder);
            fs::create_dir_all(&path).map_err(|source| TrainingSetError::Io { path, source })?;
        }
        let image = set.join("images").join(format!("{id}.png"));
        let sample = |value: &f32| (value.clamp(0.0, 1.0) * f32::from(u16::MAX)).round() as u16;
        let pixels: Vec<u16> = bscan.intensity.iter().map(sample).collect();
        write_png::<Luma<u16>>(&image, (bscan.width, bscan.height), pixels)?;
        let mut sidecar = String::new();
        for (key, spacing) in [("axial_um", header.axial), ("lateral_um", header.lateral)] {
            if let Some(spacing) = spacing {
                let _ = writeln!(sidecar, "{key} = {:?}", spacing.um);
            }
        }
        write_file(&image.with_extension("png.toml"), &sidecar)?;
        // A picture with borders may be taken for one of several panels.
        let read = open(&image, ReadOptions::default()).and_then(|mut reader| reader.bscan(0));
        if !read.is_ok_and(|read| (read.width, read.height) == (bscan.width, bscan.height)) {
            let removed = fs::remove_file(&image).and_then(|()| fs::remove_file(image.with_extension("png.toml")));
            removed.map_err(|source| TrainingSetError::Io { path: image, source })?;
            return Ok(false);
        }
        let size = (bscan.width, bscan.height);
        write_png::<Luma<u8>>(&set.join("masks").join(format!("{id}.png")), size, labels(surfaces))?;
        write_file(&set.join("boundaries").join(format!("{id}.csv")), &table(surfaces))?;
        Ok(true)
    }

    /// Writes which picture shows which patient, and which patients are held out; nothing if there are none.
    ///
    /// # Errors
    /// [`TrainingSetError`] if a file cannot be written.
    pub fn finish(self) -> Result<TrainingSetCounts, TrainingSetError> {
        if self.patients.is_empty() {
            return Ok(TrainingSetCounts { scans: 0, bscans: 0, patients: [0; 3] });
        }
        let mut groups = "image,group\n".to_owned();
        for (patient, images) in &self.patients {
            for image in images {
                let _ = writeln!(groups, "{image},{patient}");
            }
        }
        write_file(&self.folder.join(SET).join("groups.csv"), &groups)?;
        let [train, val, test] = split(self.patients.keys().cloned().collect());
        let counts = TrainingSetCounts {
            scans: self.scans,
            bscans: self.patients.values().map(Vec::len).sum(),
            patients: [train.len(), val.len(), test.len()],
        };
        let splits = json!({ SET: { "train": train, "val": val, "test": test } });
        write_file(&self.folder.join("splits.json"), &format!("{splits:#}\n"))?;
        Ok(counts)
    }
}

/// The result of a ledger entry and its scan, or why they teach nothing.
fn usable(out: &Path, ledger: &LedgerAdmin, entry: &LedgerEntry) -> Result<(StoredResult, MeasuredScan), String> {
    let folder = entry.result.as_ref().ok_or("it has no result")?;
    let result = StoredResult::open(&out.join(folder)).map_err(|error| error.to_string())?;
    if result.ellipsoid_zone() == EzConvention::BandAlone {
        return Err("its ellipsoid zone is the bright band alone, which the network does not learn".to_owned());
    }
    let scan = MeasuredScan::open(&result, &ledger.file_of(&entry.path))?;
    Ok((result, scan))
}

/// The pseudonym of a scan's patient in the follow-up; for a scan that names nobody, a digest of its own.
fn patient(
    result: &StoredResult,
    scan: &MeasuredScan,
    pseudonyms: Option<&Pseudonyms>,
) -> Result<String, TrainingSetError> {
    let origin = scan.reader.dicom_origin().and_then(|origin| origin.reference.as_ref());
    let series = origin.filter(|reference| reference.instances.len() > 1).map(|reference| reference.series.as_str());
    let known = pseudonyms.map(|of| of.of_scan(series.unwrap_or(result.sha256()), result.series())).transpose()?;
    let own = || format!("scan{}", result.sha256().get(..DIGITS).unwrap_or_default());
    Ok(known.flatten().map_or_else(own, |patient| format!("p{patient}")))
}

/// The patients of the parts `train`, `val` and `test`, in an order that their pseudonyms decide.
fn split(mut patients: Vec<String>) -> [Vec<String>; 3] {
    patients.sort_by_key(|patient| sha256(patient.as_bytes()));
    let count = patients.len();
    let share = |least: usize| if count < least { 0 } else { count.div_ceil(HELD_OUT) };
    let (val, test) = (share(2), share(MIN_FOR_TEST));
    let test = patients.split_off(count - test);
    let val = patients.split_off(patients.len() - val);
    [patients, val, test]
}

/// The index mask of `surfaces`: fluid, and A-scans in which a boundary of the retina is missing, are not labelled.
fn labels(surfaces: &Surfaces) -> Vec<u8> {
    let (width, height) = (surfaces.width(), surfaces.height());
    let mut mask = surfaces.mask();
    for x in 0..width {
        let row = |boundary: Boundary| surfaces.rows(boundary)[x];
        let mut unlabelled = |from: Option<f32>, to: Option<f32>| {
            let edge = |row: f32| (row.round().max(0.0) as usize).min(height);
            if let (Some(from), Some(to)) = (from, to) {
                (edge(from)..edge(to)).for_each(|y| mask[y * width + x] = IGNORE);
            }
        };
        unlabelled(surfaces.ez_end()[x], row(Boundary::EzRpe));
        unlabelled(surfaces.rpe_outer()[x], row(Boundary::RpeBm));
        let is_gap = Boundary::ALL.into_iter().any(|b| b != Boundary::Csb && row(b).is_none());
        if is_gap {
            mask.iter_mut().skip(x).step_by(width).for_each(|class| *class = IGNORE);
        }
    }
    mask
}

/// The rows of the boundaries; the end of the choroid where it was seen.
fn table(surfaces: &Surfaces) -> String {
    let mut text = Boundary::ALL.map(Boundary::name).join(",");
    for x in 0..surfaces.width() {
        let cell = |boundary: Boundary| {
            let seen = boundary != Boundary::Csb || surfaces.choroid_visible()[x];
            surfaces.rows(boundary)[x].filter(|_| seen).map_or_else(String::new, |row| format!("{row:.2}"))
        };
        text.push('\n');
        text.push_str(&Boundary::ALL.map(cell).join(","));
    }
    text.push('\n');
    text
}

fn write_png<P: image::PixelWithColorType>(
    path: &Path,
    (width, height): (usize, usize),
    pixels: Vec<P::Subpixel>,
) -> Result<(), TrainingSetError>
where
    [P::Subpixel]: image::EncodableLayout,
{
    let failed = |error: String| TrainingSetError::Io { path: path.to_owned(), source: io::Error::other(error) };
    let image = ImageBuffer::<P, _>::from_raw(width as u32, height as u32, pixels);
    let image = image.ok_or_else(|| failed("it has another size than its pixels".to_owned()))?;
    image.save_with_format(path, ImageFormat::Png).map_err(|error| failed(error.to_string()))
}

fn write_file(path: &Path, text: &str) -> Result<(), TrainingSetError> {
    fs::write(path, text).map_err(|source| TrainingSetError::Io { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patients_are_held_out_by_their_pseudonyms() {
        let patients = |n: usize| (0..n).map(|i| format!("p{i:02}")).collect::<Vec<_>>();
        let sizes = |n: usize| split(patients(n)).map(|part| part.len());
        assert_eq!([1, 2, 3, 4, 10, 11].map(sizes), [[1, 0, 0], [1, 1, 0], [2, 1, 0], [2, 1, 1], [6, 2, 2], [5, 3, 3]]);
        let parts = split(patients(10));
        let mut all: Vec<String> = parts.concat();
        all.sort();
        assert_eq!(all, patients(10), "each in one part");
        let mut reversed = patients(10);
        reversed.reverse();
        assert_eq!(split(reversed), parts, "in whatever order they come");
    }

    #[test]
    fn fluid_and_gaps_are_not_labelled() {
        let rows = std::array::from_fn(|k| vec![Some(2.0 * k as f32), Some(2.0 * k as f32)]);
        let mut surfaces = Surfaces::exact(20, rows);
        surfaces = surfaces.with_fluid(vec![Some(11.0), Some(12.0)], vec![Some(14.0); 2]);
        let mask = labels(&surfaces);
        assert_eq!((mask[2 * 10], mask[2 * 11], mask[2 * 12]), (6, IGNORE, 7));
        assert_eq!(mask[2 * 11 + 1], 6);
        let mut rows: [Vec<Option<f32>>; 9] = std::array::from_fn(|k| vec![Some(2.0 * k as f32)]);
        rows[3][0] = None;
        assert!(labels(&Surfaces::exact(20, rows)).iter().all(|class| *class == IGNORE));
    }

    #[test]
    fn an_inferred_choroid_is_no_label() {
        let rows = std::array::from_fn(|k| vec![Some(k as f32); 2]);
        let surfaces = Surfaces::exact(20, rows).with_choroid_visible(vec![true, false]);
        let text = table(&surfaces);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].ends_with("RPE_BM,CSB") && lines[1].ends_with("7.00,8.00") && lines[2].ends_with("7.00,"));
    }
}
