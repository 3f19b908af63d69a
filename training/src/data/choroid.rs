//! Traced choroids: the choroid-sclera boundary of scans whose layers another set labels.
//!
//! `choroid_traced/SET/boundaries/ID.csv` has the rows in its column `CSB`, and `confidence/ID.csv` tells in which
//! A-scans the reader saw the boundary and in which the line was carried between such stretches.

use std::path::Path;

use octrls_core::{layer::Boundary, measure::accuracy::IGNORE};
use octrls_readers::{ReadOptions, open};
use serde::Deserialize;

use super::{ChoroidLabel, DataError, Part, Sample, read_boundaries};

/// Name of the folder, and of the set of scans that have no other label.
pub const TRACED: &str = "choroid_traced";

/// Traced scans that belong to no set: folder of their traces, folder of the scans, and extension.
const OTHERS: [(&str, &str, &str); 4] = [
    ("bioptigen", "unlabelled/bioptigen_fang2013", "png"),
    ("heidelberg_edi", "unlabelled/heidelberg_edi", "png"),
    ("edi_lines", "formats/heidelberg_vol/edi_lines", "vol"),
    ("willis_line", "formats/heidelberg_vol/circle_and_line", "vol"),
];

#[derive(Deserialize)]
struct AScan {
    kind: String,
}

/// Adds the traced choroids below `data` to the samples of their scans, and to those of the training part the traced
/// scans of no set. Returns the number of traces. Without a folder of traces, there are none.
///
/// # Errors
/// [`DataError`] if a file cannot be read or is malformed.
pub fn add_choroids(samples: &mut Vec<Sample>, data: &Path, part: Part) -> Result<usize, DataError> {
    let folder = data.join(TRACED);
    if !folder.exists() {
        return Ok(0);
    }
    let mut added = 0;
    for sample in samples.iter_mut() {
        let id = sample.id.strip_suffix(super::sets::NOISY).unwrap_or(&sample.id);
        if let Some(label) = trace(&folder.join(&sample.set), id, sample.bscan.width)? {
            sample.choroid = label;
            added += 1;
        }
    }
    if part == Part::Train {
        for (set, scans, extension) in OTHERS {
            let others = others(&folder.join(set), &data.join(scans), extension)?;
            added += others.len();
            samples.extend(others);
        }
    }
    Ok(added)
}

/// The trace of scan `id` in `folder`, if there is one.
fn trace(folder: &Path, id: &str, width: usize) -> Result<Option<ChoroidLabel>, DataError> {
    let path = folder.join("boundaries").join(format!("{id}.csv"));
    if !path.exists() {
        return Ok(None);
    }
    let rows = read_boundaries(&path, width)?[Boundary::Csb.index()].clone();
    let path = folder.join("confidence").join(format!("{id}.csv"));
    let text = std::fs::read(&path).map_err(DataError::io(&path))?;
    let ascans: Result<Vec<AScan>, _> = csv::Reader::from_reader(text.as_slice()).deserialize().collect();
    let visible: Vec<bool> =
        ascans.map_err(|e| DataError::label(&path, e))?.iter().map(|ascan| ascan.kind == "visible").collect();
    if visible.len() == width {
        Ok(Some(ChoroidLabel::Traced { rows, visible }))
    } else {
        Err(DataError::label(&path, format!("{} A-scans, expected {width} as in the scan", visible.len())))
    }
}

/// The traced scans of a folder, without other labels.
fn others(folder: &Path, scans: &Path, extension: &str) -> Result<Vec<Sample>, DataError> {
    let boundaries = folder.join("boundaries");
    if !boundaries.exists() || !scans.exists() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(&boundaries).map_err(DataError::io(&boundaries))?;
    let mut ids: Vec<String> =
        entries.filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned())).collect();
    ids.sort();
    let sample = |id: String| {
        let path = scans.join(format!("{id}.{extension}"));
        let scan_error = |source| DataError::Scan { path: path.clone(), source };
        let bscan = open(&path, ReadOptions::default()).and_then(|mut r| r.bscan(0)).map_err(scan_error)?;
        let choroid = trace(folder, &id, bscan.width)?.unwrap_or(ChoroidLabel::Unlabelled);
        let mask = vec![IGNORE; bscan.width * bscan.height];
        Ok(Sample { set: TRACED.to_owned(), subject: id.clone(), id, choroid, ..Sample::new(bscan, mask) })
    };
    ids.into_iter().map(sample).collect()
}

#[cfg(test)]
mod tests {
    use octrls_core::scan::BScan;

    use super::*;

    fn samples() -> Vec<Sample> {
        let bscan = BScan { width: 3, height: 8, intensity: vec![0.0; 24] };
        let of = |set: &str, id: &str| Sample {
            set: set.to_owned(),
            id: id.to_owned(),
            ..Sample::new(bscan.clone(), vec![0; 24])
        };
        vec![of("s", "a"), of("s", "b"), of("t", "a")]
    }

    fn write(data: &Path, name: &str, content: &str) {
        let path = data.join(TRACED).join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }

    #[test]
    fn traces_belong_to_one_scan_of_one_set() {
        let data = tempfile::tempdir().expect("a folder");
        write(data.path(), "s/boundaries/a.csv", "ILM,CSB\n,5.5\n,6\n,\n");
        write(data.path(), "s/confidence/a.csv", "ascan,kind\n0,visible\n1,inferred\n2,\n");
        let mut samples = samples();
        assert_eq!(add_choroids(&mut samples, data.path(), Part::Train).expect("valid"), 1);
        let rows = vec![Some(5.5), Some(6.0), None];
        assert_eq!(samples[0].choroid, ChoroidLabel::Traced { rows, visible: vec![true, false, false] });
        assert!(samples[1..].iter().all(|s| s.choroid == ChoroidLabel::Unlabelled));
    }

    #[test]
    fn a_confidence_of_other_length_is_an_error() {
        let data = tempfile::tempdir().expect("a folder");
        write(data.path(), "s/boundaries/a.csv", "ILM,CSB\n,5.5\n,6\n,7\n");
        write(data.path(), "s/confidence/a.csv", "ascan,kind\n0,visible\n");
        let error = add_choroids(&mut samples(), data.path(), Part::Val).expect_err("too short");
        assert!(error.to_string().contains("1 A-scans, expected 3"), "{error}");
    }

    #[test]
    fn without_a_folder_there_are_no_traces() {
        let data = tempfile::tempdir().expect("a folder");
        assert_eq!(add_choroids(&mut samples(), data.path(), Part::Train).expect("nothing"), 0);
    }
}
