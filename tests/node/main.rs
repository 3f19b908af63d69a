//! DICOM networking: our nodes with each other, with misbehaving peers, and with other programs.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod command;
mod dcmtk;
mod delivery;
mod hostile;
mod orthanc;
mod rig;
mod round_trip;
#[path = "../dicom_results/scan.rs"]
#[allow(dead_code, reason = "a part of it is needed")]
mod scan;
