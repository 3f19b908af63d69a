//! Checks the setup of a watcher and suggests fixes.
//!
//! The checks write nothing into the watched folder and leave nothing behind in the results folder.

mod folders;
mod machine;

use std::fmt::{self, Display};

use octrls_core::shown::shown;
use serde::Serialize;

pub(crate) use folders::{Folders, results, watched};
pub(crate) use machine::{clock, gpu, memory, model, open_files, terminal};

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Grade {
    /// Nothing to do.
    Ok,
    /// The watcher works, but badly or not for long.
    Warning,
    /// The watcher cannot work.
    Problem,
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// Name of the check, stable across versions.
    pub(crate) check: &'static str,
    pub(crate) grade: Grade,
    /// What the check found.
    pub(crate) text: String,
    /// How to fix it.
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
        // Both may quote names of files.
        write!(f, "{grade:<8} {:<9} {}", self.check, shown(&self.text))?;
        self.advice.as_ref().map_or(Ok(()), |advice| write!(f, "\n{:19}→ {}", "", shown(advice)))
    }
}
