//! Display intensities of stored values: modality, VOI and presentation transformation (PS3.3, C.11.1, C.11.2, C.11.6).
//!
//! Scans without a window, or whose window shows nothing, are shown by the range of their values: writers state a depth
//! of 16 bits for values of 7 bits.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::{
    elements::{items, number, numbers, text},
    groups::FunctionalGroups,
    lut::Lut,
};

/// Smallest share of a scan's values that a window must show in grey.
const SHOWN: f32 = 0.02;
/// Smallest share of a window that the values must span.
const SPANNED: f32 = 0.125;
/// Smallest share of the range of all possible values that the values must span for it to be used.
const FILLED: f32 = 0.5;
/// Share of values at either end that may be outliers, such as a hot pixel,
const OUTLIERS: f32 = 0.001;
/// if the values between span less than this share of their range.
const ISOLATED: f32 = 0.25;
/// Largest size of a stated number; arithmetic with larger ones ends in infinities.
const LARGEST: f64 = 1e30;
/// Values of a frame that are looked at to find outliers.
const SAMPLES: usize = 1 << 14;

/// Stored values of one frame.
pub(crate) struct Stored {
    pub(super) values: Vec<f32>,
    /// The smallest and the largest value that their depth allows.
    pub(super) possible: (f32, f32),
}

/// How stored values become display intensities.
pub(crate) struct Intensity {
    /// One for all frames, or one each.
    frames: Vec<FrameIntensity>,
    /// Whether large values are dark.
    inverse: bool,
    /// Stored values that stand for no measurement.
    padding: Option<(f32, f32)>,
}

/// The transformations of one frame.
#[derive(Clone, Debug, PartialEq)]
struct FrameIntensity {
    modality: Modality,
    voi: Voi,
}

/// From stored values to measured ones.
#[derive(Clone, Debug, PartialEq)]
enum Modality {
    Linear { slope: f32, intercept: f32 },
    Table(Arc<Lut>),
}

/// From measured values to those of interest.
#[derive(Clone, Debug, PartialEq)]
enum Voi {
    None,
    Window { centre: f32, width: f32, function: Function },
    Table(Arc<Lut>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Function {
    Linear,
    Exact,
    Sigmoid,
}

/// How measured values are shown, found from the values of a scan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shown {
    /// Whether the frames' own windows are used.
    by_window: bool,
    /// Values shown black and white otherwise.
    range: (f32, f32),
}

impl Intensity {
    /// The transformations of an object with `count` frames.
    pub(super) fn of(object: &InMemDicomObject, count: usize) -> Self {
        let signed = number(object, tags::PIXEL_REPRESENTATION) == Some(1);
        let table =
            |sequence, signed| items(object, sequence).first().and_then(|item| Lut::of(item, signed)).map(Arc::new);
        let modality_table = table(tags::MODALITY_LUT_SEQUENCE, signed);
        let voi_table = table(tags::VOILUT_SEQUENCE, signed);
        let groups = FunctionalGroups::of(object);
        let of_frame = |frame: usize| {
            let modality = match &modality_table {
                Some(table) => Modality::Table(Arc::clone(table)),
                None => linear(object, groups, frame),
            };
            let voi = match (window(object, groups, frame), &voi_table) {
                (_, Some(table)) => Voi::Table(Arc::clone(table)),
                (window, None) => window,
            };
            FrameIntensity { modality, voi }
        };
        let mut frames: Vec<FrameIntensity> = (0..count).map(of_frame).collect();
        frames.dedup();
        if frames.len() > 1 {
            frames = (0..count).map(of_frame).collect();
        }
        // Both say the same: writers of the one state the other as well.
        let dark = |tag, value: &str| text(object, tag).is_some_and(|text| text == value);
        let inverse =
            dark(tags::PHOTOMETRIC_INTERPRETATION, "MONOCHROME1") || dark(tags::PRESENTATION_LUT_SHAPE, "INVERSE");
        let padding = numbers(object, tags::PIXEL_PADDING_VALUE).and_then(|v| v.first().copied()).map(|from| {
            let to = numbers(object, tags::PIXEL_PADDING_RANGE_LIMIT).and_then(|v| v.first().copied()).unwrap_or(from);
            (from.min(to) as f32, from.max(to) as f32)
        });
        Self { frames, inverse, padding }
    }

    /// How the values of a scan are shown, from those of some frames: the transformations of each frame's object, the
    /// frame's number in it, and its values.
    pub(super) fn shown(frames: &[(&Self, usize, &Stored)]) -> Shown {
        let mut found = Found::default();
        let (mut in_window, mut seen, mut window_width) = (0_usize, 0_usize, 0.0_f32);
        let mut possible = (f32::INFINITY, f32::NEG_INFINITY);
        for &(of, index, stored) in frames {
            let Some(frame) = of.frame(index) else { continue };
            let (low, high) = frame.modality.range(stored.possible);
            possible = (possible.0.min(low), possible.1.max(high));
            let step = stored.values.len() / SAMPLES + 1;
            for (i, &value) in stored.values.iter().enumerate() {
                if of.padding.is_some_and(|(from, to)| (from..=to).contains(&value)) {
                    continue;
                }
                let measured = frame.modality.of(value);
                found.add(measured, i % step == 0);
                if let Voi::Window { centre, width, .. } = frame.voi {
                    seen += 1;
                    in_window += usize::from((measured - centre).abs() < 0.5 * width);
                    window_width = window_width.max(width);
                }
            }
        }
        let range = found.range();
        let span = range.map_or(0.0, |(low, high)| high - low);
        let first = frames.first().and_then(|(of, index, _)| of.frame(*index));
        let by_window = match first.map(|frame| &frame.voi) {
            Some(Voi::Table(_)) => true,
            Some(Voi::Window { .. }) => {
                in_window as f32 >= SHOWN * seen.max(1) as f32 && span >= SPANNED * window_width
            }
            _ => false,
        };
        let range = range.filter(|_| span < FILLED * (possible.1 - possible.0)).unwrap_or(possible);
        Shown { by_window, range }
    }

