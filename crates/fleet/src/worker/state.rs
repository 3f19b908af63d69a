//! The state that all slots of a worker share, and its settings.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::Sender;
use jiff::Timestamp;
use octrls_core::{ErrorCode, network::Network};
use octrls_engine::{Event, EventKind, Heartbeat, Level, STUCK_AFTER, ScanChange, ScanId};

use super::scratch::Scratch;
use crate::queue::link::Link;

/// The worker stops at this number of abandoned threads, whose scans are stuck.
const MAX_ABANDONED: usize = 8;

/// Settings of a worker.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// Name of the worker in outcomes.
    pub name: String,
    /// Scans to process at once, at least one.
    pub jobs: usize,
    /// Folder for temporary files of running jobs.
    pub scratch: PathBuf,
    /// Folder on storage that watchers share.
    pub share: Option<PathBuf>,
    /// Time limit for a scan.
    pub limit: Option<Duration>,
    /// Largest accepted scan, in bytes.
    pub max_bytes: u64,
    /// Deliveries after which a job fails.
    pub deliveries: u32,
    /// Silence after which a worker counts as lost.
    pub patience: Duration,
}

/// Stops a worker from another thread; also its heartbeat.
#[derive(Clone, Debug, Default)]
pub struct WorkerHandle(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    draining: AtomicBool,
    aborting: AtomicBool,
    heartbeat: Heartbeat,
}

impl WorkerHandle {
    /// Takes no new jobs; running ones finish.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    /// Takes no new jobs and returns running ones to the queue.
    pub fn abort(&self) {
        self.0.aborting.store(true, Ordering::Relaxed);
        self.drain();
    }

    /// Whether any slot has made progress within [`STUCK_AFTER`]; waiting for a job counts.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.0.heartbeat.silence() <= STUCK_AFTER
    }

    /// Records that a slot makes progress.
    pub(super) fn beat(&self) {
        self.0.heartbeat.beat();
    }

    /// Whether no new jobs are taken.
    pub(super) fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }

    /// Whether running jobs are returned to the queue.
    pub(super) fn is_aborting(&self) -> bool {
        self.0.aborting.load(Ordering::Relaxed)
    }
}

/// Numbers of jobs.
#[derive(Debug, Default)]
pub(super) struct JobCounts {
    pub(super) done: AtomicU64,
    pub(super) failed: AtomicU64,
    /// Returned to the queue.
    pub(super) returned: AtomicU64,
    pub(super) running: AtomicUsize,
}

/// State shared by all slots of a worker.
pub(super) struct WorkerState {
    pub(super) link: Arc<Link>,
    pub(super) network: Network,
    pub(super) options: WorkerOptions,
    pub(super) handle: WorkerHandle,
    pub(super) scratch: Scratch,
    /// None after the worker has stopped, even if abandoned threads remain.
    events: Mutex<Option<Sender<Event>>>,
    /// Number of jobs received so far.
    received: AtomicU64,
    pub(super) counts: JobCounts,
    /// Number of abandoned threads.
    abandoned: AtomicUsize,
}

impl WorkerState {
    /// The state of a worker that starts; `events` gets its events.
    pub(super) fn new(
        link: Arc<Link>,
        network: Network,
        options: WorkerOptions,
        handle: WorkerHandle,
        scratch: Scratch,
        events: Sender<Event>,
    ) -> Self {
        let (received, counts, abandoned) = <(AtomicU64, JobCounts, AtomicUsize)>::default();
        let events = Mutex::new(Some(events));
        Self { link, network, options, handle, scratch, events, received, counts, abandoned }
    }

    /// Sends no more events, even from abandoned threads.
    pub(super) fn close_events(&self) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Sends an event.
    pub(super) fn emit(&self, kind: EventKind) {
        if let Some(events) = self.events.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            // The worker goes on without a reader.
            let _ = events.send(Event { at: Timestamp::now(), kind });
        }
    }

    /// Sends an event about a scan.
    pub(super) fn emit_scan(&self, id: ScanId, change: ScanChange) {
        self.emit(EventKind::Scan { id, change });
    }

    /// A number for a new scan.
    pub(super) fn next_id(&self) -> ScanId {
        ScanId(1 + self.received.fetch_add(1, Ordering::Relaxed))
    }

    /// Counts an abandoned thread. After too many, the worker stops, so that its supervisor restarts it.
    pub(super) fn abandon_thread(&self) {
        if 1 + self.abandoned.fetch_add(1, Ordering::Relaxed) >= MAX_ABANDONED {
            let text = "too many scans are stuck, this worker stops; check disks and network shares".to_owned();
            self.emit(EventKind::Notice { level: Level::Error, code: Some(ErrorCode::FleetStuck), text });
            self.handle.drain();
        }
    }
}
