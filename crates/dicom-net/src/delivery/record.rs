//! The record of deliveries in a result folder.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use octrls_fs::durable::{sync_folder, unfinished_file};
use octrls_readers::dicom::Meta;
use serde::{Deserialize, Serialize};

use crate::Destination;

/// File in a result folder that records its deliveries.
pub(super) const RECORD_FILE: &str = "delivered.json";
const SCHEMA: &str = "octrls.delivered/1";

/// SOP instance UIDs that were delivered from a result folder, by target.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct DeliveryRecord {
    schema: String,
    targets: BTreeMap<String, BTreeSet<String>>,
}

/// Whether one node has received all DICOM files of the result folder `folder`. False if none received any.
#[must_use]
pub fn is_delivered(folder: &Path) -> bool {
    let record = DeliveryRecord::read(folder);
    let mut targets = record.targets.values().filter(|delivered| !delivered.is_empty());
    targets.any(|delivered| missing(folder, Some(delivered)).is_empty())
}

impl DeliveryRecord {
    /// Reads the record; a missing or invalid one counts as empty, since delivering twice does no harm.
    pub(super) fn read(folder: &Path) -> Self {
        let record = fs::read(folder.join(RECORD_FILE)).ok().and_then(|text| serde_json::from_slice(&text).ok());
        record.filter(|record: &Self| record.schema == SCHEMA).unwrap_or_default()
    }

    /// DICOM files of `folder` that `target` has not received, each with its SOP instance UID.
    pub(super) fn undelivered(&self, folder: &Path, target: &Destination) -> Vec<(PathBuf, String)> {
        missing(folder, self.targets.get(&target.to_string()))
    }

    /// Adds instances that `target` received.
    pub(super) fn add(&mut self, target: &Destination, instances: Vec<String>) {
        self.targets.entry(target.to_string()).or_default().extend(instances);
    }

    /// Writes the record atomically.
    pub(super) fn write(&mut self, folder: &Path) -> io::Result<()> {
        SCHEMA.clone_into(&mut self.schema);
        let mut file = unfinished_file(folder, ".octrls-")?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.as_file().sync_all()?;
        file.persist(folder.join(RECORD_FILE))?;
        sync_folder(folder)
    }
}

/// DICOM files of `folder` whose SOP instance UIDs are not in `delivered`, each with its UID.
fn missing(folder: &Path, delivered: Option<&BTreeSet<String>>) -> Vec<(PathBuf, String)> {
    let mut files: Vec<(PathBuf, String)> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "dcm"))
        .map(|path| {
            // Sending reports files that cannot be read.
            let instance = Meta::of_file(&path).map(|meta| meta.instance).unwrap_or_default();
            (path, instance)
        })
        .filter(|(_, instance)| !delivered.is_some_and(|delivered| delivered.contains(instance)))
        .collect();
    files.sort();
    files
}