    /// Display intensities, 0 to 1, of the values of frame `index`.
    pub(super) fn display(&self, index: usize, values: &[f32], shown: Shown) -> Vec<f32> {
        let Some(frame) = self.frame(index) else { return vec![0.0; values.len()] };
        let (low, high) = shown.range;
        let span = if high > low { high - low } else { 1.0 };
        let by_range = |value: f32| (value - low) / span;
        let shade = |value: f32| {
            let measured = frame.modality.of(value);
            let grey = match &frame.voi {
                voi if shown.by_window => voi.of(measured).unwrap_or_else(|| by_range(measured)),
                _ => by_range(measured),
            };
            let grey = grey.clamp(0.0, 1.0);
            if self.inverse { 1.0 - grey } else { grey }
        };
        values.iter().map(|&value| shade(value)).collect()
    }

    fn frame(&self, index: usize) -> Option<&FrameIntensity> {
        self.frames.get(index).or_else(|| self.frames.first())
    }
}

/// The first of the `values` of an element, unless it is too large to mean anything.
fn first(values: &[f64]) -> Option<f32> {
    values.first().filter(|value| value.abs() <= LARGEST).map(|&value| value as f32)
}

/// Rescale slope and intercept of a frame, else of the object.
fn linear(object: &InMemDicomObject, groups: FunctionalGroups<'_>, frame: usize) -> Modality {
    let value = |tag| {
        let own = groups.numbers(frame, tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE, tag);
        own.or_else(|| numbers(object, tag)).as_deref().and_then(first)
    };
    let slope = value(tags::RESCALE_SLOPE).filter(|&slope| slope != 0.0).unwrap_or(1.0);
    Modality::Linear { slope, intercept: value(tags::RESCALE_INTERCEPT).unwrap_or(0.0) }
}

/// The first window of a frame, else of the object.
fn window(object: &InMemDicomObject, groups: FunctionalGroups<'_>, frame: usize) -> Voi {
    let own = groups.group(frame, tags::FRAME_VOILUT_SEQUENCE);
    let of = |object: &InMemDicomObject| {
        let value = |tag| first(&numbers(object, tag)?);
        let (centre, width) = (value(tags::WINDOW_CENTER)?, value(tags::WINDOW_WIDTH)?);
        let function = match text(object, tags::VOILUT_FUNCTION).as_deref() {
            Some("SIGMOID") => Function::Sigmoid,
            Some("LINEAR_EXACT") => Function::Exact,
            // A window for values of integers, which narrower ones cannot be.
            _ if width > 1.0 => Function::Linear,
            _ => Function::Exact,
        };
        (width > 0.0).then_some(Voi::Window { centre, width, function })
    };
    own.and_then(of).or_else(|| of(object)).unwrap_or(Voi::None)
}

impl Modality {
    fn of(&self, value: f32) -> f32 {
        match self {
            Self::Linear { slope, intercept } => slope * value + intercept,
            Self::Table(table) => table.at(value),
        }
    }

    /// The smallest and the largest of the results for the values between `low` and `high`.
    fn range(&self, (low, high): (f32, f32)) -> (f32, f32) {
        match self {
            Self::Linear { .. } => {
                let (a, b) = (self.of(low), self.of(high));
                (a.min(b), a.max(b))
            }
            Self::Table(table) => table.range(),
        }
    }
}

impl Voi {
    /// The grey of a measured value; `None` without a window or table.
    fn of(&self, value: f32) -> Option<f32> {
        match self {
            Self::None => None,
            Self::Table(table) => Some(table.at(value) / table.max()),
            Self::Window { centre, width, function } => Some(match function {
                Function::Linear => (value - (centre - 0.5)) / (width - 1.0) + 0.5,
                Function::Exact => (value - centre) / width + 0.5,
                Function::Sigmoid => 1.0 / (1.0 + (-4.0 * (value - centre) / width).exp()),
            }),
        }
    }
}

/// The values found in a scan.
struct Found {
    range: (f32, f32),
    sampled: Vec<f32>,
}

impl Default for Found {
    fn default() -> Self {
        Self { range: (f32::INFINITY, f32::NEG_INFINITY), sampled: Vec::new() }
    }
}

impl Found {
    fn add(&mut self, value: f32, sample: bool) {
        self.range = (self.range.0.min(value), self.range.1.max(value));
        if sample {
            self.sampled.push(value);
        }
    }

    /// The range of the values, without outliers; `None` if all are equal.
    fn range(mut self) -> Option<(f32, f32)> {
        let (low, high) = self.range;
        if high <= low {
            return None;
        }
        self.sampled.sort_by(f32::total_cmp);
        let last = self.sampled.len().checked_sub(1)?;
        let outliers = (OUTLIERS * last as f32) as usize;
        let (inner_low, inner_high) = (self.sampled[outliers.min(last)], self.sampled[last - outliers.min(last)]);
        let isolated = inner_high > inner_low && inner_high - inner_low < ISOLATED * (high - low);
        Some(if isolated { (inner_low, inner_high) } else { (low, high) })
    }
}
