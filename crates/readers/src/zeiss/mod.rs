//! Zeiss formats.

mod cirrus;

pub(crate) use cirrus::Cirrus;
