//! Groups of arguments that commands share, and the arguments of the commands that read settings files.
//!
//! Each group turns itself into the options of a library.

pub(crate) mod dicom;
pub(crate) mod follow_up;
pub(crate) mod heading;
pub(crate) mod hook;
pub(crate) mod ledger;
pub(crate) mod limits;
pub(crate) mod model;
pub(crate) mod number;
pub(crate) mod queue;
pub(crate) mod results;
pub(crate) mod screen;
pub(crate) mod service;
pub(crate) mod tls;
pub(crate) mod watch;
pub(crate) mod worker;
