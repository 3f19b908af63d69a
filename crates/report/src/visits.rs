//! Earlier visits of an eye, as the writer of results sees them.

use octrls_core::{
    measure::follow_up::{FollowUp, InterEye, Visit},
    scan::Moment,
};

use crate::OutputError;

/// Earlier visits of one eye, and the place for the visit of one scan.
pub trait EyeVisits {
    /// When the scan was taken.
    fn acquired(&self) -> Moment;

    /// Compares `now` with the earlier visits; `None` if there is none to compare with.
    ///
    /// # Errors
    /// [`OutputError::History`] when they cannot be read.
    fn compare(&self, now: &Visit) -> Result<Option<FollowUp>, OutputError>;

    /// Compares `now` with the other eye of the patient at the same visit; `None` if it is not known.
    ///
    /// # Errors
    /// [`OutputError::History`] when it cannot be read.
    fn compare_eyes(&self, now: &Visit) -> Result<Option<InterEye>, OutputError>;

    /// Stores `now` as the visit of this scan, in place of an earlier entry of the same scan.
    ///
    /// # Errors
    /// [`OutputError::History`] when it cannot be written.
    fn enter(&self, now: &Visit) -> Result<(), OutputError>;
}
