//! Metadata properties of a model's ONNX file.
//!
//! The training crate writes these properties and the runtime reads them; both use this type.

use crate::layer::{CLASSES, Layer};

use super::{Calibration, ModelError};

/// Size of the network's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputSize {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// Conversion of a B-scan to the network's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preprocessing {
    /// Enlarges a scan of few rows, then shrinks each axis that is longer than the input, standardises (mean 0,
    /// variance 1), centres, and pads with zeros. See [`Placement::enlarged`](super::Placement::enlarged).
    FitCentreStandardise,
    /// The same without enlarging. See [`Placement::new`](super::Placement::new).
    ShrinkCentreStandardise,
}

impl Preprocessing {
    const ALL: [Self; 2] = [Self::FitCentreStandardise, Self::ShrinkCentreStandardise];

    /// Name in the model file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FitCentreStandardise => "fit-centre-standardise/1",
            Self::ShrinkCentreStandardise => "shrink-centre-standardise/1",
        }
    }
}

/// Description of a model, from its file.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelMetadata {
    /// Model name, such as `unet-640`.
    pub name: String,
    /// Model version.
    pub version: String,
    /// Size of the input the network was built for.
    pub input: InputSize,
    /// Conversion of a B-scan to the input.
    pub preprocessing: Preprocessing,
    /// Calibration of probabilities and intervals.
    pub calibration: Calibration,
    /// How far the [`EzConvention`](crate::layer::EzConvention)s move the score of the ellipsoid zone relative to that
    /// of the RPE: up for one, down for the other. 0: the model ignores the convention.
    pub ez_shift: f32,
    /// Training data, in words.
    pub training_data: String,
    /// SHA-256 of the weights, hexadecimal.
    pub weights_sha256: String,
}

const NAME: &str = "octrls.name";
const VERSION: &str = "octrls.version";
const CLASS_NAMES: &str = "octrls.classes";
const INPUT: &str = "octrls.input";
const PREPROCESSING: &str = "octrls.preprocessing";
const TEMPERATURE: &str = "octrls.temperature";
const INTERVALS: &str = "octrls.intervals";
const CHOROID_LIMIT: &str = "octrls.choroid_limit";
const OFFSETS: &str = "octrls.offsets";
const USUAL_DOUBT: &str = "octrls.usual_doubt";
const EZ_SHIFT: &str = "octrls.ez_shift";
const TRAINING_DATA: &str = "octrls.training_data";
const WEIGHTS: &str = "octrls.weights_sha256";

impl ModelMetadata {
    /// The class names in output order, comma-separated.
    #[must_use]
    pub fn class_names() -> String {
        std::iter::once("background").chain(Layer::ALL.map(Layer::name)).collect::<Vec<_>>().join(",")
    }

    /// The properties as stored in the model file.
    #[must_use]
    pub fn to_properties(&self) -> Vec<(&'static str, String)> {
        let mut properties = vec![
            (NAME, self.name.clone()),
            (VERSION, self.version.clone()),
            (CLASS_NAMES, Self::class_names()),
            (INPUT, format!("{}x{}", self.input.width, self.input.height)),
            (PREPROCESSING, self.preprocessing.name().to_owned()),
            (TEMPERATURE, self.calibration.temperature.to_string()),
            (INTERVALS, self.calibration.intervals_text()),
            (OFFSETS, self.calibration.offsets_text()),
            (CHOROID_LIMIT, self.calibration.choroid_limit.to_string()),
            (EZ_SHIFT, self.ez_shift.to_string()),
            (TRAINING_DATA, self.training_data.clone()),
            (WEIGHTS, self.weights_sha256.clone()),
        ];
        properties.extend(self.calibration.usual_doubt.map(|doubt| (USUAL_DOUBT, doubt.to_string())));
        properties
    }

    /// Reads the properties of a model file.
    ///
    /// # Errors
    /// [`ModelError::Metadata`] when one is missing, malformed, or names other classes or another preprocessing.
    pub fn from_properties<'a>(properties: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, ModelError> {
        let all: std::collections::HashMap<_, _> = properties.into_iter().collect();
        let bad = |key, reason: &str| ModelError::Metadata { key, reason: reason.to_owned() };
        let get = |key: &'static str| all.get(key).copied().ok_or_else(|| bad(key, "missing"));

