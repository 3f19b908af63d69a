//! Checks the disk for results: whether it is there, and its free space.

use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use octrls_core::ErrorCode;

use crate::{EventKind, Level, event_sender::EventSender};

/// Time between two checks while space is low.
const CHECK_EVERY: Duration = Duration::from_secs(2);

const MIB: u64 = 1 << 20;

/// The disk with the results: whether it is there, and its free space.
pub(crate) struct Disk {
    is_present: Box<dyn Fn() -> bool + Send>,
    is_gone: bool,
    free: Box<dyn Fn() -> io::Result<u64> + Send>,
    /// Bytes that must stay free.
    required: u64,
    is_low: bool,
    next_check: Instant,
}

impl Disk {
    /// The disk with the folder `out`, which is there while `is_present` says so.
    pub(crate) fn of(out: &Path, required: u64, is_present: impl Fn() -> bool + Send + 'static) -> Self {
        let out: PathBuf = out.to_owned();
        Self {
            is_present: Box::new(is_present),
            is_gone: false,
            free: Box::new(move || fs4::available_space(&out)),
            required,
            is_low: false,
            next_check: Instant::now(),
        }
    }

    /// Checks whether the folder is there; sends a notice when that changes.
    pub(crate) fn check_presence(&mut self, events: &EventSender) {
        let is_gone = !(self.is_present)();
        if std::mem::replace(&mut self.is_gone, is_gone) == is_gone {
            return;
        }
        let (level, code, text) = if is_gone {
            let text = "the folder for results is gone, or another has taken its place; nothing is written there and no scan \
                        starts until it returns";
            (Level::Error, Some(ErrorCode::OutGone), text.to_owned())
        } else {
            (Level::Info, None, "the folder for results is back; scans are started again".to_owned())
        };
        events.notice(level, code, text);
    }

    /// Whether the folder was gone at the last check.
    pub(crate) const fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// Whether too little space is free; sends a notice when that changes.
    pub(crate) fn is_low(&mut self, now: Instant, events: &EventSender) -> bool {
        if self.required == 0 || (self.is_low && now < self.next_check) {
            return self.is_low;
        }
        self.next_check = now + CHECK_EVERY;
        // If free space cannot be determined, carry on; a full disk shows up when results are written.
        let Ok(free) = (self.free)() else { return self.is_low };
        let was_low = std::mem::replace(&mut self.is_low, free < self.required);
        if was_low != self.is_low {
            let (free, required) = (free / MIB, self.required / MIB);
            let (level, code, text) = if self.is_low {
                let text =
                    format!("only {free} MiB free for results, {required} MiB required; no new scans are started");
                (Level::Error, Some(ErrorCode::EngineDisk), text)
            } else {
                (Level::Info, None, format!("{free} MiB free for results again; scans are started again"))
            };
            events.emit(EventKind::Notice { level, code, text });
        }
        self.is_low
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    use crossbeam_channel::unbounded;

    use super::*;

    #[test]
    fn low_space_is_reported_once_and_so_is_its_end() {
        let free = Arc::new(AtomicU64::new(100 * MIB));
        let (sender, events) = unbounded();
        let (sender, probe) = (EventSender::new(sender), Arc::clone(&free));
        let measure = Box::new(move || match probe.load(Ordering::Relaxed) {
            0 => Err(io::ErrorKind::Other.into()),
            free => Ok(free),
        });
        let mut disk = Disk { free: measure, required: 50 * MIB, ..Disk::of(Path::new(""), 0, || true) };
        let start = Instant::now();
        let mut low = Vec::new();
        for (step, mib) in [100, 49, 20, 0, 50, 60].into_iter().enumerate() {
            free.store(mib * MIB, Ordering::Relaxed);
            let now = start + CHECK_EVERY * step as u32;
            low.push(disk.is_low(now, &sender));
            if low[step] {
                free.store(100 * MIB, Ordering::Relaxed);
                assert!(disk.is_low(now + CHECK_EVERY / 2, &sender), "not checked again so soon");
            }
        }
        assert_eq!(low, [false, true, true, true, false, false]);
        drop(sender);
        let codes = events.iter().map(|event| match event.kind {
            EventKind::Notice { code, .. } => code,
            other => panic!("{other:?}"),
        });
        assert_eq!(codes.collect::<Vec<_>>(), [Some(ErrorCode::EngineDisk), None]);
    }

    #[test]
    fn free_space_of_a_real_folder_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let (sender, _events) = unbounded();
        let events = EventSender::new(sender);
        assert!(!Disk::of(folder.path(), 1, || true).is_low(Instant::now(), &events));
        assert!(Disk::of(folder.path(), u64::MAX, || true).is_low(Instant::now(), &events));
        assert!(!Disk::of(folder.path(), 0, || true).is_low(Instant::now(), &events));
    }
}
