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

const PLANE_MACROS: [&str; 4] =
    ["PixelMeasuresMacro", "PlanePositionMacro", "PlaneOrientationMacro", "PlanePositionSlideMacro"];

fn shows_plane(height_map: &Path) -> bool {
    let map = open_file(height_map).expect("a DICOM file");
    let groups = map.element(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE).expect("groups").items().expect("items");
    groups[0].get(tags::PLANE_ORIENTATION_SEQUENCE).is_some()
}

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

/// The side of the frames, which segmentations may state though their definition does not ask for it.
const EXTENSION: [&str; 7] = [
    "(0x0020,0x9071) SQ Frame Anatomy Sequence",
    "(0x0020,0x9072) CS Frame Laterality",
    "(0x0008,0x2218) SQ Anatomic Region Sequence",
    "(0x0008,0x0100) SH Code Value",
    "(0x0008,0x0102) SH Coding Scheme Designator",
    "(0x0008,0x0104) LO Code Meaning",
    "this is a Standard Extended SOP Class",
];

const OBJECTS: [&str; 4] = ["surfaces.dcm", "masks.dcm", "measures.dcm", "report.dcm"];

/// Checks that `scan` and its results in `folder` agree on patient, study, series and equipment.
pub(super) fn check_study(scan: &Path, folder: &Path) {
    let results = OBJECTS.map(|name| folder.join(name));
    check_study_of(&std::iter::once(scan.to_owned()).chain(results).collect::<Vec<_>>());
}

fn check_study_of(files: &[PathBuf]) {
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let Some(output) = run("dcentvfy", &files) else { return };
    // dcentvfy compares bytes; the name of the scan's patient is in Latin 1, that of the results in UTF-8.
    let is_error = |line: &&str| line.starts_with("Error") && !line.contains("Element=<PatientName>");
    let errors: Vec<&str> = output.lines().filter(is_error).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

pub(super) fn check(folder: &Path) {
    for name in ["masks.dcm", "measures.dcm", "report.dcm"] {
        let Some(found) = dciodvfy(&folder.join(name)) else { return };
        assert!(found.errors.is_empty(), "{name}: {:#?}", found.errors);
        // dciodvfy does not know our own vocabulary.
        let is_known = |warning: &&String| {
            warning.contains("99OCTRLS") || (name == "masks.dcm" && EXTENSION.iter().any(|part| warning.contains(part)))
        };
        let unexpected: Vec<&String> = found.warnings.iter().filter(|w| !is_known(w)).collect();
        assert!(unexpected.is_empty(), "{name}: {unexpected:#?}");
    }
    let Some(found) = as_class(&folder.join("surfaces.dcm"), uids::PARAMETRIC_MAP_STORAGE) else { return };
    // Where the planes of the B-scans are unknown or differ, there is no plane from the front.
    let has_plane = shows_plane(&folder.join("surfaces.dcm"));
    let is_known = |error: &&String| {
        ONLY_PARAMETRIC.iter().any(|known| error.contains(known))
            || (!has_plane && PLANE_MACROS.iter().any(|known| error.contains(known)))
    };
    let unexpected: Vec<&String> = found.errors.iter().filter(|e| !is_known(e)).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");

    check_study_of(&OBJECTS.map(|name| folder.join(name)));
    let report = run("dsrdump", &[&folder.join("measures.dcm")]);
    assert!(report.is_none_or(|output| output.contains("Imaging Measurements") && !output.contains("E: ")));
}
