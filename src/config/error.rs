//! Errors of settings files.

use octrls_core::ErrorCode;

/// An error in a settings file. Each kind has a stable [`code`](ConfigError::code).
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file is not TOML.
    #[error("line {line}: {message}")]
    Syntax {
        /// From 1.
        line: usize,
        /// The parser's message.
        message: String,
    },
    /// A key is not an option.
    #[error("line {line}: unknown option '{key}'{}", nearest.as_ref().map(|n| format!("; did you mean '{n}'?")).unwrap_or_default())]
    Key {
        /// From 1.
        line: usize,
        /// The key.
        key: String,
        /// A similar option.
        nearest: Option<String>,
    },
    /// A value is invalid.
    #[error("line {line}: {key}: {message}")]
    Value {
        /// From 1.
        line: usize,
        /// The key.
        key: String,
        /// Why it is invalid.
        message: String,
    },
    /// Options conflict, or one is missing.
    #[error("{0}")]
    Together(String),
}

impl ConfigError {
    /// A code that stays the same across versions, for scripts.
    pub(crate) const fn code(&self) -> ErrorCode {
        match self {
            Self::Syntax { .. } => ErrorCode::ConfigSyntax,
            Self::Key { .. } => ErrorCode::ConfigKey,
            Self::Value { .. } => ErrorCode::ConfigValue,
            Self::Together(_) => ErrorCode::ConfigTogether,
        }
    }
}
