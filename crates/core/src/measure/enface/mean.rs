//! A mean over what is known, and the share of what there is that it stands for.

/// Adds up weighted values, some of which are missing.
#[derive(Clone, Copy, Default)]
pub(super) struct Mean {
    sum: f64,
    known: f64,
    all: f64,
}

impl Mean {
    pub(super) fn add(&mut self, value: Option<f32>, weight: f64) {
        self.all += weight;
        if let Some(value) = value {
            self.known += weight;
            self.sum += weight * f64::from(value);
        }
    }

    /// Both together.
    pub(super) fn with(self, other: Self) -> Self {
        Self { sum: self.sum + other.sum, known: self.known + other.known, all: self.all + other.all }
    }

    /// The mean of the known values; `None` of none.
    pub(super) fn value(self) -> Option<f32> {
        (self.known > 0.0).then(|| (self.sum / self.known) as f32)
    }

    /// The sum of the known values, weighted.
    pub(super) const fn sum(self) -> f64 {
        self.sum
    }

    /// Known weight as a share of all, 0 to 1.
    pub(super) fn coverage(self) -> f32 {
        if self.all > 0.0 { (self.known / self.all) as f32 } else { 0.0 }
    }
}
