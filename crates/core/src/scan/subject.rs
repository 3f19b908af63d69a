//! Patient, acquisition time and scanner: only what is needed to find an eye's earlier scans.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Seconds in a day.
const DAY: i64 = 86_400;
/// Days from 1601-01-01, the start of Windows time, to 1970-01-01.
const FILETIME_EPOCH: i64 = 134_774;
/// Plausible acquisition years; OCT is younger than the first.
const YEARS: std::ops::RangeInclusive<i64> = 1990..=2200;
/// Placeholders for a missing identifier, in lower case; used as identifiers, they would merge different patients.
const NOBODY: [&str; 12] = [
    "anon",
    "anonymised",
    "anonymized",
    "anonymous",
    "deidentified",
    "n/a",
    "na",
    "none",
    "null",
    "patient",
    "test",
    "unknown",
];
/// Maximum identifier length in characters; DICOM allows 64 (PS3.5, 6.2).
const LONGEST: usize = 256;

/// The clock that a time is by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// The scanner's own, in its time zone, which few formats state.
    #[default]
    Local,
    /// Universal time.
    Utc,
}

/// When and with what a scan was taken, as its file states it; also known of a scan of nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acquisition {
    /// The time, if stated.
    pub at: Option<Moment>,
    /// The clock of the time.
    pub clock: Clock,
    /// Maker and model of the scanner; empty if not stated.
    pub device: String,
}

/// A time in seconds by one [`Clock`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(i64);

impl Moment {
    /// The moment of a date and a time of day; `None` if it is invalid or outside the plausible years.
    #[must_use]
    pub fn new((year, month, day): (i64, i64, i64), (hour, minute, second): (i64, i64, i64)) -> Option<Self> {
        let clock = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second);
        if !YEARS.contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) || !clock {
            return None;
        }
        let days = days_from_civil(year, month, day);
        // A day that its month does not have converts back to one of the next month.
        (civil_from_days(days) == (year, month, day)).then(|| Self(days * DAY + hour * 3600 + minute * 60 + second))
    }

    /// The moment of a Windows `FILETIME`: units of 100 ns since 1601, UTC.
    #[must_use]
    pub fn of_filetime(ticks: u64) -> Option<Self> {
        let seconds = i64::try_from(ticks / 10_000_000).ok()? - FILETIME_EPOCH * DAY;
        Self::of_seconds(seconds)
    }

    /// The moment this many seconds after the start of 1970.
    #[must_use]
    pub fn of_seconds(seconds: i64) -> Option<Self> {
        let (year, ..) = civil_from_days(seconds.div_euclid(DAY));
        YEARS.contains(&year).then_some(Self(seconds))
    }

    /// Seconds since the start of 1970.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// The moment of a date `YYYYMMDD` and a time `HHMMSS`, as DICOM writes them (PS3.5, 6.2). Ignores fractions and
    /// time zone; a missing time is midnight.
    #[must_use]
    pub fn of_digits(date: &str, time: &str) -> Option<Self> {
        let part = |text: &str, from: usize, to: usize| match text.get(from..to) {
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok(),
            Some(_) => None,
            None => Some(0),
        };
        let date = (part(date, 0, 4)?, part(date, 4, 6)?, part(date, 6, 8)?);
        Self::new(date, (part(time, 0, 2)?, part(time, 2, 4)?, part(time, 4, 6)?))
    }

    /// Date, as in `2026-01-31`.
    #[must_use]
    pub fn date(self) -> String {
        let (year, month, day) = civil_from_days(self.0.div_euclid(DAY));
        format!("{year:04}-{month:02}-{day:02}")
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let second = self.0.rem_euclid(DAY);
        write!(f, "{}T{:02}:{:02}:{:02}", self.date(), second / 3600, second / 60 % 60, second % 60)
    }
}

/// Days since 1970-01-01 in the Gregorian calendar, counted from March so that the leap day ends a year.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of a day counted from 1970-01-01.
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days - era * 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, of_year - (153 * from_march + 2) / 5 + 1)
}