        if get(CLASS_NAMES)? != Self::class_names() {
            return Err(bad(CLASS_NAMES, &format!("the {CLASSES} classes must be {}", Self::class_names())));
        }
        let input = get(INPUT)?
            .split_once('x')
            .and_then(|(w, h)| Some(InputSize { width: w.parse().ok()?, height: h.parse().ok()? }))
            .filter(|s| (16..=4096).contains(&s.width) && (16..=4096).contains(&s.height))
            .ok_or_else(|| bad(INPUT, "not WIDTHxHEIGHT"))?;
        let preprocessing = get(PREPROCESSING)?;
        let preprocessing = Preprocessing::ALL.into_iter().find(|p| p.name() == preprocessing);
        let preprocessing = preprocessing.ok_or_else(|| {
            let names = Preprocessing::ALL.map(Preprocessing::name).join(" and ");
            bad(PREPROCESSING, &format!("only {names} are supported"))
        })?;
        let number = |key: &'static str, text: &str, min: f32, max: f32| {
            let value = text.parse().ok().filter(|v| (min..=max).contains(v));
            value.ok_or_else(|| bad(key, &format!("not a number from {min} to {max}")))
        };
        let temperature = number(TEMPERATURE, get(TEMPERATURE)?, 0.05, 20.0)?;
        // The remaining properties are fitted after training; a model without them counts as uncalibrated.
        let uncalibrated = Calibration::default();
        let intervals = all.get(INTERVALS).map_or(Some(uncalibrated.intervals), |t| Calibration::parse_intervals(t));
        let intervals = intervals.ok_or_else(|| bad(INTERVALS, "not a pair scale:floor for each boundary"))?;
        let offsets = all.get(OFFSETS).map_or(Some(uncalibrated.offsets), |t| Calibration::parse_offsets(t));
        let offsets = offsets.ok_or_else(|| bad(OFFSETS, "not a number from -5 to 5 for each boundary"))?;
        let choroid_limit = all.get(CHOROID_LIMIT);
        let choroid_limit =
            choroid_limit.map_or(Ok(uncalibrated.choroid_limit), |t| number(CHOROID_LIMIT, t, 0.1, 1000.0))?;
        let usual_doubt = all.get(USUAL_DOUBT).map(|t| number(USUAL_DOUBT, t, 0.01, 1.0)).transpose()?;
        let ez_shift = all.get(EZ_SHIFT).map_or(Ok(0.0), |t| number(EZ_SHIFT, t, 0.0, 50.0))?;
        Ok(Self {
            name: get(NAME)?.to_owned(),
            version: get(VERSION)?.to_owned(),
            input,
            preprocessing,
            calibration: Calibration { temperature, intervals, offsets, choroid_limit, usual_doubt },
            ez_shift,
            training_data: get(TRAINING_DATA)?.to_owned(),
            weights_sha256: get(WEIGHTS)?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> ModelMetadata {
        ModelMetadata {
            name: "unet-640".to_owned(),
            version: "1".to_owned(),
            input: InputSize { width: 640, height: 480 },
            preprocessing: Preprocessing::ShrinkCentreStandardise,
            calibration: Calibration { temperature: 1.5, usual_doubt: Some(0.08), ..Calibration::default() },
            ez_shift: 6.0,
            training_data: "phantom".to_owned(),
            weights_sha256: "ab".to_owned(),
        }
    }

    #[test]
    fn properties_survive_the_round_trip() {
        let properties = sample().to_properties();
        let back = ModelMetadata::from_properties(properties.iter().map(|(k, v)| (*k, v.as_str())));
        assert_eq!(back.expect("own properties"), sample());
    }

    #[test]
    fn each_missing_or_foreign_property_is_refused_by_name() {
        for broken in
            [INPUT, CLASS_NAMES, PREPROCESSING, TEMPERATURE, INTERVALS, OFFSETS, CHOROID_LIMIT, USUAL_DOUBT, EZ_SHIFT]
        {
            let mut properties = sample().to_properties();
            for (key, value) in &mut properties {
                if *key == broken {
                    "other".clone_into(value);
                }
            }
            let result = ModelMetadata::from_properties(properties.iter().map(|(k, v)| (*k, v.as_str())));
            assert!(matches!(result, Err(ModelError::Metadata { key, .. }) if key == broken), "{broken}");
        }
    }
}
