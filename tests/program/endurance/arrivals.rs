//! Files for the long runs: small scans, and some DICOM series with one file per B-scan.

use std::path::Path;

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use octrls_fs::digest::sha256_of_file;
use octrls_readers::ScanFiles;

use crate::endurance::{scans::scan, tomography};

/// Paths of the files of scan `number` below the root.
fn names_of(number: u64) -> Vec<String> {
    let ward = number % 7;
    if number % 4 == 3 {
        let instances = 1..=tomography::FRAMES;
        instances.map(|i| format!("ward-{ward}/series-{number:04}/{i}.dcm")).collect()
    } else {
        vec![format!("ward-{ward}/scan-{number:04}.png")]
    }
}

/// The files of scan `number`: paths below the root, and contents.
pub(crate) fn files_of(number: u64) -> Vec<(String, Vec<u8>)> {
    let names = names_of(number);
    if names.len() == 1 {
        return names.into_iter().map(|name| (name, scan(number))).collect();
    }
    let identifier = format!("{}.{number}", tomography::SERIES);
    let instances = tomography::series().into_iter().map(|mut object| {
        object.put(DataElement::new(tags::SERIES_INSTANCE_UID, VR::UI, PrimitiveValue::from(identifier.as_str())));
        tomography::bytes(&object)
    });
    names.into_iter().zip(instances).collect()
}

/// Name of scan `number`: the path of its first file.
pub(crate) fn name_of(number: u64) -> String {
    names_of(number).swap_remove(0)
}

/// The SHA-256 that the results of scan `number` must state.
pub(crate) fn digest_of(root: &Path, number: u64) -> String {
    let paths: Vec<_> = names_of(number).into_iter().map(|name| root.join(name)).collect();
    let digests = paths.iter().map(|path| sha256_of_file(path).unwrap()).collect();
    let files = if paths.len() > 1 { ScanFiles::series(paths).unwrap() } else { ScanFiles::one(paths[0].clone()) };
    files.digest(digests)
}
