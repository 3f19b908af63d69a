//! Throughput over a sliding window, and the latencies of the latest B-scans.

use std::{collections::VecDeque, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Seconds over which a rate is averaged.
const WINDOW_SECONDS: i64 = 10;
/// Longest history, in seconds.
const HISTORY_SECONDS: i64 = 600;
/// Number of latest B-scans whose latency counts.
const MAX_LATENCIES: usize = 512;

/// When B-scans finished, and how long each took.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Rates {
    /// Second and number of B-scans in it, oldest first.
    seconds: VecDeque<(i64, u32)>,
    latencies: VecDeque<Duration>,
    /// Second when the first B-scan started.
    first: Option<i64>,
}

impl Rates {
    /// Counts a B-scan that finished at `at` and took `latency`.
    pub(crate) fn record(&mut self, at: Timestamp, latency: Duration) {
        let second = at.as_second();
        // Counting from the first result would make a slow start look like a burst.
        self.first.get_or_insert(second - latency.as_secs() as i64);
        match self.seconds.back_mut() {
            // Events of several workers may arrive slightly out of order.
            Some((last, count)) if *last >= second => *count += 1,
            _ => self.seconds.push_back((second, 1)),
        }
        while self.seconds.front().is_some_and(|(s, _)| *s < second - HISTORY_SECONDS - WINDOW_SECONDS) {
            self.seconds.pop_front();
        }
        if self.latencies.len() == MAX_LATENCIES {
            self.latencies.pop_front();
        }
        self.latencies.push_back(latency);
    }

    /// B-scans a second over the whole seconds before `now`.
    pub(crate) fn per_second(&self, now: Timestamp) -> f32 {
        self.rate_at(now.as_second())
    }

    /// The rate at each of the last `n` seconds, oldest first.
    pub(crate) fn history(&self, now: Timestamp, n: usize) -> Vec<f32> {
        let now = now.as_second();
        (0..n as i64).rev().map(|ago| self.rate_at(now - ago)).collect()
    }

    /// The `q` quantile of the latest latencies, by nearest rank.
    pub(crate) fn latency(&self, q: f64) -> Option<Duration> {
        let mut sorted: Vec<_> = self.latencies.iter().copied().collect();
        sorted.sort_unstable();
        let rank = (q * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.max(1) - 1).copied()
    }

    /// Whether the values are plausible, so that no sum overflows. Data from another process may not be.
    pub(crate) fn is_valid(&self) -> bool {
        let possible = |second: i64| Timestamp::from_second(second).is_ok();
        let seconds = self.seconds.iter().all(|(second, count)| possible(*second) && *count < 1_000_000);
        let few = self.seconds.len() <= (HISTORY_SECONDS + WINDOW_SECONDS + 1) as usize
            && self.latencies.len() <= MAX_LATENCIES;
        seconds && few && self.first.is_none_or(possible)
    }

    fn rate_at(&self, end: i64) -> f32 {
        let Some(first) = self.first else { return 0.0 };
        let span = (end - first).clamp(1, WINDOW_SECONDS);
        let counts = self.seconds.iter().rev().skip_while(|(s, _)| *s >= end).take_while(|(s, _)| *s >= end - span);
        counts.map(|(_, count)| count).sum::<u32>() as f32 / span as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn latencies_are_nearest_rank_quantiles() {
        let mut rates = Rates::default();
        assert_eq!(rates.latency(0.5), None);
        for ms in (1..=100).rev() {
            rates.record(at(0), Duration::from_millis(ms));
        }
        assert_eq!(rates.latency(0.5), Some(Duration::from_millis(50)));
        assert_eq!(rates.latency(0.95), Some(Duration::from_millis(95)));
        assert_eq!(rates.latency(1.0), Some(Duration::from_millis(100)));
    }

    #[test]
    fn only_the_latest_latencies_count() {
        let mut rates = Rates::default();
        for ms in 0..2 * MAX_LATENCIES as u64 {
            rates.record(at(0), Duration::from_millis(ms));
        }
        assert_eq!(rates.latency(0.0), Some(Duration::from_millis(MAX_LATENCIES as u64)));
    }

    #[test]
    fn the_rate_slides_and_falls_to_zero() {
        let mut rates = Rates::default();
        for second in 100..120 {
            rates.record(at(second), Duration::ZERO);
            rates.record(at(second), Duration::ZERO);
        }
        assert!((rates.per_second(at(120)) - 2.0).abs() < 1e-6);
        assert!((rates.per_second(at(125)) - 1.0).abs() < 1e-6);
        assert!(rates.per_second(at(130)).abs() < 1e-6);
        assert_eq!(rates.history(at(120), 30).len(), 30);
        assert!(rates.history(at(120), 30)[..9].iter().all(|r| *r == 0.0), "nothing before the first B-scan");
    }

    #[test]
    fn a_start_is_not_averaged_with_the_time_before_it() {
        let mut rates = Rates::default();
        rates.record(at(100), Duration::ZERO);
        rates.record(at(100), Duration::ZERO);
        assert!((rates.per_second(at(101)) - 2.0).abs() < 1e-6);
    }

    #[test]
    fn a_slow_first_result_does_not_look_like_a_burst() {
        let mut rates = Rates::default();
        rates.record(at(104), Duration::from_secs(4));
        assert!((rates.per_second(at(105)) - 0.2).abs() < 1e-6);
    }
}
