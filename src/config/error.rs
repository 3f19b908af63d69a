//! What can be wrong with a settings file.

/// What is wrong with a settings file. Each kind has a stable [`code`](ConfigError::code).
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConfigError {
    /// It is no TOML.
    #[error("line {line}: {message}")]
    Syntax {
        /// From 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// A key is no option.
    #[error("line {line}: there is no option '{key}'{}", nearest.as_ref().map(|n| format!("; '{n}' is one")).unwrap_or_default())]
    Key {
        /// From 1.
        line: usize,
        /// The key.
        key: String,
        /// The option that was probably meant.
        nearest: Option<String>,
    },
    /// A value does not fit.
    #[error("line {line}: {key}: {message}")]
    Value {
        /// From 1.
        line: usize,
        /// The key.
        key: String,
        /// Why not.
        message: String,
    },
    /// Options do not go together, or one is missing.
    #[error("{0}")]
    Together(String),
}

impl ConfigError {
    /// A code that stays the same across versions, for scripts.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "E-CONFIG-SYNTAX",
            Self::Key { .. } => "E-CONFIG-KEY",
            Self::Value { .. } => "E-CONFIG-VALUE",
            Self::Together(_) => "E-CONFIG-TOGETHER",
        }
    }
}
