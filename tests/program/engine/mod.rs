//! Tests of the engine through its events and files: mostly with a processor that only copies, and with the whole
//! program for follow-up.

mod bounds;
mod commands;
mod exports;
mod failures;
mod fed_back;
mod follow_up;
mod intake;
mod names;
mod restart;
mod rig;
mod root;
mod roots;
mod series;
mod swaps;
mod writers;

use crate::support::{self, stub};
