//! SHA-256 as lower-case hexadecimal.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use sha2::{Digest, Sha256};

const BLOCK: usize = 1 << 16;

/// The digest of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The digest of a file's content, read block by block.
///
/// # Errors
/// What the system says when the file cannot be read.
pub fn sha256_of_file(path: &Path) -> io::Result<String> {
    sha256_of_reader(File::open(path)?)
}

/// The digest of everything that `reader` has, read block by block.
///
/// # Errors
/// The first error of `reader` other than an interruption.
pub fn sha256_of_reader(mut reader: impl Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut block = vec![0; BLOCK];
    loop {
        match reader.read(&mut block) {
            Ok(0) => return Ok(hex(&hasher.finalize())),
            Ok(n) => hasher.update(&block[..n]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// `bytes` as lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // FIPS 180-2, appendix B.1.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn bytes_and_files_have_the_same_digest() {
        let file = std::env::temp_dir().join(format!("octrls-digest-{}", std::process::id()));
        std::fs::write(&file, b"abc").expect("write");
        let of_file = sha256_of_file(&file).expect("read");
        std::fs::remove_file(&file).expect("remove");
        assert_eq!((of_file.as_str(), sha256(b"abc").as_str()), (ABC, ABC));
    }
}
