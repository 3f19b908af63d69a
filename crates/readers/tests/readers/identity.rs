//! No byte of a file goes into a message: identities are planted in every place of every format, and what readers say is
//! searched for them.

use std::path::Path;

use dicom_core::VR;
use dicom_dictionary_std::tags;
use octrls_core::scan::Note;
use octrls_readers as scan;
use octrls_readers::{ReadError, ReadOptions};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::{
    Folder,
    dicom::{FRAME, string, tomography},
    heyex, seeds,
};

/// An identity, and parts of it that must not be seen.
const IDENTITY: &[u8] = b"Jane^Doe";
const PARTS: [&str; 3] = ["Jane", "Doe", "ane^"];
/// Changed files of each sample.
const ROUNDS: usize = 60;

/// Everything that reading the scan at `path` says.
fn said(path: &Path) -> Vec<String> {
    let other = ReadOptions {
        allow_missing: true,
        series: Some(1),
        um_per_degree: Some(293.3),
        raw: "cirrus:2x1".parse().ok(),
        ..ReadOptions::default()
    };
    [ReadOptions::default(), other].into_iter().flat_map(|options| said_with(path, options)).collect()
}

fn said_with(path: &Path, options: ReadOptions) -> Vec<String> {
    let mut said = Vec::new();
    let mut note = |error: ReadError| said.push(error.to_string());
    match scan::open(path, options) {
        Err(error) => note(error),
        Ok(mut reader) => {
            let header = reader.header().clone();
            for index in 0..header.bscans.min(3) {
                reader.bscan(index).map_or_else(&mut note, drop);
                reader.device_boundaries(index).map_or_else(&mut note, drop);
                reader.device_signal_db(index).map_or_else(&mut note, drop);
            }
            reader.fundus().map_or_else(&mut note, drop);
            reader.subject().map_or_else(&mut note, drop);
            reader.acquisition().map_or_else(&mut note, drop);
            said.push(header.format.into_owned());
            said.extend(header.notes.into_iter().map(Note::words).map(String::from));
        }
    }
    for outcome in [scan::dicom::check_lengths(path), scan::dicom::identifiers(path).map(drop)] {
        said.extend(outcome.err().map(|error| error.to_string()));
    }
    said
}

fn assert_silent(folder: &Folder, name: &str, bytes: &[u8], how: &str) {
    for text in said(&folder.file(name, bytes)) {
        assert!(PARTS.iter().all(|part| !text.contains(part)), "{how}: {text}");
    }
}

/// Files with identities where their formats have them.
fn identified() -> Vec<Vec<u8>> {
    let person = |tag, vr| string(tag, vr, "Jane^Doe");
    let tagged = tomography(1)
        .with(person(tags::PATIENT_NAME, VR::PN))
        .with(person(tags::PATIENT_ID, VR::LO))
        .with(person(tags::PATIENT_COMMENTS, VR::LT))
        .with(person(tags::MANUFACTURER, VR::LO))
        .with(person(tags::STUDY_DESCRIPTION, VR::LO))
        .native(vec![9; FRAME])
        .bytes();
    let filled = seeds::files().into_iter().map(|(_, mut bytes)| {
        // Padding and fields without content.
        let mut at = 0;
        while at < bytes.len() {
            let run = bytes[at..].iter().take_while(|&&b| b == bytes[at]).count();
            if run >= 2 * IDENTITY.len() {
                for (byte, letter) in bytes[at..at + run].iter_mut().zip(IDENTITY.iter().cycle()) {
                    *byte = *letter;
                }
            }
            at += run;
        }
        bytes
    });
    filled.chain([tagged]).collect()
}

#[test]
fn an_identity_in_any_place_is_never_said() {
    let folder = Folder::new();
    for (number, (kind, bytes)) in seeds::files().into_iter().enumerate() {
        // Large files are pixels for the most part.
        for at in (0..bytes.len().saturating_sub(IDENTITY.len()).min(2600)).step_by(5) {
            let mut planted = bytes.clone();
            planted[at..at + IDENTITY.len()].copy_from_slice(IDENTITY);
            assert_silent(&folder, "scan", &planted, &format!("{kind} {number} at {at}"));
        }
    }
}

#[test]
fn changed_files_do_not_say_whom_they_are_of() {
    let folder = Folder::new();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let plain = seeds::files().into_iter().map(|(_, bytes)| bytes);
    for (number, sample) in identified().into_iter().chain(plain).enumerate() {
        for round in 0..ROUNDS {
            let mut bytes = sample.clone();
            for _ in 0..rng.random_range(1..4) {
                // Structure lies at the start of most parts.
                let end = bytes.len().min(if round % 2 == 0 { 700 } else { usize::MAX });
                let at = rng.random_range(0..end);
                bytes[at] ^= 1 << rng.random_range(0..8_u32);
            }
            assert_silent(&folder, "scan", &bytes, &format!("sample {number}, round {round}"));
        }
    }
}

#[test]
fn an_identity_in_an_export_or_a_sidecar_is_never_said() {
    let folder = Folder::new();
    let text = heyex::text().replace("M\u{fc}ller", "Doe^Jane").into_bytes();
    for at in (0..text.len() - IDENTITY.len()).step_by(7) {
        let mut planted = text.clone();
        planted[at..at + IDENTITY.len()].copy_from_slice(IDENTITY);
        assert_silent(&folder, "export.xml", &planted, &format!("XML at {at}"));
    }
    let (_, image) = seeds::files().swap_remove(0);
    folder.file("scan.png", &image);
    for sidecar in [
        "eye = 'Jane^Doe'",
        "Jane^Doe = 1",
        "\"Jane^Doe\" = 1",
        "axial_um = 'Jane^Doe'",
        "axial_um = \"a\\\"Jane^Doe\"",
        "axial_um = Jane^Doe",
        "# Jane^Doe\n[Jane",
        "first_bscan = 'Jane^Doe'\nbetween_um = 3",
    ] {
        folder.file("scan.png.toml", sidecar.as_bytes());
        let error = scan::open(&folder.0.path().join("scan.png"), ReadOptions::default()).err().unwrap().to_string();
        assert!(PARTS.iter().all(|part| !error.contains(part)) && error.contains("line"), "{sidecar}: {error}");
    }
}
