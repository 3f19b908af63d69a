//! External validators: dciodvfy and dcentvfy of dicom3tools, dsrdump of dcmtk.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, open_file};

/// Errors and warnings of dciodvfy.
struct Findings {
    errors: Vec<String>,
    warnings: Vec<String>,
}

fn run(program: &str, arguments: &[&Path]) -> Option<String> {
    let Ok(output) = Command::new(program).args(arguments).output() else {
        crate::support::missing("the validators", program);
        return None;
    };
    Some(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
}

fn dciodvfy(file: &Path) -> Option<Findings> {
    let output = run("dciodvfy", &[file])?;
    let lines = |kind: &str| output.lines().filter(|l| l.starts_with(kind)).map(str::to_owned).collect();
    Some(Findings { errors: lines("Error"), warnings: lines("Warning") })
}

/// Attributes of a Parametric Map that a height map lacks. dciodvfy does not know height maps; checked as a Parametric
/// Map, their common modules are validated.
const ONLY_PARAMETRIC: [&str; 9] = [
    "ImageType",
    "PresentationLUTShape",
    "LossyImageCompression",
    "BurnedInAnnotation",
    "RecognizableVisualFeatures",
    "ContentQualification",
    "PixelValueTransformation",
    "ParametricMapFrameType",
    "AcquisitionContext",
];

/// Validates the object in `file` as if it were of another class.
fn as_class(file: &Path, class: &str) -> Option<Findings> {
    let temp = tempfile::tempdir().expect("tempdir");
    let copy = temp.path().join("map.dcm");
    let mut map = open_file(file).expect("a DICOM file").into_inner();
    map.put_str(tags::SOP_CLASS_UID, VR::UI, class);
    let meta = FileMetaTableBuilder::new().transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
    map.with_meta(meta).expect("an object").write_to_file(&copy).expect("written");
    dciodvfy(&copy)
}

/// Findings about a label map checked as a binary segmentation, since dciodvfy does not know label maps: type, bit
/// depth, background number, and frames without a single segment.
const ONLY_LABEL_MAP: [&str; 7] = [
    "LABELMAP",
    "SegmentIdentificationSequence",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "SegmentNumber",
    "Segment Number",
];

pub(super) fn check_label_map(file: &Path) {
    let Some(found) = as_class(file, uids::SEGMENTATION_STORAGE) else { return };
    let unexpected: Vec<&String> =
        found.errors.iter().filter(|e| !ONLY_LABEL_MAP.iter().any(|known| e.contains(known))).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
}

pub(super) fn check(folder: &Path) {
    for name in ["masks.dcm", "measures.dcm", "report.dcm"] {
        let Some(found) = dciodvfy(&folder.join(name)) else { return };
        assert!(found.errors.is_empty(), "{name}: {:#?}", found.errors);
        // dciodvfy does not know our own vocabulary.
        let unexpected: Vec<&String> = found.warnings.iter().filter(|w| !w.contains("99OCTRLS")).collect();
        assert!(unexpected.is_empty(), "{name}: {unexpected:#?}");
    }
    let Some(found) = as_class(&folder.join("surfaces.dcm"), uids::PARAMETRIC_MAP_STORAGE) else { return };
    let unexpected: Vec<&String> =
        found.errors.iter().filter(|e| !ONLY_PARAMETRIC.iter().any(|known| e.contains(known))).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");

    let files = ["masks.dcm", "measures.dcm", "report.dcm"].map(|name| folder.join(name));
    let of_one_study = run("dcentvfy", &files.each_ref().map(PathBuf::as_path));
    assert!(of_one_study.is_none_or(|output| !output.contains("Error")));
    let report = run("dsrdump", &[&folder.join("measures.dcm")]);
    assert!(report.is_none_or(|output| output.contains("Imaging Measurements") && !output.contains("E: ")));
}