/// Who was scanned, when and with what, as the file states it.
///
/// The patient's identifier must never leave the program in a reversible form; `Debug` does not print it.
#[derive(Clone, PartialEq, Eq)]
pub struct Subject {
    patient: String,
    issuer: String,
    /// When the scan was taken.
    pub acquired: Moment,
    /// Maker and model of the scanner, as far as stated.
    pub device: String,
}

impl Subject {
    /// `None` if `patient` is a placeholder. `issuer` names who assigned the identifier, if stated.
    pub fn new(patient: &str, issuer: &str, acquired: Moment, device: &str) -> Option<Self> {
        let (patient, issuer) = (patient.trim(), issuer.trim());
        let blank = patient.chars().all(|c| !c.is_alphanumeric() || c == '0');
        let nobody = blank || NOBODY.contains(&patient.to_lowercase().as_str());
        let printable = !patient.chars().any(char::is_control) && patient.chars().count() <= LONGEST;
        (!nobody && printable).then(|| Self {
            patient: patient.to_owned(),
            issuer: issuer.to_owned(),
            acquired,
            device: device.trim().to_owned(),
        })
    }

    /// Bytes that are the same in every scan of a patient. Hash them with a secret; never write or print them.
    #[must_use]
    pub fn identity(&self) -> Vec<u8> {
        [self.issuer.as_bytes(), &[0], self.patient.as_bytes()].concat()
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("acquired", &self.acquired).finish_non_exhaustive()
    }
}

/// Text of a Latin-1 field, up to a NUL.
#[must_use]
pub fn latin(bytes: &[u8]) -> String {
    bytes.iter().take_while(|&&b| b != 0).map(|&b| char::from(b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_come_back_as_they_were_given() {
        for (digits, text) in [
            (("20000229", "235959"), "2000-02-29T23:59:59"),
            (("20260101", ""), "2026-01-01T00:00:00"),
            (("20251231", "0915"), "2025-12-31T09:15:00"),
            (("19991130", "101500.25"), "1999-11-30T10:15:00"),
        ] {
            let moment = Moment::of_digits(digits.0, digits.1).expect("a moment");
            assert_eq!(moment.to_string(), text);
            assert_eq!(Moment::of_seconds(moment.seconds()), Some(moment));
        }
        assert_eq!(Moment::of_digits("20260101", "").map(Moment::seconds), Some(1_767_225_600));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for (date, time) in [
            ("20250229", ""),
            ("20251301", ""),
            ("2025010x", ""),
            ("", ""),
            ("18500101", ""),
            ("20250101", "2500"),
            ("2025", ""),
            ("2025é101", ""),
        ] {
            assert_eq!(Moment::of_digits(date, time), None, "{date} {time}");
        }
        assert_eq!(Moment::of_filetime(0), None);
        assert_eq!(Moment::of_filetime(u64::MAX), None);
        assert_eq!(Moment::of_seconds(i64::MAX), None);
    }

    #[test]
    fn a_filetime_counts_from_1601() {
        // 2026-01-01 00:00:00 UTC.
        assert_eq!(
            Moment::of_filetime(134_116_992_000_000_000).map(|m| m.to_string()),
            Some("2026-01-01T00:00:00".into())
        );
    }

    #[test]
    fn nobody_is_no_subject_and_an_identifier_is_never_printed() {
        let acquired = Moment::of_digits("20260101", "").expect("a moment");
        let subject = |patient: &str| Subject::new(patient, "site", acquired, "a scanner");
        for nobody in ["", "  ", "0000", "--", "Anonymous", "UNKNOWN", "a\u{1}b"] {
            assert_eq!(subject(nobody), None, "{nobody}");
        }
        let known = subject(" P-4711 ").expect("a subject");
        assert_eq!(known.identity(), subject("P-4711").expect("a subject").identity());
        assert_ne!(known.identity(), subject("P-4712").expect("a subject").identity());
        assert!(!format!("{known:?}").contains("4711"));
    }
}
