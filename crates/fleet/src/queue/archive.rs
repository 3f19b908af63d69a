//! An archive of files as one object: a scan for a worker, or a result folder for the watcher.
//!
//! ```text
//! "octrls parcel 1\n"
//! number of files                            u32
//! for each file: length of its name          u16
//!                its name, a path with '/'   bytes
//!                length of its content       u64
//!                its content                 bytes
//! SHA-256 of everything before               32 bytes
//! ```
//!
//! Numbers are little-endian. Unpacking trusts nothing in the archive: see [`Limits`] and [`valid_name`].

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Cursor, Read, Take},
    path::{Component, Path, PathBuf},
};

use octrls_fs::{platform, within::Within};
use sha2::{Digest, Sha256};

const MAGIC: &[u8] = b"octrls parcel 1\n";
/// Length of a digest, in bytes.
const DIGEST: usize = 32;
/// Longest name, in bytes.
const MAX_NAME: usize = 1024;
/// Most components of a name.
const MAX_DEPTH: usize = 4;

/// Limits for an archive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Number of files.
    pub(crate) files: u32,
    /// Total size of all contents.
    pub(crate) bytes: u64,
}

/// Why an archive cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    /// It is invalid or exceeds a limit.
    #[error("{0}")]
    Refused(String),
    /// It cannot be read to its end.
    #[error("the transfer broke off: {0}")]
    Read(io::Error),
    /// A file cannot be written.
    #[error("{0}")]
    Write(io::Error),
}

/// A file to pack.
#[derive(Clone, Debug)]
pub(crate) struct ArchiveEntry {
    /// Its name in the archive.
    pub(crate) name: PathBuf,
    pub(crate) path: PathBuf,
    /// Where it may be opened.
    pub(crate) within: Within,
}

/// A reader that packs files on the fly.
#[derive(Debug)]
pub(crate) struct Packer {
    segments: VecDeque<Segment>,
    digest: Sha256,
    /// Whether the digest follows as the last segment.
    is_sealed: bool,
}

#[derive(Debug)]
enum Segment {
    Bytes(Cursor<Vec<u8>>),
    /// A file that is not open yet.
    File {
        path: PathBuf,
        within: Within,
        bytes: u64,
    },
    OpenFile {
        file: Take<File>,
        left: u64,
    },
}

impl Packer {
    /// Packs `entries` in their order.
    pub(crate) fn new(entries: &[ArchiveEntry]) -> io::Result<Self> {
        let too_many = |_| io::Error::other("too many files");
        let mut start = MAGIC.to_vec();
        start.extend(u32::try_from(entries.len()).map_err(too_many)?.to_le_bytes());
        let mut segments = VecDeque::from([Segment::Bytes(Cursor::new(start))]);
        for ArchiveEntry { name, path, within } in entries {
            let name = platform::path_bytes(name);
            let length = u16::try_from(name.len()).map_err(|_| io::Error::other("a file name is too long"))?;
            let bytes = std::fs::symlink_metadata(path)?.len();
            let header = [&length.to_le_bytes()[..], name, &bytes.to_le_bytes()].concat();
            segments.push_back(Segment::Bytes(Cursor::new(header)));
            segments.push_back(Segment::File { path: path.clone(), within: within.clone(), bytes });
        }
        Ok(Self { segments, digest: Sha256::new(), is_sealed: false })
    }
}

impl Read for Packer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(segment) = self.segments.front_mut() {
            let read = match segment {
                Segment::Bytes(bytes) => bytes.read(buffer)?,
                Segment::File { path, within, bytes } => {
                    let (file, left) = (within.open(path)?.take(*bytes), *bytes);
                    *segment = Segment::OpenFile { file, left };
                    continue;
                }
                Segment::OpenFile { file, left } => {
                    let read = file.read(buffer)?;
                    *left -= read as u64;
                    if read == 0 && *left > 0 {
                        return Err(io::Error::other("a file shrank while it was sent"));
                    }
                    read
                }
            };
            if read > 0 || buffer.is_empty() {
                if !self.is_sealed {
                    self.digest.update(&buffer[..read]);
                }
                return Ok(read);
            }
            self.segments.pop_front();
            if self.segments.is_empty() && !self.is_sealed {
                self.is_sealed = true;
                let digest = std::mem::take(&mut self.digest).finalize();
                self.segments.push_back(Segment::Bytes(Cursor::new(digest.to_vec())));
            }
        }
        Ok(0)
    }
}

