//! The folder for what arrives: each instance is written aside as it comes, checked, synced, then named.

use std::{
    fs::{self, File, TryLockError},
    io::{self, BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use dicom_object::{FileMetaTable, FileMetaTableBuilder};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::{IMPLEMENTATION_CLASS, IMPLEMENTATION_VERSION, NodeError, negotiation::Context, session::Refusal, uid};
use octrls_fs::digest::{hex, sha256_of_reader};
use octrls_fs::durable::{lock_file, sync_folder, unfinished_file};
use octrls_readers::dicom::{Meta, check_lengths, identifiers};

/// What the names of unfinished instances begin with; watchers leave hidden files alone.
const UNFINISHED: &str = ".octrls-receive-";
const LOCK: &str = ".octrls-receive.lock";
/// Digits of the digest that tell two contents of one identifier apart.
const SHORT_DIGEST: usize = 8;

/// A folder that this process alone receives into.
#[derive(Debug)]
pub(super) struct Inbox {
    folder: PathBuf,
    /// Longest data set.
    limit: u64,
    _lock: File,
}

/// An instance on its way into the folder.
pub(super) struct Incoming {
    context: Context,
    /// Identifier, checked.
    instance: String,
    file: BufWriter<NamedTempFile>,
    digest: Sha256,
    bytes: u64,
    limit: u64,
}

/// An instance in the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) name: String,
    pub(super) bytes: u64,
    /// Whether it was there before.
    pub(super) known: bool,
}

impl Inbox {
    /// Takes the folder for this process, and removes what a crash left of instances.
    pub(super) fn open(folder: &Path, limit: u64) -> Result<Self, NodeError> {
        let failed = |source: io::Error| NodeError::Inbox { path: folder.to_owned(), source };
        let lock = lock_file(&folder.join(LOCK)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(NodeError::Locked { path: folder.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                fs::remove_file(entry.path()).map_err(failed)?;
            }
        }
        Ok(Self { folder: folder.to_owned(), limit, _lock: lock })
    }

    /// Begins an instance. Nothing remains of it if it is dropped.
    pub(super) fn begin(&self, context: &Context, class: &str, instance: &str) -> Result<Incoming, Refusal> {
        if class != context.class {
            return Err(Refusal::Class);
        }
        let instance = uid::checked(instance).ok_or(Refusal::Instance)?.to_owned();
        let file = unfinished_file(&self.folder, UNFINISHED).map_err(Refusal::Storage)?;
        let mut file = BufWriter::new(file);
        let meta = meta(context, &instance).ok_or(Refusal::Instance)?;
        file.write_all(&[0; 128]).and_then(|()| file.write_all(b"DICM")).map_err(Refusal::Storage)?;
        meta.write(&mut file).map_err(|e| Refusal::Storage(io::Error::other(e)))?;
        let context = context.clone();
        Ok(Incoming { context, instance, file, digest: Sha256::new(), bytes: 0, limit: self.limit })
    }

    /// Gives a whole instance its name.
    pub(super) fn place(&self, incoming: Incoming) -> Result<Placed, Refusal> {
        let Incoming { context, instance, file, digest, bytes, .. } = incoming;
        let mut file = file.into_inner().map_err(|e| Refusal::Storage(e.into_error()))?;
        check(file.path(), &context.class, &instance)?;
        file.as_file().sync_all().map_err(Refusal::Storage)?;

        let digest = hex(&digest.finalize());
        let names = [
            format!("{instance}.dcm"),
            format!("{instance}-{}.dcm", &digest[..SHORT_DIGEST]),
            format!("{instance}-{digest}.dcm"),
        ];
        for name in names {
            let path = self.folder.join(&name);
            file = match file.persist_noclobber(&path) {
                Ok(_) => {
                    sync_folder(&self.folder).map_err(Refusal::Storage)?;
                    return Ok(Placed { name, bytes, known: false });
                }
                Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => refused.file,
                Err(refused) => return Err(Refusal::Storage(refused.error)),
            };
            if holds(&path, bytes, &digest) {
                // It may have been named a moment ago, by another association.
                sync_folder(&self.folder).map_err(Refusal::Storage)?;
                return Ok(Placed { name, bytes, known: true });
            }
        }
        Err(Refusal::Storage(io::ErrorKind::AlreadyExists.into()))
    }
}

impl Incoming {
    pub(super) fn write(&mut self, data: &[u8]) -> Result<(), Refusal> {
        self.bytes += data.len() as u64;
        if self.bytes > self.limit {
            return Err(Refusal::TooLarge);
        }
        self.digest.update(data);
        self.file.write_all(data).map_err(Refusal::Storage)
    }
}

fn meta(context: &Context, instance: &str) -> Option<FileMetaTable> {
    FileMetaTableBuilder::new()
        .media_storage_sop_class_uid(&context.class)
        .media_storage_sop_instance_uid(instance)
        .transfer_syntax(&context.syntax)
        .implementation_class_uid(IMPLEMENTATION_CLASS)
        .implementation_version_name(IMPLEMENTATION_VERSION)
        .build()
        .ok()
}

/// Whether the file at `path` is an object that can be walked through and is what the command announced.
fn check(path: &Path, class: &str, instance: &str) -> Result<(), Refusal> {
    check_lengths(path).map_err(|_| Refusal::Unreadable)?;
    let (own_class, own_instance) = identifiers(path).map_err(|_| Refusal::Unreadable)?;
    if (own_class.as_str(), own_instance.as_str()) == (class, instance) { Ok(()) } else { Err(Refusal::Mismatch) }
}

/// Whether the file at `path` has a data set of that length and digest.
fn holds(path: &Path, bytes: u64, digest: &str) -> bool {
    let same = || -> io::Result<bool> {
        let start = Meta::of_file(path).map_err(io::Error::other)?.start;
        let mut file = File::open(path)?;
        if file.metadata()?.len() != start + bytes {
            return Ok(false);
        }
        file.seek(SeekFrom::Start(start))?;
        Ok(sha256_of_reader(file)? == digest)
    };
    same().unwrap_or(false)
}
