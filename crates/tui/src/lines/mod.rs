//! Screens that write one line per event: plain lines and JSON lines.

pub mod json;
pub mod plain;
mod scan_names;
mod writer;

#[cfg(test)]
mod tests;
