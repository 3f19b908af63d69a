//! The split of subjects into training, validation and test parts.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;

use super::{DataError, Part};

/// The subjects of one part of one set.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Subjects {
    /// The word `all`.
    All(String),
    Named(Vec<String>),
}

#[derive(Clone, Debug, Default, Deserialize)]
struct SetSplit {
    train: Option<Subjects>,
    val: Option<Subjects>,
    test: Option<Subjects>,
}

/// The content of `splits.json`.
#[derive(Clone, Debug)]
pub struct Splits(BTreeMap<String, SetSplit>);

impl Splits {
    /// Reads `splits.json`.
    ///
    /// # Errors
    /// [`DataError`] if the file cannot be read or is malformed.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let text = std::fs::read(path).map_err(DataError::io(path))?;
        Self::parse(&text).map_err(|e| DataError::label(path, e))
    }

    fn parse(text: &[u8]) -> Result<Self, serde_json::Error> {
        let mut all: BTreeMap<String, serde_json::Value> = serde_json::from_slice(text)?;
        all.retain(|name, _| !name.starts_with('_'));
        Ok(Self(all.into_iter().map(|(name, v)| Ok((name, serde_json::from_value(v)?))).collect::<Result<_, _>>()?))
    }

    /// The listed sets, sorted by name.
    pub fn sets(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether `subject` of `set` belongs to `part`; false for a set that is not listed.
    #[must_use]
    pub fn contains(&self, part: Part, set: &str, subject: &str) -> bool {
        let subjects = self.0.get(set).and_then(|s| match part {
            Part::Train => s.train.as_ref(),
            Part::Val => s.val.as_ref(),
            Part::Test => s.test.as_ref(),
        });
        match subjects {
            Some(Subjects::All(word)) => word == "all",
            Some(Subjects::Named(names)) => names.iter().any(|n| n == subject),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_belong_to_the_part_that_lists_them() {
        let text = br#"{"_comment": "x", "a": {"train": ["01"], "val": ["02"]}, "b": {"test": "all"}}"#;
        let splits = Splits::parse(text).expect("valid");
        assert!(splits.contains(Part::Train, "a", "01"));
        assert!(!splits.contains(Part::Train, "a", "02"));
        assert!(splits.contains(Part::Val, "a", "02"));
        assert!(splits.contains(Part::Test, "b", "anyone"));
        assert!(!splits.contains(Part::Test, "c", "anyone"));
    }

    #[test]
    fn rejects_malformed_splits() {
        assert!(Splits::parse(b"[]").is_err());
        assert!(Splits::parse(br#"{"a": {"train": 3}}"#).is_err());
    }
}
