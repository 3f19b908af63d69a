//! The engine's own thread: queues the scans that are ready, assigns them to workers, and settles their outcomes.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::Ordering},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, never, select};
use jiff::Timestamp;
use octrls_core::ErrorCode;
use octrls_readers::ScanFiles;

use super::{
    backlog::{Backlog, QueuedScan},
    disk::Disk,
    heartbeat::Heartbeat,
    operators::{Command, FailedScan},
    second_look,
    worker_pool::WorkerPool,
};
use crate::{
    EngineOptions, EventKind, Level, ScanChange, ScanId, Totals,
    event_sender::EventSender,
    intake::{
        pending::PendingScans,
        stamp::Stamp,
        watcher::{Finding, ReadyScan, Report, Request},
    },
    ledger::{self, Ledger, LedgerError, LedgerFile},
    work::worker::{EndedTask, WorkerContext},
};

/// Longest time between two rounds of maintenance.
const MAINTENANCE_EVERY: Duration = Duration::from_secs(1);

/// Shortest time between two rounds, used with short time limits.
const MAINTENANCE_AT_MOST_EVERY: Duration = Duration::from_millis(50);

/// Time before the same problem is reported again.
const REPORT_AGAIN_AFTER: Duration = Duration::from_mins(10);

/// The scheduler's ends of the channels to the other threads.
pub(crate) struct Channels {
    pub(crate) commands: Receiver<Command>,
    /// One for the watcher of each root.
    pub(crate) requests: Vec<Sender<Request>>,
    pub(crate) reports: Receiver<Report>,
    pub(crate) tasks: Sender<QueuedScan>,
    pub(crate) outcomes: Receiver<EndedTask>,
}

/// A root as the scheduler sees it.
pub(super) struct RootState {
    /// The unfinished scans, shared with the watcher.
    pub(super) pending: PendingScans,
    pub(super) is_online: bool,
    /// Shows that the watcher comes round.
    pub(super) heartbeat: Arc<Heartbeat>,
    /// Whether it was told that the watcher does not come round.
    pub(super) is_stuck: bool,
    /// Number of the last request for a walk that a complete walk has followed; `None` before the first walk.
    walked: Option<u64>,
}

/// Assigns scans to workers.
pub(crate) struct Scheduler {
    pub(super) options: EngineOptions,
    /// How long a file must stay unchanged.
    pub(super) stability: Duration,
    pub(super) context: Arc<WorkerContext>,
    pub(super) ledger: Arc<Mutex<Ledger>>,
    ledger_file: LedgerFile,
    /// Files that a watcher could not look up in the ledger.
    overlooked: usize,
    pub(super) events: EventSender,
    workers: WorkerPool,
    pub(super) disk: Disk,
    pub(super) roots: Vec<RootState>,
    /// Number of walks that were requested to confirm that nothing is left to do.
    walks_requested: u64,
    /// Whether a scan was settled since the last such request.
    pub(super) has_settled: bool,
    /// Scans that wait in vain for the end of a writer that has them open.
    pub(super) held_open: HashSet<ScanId>,
    pub(super) backlog: Backlog,
    pub(super) retriable: BTreeMap<ScanId, FailedScan>,
    pub(super) running: usize,
    /// Stuck scans that are being failed after their workers were abandoned.
    pub(super) pending_failures: usize,
    pub(super) is_paused: bool,
    pub(super) is_aborted: bool,
    /// Channels to the watchers; dropped when the engine stops.
    pub(super) requests: Option<Vec<Sender<Request>>>,
    next_maintenance: Instant,
    /// When each engine-wide problem was last reported, by its code.
    reported: HashMap<ErrorCode, Instant>,
    pub(super) totals: Totals,
}

impl Scheduler {
    /// A scheduler for the roots of `options`, with the pending scans of each and the heartbeat of its watcher.
    pub(crate) fn new(
        options: EngineOptions,
        context: Arc<WorkerContext>,
        workers: WorkerPool,
        roots: Vec<(PendingScans, Arc<Heartbeat>)>,
    ) -> Self {
        let roots = roots.into_iter().map(|(pending, heartbeat)| RootState {
            pending,
            is_online: true,
            heartbeat,
            is_stuck: false,
            walked: None,
        });
        let watched = Arc::clone(&context);
        let ledger_file = ledger::lock(&context.ledger).file();
        Self {
            disk: Disk::of(&options.out, options.min_free, move || watched.results.is_present()),
            roots: roots.collect(),
            stability: options.stability,
            walks_requested: 0,
            has_settled: false,
            held_open: HashSet::new(),
            options,
            workers,
            ledger: Arc::clone(&context.ledger),
            ledger_file,
            overlooked: 0,
            events: context.events.clone(),
            context,
            backlog: Backlog::default(),
            retriable: BTreeMap::new(),
            running: 0,
            pending_failures: 0,
            is_paused: false,
            is_aborted: false,
            requests: None,
            next_maintenance: Instant::now(),
            reported: HashMap::new(),
            totals: Totals::default(),
        }
    }

