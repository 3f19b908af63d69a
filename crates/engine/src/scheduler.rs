//! The engine's own thread. It alone tracks the state of every scan and assigns scans to workers.

use octrls_core::ErrorCode;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::PathBuf,
    sync::{Arc, Mutex, atomic::Ordering},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, never, select};
use jiff::Timestamp;

use super::{
    EngineOptions, EventKind, Level, ScanChange, ScanId, Totals, Tuning,
    backlog::{Backlog, Task},
    candidates::Candidates,
    disk::Disk,
    event_sender::EventSender,
    heartbeat::STUCK_AFTER,
    ledger::{Ledger, PathStatus},
    stamp::Stamp,
    watcher::{Finding, Report, Request},
    worker::{Outcome, Verdict, WorkerContext, lock},
    worker_pool::WorkerPool,
};

/// Limit for the scans of this session that an operator may send back from quarantine.
const MAX_RETRIABLE: usize = 10_000;

/// Limit for the pending requests to a watcher.
const WAITING_REQUESTS: usize = 1 << 16;

/// A command from an operator or the program.
#[derive(Clone, Debug)]
pub(super) enum Command {
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
pub(super) struct Links {
    pub(super) commands: Receiver<Command>,
    /// One for the watcher of each root.
    pub(super) requests: Vec<Sender<Request>>,
    pub(super) reports: Receiver<Report>,
    pub(super) tasks: Sender<Task>,
    pub(super) outcomes: Receiver<Outcome>,
}

pub(super) struct Scheduler {
    pub(super) options: EngineOptions,
    pub(super) bench: Arc<WorkerContext>,
    pub(super) ledger: Arc<Mutex<Ledger>>,
    pub(super) outlet: EventSender,
    pub(super) crew: WorkerPool,
    pub(super) disk: Disk,
    pub(super) candidates: Candidates,
    pub(super) backlog: Backlog,
    /// Paths of queued and running scans.
    pub(super) taken: HashSet<PathBuf>,
    pub(super) retriable: BTreeMap<ScanId, (Task, PathBuf)>,
    /// Files just moved to quarantine; reports from before the move may still arrive.
    pub(super) moved: HashMap<PathBuf, Instant>,
    pub(super) running: usize,
    /// Stuck scans that are being failed after their workers were abandoned.
    pub(super) pending_failures: usize,
    last_id: u64,
    /// Whether each root is reachable, and whether it was walked completely.
    online: Vec<bool>,
    walked: Vec<bool>,
    pub(super) paused: bool,
    aborted: bool,
    /// Channels to the watchers; dropped when the engine stops.
    pub(super) requests: Option<Vec<Sender<Request>>>,
    pub(super) next_upkeep: Instant,
    /// When each engine-wide problem was last reported, by its code.
    pub(super) told: HashMap<ErrorCode, Instant>,
    pub(super) totals: Totals,
}

impl Scheduler {
    pub(super) fn new(options: EngineOptions, bench: Arc<WorkerContext>, crew: WorkerPool) -> Self {
        Self {
            candidates: Candidates::new(options.stability),
            disk: Disk::of(&options.out, options.min_free),
            online: vec![true; options.roots.len()],
            walked: vec![false; options.roots.len()],
            options,
            crew,
            ledger: Arc::clone(&bench.ledger),
            outlet: bench.outlet.clone(),
            bench,
            backlog: Backlog::default(),
            taken: HashSet::new(),
            retriable: BTreeMap::new(),
            moved: HashMap::new(),
            running: 0,
            pending_failures: 0,
            last_id: 0,
            paused: false,
            aborted: false,
            requests: None,
            next_upkeep: Instant::now(),
            told: HashMap::new(),
            totals: Totals::default(),
        }
    }

    /// Runs until a stop is requested and the running scans finish; then calls `finish` to join the other threads.
    pub(super) fn run(mut self, links: Links, finish: impl FnOnce(WorkerPool)) -> Totals {
        let Links { mut commands, requests, mut reports, tasks, outcomes } = links;
        self.requests = Some(requests);
        while self.requests.is_some() || self.running > 0 || (self.pending_failures > 0 && !self.aborted) {
            if self.next_upkeep <= Instant::now() {
                self.upkeep();
            }
            self.dispatch(&tasks);
            self.ask();
            select! {
                recv(outcomes) -> outcome => if let Ok(outcome) = outcome {
                    self.settle(outcome);
                },
                recv(reports) -> report => match report {
                    Ok(report) => self.note(report),
                    Err(_) => self.break_down("all watchers have stopped"),
                },
                recv(commands) -> command => if let Ok(command) = command {
                    self.obey(command);
                } else {
                    // No handle is left that could stop the engine.
                    commands = never();
                    self.stop();
                },
                default(self.wait()) => {}
            }
            if self.options.until_idle && self.is_idle() {
                self.stop();
            }
            if self.requests.is_none() {
                reports = never();
            }
        }
        self.totals.left = (self.candidates.len() + self.backlog.len()) as u64;
        drop(tasks);
        finish(self.crew);
        self.outlet.emit(EventKind::Stopped(self.totals));
        self.outlet.close();
        self.totals
    }

