//! Segments a scan in a thread of its own, which can be abandoned: a scan that panics or hangs does not affect others.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use octrls_core::ErrorCode;
use octrls_engine::{ProcessError, ScanChange, ScanId, ScanSummary, ScanTask, Segmenter, TimeLimit, process_guarded};
use octrls_readers::ScanFiles;
use octrls_report::EarlierResult;
use tempfile::TempDir;

use super::{job_failure::JobFailure, state::WorkerState};
use crate::queue::{
    link::{Link, Stopped, TICK},
    messages::Signal,
};

/// Least time between two B-scans sent to the watcher's screens.
const BSCAN_INTERVAL: Duration = Duration::from_millis(200);

/// Segments one scan.
pub(super) struct JobRunner<'a> {
    pub(super) state: &'a Arc<WorkerState>,
    pub(super) id: ScanId,
    /// Subject for signals to the watcher.
    pub(super) signals: String,
    /// Time limit.
    pub(super) limit: Option<Duration>,
}

/// A downloaded scan.
pub(super) struct ReceivedScan {
    pub(super) files: ScanFiles,
    /// Name of the scan in results.
    pub(super) name: PathBuf,
    /// SHA-256 of its content.
    pub(super) sha256: String,
    /// The result that the new one replaces.
    pub(super) earlier: EarlierResult,
    /// Folder of the job, removed when dropped.
    pub(super) folder: TempDir,
}

/// Results and the folder that holds them.
type JobOutput = Result<(ScanSummary, TempDir), JobFailure>;

impl JobRunner<'_> {
    /// Segments `scan` into a folder below that of the job.
    pub(super) fn segment(self, segmenter: Segmenter, scan: ReceivedScan) -> JobOutput {
        let cancelled = Arc::new(AtomicBool::new(false));
        let result = self.start(segmenter, scan, Arc::clone(&cancelled))?;
        let start = Instant::now();
        loop {
            match result.recv_timeout(TICK) {
                Ok(result) => return result,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(ProcessError::panicked(&"the thread has ended").into());
                }
                // Without a time limit, only the scan's own reports count as heartbeats.
                Err(RecvTimeoutError::Timeout) if self.limit.is_some() => self.state.handle.beat(),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let time = self.limit.map_or(TimeLimit::Within, |limit| TimeLimit::of(start.elapsed(), limit));
            if self.state.handle.is_aborting() || time != TimeLimit::Within {
                cancelled.store(true, Ordering::Relaxed);
            }
            if time == TimeLimit::Stuck {
                self.state.abandon_thread();
                return Err(ProcessError::too_long().into());
            }
        }
    }

    /// Starts the thread; the receiver gets its result.
    fn start(
        &self,
        segmenter: Segmenter,
        scan: ReceivedScan,
        cancelled: Arc<AtomicBool>,
    ) -> Result<Receiver<JobOutput>, ProcessError> {
        let (state, id, signals) = (Arc::clone(self.state), self.id, self.signals.clone());
        let (sender, result) = bounded(1);
        let work = move || {
            let mut last_bscan: Option<Instant> = None;
            let mut report = |change: ScanChange| {
                state.handle.beat();
                if matches!(change, ScanChange::Running { .. }) {
                    return;
                }
                let is_bscan = matches!(change, ScanChange::BScan(_));
                let is_too_soon = is_bscan && last_bscan.is_some_and(|at| at.elapsed() < BSCAN_INTERVAL);
                if state.link.is_connected() && !is_too_soon {
                    last_bscan = is_bscan.then(Instant::now).or(last_bscan);
                    send_signal(&state.link, &signals, change.clone());
                }
                state.emit_scan(id, change);
            };
            let ReceivedScan { files, name, sha256, earlier, folder } = scan;
            let (out, earlier) = (folder.path().join("result"), &earlier);
            let task = ScanTask { files: &files, name: &name, sha256: &sha256, digests: &[], out: &out, earlier };
            let is_cancelled = || cancelled.load(Ordering::Relaxed);
            let result = match process_guarded(&segmenter, &task, &is_cancelled, &mut report) {
                Some(result) => result.map_err(JobFailure::Error),
                None if state.handle.is_aborting() => Err(JobFailure::Stopped),
                None => Err(ProcessError::too_long().into()),
            };
            // If the thread was abandoned, the folder is removed here.
            let _ = sender.send(result.map(|summary| (summary, folder)));
        };
        let spawned = thread::Builder::new().name("octrls-job".to_owned()).spawn(work);
        spawned.map(|_| result).map_err(|e| ProcessError {
            code: ErrorCode::EngineThread,
            reason: format!("cannot start a thread: {e}"),
            transient: true,
        })
    }
}

/// Sends a change to the watcher; it may be lost.
fn send_signal(link: &Link, subject: &str, change: ScanChange) {
    let Ok(bytes) = Signal::Change(change).encode() else { return };
    if bytes.len() < link.client().max_payload() {
        let sent = link.client().publish(subject.to_owned(), bytes.into());
        let _ = link.wait(sent, &mut || Err(Stopped));
    }
}
