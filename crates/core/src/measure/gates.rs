//! Limits of the quality criteria, which a site can set.

use serde::{Deserialize, Serialize};

use crate::ErrorCode;

/// Limits beyond which a scan is flagged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gates {
    /// O: largest share of A-scans whose retina is cut off by the image's edge.
    pub cut_off: f32,
    /// O: smallest share of A-scans in which the retina was found.
    pub coverage: f32,
    /// S: smallest signal in decibels as stated by the scanner; usual limits are 15 for a Spectralis and 10 for a
    /// Cirrus.
    pub device_signal_db: f32,
    /// S: smallest measured signal-to-noise ratio in decibels, used if the scanner states no signal.
    pub snr_db: f32,
    /// S: smallest contrast-to-noise ratio of the retina against the vitreous.
    pub contrast: f32,
    /// C: largest distance of the fovea from the middle of a volume, in millimetres.
    pub decentration_mm: f32,
    /// A: smallest mean confidence of the A-scans in which the retina was found.
    pub confidence: f32,
    /// I: largest share of A-scans less than half as bright as the median A-scan.
    pub dark: f32,
    /// B: largest difference in the ONL's brightness between the image halves, as a share of the retina's brightness.
    pub tilt: f32,
    /// Smallest share of the A-scans with a choroid in which its end can be seen. It marks the choroid's thickness, and
    /// is no criterion of OSCAR-IB.
    pub choroid_visible: f32,
}

impl Default for Gates {
    /// Measured on 130 B-scans of Spectralis, Optovue and Bioptigen scanners: `snr_db` is 12.8 to 16.3 in single frames
    /// and at least 17.8 in averaged scans; `dark` reaches 0.146 and `tilt` 0.277. Measured on 64 B-scans of these and
    /// a Cirrus: `contrast` is 0.89 to 1.9 in single frames and at least 1.6 in averaged ones; `coverage` is at least
    /// 0.91, `confidence` at least 0.82.
    fn default() -> Self {
        Self {
            cut_off: 0.02,
            coverage: 0.9,
            device_signal_db: 15.0,
            snr_db: 15.0,
            contrast: 1.0,
            decentration_mm: 0.5,
            confidence: 0.8,
            dark: 0.15,
            tilt: 0.3,
            choroid_visible: 0.3,
        }
    }
}

/// Invalid gates.
#[derive(Debug, thiserror::Error)]
#[error("invalid gates: {0}")]
pub struct GatesError(String);

impl GatesError {
    /// Stable error code.
    pub const CODE: ErrorCode = ErrorCode::ConfigGates;
}

impl Gates {
    /// Reads gates from TOML text; missing gates keep their defaults.
    ///
    /// # Errors
    /// [`GatesError`] if the text names an unknown gate, or a value is not a finite number.
    pub fn parse(text: &str) -> Result<Self, GatesError> {
        let gates: Self = toml::from_str(text).map_err(|e| GatesError(e.message().to_owned()))?;
        let Self { cut_off, coverage, device_signal_db, snr_db, contrast, decentration_mm, .. } = gates;
        let Self { confidence, dark, tilt, choroid_visible, .. } = gates;
        let values = [cut_off, coverage, device_signal_db, snr_db, contrast, decentration_mm];
        if values.iter().chain(&[confidence, dark, tilt, choroid_visible]).all(|v| v.is_finite()) {
            Ok(gates)
        } else {
            Err(GatesError("every gate must be a finite number".to_owned()))
        }
    }

    /// Text that is the same for the same gates, in every version: a gate that an earlier version lacks appears only if
    /// it differs from its default. Ledgers hold its digest.
    #[must_use]
    pub fn identity(&self) -> String {
        let Self { cut_off, coverage, device_signal_db, snr_db, contrast, decentration_mm, .. } = self;
        let Self { confidence, dark, tilt, choroid_visible, .. } = self;
        // Exactly the words of version 0.1.
        let first = format!(
            "Gates {{ cut_off: {cut_off:?}, coverage: {coverage:?}, device_signal_db: {device_signal_db:?}, snr_db: \
             {snr_db:?}, contrast: {contrast:?}, decentration_mm: {decentration_mm:?}, confidence: {confidence:?}, \
             dark: {dark:?}, tilt: {tilt:?}"
        );
        let usual = Self::default().choroid_visible.total_cmp(choroid_visible).is_eq();
        let later = if usual { String::new() } else { format!(", choroid_visible: {choroid_visible:?}") };
        format!("{first}{later} }}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_of_gates_is_that_of_version_0_1() {
        let usual = "Gates { cut_off: 0.02, coverage: 0.9, device_signal_db: 15.0, snr_db: 15.0, contrast: 1.0, \
                     decentration_mm: 0.5, confidence: 0.8, dark: 0.15, tilt: 0.3 }";
        assert_eq!(Gates::default().identity(), usual);
        let other = Gates { choroid_visible: 0.5, ..Gates::default() }.identity();
        assert_eq!(other, usual.replace(" }", ", choroid_visible: 0.5 }"));
    }

    #[test]
    fn gates_parse_and_unknown_ones_are_refused() {
        let gates = Gates::parse("snr_db = 9.5").unwrap();
        assert_eq!(gates, Gates { snr_db: 9.5, ..Gates::default() });
        assert!(Gates::parse("snr = 9.5").unwrap_err().to_string().contains("snr"));
        assert!(Gates::parse("snr_db = nan").is_err());
    }
}
