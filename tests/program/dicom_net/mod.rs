//! DICOM networking: our nodes with each other, with misbehaving peers, and with other programs.

use crate::dicom_results::scan;

mod command;
mod dcmtk;
mod delivery;
mod hostile;
mod orthanc;
mod rig;
mod round_trip;
mod tls;
mod web;
