//! Image codecs.

pub(crate) mod j2k;
pub(crate) mod jpeg;
pub(crate) mod jpeg_ls;