    /// Runs until a stop is requested and the running scans finish; then calls `finish` to join the other threads.
    pub(crate) fn run(mut self, channels: Channels, finish: impl FnOnce(WorkerPool)) -> Totals {
        let Channels { mut commands, requests, mut reports, tasks, outcomes } = channels;
        self.requests = Some(requests);
        let mut is_all_done = false;
        while self.requests.is_some() || self.running > 0 || (self.pending_failures > 0 && !self.is_aborted) {
            if self.next_maintenance <= Instant::now() {
                self.maintain();
            }
            self.dispatch(&tasks);
            select! {
                recv(outcomes) -> outcome => if let Ok(outcome) = outcome {
                    self.settle(outcome);
                },
                recv(reports) -> report => match report {
                    Ok(report) => self.on_report(report),
                    Err(_) => self.break_down("all watchers have stopped"),
                },
                recv(commands) -> command => if let Ok(command) = command {
                    self.on_command(command);
                } else {
                    // No handle is left that could stop the engine.
                    commands = never();
                    self.stop();
                },
                default(self.wait()) => {}
            }
            // In this order: a watcher reports a scan that is gone before it forgets it.
            if self.options.until_idle && self.requests.is_some() && reports.is_empty() {
                if !self.is_idle() {
                    self.stop_if_held_open();
                } else if std::mem::take(&mut self.has_settled) || self.return_changed() > 0 {
                    // Meanwhile, files may have changed their names behind a walk, and contents may have lost their
                    // results to others.
                    self.walks_requested += 1;
                    self.walk();
                } else {
                    is_all_done = self.overlooked == 0;
                    self.stop();
                }
            }
            if self.requests.is_none() {
                reports = never();
            }
        }
        // After the decision to stop, the watchers may still find new files.
        if !is_all_done {
            self.totals.left = (self.overlooked + self.unfinished().saturating_sub(self.pending_failures)) as u64;
        }
        drop(tasks);
        finish(self.workers);
        self.events.close(EventKind::Stopped(self.totals));
        self.totals
    }

    /// Number of scans that were seen and not settled.
    fn unfinished(&self) -> usize {
        self.roots.iter().map(|root| root.pending.len()).sum()
    }

    pub(super) fn is_idle(&self) -> bool {
        let is_walked = |root: &RootState| root.walked.is_some_and(|n| n >= self.walks_requested || !root.is_online);
        self.roots.iter().all(is_walked) && self.running + self.pending_failures + self.unfinished() == 0
    }

    /// Returns scans that changed in quarantine to their folders; returns their number.
    fn return_changed(&self) -> usize {
        if self.totals.quarantined == 0 { 0 } else { second_look::return_changed(&self.context, &mut HashSet::new()) }
    }

    /// Stops if nothing is left but scans whose writers do not come to an end. The next start continues with them.
    fn stop_if_held_open(&mut self) {
        let held = self.held_open.len();
        if held > 0 && self.running + self.pending_failures == 0 && self.unfinished() == held {
            let text = format!("{held} scans are still open for writing and are left for the next start");
            self.events.notice(Level::Warning, Some(ErrorCode::WatchGrowing), text);
            self.stop();
        }
    }

    pub(super) fn stop(&mut self) {
        if self.requests.take().is_some() {
            self.context.processor.drain();
            self.events.emit(EventKind::Draining { running: self.running });
        }
    }

    /// Stops because a thread was lost. An engine that only seems to watch is worse than none.
    pub(super) fn break_down(&mut self, what: &str) {
        self.events.notice(Level::Error, Some(ErrorCode::EngineBroken), format!("internal error: {what}"));
        self.context.is_broken.store(true, Ordering::Relaxed);
        self.stop();
    }

    /// Reports a failure of the ledger. Stops if it cannot be used again; a run that ends by itself does not wait for
    /// space on a disk either.
    pub(super) fn ledger_failed(&mut self, error: &LedgerError) {
        self.report_problem(error.code(), error.to_string());
        if error.is_final() {
            self.context.is_broken.store(true, Ordering::Relaxed);
            self.stop();
        } else if self.options.until_idle && error.is_storage() {
            self.stop();
        }
    }

    /// Assigns scans to free workers.
    fn dispatch(&mut self, tasks: &Sender<QueuedScan>) {
        if self.requests.is_none() || !self.is_online() || self.is_paused {
            return;
        }
        let now = Instant::now();
        self.backlog.release_delayed(now);
        let is_wanted = self.backlog.len() > 0 && self.running < self.options.workers;
        if is_wanted {
            self.disk.check_presence(&self.events);
        }
        if is_wanted && (self.disk.is_gone() || self.disk.is_low(now, &self.events) || self.workers.is_stuck()) {
            return self.hold();
        }
        while self.running < self.options.workers
            && let Some(task) = self.backlog.pop(|task| self.roots[self.context.roots.number_of(&task.path)].is_online)
        {
            self.running += 1;
            self.context.heartbeat.beat();
            // Fails only if no worker is left, which the next maintenance detects.
            let _ = tasks.send(task);
        }
    }