    fn is_idle(&self) -> bool {
        let still = self.running + self.pending_failures + self.candidates.len() + self.backlog.len() == 0;
        still && self.walked.iter().all(|walked| *walked)
    }

    pub(super) fn stop(&mut self) {
        if self.requests.take().is_some() {
            self.bench.processor.drain();
            self.outlet.emit(EventKind::Draining { running: self.running });
        }
    }

    /// Stops because a thread was lost. An engine that only seems to watch is worse than none.
    pub(super) fn break_down(&mut self, what: &str) {
        self.outlet.notice(Level::Error, Some(ErrorCode::EngineBroken), format!("internal error: {what}"));
        self.stop();
    }

    /// Assigns scans to free workers.
    fn dispatch(&mut self, tasks: &Sender<Task>) {
        if self.requests.is_none() || !self.is_online() || self.paused {
            return;
        }
        let now = Instant::now();
        self.backlog.ripen(now);
        let wanted = self.backlog.len() > 0 && self.running < self.options.workers;
        if wanted && (self.disk.is_low(now, &self.outlet) || self.crew.is_stuck()) {
            return self.hold();
        }
        while self.running < self.options.workers
            && let Some(task) = self.backlog.pop(|task| self.online[self.bench.roots.number_of(&task.path)])
        {
            self.running += 1;
            self.bench.life.beat();
            // Fails only if no worker is left, which the next maintenance detects.
            let _ = tasks.send(task);
        }
    }

    /// Requests checks of the candidates that are due.
    fn ask(&mut self) {
        if !self.is_online() {
            return;
        }
        let Some(requests) = &self.requests else { return };
        let now = Instant::now();
        while let Some(path) = self.candidates.take_due(now) {
            let root = self.bench.roots.number_of(&path);
            // The watcher of a hanging share gets no more requests than it can answer.
            if self.online[root] && requests[root].len() < WAITING_REQUESTS {
                let _ = requests[root].send(Request::Look(path));
            }
        }
    }

    /// Whether any root is reachable.
    pub(super) fn is_online(&self) -> bool {
        self.online.contains(&true)
    }

    /// Time until something is due.
    fn wait(&self) -> Duration {
        let mut due = self.next_upkeep;
        if self.requests.is_some() && self.is_online() {
            let retry = self.backlog.next_due().filter(|_| !self.paused && self.running < self.options.workers);
            due = self.candidates.next_look().into_iter().chain(retry).fold(due, Instant::min);
        }
        due.saturating_duration_since(Instant::now())
    }

    fn note(&mut self, Report { root, found }: Report) {
        match found {
            Finding::Sighted { path, stamp, at } => self.sighted(path, stamp, at),
            Finding::Gone(path) => {
                if let Some(id) = self.candidates.remove(&path) {
                    self.outlet.scan(id, ScanChange::Vanished);
                }
            }
            Finding::Root(online) => self.root_changed(root, online),
            Finding::Walked => self.walked[root] = true,
            Finding::Notice(level, code, text) => self.outlet.notice(level, Some(code), text),
        }
    }

    fn root_changed(&mut self, root: usize, online: bool) {
        let before = self.is_online();
        self.online[root] = online;
        if self.online.len() > 1 {
            let folder = self.options.roots[root].display();
            let (level, code, text) = if online {
                (Level::Info, None, format!("{folder} is reachable again"))
            } else {
                let text = format!("cannot reach {folder}; its scans wait until it returns");
                (Level::Warning, Some(ErrorCode::WatchOffline), text)
            };
            self.outlet.notice(level, code, text);
        }
        if before != self.is_online() {
            self.outlet.emit(EventKind::RootOnline(online));
        }
    }

