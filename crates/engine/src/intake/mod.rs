//! Finds scans in the watched folders and reports each when it stops changing.

pub(crate) mod candidates;
pub(crate) mod exports;
pub(crate) mod filter;
mod inspection;
mod members;
pub(crate) mod pending;
mod root_access;
pub(crate) mod roots;
pub(crate) mod scan_ids;
pub(crate) mod series;
pub(crate) mod stamp;
mod walk;
pub(crate) mod watch_scope;
pub(crate) mod watcher;
