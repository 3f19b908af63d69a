//! What the attack writes: scans that must get a result each, files that must not, and what it planted to find again.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use octrls_fs::digest::sha256;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::{scans::scan, tomography};

/// Texts that identify the patient of every file that can name one.
pub(crate) const IDENTITIES: [&str; 3] = ["Planted^Patience", "PLANTED-4711", "19470815"];

/// A file of a scan.
#[derive(Clone)]
pub(crate) struct Content {
    pub(crate) bytes: Vec<u8>,
    pub(crate) extension: &'static str,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Must have a result.
    Good,
    /// Must have none; may go to quarantine.
    Bad,
}

/// Every content that was ever written, by its SHA-256.
#[derive(Default)]
pub(crate) struct Contents {
    known: BTreeMap<String, Kind>,
    /// Contents that the attack itself may have overwritten or deleted.
    destroyed: BTreeSet<String>,
    /// Contents that are one instance of several patients: only the newest in a folder has results.
    corrected: Vec<BTreeSet<String>>,
    next: u64,
}

impl Contents {
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    pub(crate) fn kind(&self, digest: &str) -> Option<Kind> {
        self.known.get(digest).copied()
    }

    pub(crate) fn known(&self) -> impl Iterator<Item = (&String, Kind)> {
        self.known.iter().map(|(digest, kind)| (digest, *kind))
    }

    pub(crate) fn is_destroyed(&self, digest: &str) -> bool {
        self.destroyed.contains(digest)
    }

    /// Notes that the file at `path` is about to be overwritten or deleted by the attack.
    pub(crate) fn destroys(&mut self, path: &Path) {
        if let Ok(bytes) = std::fs::read(path) {
            self.destroyed.insert(sha256(&bytes));
        }
    }

    /// Notes a content that another program wrote; returns its digest.
    pub(crate) fn adopt(&mut self, bytes: &[u8], kind: Kind) -> String {
        let digest = sha256(bytes);
        self.known.insert(digest.clone(), kind);
        digest
    }

    /// Notes that contents are one instance of several patients.
    pub(crate) fn corrects(&mut self, digests: &[String]) {
        if digests.len() > 1 {
            self.corrected.push(digests.iter().cloned().collect());
        }
    }

    /// The contents that may stand for `digest`: itself, and the same instance of other patients.
    pub(crate) fn stand_ins<'a>(&'a self, digest: &'a String) -> impl Iterator<Item = &'a String> {
        let others = self.corrected.iter().filter(move |set| set.contains(digest)).flatten();
        others.chain([digest])
    }

    /// A new content, different from all before.
    pub(crate) fn create(&mut self, rng: &mut ChaCha8Rng) -> Content {
        self.next += 1;
        let content = match rng.random_range(0..10) {
            0..=5 => Content { bytes: scan(self.next), extension: "png", kind: Kind::Good },
            6 => Content { bytes: self.dicom(), extension: "dcm", kind: Kind::Good },
            _ => self.broken(rng),
        };
        // A mutation of a good file may be good as well; its decoder decides.
        self.known.insert(sha256(&content.bytes), content.kind);
        content
    }

    /// A DICOM scan of one file, whose patient is planted.
    fn dicom(&self) -> Vec<u8> {
        let mut object = tomography::bscan();
        let text = |tag, vr, value: &str| DataElement::new(tag, vr, PrimitiveValue::from(value));
        object.put(text(tags::PATIENT_NAME, VR::PN, IDENTITIES[0]));
        object.put(text(tags::PATIENT_ID, VR::LO, IDENTITIES[1]));
        object.put(text(tags::PATIENT_BIRTH_DATE, VR::DA, IDENTITIES[2]));
        let number = self.next;
        object.put(text(tags::SOP_INSTANCE_UID, VR::UI, &format!("{}.{number}", tomography::INSTANCE)));
        object.put(text(tags::SERIES_INSTANCE_UID, VR::UI, &format!("{}.{number}", tomography::SERIES)));
        tomography::bytes(&object)
    }

    /// A file with the name of a scan that is none: noise, a stub, an empty file, or a good one with planted text cut
    /// short.
    fn broken(&mut self, rng: &mut ChaCha8Rng) -> Content {
        let extensions = ["png", "dcm", "vol", "fda", "e2e", "tif", "jpg", "img", "xml", "OCT"];
        let extension = extensions[rng.random_range(0..extensions.len())];
        let mut bytes = match rng.random_range(0..4) {
            0 => (0..rng.random_range(1..5000)).map(|_| rng.random()).collect(),
            1 => {
                let mut bytes = self.dicom();
                bytes.truncate(rng.random_range(200..2000));
                bytes
            }
            2 => format!("HSF-OCT-{}{}{}", IDENTITIES.join("\0"), self.next, "\0".repeat(3000)).into_bytes(),
            _ => format!("FOCTFDA\0{}<?xml?><{}>", self.next, IDENTITIES.join(">")).into_bytes(),
        };
        bytes.extend(self.next.to_le_bytes());
        Content { bytes, extension, kind: Kind::Bad }
    }
}