    fn sighted(&mut self, path: PathBuf, stamp: Stamp, at: Instant) {
        // Reports arrive in order, so moves earlier than this one can be forgotten.
        self.moved.retain(|_, when| *when >= at);
        if self.taken.contains(&path) || self.moved.contains_key(&path) {
            return;
        }
        if self.candidates.contains(&path) {
            if let Some(id) = self.candidates.observe(&path, stamp, at) {
                self.outlet.scan(id, ScanChange::Queued);
                let files = self.bench.series.files(&self.bench.roots.locate(&path));
                self.enqueue(Task { id, path, files, stamp, queued: Timestamp::now() });
            }
            return;
        }
        let recall = lock(&self.ledger).recall(&path, stamp);
        match recall {
            Ok(PathStatus::Done | PathStatus::Quarantined) => {}
            Ok(PathStatus::Unknown) => {
                self.last_id += 1;
                self.watch(ScanId(self.last_id), path, stamp, at);
            }
            // The next walk reports the file again.
            Err(error) => self.tell(error.code(), error.to_string()),
        }
    }

    /// Adds a file to the candidates.
    fn watch(&mut self, id: ScanId, path: PathBuf, stamp: Stamp, at: Instant) {
        self.outlet.scan(id, ScanChange::Seen { path: path.clone(), bytes: stamp.scan.bytes });
        self.candidates.insert(id, path, stamp, at);
    }

    pub(super) fn enqueue(&mut self, task: Task) {
        self.taken.insert(task.path.clone());
        self.backlog.push(task);
    }

    fn settle(&mut self, Outcome { task, content, verdict, by_worker }: Outcome) {
        if by_worker {
            self.running -= 1;
        } else {
            self.pending_failures -= 1;
        }
        if let (Verdict::Busy, Some(content)) = (&verdict, &content)
            // If the other worker has already finished, nothing would release this task.
            && lock(&self.ledger).is_busy(content)
        {
            return self.backlog.park(content.clone(), task);
        }
        if let Some(content) = content {
            self.backlog.release(&content);
        }
        let (id, now) = (task.id, Instant::now());
        let change = match verdict {
            Verdict::Failed { error, attempt } => {
                let after = self.options.backoff_after(attempt);
                self.backlog.delay(task, now + after);
                let (code, reason, next_attempt) = (error.code, error.reason, attempt + 1);
                return self.outlet.scan(id, ScanChange::Retrying { code, reason, next_attempt, after });
            }
            Verdict::LedgerFailed(error) => {
                self.tell(error.code(), error.to_string());
                return self.backlog.delay(task, now + self.options.backoff_after(1));
            }
            Verdict::Held(error) => {
                self.tell(error.code, format!("cannot write results, scans wait: {}", error.reason));
                if self.options.until_idle {
                    self.stop();
                }
                self.outlet.scan(id, ScanChange::Queued);
                return self.backlog.delay(task, now + self.options.backoff_after(2));
            }
            Verdict::Busy | Verdict::Aborted => return self.backlog.push(task),
            Verdict::Changed(stamp) => {
                self.taken.remove(&task.path);
                return self.watch(id, task.path, stamp, now);
            }
            Verdict::Unreachable => {
                self.taken.remove(&task.path);
                return self.watch(id, task.path, task.stamp, now);
            }
            Verdict::Done(summary) => {
                self.totals.done += 1;
                ScanChange::Done(summary)
            }
            Verdict::AlreadyDone => {
                self.totals.already_done += 1;
                ScanChange::AlreadyDone
            }
            Verdict::Vanished => ScanChange::Vanished,
            Verdict::Quarantined { error, place } => {
                self.totals.quarantined += 1;
                if let Some(place) = place {
                    self.moved.insert(task.path.clone(), now);
                    self.retriable.insert(id, (task.clone(), place));
                }
                if self.retriable.len() > MAX_RETRIABLE {
                    self.retriable.pop_first();
                }
                ScanChange::Quarantined { code: error.code, reason: error.reason }
            }
        };
        self.taken.remove(&task.path);
        self.outlet.scan(id, change);
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Drain => self.stop(),
            Command::Abort => {
                self.bench.abort.store(true, Ordering::Relaxed);
                self.aborted = true;
                self.stop();
            }
            Command::Pause(paused) => {
                if self.paused != paused {
                    self.outlet.emit(EventKind::Paused(paused));
                }
                self.paused = paused;
            }
            Command::Tune(Tuning { stability, attempts }) => {
                self.candidates.set_window(stability);
                self.bench.attempts.store(attempts.max(1), Ordering::Relaxed);
            }
            Command::Ask(reply) => {
                let stuck = self.running > 0 && self.bench.life.silence() > STUCK_AFTER;
                // The caller may have timed out.
                let _ = reply.send(!stuck);
            }
            Command::Retry(id) => self.retry(id),
            Command::Notice(level, code, text) => self.outlet.notice(level, code, text),
            Command::Rescan => self.walk(),
        }
    }
}
