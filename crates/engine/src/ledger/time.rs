//! The time as stored in the ledger.

use jiff::Timestamp;

/// The current time.
pub(super) fn now() -> String {
    Timestamp::now().to_string()
}
