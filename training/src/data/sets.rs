//! Data sets: one folder each, with `images/` and labels.
//!
//! Labels are the first of these that exists: `masks/` (index masks), `annotations.json` (VGG polygons), `boundaries/`
//! or `boundaries_grader1/` (boundary tables). Boundary tables beside masks or polygons give the exact boundaries for
//! comparison; `boundaries_grader2/` is a second grader. `lesions/` and `other/` label lesions; a set with them alone has
//! no layers. `images_noisy/` holds noisy twins in register, with the labels of `images/`. `groups.csv` (file, group) gives the subject of each image;
//! without it, the subject is the first number in the file name.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

use octrls_core::{
    layer::{Boundary, EzConvention},
    measure::accuracy::IGNORE,
    scan::BScan,
};
use octrls_readers::{Polygon, ReadOptions, has_scan_extension, open, rasterise};

use super::{
    BoundaryRows, ChoroidLabel, DataError, Part, Sample, Splits,
    annotations::read_annotations,
    boundaries::{mask_from_rows, read_boundaries},
    lesions::read_lesions,
    masks::read_mask,
};

/// Axial spacing of the Heidelberg Spectralis in micrometres; the images of these sets do not state it.
const SPECTRALIS_UM: f64 = 3.87;
const SPECTRALIS_SETS: [&str; 4] = ["duke_dme", "ird_spectralis", "kermany_lesions", "tian_healthy"];

/// Sets whose graders drew the lower edge of the ellipsoid zone's bright band. In them, the ellipsoid zone takes at
/// most a third of the rows between its upper edge and Bruch's membrane; in other sets, half.
const BAND_ALONE_SETS: [&str; 2] = ["tian_healthy", "nr206"];

/// Sets of healthy eyes, without lesions.
const HEALTHY_SETS: [&str; 2] = ["tian_healthy", "nr206"];

/// End of the name of a noisy twin.
pub(super) const NOISY: &str = "_noisy";

/// Subjects excluded from the training part. Six of ten scans of subject 01 of `tian_healthy` are pixel-identical to
/// scans of subject 08 in the test part: it is the same eye.
const EXCLUDED_SUBJECTS: [(&str, &str); 1] = [("tian_healthy", "01")];

/// The folder of one set.
#[derive(Clone, Debug)]
pub struct DataSet {
    name: String,
    folder: PathBuf,
    /// Subject by file name.
    groups: Option<HashMap<String, String>>,
    /// Polygons by file name, if they are the labels.
    polygons: Option<BTreeMap<String, Vec<Polygon>>>,
}

impl DataSet {
    /// Opens the set `name` under `data`.
    ///
    /// # Errors
    /// [`DataError`] if its `groups.csv` or `annotations.json` cannot be read.
    pub fn open(data: &Path, name: &str) -> Result<Self, DataError> {
        let folder = data.join(name);
        let (groups, polygons) = (folder.join("groups.csv"), folder.join("annotations.json"));
        Ok(Self {
            name: name.to_owned(),
            groups: groups.exists().then(|| read_groups(&groups)).transpose()?,
            polygons: (polygons.exists() && !folder.join("masks").exists())
                .then(|| read_annotations(&polygons))
                .transpose()?,
            folder,
        })
    }

    /// Reads the samples of `part`.
    ///
    /// # Errors
    /// [`DataError`] if an image or its labels cannot be read.
    pub fn load(&self, splits: &Splits, part: Part) -> Result<Vec<Sample>, DataError> {
        let mut samples = Vec::new();
        for image in scan_files(&self.folder.join("images"))? {
            let name = image.file_name().and_then(|s| s.to_str()).unwrap_or_default();
            let subject = match &self.groups {
                None => first_number(name).to_owned(),
                Some(groups) => {
                    let stem = image.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
                    let group = groups.get(name).or_else(|| groups.get(stem));
                    group.cloned().ok_or_else(|| DataError::label(&image, "not in groups.csv"))?
                }
            };
            let excluded = part == Part::Train && EXCLUDED_SUBJECTS.contains(&(&self.name, &subject));
            if splits.contains(part, &self.name, &subject) && !excluded {
                let sample = self.sample(&image, name, subject)?;
                let noisy = self.folder.join("images_noisy").join(name);
                let twin = noisy.exists().then(|| noisy_twin(&sample, &noisy)).transpose()?;
                samples.extend([sample].into_iter().chain(twin));
            }
        }
        Ok(samples)
    }

