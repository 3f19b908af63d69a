//! The engine's own thread: it alone knows which scan is where, and hands the next one to a worker.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::PathBuf,
    sync::{Arc, Mutex, atomic::Ordering},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, never, select};

use super::{
    EngineOptions, EventKind, Level, ScanChange, ScanId, Totals, Tuning,
    backlog::{Backlog, Task},
    candidates::Candidates,
    ledger::{Ledger, LedgerError, Recall},
    life::STUCK,
    outlet::Outlet,
    stamp::Stamp,
    watcher::{Report, Request},
    worker::{Bench, Outcome, Verdict, lock},
};

/// Quarantined scans of this session that an operator may send back.
const MAX_RETRIABLE: usize = 10_000;

/// Time between two notices of a failing ledger.
const LEDGER_SILENCE: Duration = Duration::from_mins(10);

/// The longest sleep; nothing depends on it.
const IDLE: Duration = Duration::from_hours(1);

/// What an operator asks for.
#[derive(Clone, Debug)]
pub(super) enum Command {
    Drain,
    Abort,
    Pause(bool),
    Retry(ScanId),
    Rescan,
    Tune(Tuning),
    /// Whether the workers get on.
    Ask(Sender<bool>),
    Notice(Level, Option<&'static str>, String),
}

/// The ends of the channels to the other threads.
pub(super) struct Links {
    pub(super) commands: Receiver<Command>,
    pub(super) requests: Sender<Request>,
    pub(super) reports: Receiver<Report>,
    pub(super) tasks: Sender<Task>,
    pub(super) outcomes: Receiver<Outcome>,
}

pub(super) struct Scheduler {
    options: EngineOptions,
    bench: Arc<Bench>,
    ledger: Arc<Mutex<Ledger>>,
    outlet: Outlet,
    candidates: Candidates,
    backlog: Backlog,
    /// Paths of the scans in the backlog and with the workers.
    taken: HashSet<PathBuf>,
    retriable: BTreeMap<ScanId, (Task, PathBuf)>,
    /// Files that were moved to quarantine, while sightings from before may still come in.
    moved: HashMap<PathBuf, Instant>,
    running: usize,
    last_id: u64,
    online: bool,
    paused: bool,
    walked: bool,
    /// The line to the watcher; cut when the engine is stopping.
    requests: Option<Sender<Request>>,
    /// When the ledger's failure was last told.
    ledger_told: Option<Instant>,
    totals: Totals,
}

impl Scheduler {
    pub(super) fn new(options: EngineOptions, bench: Arc<Bench>) -> Self {
        Self {
            candidates: Candidates::new(options.stability),
            options,
            ledger: Arc::clone(&bench.ledger),
            outlet: bench.outlet.clone(),
            bench,
            backlog: Backlog::default(),
            taken: HashSet::new(),
            retriable: BTreeMap::new(),
            moved: HashMap::new(),
            running: 0,
            last_id: 0,
            online: true,
            paused: false,
            walked: false,
            requests: None,
            ledger_told: None,
            totals: Totals::default(),
        }
    }

