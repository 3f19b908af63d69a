//! File operations that are durable and stay within their folder.

pub mod confined;
pub mod digest;
pub mod durable;
pub mod inodes;
pub mod mounts;
pub mod platform;
pub mod within;
pub mod writers;
