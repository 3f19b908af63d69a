//! The operator's include and exclude patterns.

use std::path::Path;

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

use crate::{EngineError, EngineOptions};

/// The compiled patterns. A pattern without `/` is matched against names at any depth, any other against the path below
/// the root.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    include: Option<GlobSet>,
    exclude: GlobSet,
}

impl Filter {
    pub(crate) fn of(options: &EngineOptions) -> Result<Self, EngineError> {
        let include = (!options.include.is_empty()).then(|| set(&options.include)).transpose()?;
        Ok(Self { include, exclude: set(&options.exclude)? })
    }

    /// Whether neither `path` (below the root) nor a folder that contains it is excluded.
    pub(crate) fn admits(&self, path: &Path) -> bool {
        self.exclude.is_empty() || !path.ancestors().any(|part| self.exclude.is_match(part))
    }

    /// Whether `path` matches the include patterns, if there are any.
    pub(crate) fn wants(&self, path: &Path) -> bool {
        self.include.as_ref().is_none_or(|include| include.is_match(path))
    }
}

fn set(patterns: &[String]) -> Result<GlobSet, EngineError> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(glob(pattern)?);
    }
    set.build().map_err(|e| EngineError::Pattern { pattern: patterns.join(", "), problem: e.kind().to_string() })
}

fn glob(pattern: &str) -> Result<Glob, EngineError> {
    let whole = match pattern.strip_prefix('/') {
        Some(from_the_root) => from_the_root.to_owned(),
        None if pattern.trim_end_matches('/').contains('/') => pattern.to_owned(),
        None => format!("**/{pattern}"),
    };
    // A trailing slash marks a folder; its contents are excluded with it anyway.
    let glob = GlobBuilder::new(whole.trim_end_matches('/')).literal_separator(true).build();
    glob.map_err(|e| EngineError::Pattern { pattern: pattern.to_owned(), problem: e.kind().to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_names_or_paths() {
        let filter = |include: &[&str], exclude: &[&str]| {
            let strings = |patterns: &[&str]| patterns.iter().map(|&p| p.to_owned()).collect();
            let options = EngineOptions {
                include: strings(include),
                exclude: strings(exclude),
                ..EngineOptions::new("in", "out")
            };
            Filter::of(&options)
        };
        let taken = |filter: &Filter, path: &str| filter.admits(path.as_ref()) && filter.wants(path.as_ref());
        for (include, exclude, path, expected) in [
            (&[][..], &[][..], "ward/a.png", true),
            (&["*.vol"], &[], "ward/a.png", false),
            (&["*.vol", "*.png"], &[], "ward/deep/a.png", true),
            (&["ward/*.png"], &[], "ward/a.png", true),
            (&["ward/*.png"], &[], "ward/deep/a.png", false),
            (&["ward/**/*.png"], &[], "ward/deep/a.png", true),
            (&["/*.png"], &[], "ward/a.png", false),
            (&[], &["trial"], "ward/trial/a.png", false),
            (&[], &["trial/"], "trial/a.png", false),
            (&[], &["/trial"], "ward/trial/a.png", true),
            (&[], &["*_test.*"], "a_test.png", false),
            (&["*.png"], &["a.png"], "a.png", false),
            (&["[ab].png"], &[], "b.png", true),
        ] {
            assert_eq!(taken(&filter(include, exclude).unwrap(), path), expected, "{include:?} {exclude:?} {path}");
        }
        let refused = filter(&["[a"], &[]).unwrap_err();
        assert_eq!(refused.code(), "E-ENGINE-PATTERN");
        assert!(refused.to_string().contains("[a"), "{refused}");
    }
}
