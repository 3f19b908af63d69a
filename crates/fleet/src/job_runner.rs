//! Segments a scan in a thread of its own, which can be abandoned: a scan that panics or hangs does not affect others.

use octrls_core::ErrorCode;
use std::{
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{RecvTimeoutError, bounded};
use tempfile::TempDir;

use super::{
    job_handler::Failure,
    link::{Link, Stopped, TICK},
    wire::Signal,
    worker::WorkerState,
};
use octrls_engine::{
    Cancelled, ProcessError, Processor, ScanChange, ScanId, ScanSummary, ScanTask, Segmenter, grace_period,
};
use octrls_readers::ScanFiles;

/// Least time between two B-scans sent to the watcher's screens.
const BETWEEN_PICTURES: Duration = Duration::from_millis(200);

/// Segments one scan.
pub(super) struct JobRunner<'a> {
    pub(super) shop: &'a Arc<WorkerState>,
    pub(super) id: ScanId,
    /// Subject for signals to the watcher.
    pub(super) signals: String,
    /// Time limit.
    pub(super) limit: Option<Duration>,
}

impl JobRunner<'_> {
    /// Segments the scan in `files` into a folder below `folder`; results call the scan `name`. `sha256` is the digest
    /// of its content.
    pub(super) fn segment(
        self,
        segmenter: Segmenter,
        files: ScanFiles,
        (name, sha256): (PathBuf, String),
        folder: TempDir,
    ) -> Result<(ScanSummary, TempDir), Failure> {
        let Self { shop, id, signals, limit } = self;
        let (let_go, (sender, result)) = (Arc::new(AtomicBool::new(false)), bounded(1));
        let (theirs, told) = (Arc::clone(shop), Arc::clone(&let_go));
        let out = folder.path().join("result");
        let work = move || {
            let (mut shown, mut cancelled): (Option<Instant>, _) = (None, false);
            let mut report = |change: ScanChange| {
                if told.load(Ordering::Relaxed) {
                    cancelled = true;
                    return ControlFlow::Break(Cancelled);
                }
                theirs.stops.beat();
                if matches!(change, ScanChange::Running { .. }) {
                    return ControlFlow::Continue(());
                }
                let picture = matches!(change, ScanChange::BScan(_));
                if theirs.link.is_up() && !(picture && shown.is_some_and(|at| at.elapsed() < BETWEEN_PICTURES)) {
                    shown = picture.then(Instant::now).or(shown);
                    signal(&theirs.link, &signals, change.clone());
                }
                theirs.scan(id, change);
                ControlFlow::Continue(())
            };
            let task = ScanTask { files: &files, name: &name, sha256: &sha256, out: &out };
            let process = AssertUnwindSafe(|| segmenter.process(&task, &mut report));
            let result = match catch_unwind(process) {
                Ok(Err(_)) if cancelled && theirs.stops.is_aborting() => Err(Failure::Stopped),
                Ok(Err(_)) if cancelled => Err(ProcessError::too_long().into()),
                Ok(result) => result.map_err(Failure::Error),
                Err(payload) => Err(ProcessError::panicked(payload.as_ref()).into()),
            };
            // If nobody waits any more, the folder is removed here.
            let _ = sender.send(result.map(|summary| (summary, folder)));
        };
        let spawned = thread::Builder::new().name("octrls-job".to_owned()).spawn(work);
        spawned.map_err(|e| ProcessError {
            code: ErrorCode::EngineThread,
            reason: format!("cannot start a thread: {e}"),
            transient: true,
        })?;
        let begun = Instant::now();
        loop {
            match result.recv_timeout(TICK) {
                Ok(result) => return result,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(ProcessError::panicked(&"the thread has ended").into());
                }
                // Without a time limit, only the scan's own reports count as heartbeats.
                Err(RecvTimeoutError::Timeout) if limit.is_some() => shop.stops.beat(),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let taken = begun.elapsed();
            if shop.stops.is_aborting() || limit.is_some_and(|limit| taken >= limit) {
                let_go.store(true, Ordering::Relaxed);
            }
            if limit.is_some_and(|limit| taken >= limit + grace_period(limit)) {
                shop.leave_behind();
                return Err(ProcessError::too_long().into());
            }
        }
    }
}

/// Sends a change to the watcher; it may be lost.
fn signal(link: &Link, subject: &str, change: ScanChange) {
    let Ok(packed) = Signal::Change(change).packed() else { return };
    if packed.len() < link.client().max_payload() {
        let sent = link.client().publish(subject.to_owned(), packed.into());
        let _ = link.wait(sent, &mut || Err(Stopped));
    }
}
