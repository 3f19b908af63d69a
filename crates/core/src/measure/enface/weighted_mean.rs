//! Weighted mean of known values, and the share of the weight that is known.

use super::Coverage;

/// Sums weighted values, some of which are missing.
#[derive(Clone, Copy, Default)]
pub(super) struct WeightedMean {
    sum: f64,
    known: f64,
    all: f64,
}

impl WeightedMean {
    /// Adds a value; `None` counts as missing.
    pub(super) fn add(&mut self, value: Option<f32>, weight: f64) {
        self.all += weight;
        if let Some(value) = value {
            self.known += weight;
            self.sum += weight * f64::from(value);
        }
    }

    /// The mean over an area, of which only the known values will be added.
    pub(super) fn over(area: f64) -> Self {
        Self { all: area, ..Self::default() }
    }

    /// Adds a known value to a mean [`over`](Self::over) an area.
    pub(super) fn add_known(&mut self, value: f32, weight: f64) {
        self.known += weight;
        self.sum += weight * f64::from(value);
    }

    /// Combines both sums.
    pub(super) fn with(self, other: Self) -> Self {
        Self { sum: self.sum + other.sum, known: self.known + other.known, all: self.all + other.all }
    }

    /// Mean of the known values; `None` if they are too few, see [`Coverage`].
    pub(super) fn value(self) -> Option<f32> {
        let mean = (self.known > 0.0).then(|| (self.sum / self.known) as f32)?;
        Coverage::of(self.coverage()).shown(mean)
    }

    /// Weighted sum of the known values.
    pub(super) const fn sum(self) -> f64 {
        self.sum
    }

    /// Known weight as a share of the total, 0 to 1.
    pub(super) fn coverage(self) -> f32 {
        if self.all > 0.0 { (self.known / self.all).min(1.0) as f32 } else { 0.0 }
    }
}
