//! Image codecs that several formats use.

pub(crate) mod j2k;
pub(crate) mod jpeg;
