//! How often frames are drawn: no more than the terminal takes.

use std::{
    cell::Cell,
    io::{self, Stdout, Write, stdout},
    rc::Rc,
    time::{Duration, Instant},
};

/// Minimum time between two frames.
pub(super) const FRAME_INTERVAL: Duration = Duration::from_millis(83);
/// Longest time between two frames, so that a broken estimate heals.
const MAX_INTERVAL: Duration = Duration::from_secs(10);
/// A frame that takes this long to write had to wait for the terminal.
const BLOCKED: Duration = Duration::from_millis(30);
/// Share of what the terminal took that is used after a frame had to wait, so that its queue drains and keys are answered
/// soon.
const USED: f64 = 0.5;
/// Growth of the rate with every frame that did not wait.
const GROWTH: f64 = 1.1;
/// Bytes a second from which a terminal counts as fast.
const FAST: f64 = 2e6;

/// Bytes written, and the time that this took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) bytes: u64,
    pub(super) time: Duration,
}

/// The standard output, metered.
#[derive(Debug)]
pub(super) struct MeteredOutput {
    out: Stdout,
    written: Rc<Cell<Written>>,
}

impl MeteredOutput {
    /// The output, and what is written to it from now on.
    pub(super) fn new() -> (Self, Rc<Cell<Written>>) {
        let written = Rc::default();
        (Self { out: stdout(), written: Rc::clone(&written) }, written)
    }

    fn metered<T>(
        &mut self,
        work: impl FnOnce(&mut Stdout) -> io::Result<T>,
        bytes: impl Fn(&T) -> u64,
    ) -> io::Result<T> {
        let start = Instant::now();
        let done = work(&mut self.out)?;
        let Written { bytes: before, time } = self.written.get();
        self.written.set(Written { bytes: before + bytes(&done), time: time + start.elapsed() });
        Ok(done)
    }
}

impl Write for MeteredOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.metered(|out| out.write(bytes), |n| *n as u64)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.metered(Write::flush, |()| 0)
    }
}

/// Finds how much the terminal takes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pacer {
    /// Rate to write at; `None` for a fast terminal.
    bytes_per_second: Option<f64>,
}

impl Pacer {
    /// Time from the start of a frame to the start of the next. `frame` is what the frame wrote, `period` the time since
    /// the frame before it was written: while its queue is full, the terminal took that much in it.
    pub(super) fn interval_after(&mut self, frame: Written, period: Duration) -> Duration {
        if frame.time >= BLOCKED && frame.bytes > 0 {
            self.bytes_per_second = Some(USED * frame.bytes as f64 / period.max(frame.time).as_secs_f64());
        } else {
            self.bytes_per_second = self.bytes_per_second.map(|rate| rate * GROWTH).filter(|rate| *rate < FAST);
        }
        let needed = self.bytes_per_second.map_or(0.0, |rate| frame.bytes as f64 / rate);
        Duration::from_secs_f64(needed.min(MAX_INTERVAL.as_secs_f64())).max(FRAME_INTERVAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A link that takes `rate` bytes a second and holds `capacity` bytes: frames drawn in a minute, and the mean
    /// number of bytes in its queue.
    fn simulated(rate: f64, capacity: f64, frame: f64) -> (usize, f64) {
        let (mut pacer, mut now, mut queued, mut frames, mut sum) = (Pacer::default(), 0.0, 0.0_f64, 0, 0.0);
        let mut idle = 0.0;
        while now < 60.0 {
            let wait = ((queued + frame - capacity) / rate).max(0.0);
            queued = (queued - wait * rate).max(0.0) + frame;
            let written = Written { bytes: frame as u64, time: Duration::from_secs_f64(wait) };
            let period = Duration::from_secs_f64(idle + wait);
            let interval = pacer.interval_after(written, period).as_secs_f64().max(wait);
            idle = interval - wait;
            queued = (queued - (interval - wait) * rate).max(0.0);
            now += interval;
            frames += 1;
            sum += queued;
        }
        (frames, sum / frames as f64)
    }

    #[test]
    fn a_fast_terminal_gets_twelve_frames_a_second() {
        let (frames, _) = simulated(1e7, 4096.0, 3000.0);
        assert!((700..730).contains(&frames), "{frames}");
    }

    #[test]
    fn a_slow_link_gets_what_it_takes_and_its_queue_drains() {
        let (frames, queued) = simulated(5000.0, 4096.0, 1500.0);
        // It takes 200 of these frames in a minute, and holds a few.
        assert!((60..=205).contains(&frames), "{frames}");
        assert!(queued < 3000.0, "{queued}");
    }

    #[test]
    fn a_link_that_recovers_is_used_again() {
        let mut pacer = Pacer::default();
        let slow = pacer.interval_after(Written { bytes: 5000, time: Duration::from_secs(1) }, Duration::from_secs(1));
        assert!(slow > Duration::from_secs(1));
        let fast = Written { bytes: 5000, time: Duration::from_millis(1) };
        let last = (0..80).map(|_| pacer.interval_after(fast, Duration::from_secs(1))).last();
        assert_eq!(last, Some(FRAME_INTERVAL));
    }
}