    fn sample(&self, image: &Path, name: &str, subject: String) -> Result<Sample, DataError> {
        let scan_error = |source| DataError::Scan { path: image.to_owned(), source };
        let mut reader = open(image, ReadOptions::default()).map_err(scan_error)?;
        let stated_um = reader.header().axial.map(|spacing| spacing.um);
        let bscan = reader.bscan(0).map_err(scan_error)?;
        let id = Path::new(name).file_stem().and_then(|s| s.to_str()).unwrap_or_default().to_owned();
        let first = self.table("boundaries_grader1", &id, &bscan)?;
        let boundaries = first.map_or_else(|| self.table("boundaries", &id, &bscan), |t| Ok(Some(t)))?;
        let polygons = self.polygons.as_ref().and_then(|all| all.get(name));
        let masks = self.folder.join("masks");
        let lesions = read_lesions(&self.folder, &id, (bscan.width, bscan.height))?;
        let healthy = HEALTHY_SETS.contains(&self.name.as_str());
        let mask = match (polygons, &boundaries) {
            _ if masks.exists() => read_mask(&masks.join(format!("{id}.png")), bscan.width, bscan.height)?,
            (Some(polygons), _) => rasterise(polygons, bscan.width, bscan.height),
            (None, Some(rows)) => mask_from_rows(rows, bscan.height),
            (None, None) if lesions.is_some() => vec![IGNORE; bscan.width * bscan.height],
            (None, None) => return Err(DataError::label(image, "no labels found")),
        };
        let traced = boundaries.as_ref().map(|rows| rows[Boundary::Csb.index()].clone());
        let traced = traced.filter(|rows| rows.iter().any(Option::is_some));
        let traced = traced.map(|rows| ChoroidLabel::Traced { visible: vec![true; rows.len()], rows });
        Ok(Sample {
            second_grader: self.table("boundaries_grader2", &id, &bscan)?,
            choroid: traced.unwrap_or_else(|| ChoroidLabel::from_mask(&mask)),
            lesions: lesions.or_else(|| healthy.then(|| vec![0; mask.len()])),
            ez: if BAND_ALONE_SETS.contains(&self.name.as_str()) {
                EzConvention::BandAlone
            } else {
                EzConvention::WithOuterSegments
            },
            boundaries,
            set: self.name.clone(),
            subject,
            id,
            axial_um: if SPECTRALIS_SETS.contains(&self.name.as_str()) { Some(SPECTRALIS_UM) } else { stated_um },
            ..Sample::new(bscan, mask)
        })
    }

    /// The boundary table of a scan in `folder`, if the set has that folder.
    fn table(&self, folder: &str, id: &str, bscan: &BScan) -> Result<Option<BoundaryRows>, DataError> {
        let folder = self.folder.join(folder);
        folder.exists().then(|| read_boundaries(&folder.join(format!("{id}.csv")), bscan.width)).transpose()
    }
}

/// The noisy twin of `sample` at `path`.
fn noisy_twin(sample: &Sample, path: &Path) -> Result<Sample, DataError> {
    let scan_error = |source| DataError::Scan { path: path.to_owned(), source };
    let bscan = open(path, ReadOptions::default()).and_then(|mut r| r.bscan(0)).map_err(scan_error)?;
    if (bscan.width, bscan.height) != (sample.bscan.width, sample.bscan.height) {
        return Err(DataError::label(path, "its size differs from that of its twin"));
    }
    Ok(Sample { bscan, id: format!("{}{NOISY}", sample.id), ..sample.clone() })
}

/// Reads the samples of `part` from every set in `splits.json` under `data`.
///
/// # Errors
/// [`DataError`] if a set is missing, a file cannot be read or the part is empty.
pub fn load_part(data: &Path, part: Part) -> Result<Vec<Sample>, DataError> {
    let splits = Splits::read(&data.join("splits.json"))?;
    let mut samples = Vec::new();
    for set in splits.sets() {
        samples.extend(DataSet::open(data, set)?.load(&splits, part)?);
    }
    if samples.is_empty() { Err(DataError::Empty { part, path: data.to_owned() }) } else { Ok(samples) }
}

