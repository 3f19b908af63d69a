//! Checks the free space for results.

use octrls_core::ErrorCode;
use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{EventKind, Level, event_sender::EventSender};

/// Time between two checks while space is low.
const EVERY: Duration = Duration::from_secs(2);

const MIB: u64 = 1 << 20;

/// Free space on the disk with the results.
pub(super) struct Disk {
    free: Box<dyn Fn() -> io::Result<u64> + Send>,
    /// Bytes that must stay free.
    wanted: u64,
    low: bool,
    next: Instant,
}

impl Disk {
    pub(super) fn of(out: &Path, wanted: u64) -> Self {
        let out: PathBuf = out.to_owned();
        Self { free: Box::new(move || fs4::available_space(&out)), wanted, low: false, next: Instant::now() }
    }

    /// Whether too little space is free; sends a notice when that changes.
    pub(super) fn is_low(&mut self, now: Instant, outlet: &EventSender) -> bool {
        if self.wanted == 0 || (self.low && now < self.next) {
            return self.low;
        }
        self.next = now + EVERY;
        // If free space cannot be determined, carry on; a full disk shows up when results are written.
        let Ok(free) = (self.free)() else { return self.low };
        let was = std::mem::replace(&mut self.low, free < self.wanted);
        if was != self.low {
            let (free, wanted) = (free / MIB, self.wanted / MIB);
            let (level, code, text) = if self.low {
                let text = format!("only {free} MiB free for results, {wanted} MiB required; no new scans are started");
                (Level::Error, Some(ErrorCode::EngineDisk), text)
            } else {
                (Level::Info, None, format!("{free} MiB free for results again; scans are started again"))
            };
            outlet.emit(EventKind::Notice { level, code, text });
        }
        self.low
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
    fn a_full_disk_is_told_once_and_so_is_its_end() {
        let free = Arc::new(AtomicU64::new(100 * MIB));
        let (sender, events) = unbounded();
        let (outlet, probe) = (EventSender::new(sender), Arc::clone(&free));
        let look = Box::new(move || match probe.load(Ordering::Relaxed) {
            0 => Err(io::ErrorKind::Other.into()),
            free => Ok(free),
        });
        let mut disk = Disk { free: look, wanted: 50 * MIB, low: false, next: Instant::now() };
        let start = Instant::now();
        let mut low = Vec::new();
        for (step, mib) in [100, 49, 20, 0, 50, 60].into_iter().enumerate() {
            free.store(mib * MIB, Ordering::Relaxed);
            let now = start + EVERY * step as u32;
            low.push(disk.is_low(now, &outlet));
            if low[step] {
                free.store(100 * MIB, Ordering::Relaxed);
                assert!(disk.is_low(now + EVERY / 2, &outlet), "not checked again so soon");
            }
        }
        assert_eq!(low, [false, true, true, true, false, false]);
        drop(outlet);
        let codes = events.iter().map(|event| match event.kind {
            EventKind::Notice { code, .. } => code,
            other => panic!("{other:?}"),
        });
        assert_eq!(codes.collect::<Vec<_>>(), [Some(ErrorCode::EngineDisk), None]);
    }

    #[test]
    fn the_space_of_a_real_folder_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let (sender, _events) = unbounded();
        let outlet = EventSender::new(sender);
        assert!(!Disk::of(folder.path(), 1).is_low(Instant::now(), &outlet));
        assert!(Disk::of(folder.path(), u64::MAX).is_low(Instant::now(), &outlet));
        assert!(!Disk::of(folder.path(), 0).is_low(Instant::now(), &outlet));
    }
}
