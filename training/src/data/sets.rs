//! The data sets and how each lies on disk: `images/` beside `masks/`, some with boundary tables.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use octrls::scan::{self, SpacingHints};

use super::{DataError, Part, Sample, Splits, boundaries::read_boundaries, masks::read_mask};

/// How the subject of an image is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SubjectRule {
    /// The first digits of the file name.
    FileName,
    /// The column `group` of `groups.csv`.
    GroupTable,
}

/// One data set.
#[derive(Clone, Copy, Debug)]
pub struct DataSet {
    /// Name and folder.
    pub name: &'static str,
    subjects: SubjectRule,
    boundaries: Option<&'static str>,
    second_grader: Option<&'static str>,
    axial_um: Option<f64>,
}

const PLAIN: DataSet =
    DataSet { name: "", subjects: SubjectRule::FileName, boundaries: None, second_grader: None, axial_um: None };

/// Axial spacing of the Heidelberg Spectralis.
const SPECTRALIS_UM: f64 = 3.87;

impl DataSet {
    /// Every known set.
    pub const ALL: [Self; 5] = [
        Self {
            name: "duke_dme",
            boundaries: Some("boundaries_grader1"),
            second_grader: Some("boundaries_grader2"),
            axial_um: Some(SPECTRALIS_UM),
            ..PLAIN
        },
        Self { name: "tian_healthy", boundaries: Some("boundaries"), axial_um: Some(SPECTRALIS_UM), ..PLAIN },
        Self { name: "yukun_guo", subjects: SubjectRule::GroupTable, ..PLAIN },
        Self { name: "nr206", ..PLAIN },
        Self { name: "zeiss_onh", ..PLAIN },
    ];

    /// Reads the samples of `part` from the set's folder under `data`.
    ///
    /// # Errors
    /// [`DataError`] when an image or its labels cannot be read.
    pub fn load(&self, data: &Path, splits: &Splits, part: Part) -> Result<Vec<Sample>, DataError> {
        let folder = data.join(self.name);
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let groups = match self.subjects {
            SubjectRule::FileName => HashMap::new(),
            SubjectRule::GroupTable => read_groups(&folder.join("groups.csv"))?,
        };
        let mut samples = Vec::new();
        for image in files(&folder.join("images"))? {
            let id = image.file_stem().and_then(|s| s.to_str()).unwrap_or_default().to_owned();
            let subject = match self.subjects {
                SubjectRule::FileName => first_digits(&id).to_owned(),
                SubjectRule::GroupTable => {
                    let name = image.file_name().and_then(|s| s.to_str()).unwrap_or_default();
                    groups.get(name).cloned().ok_or_else(|| DataError::label(&image, "not in groups.csv"))?
                }
            };
            if splits.contains(part, self.name, &subject) {
                samples.push(self.sample(&folder, &image, id, subject)?);
            }
        }
        Ok(samples)
    }

    fn sample(&self, folder: &Path, image: &Path, id: String, subject: String) -> Result<Sample, DataError> {
        let unreadable = |source| DataError::Scan { path: image.to_owned(), source };
        let bscan = scan::open(image, SpacingHints::default()).and_then(|mut r| r.bscan(0)).map_err(unreadable)?;
        let mask = read_mask(&folder.join("masks").join(format!("{id}.png")), bscan.width, bscan.height)?;
        let table = |name: Option<&str>| {
            name.map(|name| read_boundaries(&folder.join(name).join(format!("{id}.csv")), bscan.width)).transpose()
        };
        Ok(Sample {
            boundaries: table(self.boundaries)?,
            second_grader: table(self.second_grader)?,
            set: self.name.to_owned(),
            subject,
            id,
            axial_um: self.axial_um,
            ..Sample::new(bscan, mask)
        })
    }
}

/// Reads the samples of `part` of every known set under `data`, which holds `splits.json`.
///
/// # Errors
/// [`DataError`] when a file cannot be read or the part is empty.
pub fn load_part(data: &Path, part: Part) -> Result<Vec<Sample>, DataError> {
    let splits = Splits::read(&data.join("splits.json"))?;
    let mut samples = Vec::new();
    for set in DataSet::ALL {
        samples.extend(set.load(data, &splits, part)?);
    }
    if samples.is_empty() { Err(DataError::Empty { part, path: data.to_owned() }) } else { Ok(samples) }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let entries = std::fs::read_dir(folder).map_err(DataError::io(folder))?;
    let mut paths =
        entries.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>().map_err(DataError::io(folder))?;
    paths.retain(|p| scan::has_scan_extension(p));
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

fn first_digits(name: &str) -> &str {
    let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
    &digits[..digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_is_the_first_number_of_the_name() {
        assert_eq!(first_digits("Subject_01_07"), "01");
        assert_eq!(first_digits("Subject08_10"), "08");
        assert_eq!(first_digits("im00001"), "00001");
        assert_eq!(first_digits("none"), "");
    }
}
