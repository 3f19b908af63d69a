//! Scans of several files: DICOM series, and exports of an XML and its images. Each has a folder of its own, so that what
//! must be the outcome is known whatever happens to its files in the meantime.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use octrls_fs::digest::sha256;
use octrls_readers::ScanFiles;
use rand::{Rng, seq::SliceRandom as _};
use rand_chacha::ChaCha8Rng;

use crate::{contents::IDENTITIES, scans::scan, tomography, world::World};

/// Most instances of a series and most images of an export.
const MOST: usize = 3;

/// Name of an export's XML.
const XML: &str = "export.xml";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupKind {
    Series,
    Export,
}

/// A scan of several files.
pub(crate) struct Group {
    pub(crate) folder: PathBuf,
    pub(crate) kind: GroupKind,
    number: u64,
    /// The files that are there at the end, by name.
    files: BTreeMap<String, Vec<u8>>,
}

/// What must be the outcome for a group.
pub(crate) struct Expected {
    /// The file that names the scan.
    pub(crate) file: PathBuf,
    /// The digest that its result states.
    pub(crate) digest: String,
    /// Its key in the ledger.
    pub(crate) key: String,
}

impl Group {
    fn new(kind: GroupKind, folder: PathBuf, number: u64, rng: &mut ChaCha8Rng) -> Self {
        let mut group = Self { folder, kind, number, files: BTreeMap::new() };
        let count = rng.random_range(2..=MOST);
        for file in 1..=count {
            let (name, bytes) = group.file(file);
            group.files.insert(name, bytes);
        }
        if kind == GroupKind::Export {
            group.files.insert(XML.to_owned(), xml(number, count).into_bytes());
        }
        group
    }

    /// File number `file` of the scan.
    fn file(&self, file: usize) -> (String, Vec<u8>) {
        match self.kind {
            GroupKind::Series => (format!("{file}.dcm"), instance(self.number, file)),
            GroupKind::Export => (format!("{file}.png"), scan(1000 * self.number + file as u64)),
        }
    }

    fn write(&self, name: &str) {
        let _ = fs::create_dir_all(&self.folder);
        let _ = fs::write(self.folder.join(name), &self.files[name]);
    }

    /// Puts everything there that is missing.
    pub(crate) fn complete(&self) {
        for (name, bytes) in &self.files {
            if fs::read(self.folder.join(name)).ok().as_ref() != Some(bytes) {
                self.write(name);
            }
        }
    }

    /// A random file: an instance, or an image.
    fn any(&self, rng: &mut ChaCha8Rng) -> String {
        let names: Vec<&String> = self.files.keys().filter(|name| *name != XML).collect();
        names[rng.random_range(0..names.len())].clone()
    }

    /// The files that are not as they must be.
    pub(crate) fn faults(&self) -> Vec<String> {
        let is_there =
            |(name, bytes): &(&String, &Vec<u8>)| fs::read(self.folder.join(name)).is_ok_and(|b| b == **bytes);
        let lost = self.files.iter().filter(|file| !is_there(file));
        lost.map(|(name, _)| format!("{} of {:?} {} is lost", name, self.kind, self.number)).collect()
    }

    pub(crate) fn expected(&self) -> Expected {
        let images = || {
            let images = self.files.iter().filter(|(name, _)| *name != XML);
            let mut named: Vec<String> = images.map(|(name, bytes)| format!("{} {name}", sha256(bytes))).collect();
            named.sort_unstable();
            sha256(named.join("\n").as_bytes())
        };
        match self.kind {
            GroupKind::Export => {
                let digest = sha256(&self.files[XML]);
                Expected { file: self.folder.join(XML), key: format!("{digest}+images={}", images()), digest }
            }
            GroupKind::Series => {
                let paths = self.files.keys().map(|name| self.folder.join(name)).collect();
                let files = ScanFiles::series(paths).expect("a series has files");
                let digest = files.digest(self.files.values().map(|bytes| sha256(bytes)).collect());
                Expected { file: files.path().to_owned(), key: digest.clone(), digest }
            }
        }
    }
}

