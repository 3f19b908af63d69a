//! How far two measurements of an unchanged eye may lie apart.

use serde::Deserialize;

const PUBLISHED: &str = include_str!("published.toml");
/// Largest repeatability that makes sense, in micrometres; a retina is some 300 thick.
const MOST_UM: f32 = 1000.0;

/// Coefficients of repeatability: 1.96 times the standard deviation of the difference of two measurements of an unchanged eye
/// (Bland and Altman, Lancet 1986;327:307).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeatability {
    /// What the table is called.
    pub name: String,
    /// What a reader must know.
    #[serde(default)]
    pub note: String,
    #[serde(default)]
    measures: Vec<Stated>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stated {
    names: Vec<String>,
    um: f32,
    source: String,
}

/// Why a table of repeatabilities cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the table of repeatabilities is broken: {0}")]
pub struct RepeatabilityError(String);

impl RepeatabilityError {
    /// A code that stays the same across versions.
    pub const CODE: &str = "E-CONFIG-REPEATABILITY";
}

impl Repeatability {
    /// The table that is shipped, from the literature.
    ///
    /// # Errors
    /// None but by a mistake in the table, which a test would find.
    pub fn published() -> Result<Self, RepeatabilityError> {
        Self::parse(PUBLISHED)
    }

    /// Reads a table from the text of a TOML file.
    ///
    /// # Errors
    /// [`RepeatabilityError`] when it is no table, names a measure that there is not or one twice, or has a value that no
    /// repeatability can have.
    pub fn parse(text: &str) -> Result<Self, RepeatabilityError> {
        let table: Self = toml::from_str(text).map_err(|e| RepeatabilityError(e.message().to_owned()))?;
        let known = super::names();
        let mut seen = std::collections::HashSet::new();
        for stated in &table.measures {
            if !(stated.um > 0.0 && stated.um <= MOST_UM) {
                return Err(RepeatabilityError(format!("{} um is no repeatability", stated.um)));
            }
            for name in &stated.names {
                if !known.contains(name) {
                    return Err(RepeatabilityError(format!("there is no measure {name}")));
                }
                if !seen.insert(name) {
                    return Err(RepeatabilityError(format!("{name} is there twice")));
                }
            }
        }
        Ok(table)
    }

    /// The coefficient of a measure in micrometres, and where it comes from; `None` where none is known.
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
    fn the_shipped_table_is_whole_and_knows_what_it_does_not_know() {
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
