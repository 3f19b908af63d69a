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
//! Numbers are little-endian. Unpacking trusts nothing in the archive: see [`Limits`] and [`checked`].

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Cursor, Read, Take},
    path::{Component, Path, PathBuf},
};

use sha2::{Digest, Sha256};

const MAGIC: &[u8] = b"octrls parcel 1\n";
/// Length of a digest, in bytes.
const DIGEST: usize = 32;
/// Longest name, in bytes.
const LONGEST_NAME: usize = 1024;
/// Most components of a name.
const DEEPEST: usize = 4;

/// Limits for an archive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) files: u32,
    /// Total size of all contents.
    pub(super) bytes: u64,
}

/// Why an archive cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub(super) enum ArchiveError {
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

/// A file and its name in the archive.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) name: PathBuf,
    pub(super) path: PathBuf,
}

/// A reader that packs files on the fly.
#[derive(Debug)]
pub(super) struct Packing {
    pieces: VecDeque<Piece>,
    digest: Sha256,
    ended: bool,
}

#[derive(Debug)]
enum Piece {
    Words(Cursor<Vec<u8>>),
    File { path: PathBuf, bytes: u64 },
    Open { file: Take<File>, left: u64 },
}

impl Packing {
    /// Packs `parts` in their order.
    pub(super) fn of(parts: &[Part]) -> io::Result<Self> {
        let too_many = |_| io::Error::other("too many files");
        let mut start = MAGIC.to_vec();
        start.extend(u32::try_from(parts.len()).map_err(too_many)?.to_le_bytes());
        let mut pieces = VecDeque::from([Piece::Words(Cursor::new(start))]);
        for Part { name, path } in parts {
            let name = to_bytes(name)?;
            let length = u16::try_from(name.len()).map_err(|_| io::Error::other("a file name is too long"))?;
            let bytes = std::fs::metadata(path)?.len();
            let words = [&length.to_le_bytes()[..], &name, &bytes.to_le_bytes()].concat();
            pieces.push_back(Piece::Words(Cursor::new(words)));
            pieces.push_back(Piece::File { path: path.clone(), bytes });
        }
        Ok(Self { pieces, digest: Sha256::new(), ended: false })
    }
}

impl Read for Packing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(piece) = self.pieces.front_mut() {
            let read = match piece {
                Piece::Words(words) => words.read(buffer)?,
                Piece::File { path, bytes } => {
                    let (file, left) = (File::open(path)?.take(*bytes), *bytes);
                    *piece = Piece::Open { file, left };
                    continue;
                }
                Piece::Open { file, left } => {
                    let read = file.read(buffer)?;
                    *left -= read as u64;
                    if read == 0 && *left > 0 {
                        return Err(io::Error::other("a file shrank while it was sent"));
                    }
                    read
                }
            };
            if read > 0 || buffer.is_empty() {
                if !self.ended {
                    self.digest.update(&buffer[..read]);
                }
                return Ok(read);
            }
            self.pieces.pop_front();
            if self.pieces.is_empty() && !self.ended {
                self.ended = true;
                let digest = std::mem::take(&mut self.digest).finalize();
                self.pieces.push_back(Piece::Words(Cursor::new(digest.to_vec())));
            }
        }
        Ok(0)
    }
}

