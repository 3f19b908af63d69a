//! The folder for received instances: each is written to a hidden file, checked, synced, then renamed.

use std::{
    fs::{self, File, TryLockError},
    io::{self, BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use dicom_object::{FileMetaTable, FileMetaTableBuilder};
use octrls_fs::{
    digest::sha256_of_reader,
    durable::{lock_file, sync_folder, unfinished_file},
};
use octrls_readers::dicom::{Meta, check_lengths, identifiers};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::{IMPLEMENTATION_CLASS, IMPLEMENTATION_VERSION, NodeError, negotiation::Context, refusal::Refusal, uid};

/// File name prefix of unfinished instances; watchers ignore hidden files.
const UNFINISHED_PREFIX: &str = ".octrls-receive-";
const LOCK_FILE: &str = ".octrls-receive.lock";
/// Hexadecimal digits of the digest in the file name, if two contents have the same UID.
const SHORT_DIGEST: usize = 8;

/// A folder locked for receiving by this process.
#[derive(Debug)]
pub(super) struct Inbox {
    folder: PathBuf,
    /// Longest accepted data set, in bytes.
    max_bytes: u64,
    _lock: File,
}

/// An instance that is being received. Dropping it removes its file.
pub(super) struct IncomingInstance {
    context: Context,
    /// Validated SOP instance UID.
    instance: String,
    file: BufWriter<NamedTempFile>,
    digest: Sha256,
    bytes: u64,
    max_bytes: u64,
}

/// A stored instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoredInstance {
    pub(super) name: String,
    pub(super) bytes: u64,
    /// Whether it was stored before.
    pub(super) duplicate: bool,
}

impl Inbox {
    /// Locks the folder and removes unfinished instances of an earlier crash.
    pub(super) fn open(folder: &Path, max_bytes: u64) -> Result<Self, NodeError> {
        let failed = |source: io::Error| NodeError::Inbox { path: folder.to_owned(), source };
        let lock = lock_file(&folder.join(LOCK_FILE)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(NodeError::Locked { path: folder.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED_PREFIX) {
                fs::remove_file(entry.path()).map_err(failed)?;
            }
        }
        Ok(Self { folder: folder.to_owned(), max_bytes, _lock: lock })
    }

    /// Starts to receive an instance.
    pub(super) fn begin(&self, context: &Context, class: &str, instance: &str) -> Result<IncomingInstance, Refusal> {
        if class != context.class {
            return Err(Refusal::ClassMismatch);
        }
        let instance = uid::checked(instance).ok_or(Refusal::InvalidUid)?.to_owned();
        let file = unfinished_file(&self.folder, UNFINISHED_PREFIX).map_err(Refusal::Storage)?;
        let mut file = BufWriter::new(file);
        let meta = meta(context, &instance).ok_or(Refusal::InvalidUid)?;
        file.write_all(&[0; 128]).and_then(|()| file.write_all(b"DICM")).map_err(Refusal::Storage)?;
        meta.write(&mut file).map_err(|e| Refusal::Storage(io::Error::other(e)))?;
        let context = context.clone();
        Ok(IncomingInstance { context, instance, file, digest: Sha256::new(), bytes: 0, max_bytes: self.max_bytes })
    }

    /// Checks a complete instance and gives it its final name.
    pub(super) fn store(&self, incoming: IncomingInstance) -> Result<StoredInstance, Refusal> {
        let IncomingInstance { context, instance, file, digest, bytes, .. } = incoming;
        let mut file = file.into_inner().map_err(|e| Refusal::Storage(e.into_error()))?;
        check(file.path(), &context.class, &instance)?;
        file.as_file().sync_all().map_err(Refusal::Storage)?;

        let digest = hex::encode(digest.finalize());
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
                    return Ok(StoredInstance { name, bytes, duplicate: false });
                }
                Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => refused.file,
                Err(refused) => return Err(Refusal::Storage(refused.error)),
            };
            if has_data_set(&path, bytes, &digest) {
                // Another association may have just renamed it, without its sync yet.
                sync_folder(&self.folder).map_err(Refusal::Storage)?;
                return Ok(StoredInstance { name, bytes, duplicate: true });
            }
        }
        Err(Refusal::Storage(io::ErrorKind::AlreadyExists.into()))
    }
}

impl IncomingInstance {
    /// Appends data to its data set.
    pub(super) fn write(&mut self, data: &[u8]) -> Result<(), Refusal> {
        self.bytes += data.len() as u64;
        if self.bytes > self.max_bytes {
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

/// Checks that the file at `path` is a readable object with the class and UID of the command.
fn check(path: &Path, class: &str, instance: &str) -> Result<(), Refusal> {
    check_lengths(path).map_err(|_| Refusal::Unreadable)?;
    let (own_class, own_instance) = identifiers(path).map_err(|_| Refusal::Unreadable)?;
    if (own_class.as_str(), own_instance.as_str()) == (class, instance) {
        Ok(())
    } else {
        Err(Refusal::DataSetMismatch)
    }
}

/// Whether the data set of the file at `path` has this length and digest.
fn has_data_set(path: &Path, bytes: u64, digest: &str) -> bool {
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
