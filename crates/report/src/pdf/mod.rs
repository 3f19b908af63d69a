//! PDF files of A4 pages with text in any script.
//!
//! A page is a list of what is on it ([`Page`]); the text is shaped as it is added ([`text`]), in the first of our
//! [`fonts`] that has its characters. [`document`] encodes pages with krilla.

mod digest;
mod document;
mod fonts;
mod page;
mod text;

pub(crate) use digest::digest;
pub(crate) use document::{PdfError, pdf};
pub(crate) use page::{Align, HEIGHT, Page, Picture, PictureKind, Style, WIDTH, shortened, wrapped};