/// Unpacks an archive from `source` and passes each file to `take`, which must read it to its end.
pub(super) fn unpack(
    source: &mut dyn Read,
    limits: Limits,
    mut take: impl FnMut(&Path, &mut dyn Read) -> io::Result<()>,
) -> Result<(), ArchiveError> {
    let source = &mut Hashing { source, digest: Sha256::new() };
    if array::<{ MAGIC.len() }>(source)? != MAGIC {
        return Err(ArchiveError::Refused("not an octrls parcel".to_owned()));
    }
    let files = u32::from_le_bytes(array(source)?);
    if files > limits.files {
        return Err(ArchiveError::Refused(format!("{files} files, the limit is {}", limits.files)));
    }
    let mut left = limits.bytes;
    for _ in 0..files {
        let mut name = vec![0; u16::from_le_bytes(array(source)?).into()];
        source.read_exact(&mut name).map_err(ArchiveError::Read)?;
        let name = checked(&name)?;
        let bytes = u64::from_le_bytes(array(source)?);
        left = left
            .checked_sub(bytes)
            .ok_or_else(|| ArchiveError::Refused(format!("more than {} bytes", limits.bytes)))?;
        let mut content = Content { source: &mut *source, left: bytes, failed: None };
        let taken = take(&name, &mut content);
        if let Some(error) = content.failed {
            return Err(ArchiveError::Read(error));
        }
        taken.map_err(ArchiveError::Write)?;
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
struct Content<'a> {
    source: &'a mut dyn Read,
    left: u64,
    failed: Option<io::Error>,
}

impl Read for Content<'_> {
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
fn checked(name: &[u8]) -> Result<PathBuf, ArchiveError> {
    let refused = || ArchiveError::Refused(format!("{:?} is not a valid file name", String::from_utf8_lossy(name)));
    let path = from_bytes(name).ok_or_else(refused)?;
    is_below(&path, DEEPEST).then_some(path).ok_or_else(refused)
}

/// Whether a path has only normal components, at most `deepest` of them: no root, no `..`.
pub(super) fn is_below(path: &Path, deepest: usize) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    let parts = || path.components();
    let plain = parts().all(|part| matches!(part, Component::Normal(_))) && (1..=deepest).contains(&parts().count());
    // `components` hides `a//b`, `a/.` and `a/`.
    let whole = path == parts().collect::<PathBuf>() && bytes.len() == parts().collect::<PathBuf>().as_os_str().len();
    plain && whole && bytes.len() <= LONGEST_NAME && !bytes.contains(&0)
}

#[expect(clippy::unnecessary_wraps, reason = "fails on systems whose names are Unicode")]
fn to_bytes(path: &Path) -> io::Result<Vec<u8>> {
    use std::os::unix::ffi::OsStrExt;
    Ok(path.as_os_str().as_bytes().to_vec())
}

#[expect(clippy::unnecessary_wraps, reason = "fails on systems whose names are Unicode")]
fn from_bytes(name: &[u8]) -> Option<PathBuf> {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    Some(PathBuf::from(OsStr::from_bytes(name)))
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
    fn what_is_packed_is_unpacked() {
        let dir = tempfile::tempdir().unwrap();
        let mut parts = Vec::new();
        for (name, content) in [("a.png", "scan"), ("deep/b", ""), ("c d", "x")] {
            let path = dir.path().join(name.replace('/', "-"));
            std::fs::write(&path, content).unwrap();
            parts.push(Part { name: name.into(), path });
        }
        let mut packing = Packing::of(&parts).unwrap();
        let mut bytes = Vec::new();
        packing.read_to_end(&mut bytes).unwrap();
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
    fn a_name_that_leads_elsewhere_is_refused() {
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
    fn more_than_is_allowed_is_refused() {
        let many: Vec<(&[u8], &[u8])> = vec![(b"a", b""); 11];
        assert!(matches!(unpacked(&packed(&many)), Err(ArchiveError::Refused(_))));
        assert!(matches!(unpacked(&packed(&[(b"a", &[0; 600]), (b"b", &[0; 600])])), Err(ArchiveError::Refused(_))));
        let mut long = packed(&[(b"a", b"x")]);
        long.push(0);
        assert!(matches!(unpacked(&long), Err(ArchiveError::Refused(_))));
        // The declared size is larger than the content.
        let mut liar = packed(&[(b"a", b"")]);
        let at = liar.len() - DIGEST - 8;
        liar[at..at + 8].copy_from_slice(&900_u64.to_le_bytes());
        assert!(matches!(unpacked(&liar), Err(ArchiveError::Read(_))));
    }
}
