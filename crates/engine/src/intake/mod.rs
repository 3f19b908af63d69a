//! Finds scans in the watched folders and reports each when it stops changing.

pub(crate) mod candidates;
pub(crate) mod exports;
pub(crate) mod filter;
pub(crate) mod pending;
pub(crate) mod roots;
pub(crate) mod scan_ids;
pub(crate) mod series;
pub(crate) mod stamp;
pub(crate) mod watch_scope;
pub(crate) mod watcher;