fn scan_files(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let entries = std::fs::read_dir(folder).map_err(DataError::io(folder))?;
    let mut paths =
        entries.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>().map_err(DataError::io(folder))?;
    paths.retain(|p| has_scan_extension(p));
    paths.sort();
    Ok(paths)
}

fn read_groups(path: &Path) -> Result<HashMap<String, String>, DataError> {
    let text = std::fs::read(path).map_err(DataError::io(path))?;
    csv::Reader::from_reader(text.as_slice())
        .deserialize()
        .collect::<Result<_, _>>()
        .map_err(|e| DataError::label(path, e))
}

fn first_number(name: &str) -> &str {
    let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
    &digits[..digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subject_is_the_first_number_in_the_name() {
        assert_eq!(first_number("Subject_01_07"), "01");
        assert_eq!(first_number("Subject08_10"), "08");
        assert_eq!(first_number("im00001"), "00001");
        assert_eq!(first_number("none"), "");
    }

    const SIZE: [usize; 2] = [6, 24];

    /// A data folder with one set of one training scan, without labels.
    fn data() -> tempfile::TempDir {
        let data = tempfile::tempdir().expect("a folder");
        let set = data.path().join("mine");
        std::fs::create_dir_all(set.join("images")).expect("a folder");
        std::fs::write(data.path().join("splits.json"), r#"{"mine": {"train": ["7"]}}"#).expect("a file");
        let image = image::GrayImage::from_fn(SIZE[0] as u32, SIZE[1] as u32, |x, y| image::Luma([(x + 9 * y) as u8]));
        image.save(set.join("images/eye_7.png")).expect("an image");
        data
    }

    fn write(data: &Path, name: &str, content: &str) {
        let path = data.join("mine").join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }

    fn only(data: &Path) -> Sample {
        let mut samples = load_part(data, Part::Train).expect("one sample");
        assert_eq!(samples.len(), 1);
        samples.remove(0)
    }

    #[test]
    fn boundary_tables_alone_label_a_scan() {
        let data = data();
        let header = Boundary::ALL.map(Boundary::name).join(",");
        let full = "2,4,6,8,10,12,14,16,20";
        let rows = format!("{header}\n{full}\n{full}\n2,,6,8,10,12,14,16,20\n{full}\n{full}\n2,4,6,8,10,12,14,16,\n");
        write(data.path(), "boundaries/eye_7.csv", &rows);
        let sample = only(data.path());
        let column = |x: usize| (0..SIZE[1]).map(|y| sample.mask[y * SIZE[0] + x]).collect::<Vec<_>>();
        assert_eq!((column(0)[1], column(0)[2], column(0)[15], column(0)[16]), (0, 1, 7, 0));
        assert!(column(2).iter().all(|&c| c == IGNORE), "a table with a gap labels nothing");
        let traced = [Some(20.0), Some(20.0), Some(20.0), Some(20.0), Some(20.0), None];
        let rows = traced.to_vec();
        assert_eq!(sample.choroid, ChoroidLabel::Traced { rows, visible: vec![true; SIZE[0]] });
        assert_eq!((sample.subject.as_str(), sample.id.as_str()), ("7", "eye_7"));
    }

    #[test]
    fn polygons_label_a_scan_and_groups_name_its_subject() {
        let data = data();
        write(data.path(), "groups.csv", "file,group\neye_7,7\n");
        let polygon = r#"{"a": {"filename": "eye_7.png", "regions": [{
            "shape_attributes": {"name": "polygon", "all_points_x": [0, 6, 6, 0], "all_points_y": [3, 3, 5, 5]},
            "region_attributes": {"label": "Choroid"}}]}}"#;
        write(data.path(), "annotations.json", polygon);
        let sample = only(data.path());
        assert_eq!(sample.choroid, ChoroidLabel::InMask);
        assert_eq!(sample.mask.iter().position(|&c| c == 8), Some(3 * SIZE[0]));
    }

    #[test]
    fn unlabelled_scans_and_missing_sets_are_errors() {
        let data = data();
        assert!(matches!(load_part(data.path(), Part::Train), Err(DataError::Label { .. })));
        std::fs::write(data.path().join("splits.json"), r#"{"gone": {"train": "all"}}"#).expect("a file");
        assert!(matches!(load_part(data.path(), Part::Train), Err(DataError::Io { .. })));
    }
}
