//! What a scan is made of, whatever its name: SHA-256 of the file and of the sidecar beside it.

use std::{
    fmt::Write as _,
    fs::File,
    io::{self, Read},
    path::Path,
};

use sha2::{Digest, Sha256};

use super::stamp::sidecar_of;

/// A key that is the same exactly for scans that must give the same result.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Content(String);

impl Content {
    /// Reads the scan at `path` and its sidecar; `None` when `cancelled` says so meanwhile.
    pub(super) fn read(path: &Path, cancelled: &dyn Fn() -> bool) -> io::Result<Option<Self>> {
        let Some(mut key) = digest(path, cancelled)? else { return Ok(None) };
        match digest(&sidecar_of(path), cancelled) {
            Ok(Some(sidecar)) => {
                key.push('+');
                key.push_str(&sidecar);
            }
            Ok(None) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(Some(Self(key)))
    }

    /// Stands for a file that nobody can read, at `path` below the root.
    pub(super) fn unreadable(path: &Path) -> Self {
        Self(format!("unreadable:{}", path.display()))
    }

    #[cfg(test)]
    pub(super) fn named(key: &str) -> Self {
        Self(key.to_owned())
    }

    /// As the ledger stores it.
    pub(super) fn key(&self) -> &str {
        &self.0
    }

    /// SHA-256 of the scan alone, in hexadecimal; `None` where it could not be read.
    pub(super) fn sha256(&self) -> Option<&str> {
        (!self.0.starts_with("unreadable:")).then(|| self.0.split('+').next().unwrap_or_default())
    }
}

fn digest(path: &Path, cancelled: &dyn Fn() -> bool) -> io::Result<Option<String>> {
    let mut file = File::open(path)?;
    let mut sha = Sha256::new();
    let mut chunk = vec![0; 1 << 20];
    loop {
        if cancelled() {
            return Ok(None);
        }
        match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => sha.update(&chunk[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let mut text = String::with_capacity(64);
    for byte in sha.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn the_sidecar_is_part_of_the_content() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a.png"), dir.path().join("b.png"));
        std::fs::write(&a, "abc").unwrap();
        std::fs::write(&b, "abc").unwrap();
        let read = |path: &Path| Content::read(path, &|| false).unwrap().unwrap();
        assert_eq!(read(&a), read(&b));
        assert_eq!(read(&a).sha256(), Some(ABC));
        std::fs::write(dir.path().join("b.png.toml"), "axial_um = 3.87").unwrap();
        assert_ne!(read(&a), read(&b));
        assert_eq!(read(&b).sha256(), Some(ABC));
        assert!(Content::read(&a, &|| true).unwrap().is_none());
    }
}