/// Unpacks an archive from `source` and passes each file to `write`, which must read it to its end.
pub(crate) fn unpack(
    source: &mut dyn Read,
    limits: Limits,
    mut write: impl FnMut(&Path, &mut dyn Read) -> io::Result<()>,
) -> Result<(), ArchiveError> {
    let source = &mut Hashing { source, digest: Sha256::new() };
    if array::<{ MAGIC.len() }>(source)? != MAGIC {
        return Err(ArchiveError::Refused("not an octrls archive".to_owned()));
    }
    let files = u32::from_le_bytes(array(source)?);
    if files > limits.files {
        return Err(ArchiveError::Refused(format!("{files} files, the limit is {}", limits.files)));
    }
    let mut left = limits.bytes;
    for _ in 0..files {
        let mut name = vec![0; u16::from_le_bytes(array(source)?).into()];
        source.read_exact(&mut name).map_err(ArchiveError::Read)?;
        let name = valid_name(&name)?;
        let bytes = u64::from_le_bytes(array(source)?);
        left = left
            .checked_sub(bytes)
            .ok_or_else(|| ArchiveError::Refused(format!("more than {} bytes", limits.bytes)))?;
        let mut content = EntryContent { source: &mut *source, left: bytes, failed: None };
        let written = write(&name, &mut content);
        if let Some(error) = content.failed {
            return Err(ArchiveError::Read(error));
        }
        written.map_err(ArchiveError::Write)?;
    }
    let found = source.digest.clone().finalize();
    if array::<DIGEST>(source)?[..] != found[..] {
        return Err(ArchiveError::Refused("its checksum is wrong".to_owned()));
    }
    match source.read(&mut [0]) {
        Ok(0) => Ok(()),
        Ok(_) => Err(ArchiveError::Refused("extra bytes after its last file".to_owned())),
        Err(error) => Err(ArchiveError::Read(error)),
    }
}

/// Computes the digest of the bytes read.
struct Hashing<'a> {
    source: &'a mut dyn Read,
    digest: Sha256,
}

impl Read for Hashing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.digest.update(&buffer[..read]);
        Ok(read)
    }
}

/// The content of one file. Records errors of the source, to tell them from errors of the disk.
struct EntryContent<'a> {
    source: &'a mut dyn Read,
    left: u64,
    failed: Option<io::Error>,
}

impl Read for EntryContent<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(0);
        }
        let read = match self.source.read(&mut buffer[..most]) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            other => other,
        };
        match read {
            Ok(read) => {
                self.left -= read as u64;
                Ok(read)
            }
            Err(error) => {
                self.failed = Some(error);
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
    }
}

fn array<const N: usize>(source: &mut dyn Read) -> Result<[u8; N], ArchiveError> {
    let mut bytes = [0; N];
    source.read_exact(&mut bytes).map_err(ArchiveError::Read)?;
    Ok(bytes)
}

/// Converts a name to a path that stays below any folder it is joined to.
fn valid_name(name: &[u8]) -> Result<PathBuf, ArchiveError> {
    let refused = || ArchiveError::Refused(format!("{:?} is not a valid file name", String::from_utf8_lossy(name)));
    let path = platform::path_from_bytes(name);
    is_below(&path, MAX_DEPTH).then_some(path).ok_or_else(refused)
}

