//! The engine's own thread: queues the scans that are ready, assigns them to workers, and settles their outcomes.

use std::{
    collections::{BTreeMap, HashMap},
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
    heartbeat::STUCK_AFTER,
    worker_pool::WorkerPool,
};
use crate::{
    EngineOptions, EventKind, Level, ScanChange, ScanId, Totals, Tuning,
    event_sender::EventSender,
    intake::{
        pending::PendingScans,
        stamp::Stamp,
        watcher::{Finding, ReadyScan, Report, Request},
    },
    ledger::{self, Ledger},
    work::worker::{EndedTask, TaskOutcome, WorkerContext},
};

/// Limit for the failed scans of this session that an operator may retry.
const MAX_RETRIABLE: usize = 10_000;

/// Longest time between two rounds of maintenance.
const MAINTENANCE_EVERY: Duration = Duration::from_secs(1);

/// Shortest time between two rounds, used with short time limits.
const MAINTENANCE_AT_MOST_EVERY: Duration = Duration::from_millis(50);

/// Time before the same problem is reported again.
const REPORT_AGAIN_AFTER: Duration = Duration::from_mins(10);

/// A command from an operator or the program.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    Drain,
    Abort,
    Pause(bool),
    Retry(ScanId),
    Rescan,
    Tune(Tuning),
    /// Asks whether the workers make progress.
    Ask(Sender<bool>),
    Notice(Level, Option<ErrorCode>, String),
}

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
struct RootState {
    /// The unfinished scans, shared with the watcher.
    pending: PendingScans,
    is_online: bool,
    /// Whether the root was walked completely.
    is_walked: bool,
}

/// A scan that failed in this session and that an operator may retry. Its files are looked up again.
struct FailedScan {
    path: PathBuf,
    stamp: Stamp,
    /// When the file was queued.
    queued: Timestamp,
    /// Its path in quarantine if it was moved there.
    place: Option<PathBuf>,
}

/// Assigns scans to workers.
pub(crate) struct Scheduler {
    options: EngineOptions,
    context: Arc<WorkerContext>,
    ledger: Arc<Mutex<Ledger>>,
    events: EventSender,
    workers: WorkerPool,
    disk: Disk,
    roots: Vec<RootState>,
    backlog: Backlog,
    retriable: BTreeMap<ScanId, FailedScan>,
    running: usize,
    /// Stuck scans that are being failed after their workers were abandoned.
    pending_failures: usize,
    is_paused: bool,
    is_aborted: bool,
    /// Channels to the watchers; dropped when the engine stops.
    requests: Option<Vec<Sender<Request>>>,
    next_maintenance: Instant,
    /// When each engine-wide problem was last reported, by its code.
    reported: HashMap<ErrorCode, Instant>,
    totals: Totals,
}

