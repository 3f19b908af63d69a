//! The DICOM objects of an earlier result of a scan, which those of a new result replace.

use std::{collections::BTreeMap, fs, path::Path};

use octrls_readers::{DicomReference, dicom::uid};
use serde::{Deserialize, Serialize};

use crate::{
    RESULT_FILE,
    record::{DicomObjectRecord, DicomRecord, SourceRecord},
};

/// What an earlier result says of its DICOM objects. The default has none.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct EarlierResult {
    scan: ScanHead,
    #[serde(default)]
    dicom: Option<DicomRecord>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct ScanHead {
    sha256: String,
}

impl EarlierResult {
    /// Reads the result in `folder`. A folder without a readable result has no earlier objects.
    #[must_use]
    pub fn read(folder: &Path) -> Self {
        let text = fs::read(folder.join(RESULT_FILE)).ok();
        text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    /// Whether it has no objects.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.dicom.as_ref().is_none_or(|dicom| dicom.objects.is_empty())
    }

    /// Its objects, if it is a result of the scan with the digest `sha256` that consists of `reference`: of another scan
    /// under the same name, nothing is replaced.
    pub(super) fn objects_of(&self, sha256: &str, reference: &DicomReference) -> EarlierObjects {
        let Some(dicom) = &self.dicom else { return EarlierObjects::default() };
        let is_same = self.scan.sha256 == sha256
            || dicom.source.as_ref().is_some_and(|source| source.is_same(&SourceRecord::of(reference)));
        let objects = dicom.objects.iter().filter(|object| is_same && is_valid(object));
        EarlierObjects(objects.map(|object| (object.file.clone(), object.clone())).collect())
    }
}

fn is_valid(object: &DicomObjectRecord) -> bool {
    let replaced = object.replaces.iter().flat_map(|r| [&r.sop_instance_uid, &r.series_instance_uid]);
    let own = [&object.sop_class_uid, &object.sop_instance_uid, &object.series_instance_uid];
    own.into_iter().chain(replaced).all(|identifier| uid::checked(identifier).is_some())
}

/// Earlier objects by file name.
#[derive(Debug, Default)]
pub(super) struct EarlierObjects(BTreeMap<String, DicomObjectRecord>);

impl EarlierObjects {
    pub(super) fn get(&self, file: &str) -> Option<&DicomObjectRecord> {
        self.0.get(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(instances: &[&str]) -> DicomReference {
        DicomReference {
            class: "1.2".to_owned(),
            instances: instances.iter().map(|&i| i.to_owned()).collect(),
            frames: vec![1; instances.len()],
            series: "1.4".to_owned(),
            study: "1.5".to_owned(),
        }
    }

    fn earlier(source: &DicomReference, instance: &str) -> EarlierResult {
        let object = DicomObjectRecord {
            file: "report.dcm".to_owned(),
            sop_class_uid: "1.2".to_owned(),
            sop_instance_uid: instance.to_owned(),
            series_instance_uid: "1.3".to_owned(),
            content_sha256: None,
            replaces: None,
        };
        let source = Some(SourceRecord::of(source));
        let dicom = Some(DicomRecord { objects: vec![object], left_out: Vec::new(), source });
        EarlierResult { scan: ScanHead { sha256: "abc".to_owned() }, dicom }
    }

    #[test]
    fn only_results_of_the_same_scan_are_replaced() {
        let one = reference(&["1.1"]);
        let found = |earlier: &EarlierResult, sha256, of: &DicomReference| {
            earlier.objects_of(sha256, of).get("report.dcm").is_some()
        };
        assert!(found(&earlier(&one, "1.9"), "abc", &reference(&["1.8"])), "the same content");
        assert!(found(&earlier(&one, "1.9"), "def", &one), "the same instance, stored in another way");
        assert!(!found(&earlier(&one, "1.9"), "def", &reference(&["1.8"])), "another scan of the series");
        let (two, three) = (reference(&["1.1", "1.2"]), reference(&["1.0", "1.1", "1.2"]));
        assert!(found(&earlier(&two, "1.9"), "def", &three), "a series that grew");
        assert!(!found(&earlier(&one, "no uid"), "abc", &one));
        assert!(EarlierResult::read(Path::new("/nowhere")).is_empty());
    }
}