/// An instance of series `number`, with a planted patient.
fn instance(number: u64, file: usize) -> Vec<u8> {
    let mut object = tomography::series_of(file).swap_remove(file - 1);
    let mut put = |tag, vr, value: &str| _ = object.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
    put(tags::PATIENT_NAME, VR::PN, IDENTITIES[0]);
    put(tags::PATIENT_ID, VR::LO, IDENTITIES[1]);
    put(tags::SERIES_INSTANCE_UID, VR::UI, &format!("{}.7.{number}", tomography::SERIES));
    put(tags::SOP_INSTANCE_UID, VR::UI, &format!("{}.7.{number}.{file}", tomography::INSTANCE));
    tomography::bytes(&object)
}

/// The XML of export `number` with so many `images`, with a planted patient.
fn xml(number: u64, images: usize) -> String {
    let image = |file: usize| {
        let y = 0.25 * file as f64;
        format!(
            "<Image><ImageNumber>{file}</ImageNumber><ImageType><Type>OCT</Type></ImageType><OphthalmicAcquisitionContext>\
             <Width>128</Width><Height>496</Height><ScaleX>0.011</ScaleX><ScaleY>0.00387</ScaleY>\
             <Start><Coord><X>1.0</X><Y>{y}</Y></Coord></Start><End><Coord><X>2.4</X><Y>{y}</Y></Coord></End>\
             </OphthalmicAcquisitionContext><ImageData><ExamURL>C:\\export\\{file}.png</ExamURL></ImageData></Image>"
        )
    };
    format!(
        "<HEDX><BODY><Patient><LastName>{}</LastName><PatientID>{}</PatientID><Study><Series><ID>{number}</ID>\
         <Laterality>L</Laterality>{}</Series></Study></Patient></BODY></HEDX>",
        IDENTITIES[0],
        IDENTITIES[1],
        (1..=images).map(image).collect::<String>()
    )
}

impl World {
    /// A scan of several files arrives, or changes.
    pub(crate) fn group(&mut self, rng: &mut ChaCha8Rng) -> String {
        if self.groups.is_empty() || (self.groups.len() < 4 && rng.random_bool(0.5)) {
            return self.arrive_in_parts(rng);
        }
        let at = rng.random_range(0..self.groups.len());
        let group = &mut self.groups[at];
        let name = group.any(rng);
        let what = match rng.random_range(0..4) {
            // It comes back at the end, if not before.
            0 => {
                let _ = fs::remove_file(group.folder.join(&name));
                "remove"
            }
            1 => {
                group.complete();
                "complete"
            }
            2 if group.kind == GroupKind::Export => {
                let bytes = scan(rng.random_range(1 << 40..1 << 41));
                group.files.insert(name.clone(), bytes);
                group.write(&name);
                "replace"
            }
            2 if group.files.len() < 2 * MOST => {
                let (name, bytes) = group.file(group.files.len() + 1);
                group.files.insert(name.clone(), bytes);
                group.write(&name);
                "a late instance of"
            }
            _ => {
                let half = group.files[&name].len() / 2;
                let _ = fs::write(group.folder.join(&name), &group.files[&name][..half]);
                thread::sleep(Duration::from_millis(rng.random_range(0..900)));
                group.write(&name);
                "rewrite"
            }
        };
        format!("{what} {name} of {:?} {}", group.kind, group.number)
    }

    /// The files arrive one after the other, in any order: an XML before or after its images.
    fn arrive_in_parts(&mut self, rng: &mut ChaCha8Rng) -> String {
        let kind = if rng.random_bool(0.5) { GroupKind::Series } else { GroupKind::Export };
        let number = self.groups.len() as u64 + 1;
        let root = &self.roots[rng.random_range(0..self.roots.len())];
        let group = Group::new(kind, root.join(format!("{kind:?}-{number}")), number, rng);
        let mut names: Vec<&String> = group.files.keys().collect();
        names.shuffle(rng);
        let last = rng.random_bool(0.3);
        for (index, name) in names.iter().enumerate() {
            // The last one may come much later.
            if last && index + 1 == names.len() {
                break;
            }
            group.write(name);
            thread::sleep(Duration::from_millis([0, 50, 700][rng.random_range(0..3)]));
        }
        let text = format!("{kind:?} {number} of {} files arrives, the last one later: {last}", names.len());
        self.groups.push(group);
        text
    }

    /// Whether the file at `path` belongs to a scan of several files.
    pub(crate) fn is_grouped(&self, path: &Path) -> bool {
        self.groups.iter().any(|group| path.starts_with(&group.folder))
    }
}
