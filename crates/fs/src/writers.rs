//! Who has a file open for writing, as far as the system tells.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    mounts::Mount,
    platform::{self, FileId},
};

/// Whether a program has a file open for writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writers {
    /// At least one has.
    Some,
    /// None has.
    None,
    /// None that this process may see. Others may: of other users, in other containers, on other machines.
    Unknown,
}

/// Whether a program has one of `files` open for writing.
#[must_use]
pub fn writers_of(files: &[PathBuf]) -> Writers {
    let wanted: Vec<(&Path, FileId)> =
        files.iter().filter_map(|file| Some((file.as_path(), FileId::of(&fs::metadata(file).ok()?)))).collect();
    let is_wanted = |open: &platform::OpenFile| {
        // Only these are looked at more closely: any other may lie on a share that hangs.
        let named = wanted.iter().filter(|(file, _)| file.file_name() == open.path.file_name());
        named.into_iter().any(|(_, id)| open.id() == Some(*id))
    };
    let (found, sees_all) = platform::any_open_for_writing(is_wanted);
    let on_share = || files.iter().any(|file| Mount::of(file).is_none_or(|mount| mount.is_share()));
    match found {
        true => Writers::Some,
        false if sees_all && !on_share() => Writers::None,
        false => Writers::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_writer_is_seen_and_a_reader_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (dir.path().join("one"), dir.path().join("other"));
        let writer = File::create(&one).unwrap();
        fs::write(&other, "x").unwrap();
        let _reader = File::open(&other).unwrap();
        assert_eq!(writers_of(&[other.clone(), one.clone()]), Writers::Some);
        assert_ne!(writers_of(std::slice::from_ref(&other)), Writers::Some);
        fs::rename(&one, dir.path().join("renamed")).unwrap();
        assert_eq!(writers_of(&[dir.path().join("renamed")]), Writers::Some);
        drop(writer);
        assert_ne!(writers_of(&[dir.path().join("renamed"), other]), Writers::Some);
    }
}
