//! The instances of one series in one folder.
//!
//! An instance that is sent again to correct its patient keeps its SOP Instance UID. The newer file then stands for the
//! older: it replaces it in the series, and if it disappears, the older one is back.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ffi::{OsStr, OsString},
};

use octrls_readers::{InstanceIdentity, NaturalKey, natural_key};

use super::stamp::{FileStamp, FileSum, Patience, Stamp};

/// The instances of one series.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// All files of the series.
    files: HashMap<OsString, Member>,
    /// The files of each SOP Instance UID, by age. A series of one patient has one file of each.
    by_uid: HashMap<String, BTreeSet<(i64, OsString)>>,
    /// The files that count, in natural order.
    names: BTreeSet<(NaturalKey, OsString)>,
    /// The files that newer ones stand for, and these.
    replaced: BTreeMap<OsString, OsString>,
    /// Sums over the files that count.
    sum: FileSum,
    /// The first file that last named the series.
    pub(super) named_after: Option<OsString>,
}

#[derive(Debug)]
struct Member {
    stamp: FileStamp,
    identity: InstanceIdentity,
}

impl Members {
    /// Adds a file. If one file now stands for another, returns the older and the newer one.
    pub(super) fn add(
        &mut self,
        name: &OsStr,
        stamp: FileStamp,
        identity: InstanceIdentity,
    ) -> Option<(OsString, OsString)> {
        let uid = identity.uid().to_owned();
        self.files.insert(name.to_owned(), Member { stamp, identity });
        self.count(name);
        if uid.is_empty() {
            return None;
        }
        self.by_uid.entry(uid.clone()).or_default().insert((stamp.modified_ns, name.to_owned()));
        self.settle(&uid)
    }

    pub(super) fn remove(&mut self, name: &OsStr) {
        self.discount(name);
        self.replaced.remove(name);
        let Some(Member { stamp, identity }) = self.files.remove(name) else { return };
        if let Some(files) = self.by_uid.get_mut(identity.uid()) {
            files.remove(&(stamp.modified_ns, name.to_owned()));
            if files.is_empty() {
                self.by_uid.remove(identity.uid());
            }
            self.settle(identity.uid());
        }
    }

    /// Decides which of the files with this SOP Instance UID count. If one is newly replaced, returns it and the newer one.
    fn settle(&mut self, uid: &str) -> Option<(OsString, OsString)> {
        let names: Vec<OsString> = self.by_uid.get(uid)?.iter().map(|(_, name)| name.clone()).collect();
        let (newest, older) = names.split_last()?;
        let corrects = |name: &OsString| {
            self.files
                .get(newest)
                .zip(self.files.get(name))
                .is_some_and(|(new, old)| new.identity.corrects(&old.identity))
        };
        let (corrected, kept): (Vec<&OsString>, Vec<&OsString>) = older.iter().partition(|name| corrects(name));
        for name in kept.into_iter().chain([newest]) {
            self.replaced.remove(name);
            self.count(name);
        }
        let mut replacement = None;
        for name in corrected {
            self.discount(name);
            if self.replaced.insert(name.clone(), newest.clone()).is_none() {
                replacement = Some((name.clone(), newest.clone()));
            }
        }
        replacement
    }

    fn count(&mut self, name: &OsStr) {
        if let Some(member) = self.files.get(name)
            && self.names.insert(sort_key(name))
        {
            self.sum.add(name, member.stamp);
        }
    }

    fn discount(&mut self, name: &OsStr) {
        if let Some(member) = self.files.get(name)
            && self.names.remove(&sort_key(name))
        {
            self.sum.remove(name, member.stamp);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The first file that counts, in natural order.
    pub(super) fn first(&self) -> Option<&OsStr> {
        self.names.first().map(|(_, name)| name.as_os_str())
    }

    /// The files that count, in natural order.
    pub(super) fn names(&self) -> impl Iterator<Item = &OsStr> {
        self.names.iter().map(|(_, name)| name.as_os_str())
    }

    /// The files that newer ones stand for.
    pub(super) fn replaced(&self) -> impl Iterator<Item = &OsStr> {
        self.replaced.keys().map(OsString::as_os_str)
    }

    /// The stamp of the series, given that of its first file.
    pub(super) fn stamp(&self, first: Stamp) -> Stamp {
        stamp_of(&self.sum, first)
    }
}

/// The stamp of a series with the files of `sum`, given that of its first file.
pub(super) fn stamp_of(sum: &FileSum, first: Stamp) -> Stamp {
    match sum.count {
        0 | 1 => Stamp { patience: Patience::Series, ..first },
        _ => first.with_files(sum, Patience::Series),
    }
}

fn sort_key(name: &OsStr) -> (NaturalKey, OsString) {
    (natural_key(&name.to_string_lossy()), name.to_owned())
}
