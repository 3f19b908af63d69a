//! Errors of the ledger.

use std::path::PathBuf;

use octrls_core::ErrorCode;

use super::schema::VERSION;

/// Why the ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The database cannot be opened, read or written.
    #[error("cannot use the ledger: {0}")]
    Database(rusqlite::Error),
    /// The database is damaged.
    #[error("the ledger is damaged: {0}")]
    Damaged(String),
    /// The secret key beside the ledger cannot be read or created.
    #[error("cannot use .octrls/follow-up.key in the results folder: {0}")]
    Secret(#[from] std::io::Error),
    /// There is no ledger in the folder.
    #[error("no ledger in {path}; give the results folder of a watcher", path = path.display())]
    Missing {
        /// The results folder.
        path: PathBuf,
    },
    /// A newer version of the program wrote the ledger.
    #[error("the ledger has version {found}, this octrls supports version {VERSION}; use a newer octrls")]
    Newer {
        /// Its version.
        found: i64,
    },
}

// Not by `#[from]`: SQLite's own error repeats the message.
impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl LedgerError {
    /// A stable code for scripts.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Database(_) | Self::Damaged(_) => ErrorCode::Ledger,
            Self::Missing { .. } => ErrorCode::LedgerMissing,
            Self::Secret(_) => ErrorCode::LedgerSecret,
            Self::Newer { .. } => ErrorCode::LedgerNewer,
        }
    }
}