    /// Runs until a stop is asked for and the running scans are finished.
    pub(super) fn run(mut self, links: Links) -> Totals {
        let Links { mut commands, requests, mut reports, tasks, mut outcomes } = links;
        self.requests = Some(requests);
        while self.requests.is_some() || self.running > 0 {
            self.dispatch(&tasks);
            self.ask();
            select! {
                recv(outcomes) -> outcome => if let Ok(outcome) = outcome {
                    self.settle(outcome);
                } else {
                    outcomes = never();
                    self.running = 0;
                    self.break_down("no worker is left");
                },
                recv(reports) -> report => match report {
                    Ok(report) => self.note(report),
                    Err(_) => self.break_down("the watcher has ended"),
                },
                recv(commands) -> command => if let Ok(command) = command {
                    self.obey(command);
                } else {
                    // Nobody is left who could ever stop it.
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
        self.outlet.emit(EventKind::Stopped(self.totals));
        self.totals
    }

    fn is_idle(&self) -> bool {
        self.walked && self.running == 0 && self.candidates.len() == 0 && self.backlog.len() == 0
    }

    fn stop(&mut self) {
        if self.requests.take().is_some() {
            self.outlet.emit(EventKind::Draining { running: self.running });
        }
    }

    /// Stops because a thread was lost: an engine that only seems to watch would be worse than none.
    fn break_down(&mut self, what: &str) {
        self.outlet.notice(Level::Error, Some("E-ENGINE-BROKEN"), format!("internal error: {what}"));
        self.stop();
    }

    /// Hands scans to free workers.
    fn dispatch(&mut self, tasks: &Sender<Task>) {
        if self.requests.is_none() || !self.online || self.paused {
            return;
        }
        self.backlog.ripen(Instant::now());
        while self.running < self.options.workers
            && let Some(task) = self.backlog.pop()
        {
            self.running += 1;
            self.bench.life.beat();
            // Fails only when no worker is left, which the outcomes tell as well.
            let _ = tasks.send(task);
        }
    }

    /// Asks for a look at the candidates that are due.
    fn ask(&mut self) {
        let Some(requests) = self.requests.as_ref().filter(|_| self.online) else { return };
        let now = Instant::now();
        while let Some(path) = self.candidates.take_due(now) {
            let _ = requests.send(Request::Look(path));
        }
    }

    /// How long nothing is due.
    fn wait(&self) -> Duration {
        if self.requests.is_none() || !self.online {
            return IDLE;
        }
        let retry = self.backlog.next_due().filter(|_| !self.paused && self.running < self.options.workers);
        let due = self.candidates.next_look().into_iter().chain(retry).min();
        due.map_or(IDLE, |due| due.saturating_duration_since(Instant::now()))
    }

    fn note(&mut self, report: Report) {
        match report {
            Report::Sighted { path, stamp, at } => self.sighted(path, stamp, at),
            Report::Gone(path) => {
                if let Some(id) = self.candidates.remove(&path) {
                    self.outlet.scan(id, ScanChange::Vanished);
                }
            }
            Report::Root(online) => {
                self.online = online;
                self.outlet.emit(EventKind::RootOnline(online));
            }
            Report::Walked => self.walked = true,
            Report::Notice(level, code, text) => self.outlet.notice(level, Some(code), text),
        }
    }

    fn sighted(&mut self, path: PathBuf, stamp: Stamp, at: Instant) {
        // Sightings come in the order in which they were made: whatever moved earlier than this one is through.
        self.moved.retain(|_, when| *when >= at);
        if self.taken.contains(&path) || self.moved.contains_key(&path) {
            return;
        }
        if self.candidates.contains(&path) {
            if let Some(id) = self.candidates.observe(&path, stamp, at) {
                self.outlet.scan(id, ScanChange::Queued);
                self.enqueue(Task { id, path, stamp });
            }
            return;
        }
        let recall = lock(&self.ledger).recall(&path, stamp);
        match recall {
            Ok(Recall::Done | Recall::Quarantined) => {}
            Ok(Recall::Unknown) => {
                self.last_id += 1;
                self.watch(Task { id: ScanId(self.last_id), path, stamp }, at);
            }
            // The next walk sights it again.
            Err(error) => self.tell_ledger(&error),
        }
    }

    /// Makes the task's file a candidate.
    fn watch(&mut self, Task { id, path, stamp }: Task, at: Instant) {
        self.outlet.scan(id, ScanChange::Seen { path: path.clone(), bytes: stamp.scan.bytes });
        self.candidates.insert(id, path, stamp, at);
    }

    fn enqueue(&mut self, task: Task) {
        self.taken.insert(task.path.clone());
        self.backlog.push(task);
    }

    fn settle(&mut self, Outcome { task, content, verdict }: Outcome) {
        self.running -= 1;
        if let (Verdict::Busy, Some(content)) = (&verdict, &content)
            // The other worker may be through by now, and would release nobody.
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
                self.tell_ledger(&error);
                return self.backlog.delay(task, now + self.options.backoff_after(1));
            }
            Verdict::Busy | Verdict::Aborted => return self.backlog.push(task),
            Verdict::Changed(stamp) => {
                self.taken.remove(&task.path);
                return self.watch(Task { stamp, ..task }, now);
            }
            Verdict::Unreachable => {
                self.taken.remove(&task.path);
                return self.watch(task, now);
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
                let stuck = self.running > 0 && self.bench.life.silence() > STUCK;
                // Who asked may have lost patience.
                let _ = reply.send(!stuck);
            }
            Command::Retry(id) => self.retry(id),
            Command::Notice(level, code, text) => self.outlet.notice(level, code, text),
            Command::Rescan => _ = self.requests.as_ref().map(|requests| requests.send(Request::Walk)),
        }
    }

    /// Sends a quarantined scan back to where it was found, and to the workers.
    fn retry(&mut self, id: ScanId) {
        let Some((task, place)) = self.retriable.remove(&id) else { return };
        match self.bench.quarantine.put_back(&place, &task.path) {
            Ok(()) => {
                self.candidates.remove(&task.path);
                self.moved.remove(&task.path);
                self.totals.quarantined = self.totals.quarantined.saturating_sub(1);
                self.outlet.scan(id, ScanChange::Queued);
                self.enqueue(task);
            }
            Err(error) => {
                let text = format!("{} cannot be taken out of quarantine: {error}", task.path.display());
                self.outlet.notice(Level::Warning, Some("E-QUARANTINE"), text);
                self.retriable.insert(id, (task, place));
            }
        }
    }

    /// Says that the ledger fails, though not for every single scan.
    fn tell_ledger(&mut self, error: &LedgerError) {
        if self.ledger_told.is_none_or(|told| told.elapsed() >= LEDGER_SILENCE) {
            self.ledger_told = Some(Instant::now());
            self.outlet.notice(Level::Error, Some(error.code()), error.to_string());
        }
    }
}
