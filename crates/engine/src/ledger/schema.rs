//! The ledger's schema and its migrations.

/// The current schema version.
pub(super) const VERSION: i64 = 7;

/// The migration from each version to the next; the first starts with an empty file.
pub(crate) const STEPS: [&str; VERSION as usize] = [
    include_str!("schema.sql"),
    include_str!("visits.sql"),
    include_str!("records.sql"),
    include_str!("renewals.sql"),
    include_str!("change.sql"),
    include_str!("reviews.sql"),
    include_str!("maps.sql"),
];