/// Whether a path has only normal components, at most `max_depth` of them: no root, no `..`.
pub(crate) fn is_below(path: &Path, max_depth: usize) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    let components = || path.components();
    let is_plain = components().all(|component| matches!(component, Component::Normal(_)))
        && (1..=max_depth).contains(&components().count());
    // `components` hides `a//b`, `a/.` and `a/`.
    let is_normal =
        path == components().collect::<PathBuf>() && bytes.len() == components().collect::<PathBuf>().as_os_str().len();
    is_plain && is_normal && bytes.len() <= MAX_NAME && !bytes.contains(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { files: 10, bytes: 1000 };

    fn packed(files: &[(&[u8], &[u8])]) -> Vec<u8> {
        let mut bytes = [MAGIC, &(files.len() as u32).to_le_bytes()].concat();
        for (name, content) in files {
            bytes.extend((name.len() as u16).to_le_bytes());
            bytes.extend(*name);
            bytes.extend((content.len() as u64).to_le_bytes());
            bytes.extend(*content);
        }
        sealed(bytes)
    }

    fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
        let digest = Sha256::digest(&bytes);
        bytes.extend(digest);
        bytes
    }

    fn unpacked(mut bytes: &[u8]) -> Result<Vec<(PathBuf, Vec<u8>)>, ArchiveError> {
        let mut files = Vec::new();
        unpack(&mut bytes, LIMITS, |name, content| {
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes)?;
            files.push((name.to_owned(), bytes));
            Ok(())
        })?;
        Ok(files)
    }

    #[test]
    fn unpacking_reverses_packing() {
        let dir = tempfile::tempdir().unwrap();
        let mut entries = Vec::new();
        for (name, content) in [("a.png", "scan"), ("deep/b", ""), ("c d", "x")] {
            let path = dir.path().join(name.replace('/', "-"));
            std::fs::write(&path, content).unwrap();
            entries.push(ArchiveEntry { name: name.into(), path, within: Within::folder(dir.path()) });
        }
        let mut packer = Packer::new(&entries).unwrap();
        let mut bytes = Vec::new();
        packer.read_to_end(&mut bytes).unwrap();
        let files = unpacked(&bytes).unwrap();
        assert_eq!(
            files,
            [("a.png".into(), b"scan".to_vec()), ("deep/b".into(), Vec::new()), ("c d".into(), b"x".to_vec())]
        );
        for at in 0..bytes.len() {
            unpacked(&bytes[..at]).unwrap_err();
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            unpacked(&changed).unwrap_err();
        }
    }

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        let hostile: [&[u8]; 12] = [
            b"",
            b".",
            b"..",
            b"/etc/passwd",
            b"../a",
            b"a/../../b",
            b"a//b",
            b"a/./b",
            b"a/",
            b"a\0b",
            b"1/2/3/4/5",
            &[b'x'; 2000],
        ];
        for name in hostile {
            let refused = unpacked(&packed(&[(b"good", b"x"), (name, b"x")]));
            assert!(matches!(refused, Err(ArchiveError::Refused(_))), "{:?}", String::from_utf8_lossy(name));
        }
        assert_eq!(unpacked(&packed(&[(b"a/..b", b"x")])).unwrap().len(), 1);
    }

    #[test]
    fn limits_are_enforced() {
        let many: Vec<(&[u8], &[u8])> = vec![(b"a", b""); 11];
        assert!(matches!(unpacked(&packed(&many)), Err(ArchiveError::Refused(_))));
        assert!(matches!(unpacked(&packed(&[(b"a", &[0; 600]), (b"b", &[0; 600])])), Err(ArchiveError::Refused(_))));
        let mut long = packed(&[(b"a", b"x")]);
        long.push(0);
        assert!(matches!(unpacked(&long), Err(ArchiveError::Refused(_))));
        // The declared size is larger than the content.
        let mut wrong_size = packed(&[(b"a", b"")]);
        let at = wrong_size.len() - DIGEST - 8;
        wrong_size[at..at + 8].copy_from_slice(&900_u64.to_le_bytes());
        assert!(matches!(unpacked(&wrong_size), Err(ArchiveError::Read(_))));
    }
}
