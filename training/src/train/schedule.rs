//! Length of a training and its learning rate.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Share of the peak learning rate at the end.
const FINAL_SHARE: f64 = 0.01;

/// Length of a training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Budget {
    /// Number of steps.
    Steps(u64),
    /// Minutes of training time; interruptions do not count.
    Minutes(f64),
}

/// Learning rate by progress: a linear warm-up, then half a cosine down to 1 % of the peak.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Length of the training.
    pub budget: Budget,
    /// Peak learning rate.
    pub peak: f64,
    /// Number of warm-up steps to the peak.
    pub warm_up: u64,
}

impl Schedule {
    /// Share of the budget used, 0 to 1.
    #[must_use]
    pub fn progress(&self, steps: u64, elapsed: Duration) -> f64 {
        let share = match self.budget {
            Budget::Steps(all) => steps as f64 / all.max(1) as f64,
            Budget::Minutes(all) => elapsed.as_secs_f64() / (60.0 * all.max(f64::MIN_POSITIVE)),
        };
        share.min(1.0)
    }

    /// The learning rate after `steps` steps and `elapsed` time.
    #[must_use]
    pub fn rate(&self, steps: u64, elapsed: Duration) -> f64 {
        let warm = ((steps + 1) as f64 / self.warm_up.max(1) as f64).min(1.0);
        let cosine = f64::midpoint(1.0, (std::f64::consts::PI * self.progress(steps, elapsed)).cos());
        self.peak * warm * (1.0 - FINAL_SHARE).mul_add(cosine, FINAL_SHARE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_rises_then_falls_to_its_final_share() {
        let s = Schedule { budget: Budget::Steps(1000), peak: 1e-3, warm_up: 100 };
        let rate = |steps| s.rate(steps, Duration::ZERO);
        assert!(rate(0) < 2e-5 && rate(50) < rate(99));
        assert!((rate(99) - 1e-3).abs() < 5e-5);
        assert!((rate(1000) - 1e-5).abs() < 1e-9);
        assert!((rate(5000) - 1e-5).abs() < 1e-9);
    }

    #[test]
    fn time_budget_ignores_the_number_of_steps() {
        let s = Schedule { budget: Budget::Minutes(2.0), peak: 1.0, warm_up: 1 };
        assert!((s.progress(123, Duration::from_mins(1)) - 0.5).abs() < 1e-9);
        assert!((s.progress(0, Duration::from_mins(3)) - 1.0).abs() < 1e-9);
    }
}
