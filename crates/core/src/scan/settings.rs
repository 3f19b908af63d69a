//! How a scan was acquired, as far as its file states it.

use serde::{Deserialize, Serialize};

/// Settings of the scanner, as a report must name them (APOSTEL 2.0, Aytulun et al., Neurology 2021;97:68).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScanSettings {
    /// Frames averaged into each B-scan.
    pub averaged: Option<u32>,
    /// Name and version of the scanner's software.
    pub software: Option<String>,
    /// Serial number of the scanner.
    pub serial: Option<String>,
    /// Whether the scan was taken with enhanced depth.
    pub enhanced_depth: Option<bool>,
    /// Focus in dioptres.
    pub focus_dpt: Option<f64>,
    /// Angle of the scan in degrees.
    pub angle_deg: Option<f64>,
    /// Axial length of the eye in millimetres.
    pub axial_length_mm: Option<f64>,
}

/// Plausible values; scanners write others where they know none.
const AVERAGED: std::ops::RangeInclusive<u32> = 1..=1000;
const FOCUS_DPT: std::ops::RangeInclusive<f64> = -30.0..=30.0;
const ANGLE_DEG: std::ops::RangeInclusive<f64> = 1.0..=200.0;
const AXIAL_LENGTH_MM: std::ops::RangeInclusive<f64> = 15.0..=40.0;
/// Longest text that is kept, in characters.
const LONGEST: usize = 64;

impl ScanSettings {
    /// The same without what is implausible or empty.
    #[must_use]
    pub fn plausible(self) -> Self {
        let text = |text: Option<String>| {
            let kept: String = text?.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
            Some(kept.trim().to_owned()).filter(|kept| !kept.is_empty())
        };
        let within = |value: Option<f64>, range: &std::ops::RangeInclusive<f64>| value.filter(|v| range.contains(v));
        Self {
            averaged: self.averaged.filter(|count| AVERAGED.contains(count)),
            software: text(self.software),
            serial: text(self.serial),
            enhanced_depth: self.enhanced_depth,
            focus_dpt: within(self.focus_dpt, &FOCUS_DPT),
            angle_deg: within(self.angle_deg, &ANGLE_DEG),
            axial_length_mm: within(self.axial_length_mm, &AXIAL_LENGTH_MM),
        }
    }

    /// What is known, in words, each part with its unit.
    #[must_use]
    pub fn known(&self) -> Vec<String> {
        [
            self.averaged.map(|count| format!("{count} frames averaged")),
            self.enhanced_depth.map(|on| if on { "enhanced depth".to_owned() } else { "no enhanced depth".to_owned() }),
            self.focus_dpt.map(|dpt| format!("focus {dpt:+.2} D")),
            self.angle_deg.map(|degrees| format!("scan angle {degrees:.0}\u{b0}")),
            self.axial_length_mm.map(|mm| format!("axial length {mm:.2} mm")),
            self.software.as_ref().map(|name| format!("software {name}")),
            self.serial.as_ref().map(|number| format!("serial number {number}")),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// What is not known, in words.
    #[must_use]
    pub fn unknown(&self) -> Vec<&'static str> {
        let missing = [
            (self.averaged.is_none(), "averaging"),
            (self.enhanced_depth.is_none(), "enhanced depth"),
            (self.focus_dpt.is_none(), "focus"),
            (self.angle_deg.is_none(), "scan angle"),
            (self.axial_length_mm.is_none(), "axial length"),
            (self.software.is_none(), "software"),
            (self.serial.is_none(), "serial number"),
        ];
        missing.into_iter().filter_map(|(missing, name)| missing.then_some(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_is_either_known_or_unknown_and_the_implausible_are_unknown() {
        let stated = ScanSettings {
            averaged: Some(0),
            software: Some(" 6.0.11 \0".to_owned()),
            serial: Some("  ".to_owned()),
            enhanced_depth: Some(true),
            focus_dpt: Some(0.5),
            angle_deg: Some(f64::NAN),
            axial_length_mm: Some(3.0),
        };
        let kept = stated.plausible();
        assert_eq!(kept.known(), ["enhanced depth", "focus +0.50 D", "software 6.0.11"]);
        assert_eq!(kept.unknown(), ["averaging", "scan angle", "axial length", "serial number"]);
        assert_eq!(ScanSettings::default().unknown().len(), 7);
    }
}
