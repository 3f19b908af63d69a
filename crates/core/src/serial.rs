//! Serde helpers that carry events between processes of the same version.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// A `'static` text. The alias keeps serde from treating the field as borrowed from the input.
pub type StaticStr = &'static str;

/// Limit for interned texts from outside; the program itself uses fewer.
const MOST: usize = 1024;
/// Longest interned text in bytes.
const LONGEST: usize = 64;

/// Returns the `'static` copy of `text`; `None` if this program cannot have sent it.
fn intern(text: &str) -> Option<StaticStr> {
    static KNOWN: Mutex<BTreeSet<StaticStr>> = Mutex::new(BTreeSet::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = known.get(text) {
        return Some(found);
    }
    let plain = text.len() <= LONGEST && text.bytes().all(|b| (b' '..=b'~').contains(&b));
    (plain && known.len() < MOST).then(|| {
        let kept: StaticStr = Box::leak(text.into());
        known.insert(kept);
        kept
    })
}

fn interned<E: Error>(text: &str) -> Result<StaticStr, E> {
    intern(text).ok_or_else(|| E::custom("unknown code or name"))
}

/// For fields of type [`StaticStr`].
pub mod fixed {
    use super::{Deserialize, Deserializer, Serializer, StaticStr, interned};

    pub fn serialize<S: Serializer>(text: &StaticStr, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(text)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StaticStr, D::Error> {
        interned(&String::deserialize(deserializer)?)
    }
}

/// For fields of type `Option<StaticStr>`.
pub mod fixed_option {
    use serde::Serialize;

    use super::{Deserialize, Deserializer, Serializer, StaticStr, interned};

    pub fn serialize<S: Serializer>(text: &Option<StaticStr>, serializer: S) -> Result<S::Ok, S::Error> {
        text.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<StaticStr>, D::Error> {
        Option::<String>::deserialize(deserializer)?.map(|text| interned(&text)).transpose()
    }
}

/// For `Arc` fields.
pub mod shared {
    use std::sync::Arc;

    use serde::Serialize;

    use super::{Deserialize, Deserializer, Serializer};

    pub fn serialize<T: Serialize, S: Serializer>(value: &Arc<T>, serializer: S) -> Result<S::Ok, S::Error> {
        T::serialize(value, serializer)
    }

    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<T>, D::Error> {
        T::deserialize(deserializer).map(Arc::new)
    }
}

/// For `Option<Arc<_>>` fields.
pub mod shared_option {
    use std::sync::Arc;

    use serde::Serialize;

    use super::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub fn serialize<T: Serialize, S: Serializer>(value: &Option<Arc<T>>, serializer: S) -> Result<S::Ok, S::Error> {
        value.as_deref().serialize(serializer)
    }

    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Arc<T>>, D::Error> {
        Ok(Option::<T>::deserialize(deserializer)?.map(Arc::new))
    }
}

/// For segmented B-scans behind an `Arc`.
pub mod bscan {
    use std::{sync::Arc, time::Duration};

    use serde::Serialize;

    use super::{Deserialize, Deserializer, Serializer};
    use crate::{
        measure::{Quality, Signal, Thicknesses},
        scan::BScan,
        segment::SegmentedBScan,
        surface::Surfaces,
    };

    /// The fields of [`SegmentedBScan`], which does not implement serde's traits itself.
    #[derive(Serialize, Deserialize)]
    #[serde(remote = "SegmentedBScan")]
    struct Fields {
        index: usize,
        bscan: BScan,
        surfaces: Surfaces,
        quality: Quality,
        signal: Signal,
        thicknesses: Thicknesses,
        network_time: Duration,
        surface_time: Duration,
    }

    pub fn serialize<S: Serializer>(bscan: &Arc<SegmentedBScan>, serializer: S) -> Result<S::Ok, S::Error> {
        Fields::serialize(bscan, serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<SegmentedBScan>, D::Error> {
        Fields::deserialize(deserializer).map(Arc::new)
    }
}

/// For paths, which need not be Unicode.
pub mod path {
    use std::path::{Path, PathBuf};

    use serde::Serialize;

    use super::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        use std::os::unix::ffi::OsStrExt;
        path.as_os_str().as_bytes().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        use std::{ffi::OsString, os::unix::ffi::OsStringExt};
        Vec::<u8>::deserialize(deserializer).map(|bytes| OsString::from_vec(bytes).into())
    }
}

/// For lists of paths.
pub mod paths {
    use std::path::PathBuf;

    use super::{Deserialize, Deserializer, Serializer, path};

    /// An owned path, by its bytes.
    #[derive(Deserialize)]
    struct Owned(#[serde(with = "path")] PathBuf);

    /// A borrowed path, by its bytes.
    #[derive(serde::Serialize)]
    struct Borrowed<'a>(#[serde(serialize_with = "path::serialize")] &'a PathBuf);

    pub fn serialize<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(paths.iter().map(Borrowed))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
        Ok(Vec::<Owned>::deserialize(deserializer)?.into_iter().map(|Owned(path)| path).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_once_and_a_strange_one_never() {
        let first = intern("E-SERIAL-TEST").unwrap();
        let again = intern("E-SERIAL-TEST").unwrap();
        assert!(std::ptr::eq(first, again));
        assert_eq!(intern("E-\x1b[2J"), None);
        assert_eq!(intern(&"x".repeat(LONGEST + 1)), None);
    }
}
