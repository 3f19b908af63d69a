//! Looks at the place where a watcher is to work, and says what is not as it should be and what to do about it.
//!
//! Nothing is written into the watched folder, and nothing stays behind in that of the results.

mod folders;
mod machine;

use std::fmt::{self, Display};

use serde::Serialize;

pub(crate) use folders::{Folders, results, watched};
pub(crate) use machine::{clock, gpu, memory, model, terminal};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Grade {
    /// As it should be.
    Ok,
    /// It works, though not well or not for long.
    Warning,
    /// It does not work.
    Problem,
}

/// What was found at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at; the same word across versions.
    pub(crate) check: &'static str,
    pub(crate) grade: Grade,
    /// What was seen.
    pub(crate) text: String,
    /// What to do.
    pub(crate) advice: Option<String>,
}

impl Finding {
    pub(crate) fn ok(check: &'static str, text: impl Into<String>) -> Self {
        Self { check, grade: Grade::Ok, text: text.into(), advice: None }
    }

    pub(crate) fn warning(check: &'static str, text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, grade: Grade::Warning, text: text.into(), advice: Some(advice.into()) }
    }

    pub(crate) fn problem(check: &'static str, text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, grade: Grade::Problem, text: text.into(), advice: Some(advice.into()) }
    }
}

impl Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grade = match self.grade {
            Grade::Ok => "ok",
            Grade::Warning => "warning",
            Grade::Problem => "PROBLEM",
        };
        write!(f, "{grade:<8} {:<9} {}", self.check, self.text)?;
        self.advice.as_ref().map_or(Ok(()), |advice| write!(f, "\n{:19}→ {advice}", ""))
    }
}