impl Scheduler {
    /// A scheduler for the roots of `options`, with the pending scans of each.
    pub(crate) fn new(
        options: EngineOptions,
        context: Arc<WorkerContext>,
        workers: WorkerPool,
        pending: Vec<PendingScans>,
    ) -> Self {
        let roots = pending.into_iter().map(|pending| RootState { pending, is_online: true, is_walked: false });
        Self {
            disk: Disk::of(&options.out, options.min_free),
            roots: roots.collect(),
            options,
            workers,
            ledger: Arc::clone(&context.ledger),
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
            if self.options.until_idle && self.is_idle() && reports.is_empty() {
                is_all_done = true;
                self.stop();
            }
            if self.requests.is_none() {
                reports = never();
            }
        }
        // After the decision to stop, the watchers may still find new files.
        if !is_all_done {
            self.totals.left = self.unfinished().saturating_sub(self.pending_failures) as u64;
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

    fn is_idle(&self) -> bool {
        self.roots.iter().all(|root| root.is_walked) && self.running + self.pending_failures + self.unfinished() == 0
    }

    fn stop(&mut self) {
        if self.requests.take().is_some() {
            self.context.processor.drain();
            self.events.emit(EventKind::Draining { running: self.running });
        }
    }

    /// Stops because a thread was lost. An engine that only seems to watch is worse than none.
    fn break_down(&mut self, what: &str) {
        self.events.notice(Level::Error, Some(ErrorCode::EngineBroken), format!("internal error: {what}"));
        self.stop();
    }

    /// Assigns scans to free workers.
    fn dispatch(&mut self, tasks: &Sender<QueuedScan>) {
        if self.requests.is_none() || !self.is_online() || self.is_paused {
            return;
        }
        let now = Instant::now();
        self.backlog.release_delayed(now);
        let is_wanted = self.backlog.len() > 0 && self.running < self.options.workers;
        if is_wanted && (self.disk.is_low(now, &self.events) || self.workers.is_stuck()) {
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

    /// Starts no new scan, because space is low or too many scans are stuck.
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
    fn is_online(&self) -> bool {
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

    fn on_report(&mut self, Report { root, finding }: Report) {
        match finding {
            Finding::Seen { id, path, bytes } => self.events.scan(id, ScanChange::Seen { path, bytes }),
            Finding::Vanished(id) => self.events.scan(id, ScanChange::Vanished),
            Finding::Ready(ReadyScan { id, path, files, stamp }) => {
                self.events.scan(id, ScanChange::Queued);
                self.enqueue(id, path, files, (stamp, Timestamp::now()));
            }
            Finding::Root(is_online) => self.root_changed(root, is_online),
            Finding::Walked => self.roots[root].is_walked = true,
            Finding::LedgerFailed(error) => self.report_problem(error.code(), error.to_string()),
            Finding::Notice(level, code, text) => self.events.notice(level, Some(code), text),
        }
    }

    fn enqueue(&mut self, id: ScanId, path: PathBuf, files: ScanFiles, (stamp, queued): (Stamp, Timestamp)) {
        self.backlog.push(QueuedScan { id, path, files: Arc::new(files), stamp, queued });
    }

    fn root_changed(&mut self, root: usize, is_online: bool) {
        let before = self.is_online();
        self.roots[root].is_online = is_online;
        if self.roots.len() > 1 {
            let folder = self.options.roots[root].display();
            let (level, code, text) = if is_online {
                (Level::Info, None, format!("{folder} is reachable again"))
            } else {
                let text = format!("cannot reach {folder}; its scans wait until it returns");
                (Level::Warning, Some(ErrorCode::WatchOffline), text)
            };
            self.events.notice(level, code, text);
        }
        if before != self.is_online() {
            self.events.emit(EventKind::RootOnline(is_online));
        }
    }

    /// The unfinished scans of the root that contains the scan `path`.
    fn pending(&self, path: &Path) -> &PendingScans {
        &self.roots[self.context.roots.number_of(path)].pending
    }

    /// Returns a scan to the watcher until it stops changing again.
    fn return_to_watcher(&self, id: ScanId, path: &Path, stamp: Stamp) {
        self.events.scan(id, ScanChange::Seen { path: path.to_owned(), bytes: stamp.scan.bytes });
        self.pending(path).take_back(id, path.to_owned(), stamp, Instant::now());
        self.request(path, Request::Wake);
    }

    fn request(&self, path: &Path, request: Request) {
        if let Some(requests) = &self.requests {
            let _ = requests[self.context.roots.number_of(path)].send(request);
        }
    }

    fn settle(&mut self, EndedTask { task, content, outcome, by_worker }: EndedTask) {
        if by_worker {
            self.running -= 1;
        } else {
            self.pending_failures -= 1;
        }
        if let (TaskOutcome::Busy, Some(content)) = (&outcome, &content)
            // If the other worker has already finished, nothing would release this task.
            && ledger::lock(&self.ledger).is_busy(content)
        {
            return self.backlog.park(content.clone(), task);
        }
        if let Some(content) = content {
            self.backlog.release_parked(&content);
        }
        let (id, now) = (task.id, Instant::now());
        let change = match outcome {
            TaskOutcome::Failed { error, attempt } => {
                let after = self.options.backoff_after(attempt);
                self.backlog.delay(task, now + after);
                let (code, reason, next_attempt) = (error.code, error.reason, attempt + 1);
                return self.events.scan(id, ScanChange::Retrying { code, reason, next_attempt, after });
            }
            TaskOutcome::LedgerFailed(error) => {
                self.report_problem(error.code(), error.to_string());
                return self.backlog.delay(task, now + self.options.backoff_after(1));
            }
            TaskOutcome::Held(error) => {
                self.report_problem(error.code, format!("cannot write results, scans wait: {}", error.reason));
                if self.options.until_idle {
                    self.stop();
                }
                self.events.scan(id, ScanChange::Queued);
                return self.backlog.delay(task, now + self.options.backoff_after(2));
            }
            TaskOutcome::Busy | TaskOutcome::Aborted => return self.backlog.push(task),
            TaskOutcome::Changed(stamp) => return self.return_to_watcher(id, &task.path, stamp),
            TaskOutcome::Unreachable => return self.return_to_watcher(id, &task.path, task.stamp),
            TaskOutcome::Done(summary) => {
                self.totals.done += 1;
                ScanChange::Done(summary)
            }
            TaskOutcome::AlreadyDone => {
                self.totals.already_done += 1;
                ScanChange::AlreadyDone
            }
            TaskOutcome::Vanished => ScanChange::Vanished,
            TaskOutcome::Quarantined { error, moved_to } => {
                self.totals.quarantined += 1;
                if moved_to.is_some() {
                    self.pending(&task.path).finish_moved(&task.path);
                }
                let QueuedScan { ref path, stamp, queued, .. } = task;
                self.retriable.insert(id, FailedScan { path: path.clone(), stamp, queued, place: moved_to });
                if self.retriable.len() > MAX_RETRIABLE {
                    self.retriable.pop_first();
                }
                ScanChange::Quarantined { code: error.code, reason: error.reason }
            }
        };
        self.pending(&task.path).finish(&task.path);
        self.events.scan(id, change);
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Drain => self.stop(),
            Command::Abort => {
                self.context.abort.store(true, Ordering::Relaxed);
                self.is_aborted = true;
                self.stop();
            }
            Command::Pause(paused) => {
                if self.is_paused != paused {
                    self.events.emit(EventKind::Paused(paused));
                }
                self.is_paused = paused;
            }
            Command::Tune(Tuning { stability, attempts }) => {
                self.roots.iter().for_each(|root| root.pending.set_window(stability));
                self.context.attempts.store(attempts.max(1), Ordering::Relaxed);
            }
            Command::Ask(reply) => {
                let is_stuck = self.running > 0 && self.context.heartbeat.silence() > STUCK_AFTER;
                // The caller may have timed out.
                let _ = reply.send(!is_stuck);
            }
            Command::Retry(id) => self.retry(id),
            Command::Notice(level, code, text) => self.events.notice(level, code, text),
            Command::Rescan => self.walk(),
        }
    }

    /// Moves a failed scan back to its original path, if it was moved, and queues it.
    fn retry(&mut self, id: ScanId) {
        let Some(failed) = self.retriable.remove(&id) else { return };
        if let Err(problem) = self.take_back_failed(&failed) {
            self.events.notice(Level::Warning, Some(ErrorCode::Quarantine), problem);
            self.retriable.insert(id, failed);
            return;
        }
        let FailedScan { path, stamp, queued, .. } = failed;
        if let Some(other) = self.pending(&path).replace_candidate(&path) {
            self.events.scan(other, ScanChange::Vanished);
        }
        self.totals.quarantined = self.totals.quarantined.saturating_sub(1);
        self.events.scan(id, ScanChange::Queued);
        let files = self.context.series.files(&self.context.roots.locate(&path));
        self.enqueue(id, path, files, (stamp, queued));
    }

    /// Takes the path of a failed scan and moves the scan back there, if it was moved. Changes nothing if that fails.
    fn take_back_failed(&self, FailedScan { path, place, .. }: &FailedScan) -> Result<(), String> {
        let pending = self.pending(path);
        // Before the move, so that the watcher does not take the returned file for a new one.
        if !pending.reserve(path) {
            return Err(format!(
                "cannot retry {}: another file has taken its path and is not finished",
                path.display()
            ));
        }
        let Some(place) = place else { return Ok(()) };
        self.context.quarantine.move_back(place, path).map_err(|error| {
            pending.finish(path);
            format!("cannot move {} out of quarantine: {error}", path.display())
        })
    }

    /// Walks through all roots now.
    fn walk(&self) {
        for requests in self.requests.iter().flatten() {
            let _ = requests.send(Request::Walk);
        }
    }

    /// Looks for stuck scans, lost threads and operators' requests.
    fn maintain(&mut self) {
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

    /// Checks the files that operators requested from other processes.
    fn serve_operators(&mut self) {
        if self.requests.is_none() {
            return;
        }
        let requested = ledger::lock(&self.ledger).take_requests();
        match requested {
            Ok(paths) => {
                for path in paths {
                    if path.as_os_str().is_empty() {
                        self.walk();
                    } else {
                        self.request(&path.clone(), Request::Check(path));
                    }
                }
            }
            Err(error) => self.report_problem(error.code(), error.to_string()),
        }
    }

    /// Reports a problem that concerns more than one scan, at most once in ten minutes.
    fn report_problem(&mut self, code: ErrorCode, text: String) {
        if self.reported.get(&code).is_none_or(|at| at.elapsed() >= REPORT_AGAIN_AFTER) {
            self.reported.insert(code, Instant::now());
            self.events.notice(Level::Error, Some(code), text);
        }
    }
}
