//! What arrives in the long runs: small scans, and now and then a DICOM series of one file a B-scan.

use std::path::Path;

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use octrls::{digest::sha256_of_file, scan::ScanFiles};

use crate::{scans::scan, tomography};

/// The files of scan `number`, by their names below the root; its own name is that of the first.
pub(crate) fn files_of(number: u64) -> Vec<(String, Vec<u8>)> {
    let ward = number % 7;
    if number % 4 != 3 {
        return vec![(format!("ward-{ward}/scan-{number:04}.png"), scan(number))];
    }
    let identifier = format!("{}.{number}", tomography::SERIES);
    let instances = tomography::series().into_iter().enumerate().map(|(i, mut object)| {
        object.put(DataElement::new(tags::SERIES_INSTANCE_UID, VR::UI, PrimitiveValue::from(identifier.as_str())));
        (format!("ward-{ward}/series-{number:04}/{}.dcm", i + 1), tomography::bytes(&object))
    });
    instances.collect()
}

/// What scan `number` is called.
pub(crate) fn name_of(number: u64) -> String {
    files_of(number).swap_remove(0).0
}

/// SHA-256 that results must have of the scan below `root`.
pub(crate) fn digest_of(root: &Path, number: u64) -> String {
    let paths: Vec<_> = files_of(number).into_iter().map(|(name, _)| root.join(name)).collect();
    let digests = paths.iter().map(|path| sha256_of_file(path).unwrap()).collect();
    let files = if paths.len() > 1 { ScanFiles::series(paths).unwrap() } else { ScanFiles::one(paths[0].clone()) };
    files.digest(digests)
}