    /// Starts no new scan, because the disk is gone or full, or too many scans are stuck.
    fn hold(&mut self) {
        if self.workers.is_stuck() {
            let text = "too many stuck scans to start new ones; check for a hanging disk or share, then restart";
            self.report_problem(ErrorCode::EngineStuck, text.to_owned());
        }
        if self.options.until_idle && self.running == 0 {
            self.stop();
        }
    }

    /// Whether any root is reachable.
    pub(super) fn is_online(&self) -> bool {
        self.roots.iter().any(|root| root.is_online)
    }

    /// Time until something is due.
    fn wait(&self) -> Duration {
        let mut due = self.next_maintenance;
        if self.requests.is_some() && self.is_online() && !self.is_paused && self.running < self.options.workers {
            due = self.backlog.next_due().into_iter().fold(due, Instant::min);
        }
        due.saturating_duration_since(Instant::now())
    }

    pub(super) fn on_report(&mut self, Report { root, finding }: Report) {
        match finding {
            Finding::Seen { id, path, bytes } => self.events.scan(id, ScanChange::Seen { path, bytes }),
            Finding::Vanished(id) => self.events.scan(id, ScanChange::Vanished),
            Finding::Ready(ReadyScan { id, path, files, stamp }) => {
                self.events.scan(id, ScanChange::Queued);
                self.enqueue(id, path, files, (stamp, Timestamp::now()));
            }
            Finding::Root(found) => self.root_changed(root, found),
            Finding::Walked(requested) => self.roots[root].walked = Some(requested),
            Finding::LedgerFailed(error) => {
                self.overlooked += 1;
                self.ledger_failed(&error);
            }
            Finding::Notice(level, code, text) => {
                self.events.notice(level, Some(code), text);
                // Nothing runs that could give back what the walk lacks.
                if code == ErrorCode::Resources && self.options.until_idle && self.running == 0 {
                    self.overlooked += 1;
                    self.stop();
                }
            }
        }
    }

    pub(super) fn enqueue(&mut self, id: ScanId, path: PathBuf, files: ScanFiles, (stamp, queued): (Stamp, Timestamp)) {
        let files = Arc::new(files.opened_within(&self.context.roots.within(&path)));
        self.backlog.push(QueuedScan { id, path, files, stamp, queued, waits: 0 });
    }

    /// The unfinished scans of the root that contains the scan `path`.
    pub(super) fn pending(&self, path: &Path) -> &PendingScans {
        &self.roots[self.context.roots.number_of(path)].pending
    }

    /// Returns a scan to the watcher until it stops changing again.
    pub(super) fn return_to_watcher(&self, id: ScanId, path: &Path, stamp: Stamp) {
        self.events.scan(id, ScanChange::Seen { path: path.to_owned(), bytes: stamp.scan.bytes });
        self.pending(path).take_back(id, path.to_owned(), stamp, Instant::now());
        self.request(path, Request::Wake);
    }

    pub(super) fn request(&self, path: &Path, request: Request) {
        if let Some(requests) = &self.requests {
            let _ = requests[self.context.roots.number_of(path)].send(request);
        }
    }

    /// Walks through all roots now.
    pub(super) fn walk(&self) {
        for requests in self.requests.iter().flatten() {
            let _ = requests.send(Request::Walk(self.walks_requested));
        }
    }

    /// Looks for stuck scans, lost threads and operators' requests.
    pub(super) fn maintain(&mut self) {
        let interval = self
            .options
            .timeout
            .map_or(MAINTENANCE_EVERY, |limit| (limit / 4).clamp(MAINTENANCE_AT_MOST_EVERY, MAINTENANCE_EVERY));
        self.next_maintenance = Instant::now() + interval;
        if self.workers.has_lost_a_worker() {
            self.running = 0;
            self.break_down("a worker thread has ended");
        }
        if self.requests.is_some() && self.workers.has_lost_a_watcher() {
            self.break_down("a watcher thread has ended");
        }
        self.replace_stuck();
        if self.requests.is_some()
            && let Err(error) = self.ledger_file.check()
        {
            self.ledger_failed(&error);
        }
        self.check_watchers();
        self.disk.check_presence(&self.events);
        self.serve_operators();
    }

    fn replace_stuck(&mut self) {
        let Some(limit) = self.options.timeout else { return };
        for stuck in self.context.in_flight.take_stuck(limit) {
            self.running -= 1;
            self.pending_failures += 1;
            if let Err(error) = self.workers.replace(stuck) {
                self.break_down(&format!("cannot replace a stuck worker: {error}"));
            }
        }
    }

    /// Reports a problem that concerns more than one scan, at most once in ten minutes.
    pub(super) fn report_problem(&mut self, code: ErrorCode, text: String) {
        if self.reported.get(&code).is_none_or(|at| at.elapsed() >= REPORT_AGAIN_AFTER) {
            self.reported.insert(code, Instant::now());
            self.events.notice(Level::Error, Some(code), text);
        }
    }
}
