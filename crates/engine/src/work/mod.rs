//! Processes scans: the workers, the interface to what they run, and the processor that segments scans.

pub(crate) mod content;
mod failure;
pub(crate) mod guarded;
mod ordered_parallel;
mod parts;
pub(crate) mod processor;
pub(crate) mod results;
pub(crate) mod segmenter;
pub(crate) mod worker;
