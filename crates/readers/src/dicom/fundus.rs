//! The fundus image that a scan refers to, in a file beside it.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use octrls_fs::within::Within;

use super::{
    elements::{items, text},
    errors::catch_panic,
    frames::ScanFrames,
    locations::ScaledLocations,
    meta::Meta,
    object::OpenObject,
    role::is_companion,
    uid,
};
use crate::{FundusImage, ReadError, sized_file::SizedFile};

/// Maximum files beside a scan to search for its fundus image.
const MAX_FILES: usize = 256;

/// Maximum images that an object refers to and that are looked for.
const MAX_REFERENCES: usize = 16;

/// The photographs and en-face images that an object refers to as a whole (PS3.3, C.7.6.16.1.1 and C.8.17.7).
pub(crate) fn references(object: &InMemDicomObject) -> Vec<String> {
    let referenced = [tags::REFERENCED_IMAGE_SEQUENCE, tags::REFERENCED_INSTANCE_SEQUENCE];
    let referenced = referenced.into_iter().flat_map(|sequence| items(object, sequence));
    let is_picture =
        |item: &&InMemDicomObject| text(item, tags::REFERENCED_SOP_CLASS_UID).is_some_and(|class| is_companion(&class));
    let instance =
        |item: &InMemDicomObject| Some(uid::checked(&text(item, tags::REFERENCED_SOP_INSTANCE_UID)?)?.to_owned());
    referenced.filter(is_picture).filter_map(instance).take(MAX_REFERENCES).collect()
}

/// Reads the image from a file beside `scan`, the scan's own files and where they may be opened; `None` if there is none. It is the one on which the
/// frames have their positions, else the first of `references`.
pub(crate) fn read(
    scaled: Option<&ScaledLocations>,
    references: &[String],
    scan: (&[PathBuf], &Within),
) -> Result<Option<FundusImage>, ReadError> {
    let placed = scaled.and_then(|scaled| Some((scaled, file_beside(scaled.locations.instance(), scan)?)));
    let (file, pixel_mm, lines) = match placed {
        Some((ScaledLocations { locations, pixel_mm }, file)) => (file, *pixel_mm, locations.points()),
        None => match references.iter().find_map(|instance| file_beside(instance, scan)) {
            Some(file) => (file, None, Vec::new()),
            None => return Ok(None),
        },
    };
    let image = catch_panic(|| OpenObject::open_image(SizedFile::open(&file, scan.1)?)?.into_frames())?;
    let image = ScanFrames::of(vec![image]).decode(0)?;
    let (pixels, pixel_mm) = (FundusImage::grey(&image), pixel_mm.map(|mm| [mm, mm]));
    Ok(Some(FundusImage { width: image.width, height: image.height, pixels, pixel_mm, lines }))
}

/// The file beside `scan` that holds the SOP instance `instance`.
fn file_beside(instance: &str, (scan, within): (&[PathBuf], &Within)) -> Option<PathBuf> {
    let folder = scan.first()?.parent()?;
    let own: HashSet<&Path> = scan.iter().map(PathBuf::as_path).collect();
    let meta = |file: &Path| SizedFile::open(file, within).and_then(|file| Meta::of(&file));
    let is_it = |file: &Path| !own.contains(file) && meta(file).is_ok_and(|meta| meta.instance == instance);
    // Receivers, including ours, name files this way.
    let likely = folder.join(format!("{instance}.dcm"));
    if is_it(&likely) {
        return Some(likely);
    }
    let files = std::fs::read_dir(folder).ok()?.take(MAX_FILES + own.len()).filter_map(Result::ok);
    files.filter(|e| e.file_type().is_ok_and(|t| t.is_file())).map(|e| e.path()).find(|file| is_it(file))
}
