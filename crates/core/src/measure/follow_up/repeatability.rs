//! Repeatability of measures: how much two measurements of an unchanged eye can differ.

use std::fmt;

use serde::Deserialize;

use super::measures::all_names;
use crate::ErrorCode;

const PUBLISHED: &str = include_str!("published.toml");
/// Largest plausible repeatability in micrometres; a retina is about 300 thick.
const MAX_UM: f32 = 1000.0;

/// Coefficients of repeatability: 1.96 times the standard deviation of the difference of two measurements of an
/// unchanged eye (Bland and Altman, Lancet 1986;327:307).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeatability {
    /// Name of the table.
    pub name: String,
    /// Note for readers.
    #[serde(default)]
    pub note: String,
    #[serde(default)]
    measures: Vec<Coefficient>,
}

#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Coefficient {
    names: Vec<String>,
    um: f32,
    source: String,
}

// The ledger's fingerprint of settings hashes this text. Another name would make every scan new to the ledgers of 0.1.
impl fmt::Debug for Coefficient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { names, um, source } = self;
        f.debug_struct("Stated").field("names", names).field("um", um).field("source", source).finish()
    }
}

/// An invalid table of repeatabilities.
#[derive(Debug, thiserror::Error)]
#[error("invalid table of repeatabilities: {0}")]
pub struct RepeatabilityError(String);

impl RepeatabilityError {
    /// Stable error code.
    pub const CODE: ErrorCode = ErrorCode::ConfigRepeatability;
}

impl Repeatability {
    /// The built-in table, from the literature.
    ///
    /// # Errors
    /// Only if the built-in table is invalid, which a test rules out.
    pub fn published() -> Result<Self, RepeatabilityError> {
        Self::parse(PUBLISHED)
    }

    /// Reads a table from TOML text.
    ///
    /// # Errors
    /// [`RepeatabilityError`] if the text is not such a table, names a measure that is unknown or one twice, or has an
    /// impossible value.
    pub fn parse(text: &str) -> Result<Self, RepeatabilityError> {
        let table: Self = toml::from_str(text).map_err(|e| RepeatabilityError(e.message().to_owned()))?;
        let known = all_names();
        let mut seen = std::collections::HashSet::new();
        for coefficient in &table.measures {
            if !(coefficient.um > 0.0 && coefficient.um <= MAX_UM) {
                return Err(RepeatabilityError(format!("{} um is not a plausible repeatability", coefficient.um)));
            }
            for name in &coefficient.names {
                if !known.contains(name) {
                    return Err(RepeatabilityError(format!("unknown measure {name}")));
                }
                if !seen.insert(name) {
                    return Err(RepeatabilityError(format!("{name} occurs twice")));
                }
            }
        }
        Ok(table)
    }

    /// The coefficient of a measure in micrometres, and its source; `None` if unknown.
    #[must_use]
    pub fn of(&self, measure: &str) -> Option<(f32, &str)> {
        let found = self.measures.iter().find(|s| s.names.iter().any(|name| name == measure));
        found.map(|s| (s.um, s.source.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_table_has_its_values() {
        let table = Repeatability::published().expect("a table");
        assert_eq!(table.of("etdrs/retina/C").map(|(um, _)| um), Some(20.0));
        assert!(table.of("gcipl/average").is_some_and(|(_, source)| source.contains("Mwanza")));
        for name in ["etdrs/nfl/C", "etdrs/choroid/C", "gcipl/minimum", "mean/retina"] {
            assert_eq!(table.of(name), None, "{name}");
        }
    }

    #[test]
    fn broken_tables_are_refused() {
        let table = |measure: &str| format!("name = \"x\"\n[[measures]]\nsource = \"x\"\n{measure}");
        assert!(Repeatability::parse(&table("names = [\"mean/nfl\"]\num = 3.0")).is_ok());
        for broken in [
            "name = 1".to_owned(),
            table("names = [\"mean/nothing\"]\num = 3.0"),
            table("names = [\"mean/nfl\", \"mean/nfl\"]\num = 3.0"),
            table("names = [\"mean/nfl\"]\num = nan"),
            table("names = [\"mean/nfl\"]\num = -1.0"),
        ] {
            Repeatability::parse(&broken).expect_err(&broken);
        }
    }
}
