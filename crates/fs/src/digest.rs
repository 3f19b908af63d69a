//! SHA-256 and HMAC-SHA-256 digests as lower-case hexadecimal.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// Length of a read, in bytes.
const READ_BLOCK: usize = 1 << 16;
/// Block size of SHA-256 in bytes (FIPS 180-4).
const HASH_BLOCK: usize = 64;
/// Length of a key in bytes.
pub const KEY_LENGTH: usize = 32;

/// SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// SHA-256 of a file's content, read in blocks.
///
/// # Errors
/// The system's error if the file cannot be read.
pub fn sha256_of_file(path: &Path) -> io::Result<String> {
    sha256_of_reader(File::open(path)?)
}

/// SHA-256 of everything `reader` returns, read in blocks.
///
/// # Errors
/// The first error of `reader`; interruptions are retried.
pub fn sha256_of_reader(mut reader: impl Read) -> io::Result<String> {
    copy_and_digest(&mut reader, &mut io::sink())
}

/// Copies everything from `reader` to `writer`, in blocks. Returns the SHA-256 of it.
///
/// # Errors
/// The first error of either; interruptions are retried.
pub fn copy_and_digest(reader: &mut dyn Read, writer: &mut dyn Write) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut block = vec![0; READ_BLOCK];
    loop {
        match reader.read(&mut block) {
            Ok(0) => return Ok(hex::encode(hasher.finalize())),
            Ok(n) => {
                hasher.update(&block[..n]);
                writer.write_all(&block[..n])?;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// HMAC-SHA-256 of `message` (RFC 2104).
#[must_use]
pub fn hmac_sha256(key: &[u8; KEY_LENGTH], message: &[u8]) -> String {
    // RFC 2104 pads a key shorter than a block with zeros.
    let mut block = [0; HASH_BLOCK];
    block[..KEY_LENGTH].copy_from_slice(key);
    let mac = Hmac::<Sha256>::new(&block.into()).chain_update(message);
    hex::encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    // FIPS 180-2, appendix B.1.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn hmac_matches_rfc_4231() {
        // RFC 4231, test cases 1 and 2. Their keys are padded with zeros here, as HMAC itself does.
        let mut key = [0; KEY_LENGTH];
        key[..20].fill(0x0b);
        let expected = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
        assert_eq!(hmac_sha256(&key, b"Hi There"), expected);
        let mut key = [0; KEY_LENGTH];
        key[..4].copy_from_slice(b"Jefe");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hmac_sha256(&key, b"what do ya want for nothing?"), expected);
    }

    #[test]
    fn a_copy_has_the_digest_of_its_source() {
        let mut copy = Vec::new();
        assert_eq!(copy_and_digest(&mut &b"abc"[..], &mut copy).unwrap(), ABC);
        assert_eq!(copy, b"abc");
    }

    #[test]
    fn bytes_and_files_have_the_same_digest() {
        let file = std::env::temp_dir().join(format!("octrls-digest-{}", std::process::id()));
        std::fs::write(&file, b"abc").expect("write");
        let of_file = sha256_of_file(&file).expect("read");
        std::fs::remove_file(&file).expect("remove");
        assert_eq!((of_file.as_str(), sha256(b"abc").as_str()), (ABC, ABC));
    }
}
