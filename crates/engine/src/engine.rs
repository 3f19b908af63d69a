//! Starts and controls the engine.

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, atomic::AtomicBool},
    thread::{self, JoinHandle},
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use octrls_core::ErrorCode;

use super::{
    EngineError, EngineOptions, Event, EventKind, Level, ModelFacts, Processor, ScanId, Session, Totals, Tuning,
    event_sender::EventSender,
    folders::{LEDGER_FILE, STATE_FOLDER, lock_results},
    intake::{
        exports::Exports,
        filter::Filter,
        pending::PendingScans,
        roots::Roots,
        scan_ids::ScanIds,
        series::Series,
        watch_scope::WatchScope,
        watcher::{Shared, WatchedRoot, Watcher},
    },
    ledger::{CRASH_CODE, Fingerprint, Interrupted, Ledger},
    quarantine::Quarantine,
    schedule::{
        heartbeat::Heartbeat,
        in_flight::InFlight,
        operators::{Answer, Command},
        retention,
        scheduler::{Channels, Scheduler},
        second_look,
        worker_pool::WorkerPool,
    },
    work::{results::ResultFolders, worker::WorkerContext},
};

/// Capacity of the report channel; watchers block when it is full.
const REPORTS: usize = 1024;

/// A running engine.
///
/// Dropping it and all its [`EngineHandle`]s drains it.
#[derive(Debug)]
pub struct Engine {
    handle: EngineHandle,
    is_broken: Arc<AtomicBool>,
    scheduler: JoinHandle<Totals>,
}

/// Controls an engine from any thread, including a signal handler's. Calls have no effect once the engine has stopped.
#[derive(Clone, Debug)]
pub struct EngineHandle(Sender<Command>);

impl Engine {
    /// Starts watching and processing.
    ///
    /// The returned channel carries the events, from [`EventKind::Started`] to [`EventKind::Stopped`]. The engine works
    /// the same whether or not they are read.
    ///
    /// # Errors
    /// [`EngineError`] if a root is missing, the output folder is not writable or in use by another engine, or its
    /// ledger is damaged or newer than this program.
    pub fn start(
        options: EngineOptions,
        processor: Arc<dyn Processor>,
        model: ModelFacts,
    ) -> Result<(Self, Receiver<Event>), EngineError> {
        let options = resolve(options)?;
        let (roots, filter) = (Roots::resolve(&options.roots)?, Filter::of(&options)?);
        let state = options.out.join(STATE_FOLDER);
        let results_lock = lock_results(&options.out)?;
        let fingerprint = Fingerprint { fingerprint: processor.fingerprint(), model: model.sha256.clone() };
        let mut ledger = Ledger::open(&state.join(LEDGER_FILE), &options.out, fingerprint, &roots.pairs())?;
        if processor.works_elsewhere() {
            ledger.forgive_crashes()?;
        }
        let interrupted = ledger.take_interrupted();

        let (events, receiver) = unbounded();
        let (command_sender, commands) = unbounded();
        let (report_sender, reports) = bounded(REPORTS);
        let (task_sender, tasks) = unbounded();
        let (outcome_sender, outcomes) = unbounded();

        let (ledger, events) = (Arc::new(Mutex::new(ledger)), EventSender::new(events));
        let is_broken = Arc::<AtomicBool>::default();
        let context = Arc::new(WorkerContext {
            roots: roots.clone(),
            results: ResultFolders::of(&options.out, &ledger, &events),
            attempts: options.attempts.into(),
            move_failed: options.move_failed,
            max_bytes: options.max_bytes,
            in_flight: InFlight::default(),
            processor,
            ledger,
            quarantine: Quarantine::of(roots.clone(), &options.out),
            events,
            abort: Arc::default(),
            is_broken: Arc::clone(&is_broken),
            heartbeat: Heartbeat::default(),
            exports: Exports::default(),
            series: Series::default(),
        });
        context.events.emit(EventKind::Started(Session {
            roots: options.roots.clone(),
            out: options.out.clone(),
            model: model.name,
            model_sha256: model.sha256,
            workers: options.workers,
        }));

        report_interrupted(&context.events, &interrupted, options.attempts);
        recover(&context);

        let mut workers = WorkerPool::new(Arc::clone(&context), tasks, outcome_sender);
        let shared = Shared {
            exports: context.exports.clone(),
            series: context.series.clone(),
            ids: ScanIds::default(),
            ledger: Arc::downgrade(&context.ledger),
            reports: report_sender,
        };
        let (mut requests, mut watched_roots) = (Vec::new(), Vec::new());
        for (number, root) in roots.iter().enumerate() {
            let (request_sender, received) = unbounded();
            let (scans, heartbeat) = (PendingScans::new(options.stability), Arc::new(Heartbeat::default()));
            let watched = WatchedRoot {
                number,
                name: root.name.clone(),
                scope: WatchScope::new(&root.path, &options.out, filter.clone()),
                rescan: options.rescan,
                poll: options.poll_of(&root.path),
                pending: scans.clone(),
                heartbeat: Arc::clone(&heartbeat),
            };
            let watcher = Watcher::new(watched, shared.clone(), received);
            workers.add_watcher(spawn("watcher", move || watcher.run())?);
            requests.push(request_sender);
            watched_roots.push((scans, heartbeat));
        }
        // Only the watchers report.
        drop(shared);
        for _ in 0..options.workers {
            workers.add_worker().map_err(EngineError::Thread)?;
        }
        let (stop_retention, stopped) = bounded::<()>(0);
        let retention = options.keep.map(|age| {
            let context = Arc::clone(&context);
            spawn("retention", move || retention::run(&context, age, &stopped))
        });
        let retention = retention.transpose()?;
        let (stop_second_looks, second_looks_stopped) = bounded::<()>(0);
        let (looking, every) = (Arc::clone(&context), options.rescan);
        let second_looks = spawn("quarantine", move || second_look::run(&looking, every, &second_looks_stopped))?;
        let channels = Channels { commands, requests, reports, tasks: task_sender, outcomes };
        let scheduler = Scheduler::new(options, context, workers, watched_roots);
        let scheduler = spawn("engine", move || {
            let finish = move |workers: WorkerPool| {
                workers.join();
                drop((stop_retention, stop_second_looks));
                retention.map(JoinHandle::join);
                let _ = second_looks.join();
            };
            let totals = scheduler.run(channels, finish);
            drop(results_lock);
            totals
        })?;
        Ok((Self { handle: EngineHandle(command_sender), is_broken, scheduler }, receiver))
    }

    /// A handle for controlling the engine from elsewhere.
    #[must_use]
    pub fn handle(&self) -> EngineHandle {
        self.handle.clone()
    }

    /// Whether the engine has stopped.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.scheduler.is_finished()
    }

    /// Becomes true if the engine stops because it cannot go on: a thread ended, or the ledger was lost.
    #[must_use]
    pub fn broken(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_broken)
    }

    /// Waits until the engine has stopped: after [`EngineHandle::drain`] or [`EngineHandle::abort`], or when nothing is left to do
    /// with [`EngineOptions::until_idle`].
    #[must_use]
    pub fn join(self) -> Totals {
        let Self { handle, scheduler, .. } = self;
        let totals = scheduler.join().unwrap_or_default();
        drop(handle);
        totals
    }
}

impl EngineHandle {
    /// Starts no new scan, finishes the running ones and stops. The next start continues with the rest.
    pub fn drain(&self) {
        self.send(Command::Drain);
    }

    /// Stops as soon as each worker finishes its current B-scan. The running attempts do not count.
    pub fn abort(&self) {
        self.send(Command::Abort);
    }

    /// Pauses or resumes the workers. Files are watched meanwhile.
    pub fn pause(&self, paused: bool) {
        self.send(Command::Pause(paused));
    }

    /// Processes a scan that failed in this session again. A scan in quarantine is moved back first.
    pub fn retry(&self, id: ScanId) {
        self.send(Command::Retry(id));
    }

    /// Walks through all roots now.
    pub fn rescan(&self) {
        self.send(Command::Rescan);
    }

    /// Applies other settings from now on.
    pub fn tune(&self, tuning: Tuning) {
        self.send(Command::Tune(tuning));
    }

    /// Whether the engine makes progress, for a watchdog. False if the scheduler does not answer within `patience`, or
    /// if scans are running and no worker has progressed for twenty minutes. True after the engine has stopped.
    #[must_use]
    pub fn is_alive(&self, patience: Duration) -> bool {
        match self.ask(patience) {
            Ok(answer) => answer.is_alive,
            Err(error) => error == RecvTimeoutError::Disconnected,
        }
    }

    /// What keeps the engine from its work, for operators: besides what [`is_alive`](Self::is_alive) tells, a watched
    /// folder or the folder for results that is gone, and a watcher that gets no answer. A restart mends none of these.
    /// `None` after the engine has stopped.
    #[must_use]
    pub fn problem(&self, patience: Duration) -> Option<&'static str> {
        match self.ask(patience) {
            Ok(answer) if answer.is_alive => answer.problem,
            Ok(_) | Err(RecvTimeoutError::Timeout) => Some("the engine is stuck"),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    fn ask(&self, patience: Duration) -> Result<Answer, RecvTimeoutError> {
        let (reply, answer) = bounded(1);
        self.send(Command::Ask(reply));
        answer.recv_timeout(patience)
    }

    /// Sends a notice about the engine's folders that does not come from the engine itself.
    pub fn notice(&self, level: Level, code: Option<ErrorCode>, text: String) {
        self.send(Command::Notice(level, code, text));
    }

    fn send(&self, command: Command) {
        // Fails only if the engine has stopped.
        let _ = self.0.send(command);
    }
}

/// Makes folders absolute and raises counts to their minimum. The roots must exist; the output folder is created.
///
/// # Errors
/// [`EngineError`] if a root is missing, or the folders overlap or cannot be used.
pub fn resolve(options: EngineOptions) -> Result<EngineOptions, EngineError> {
    let roots: Vec<PathBuf> = Roots::resolve(&options.roots)?.iter().map(|root| root.path.clone()).collect();
    let out = fs::create_dir_all(&options.out).and_then(|()| fs::canonicalize(&options.out));
    let out = out.map_err(|source| EngineError::Out { path: options.out, source })?;
    if roots.iter().any(|root| root.starts_with(&out)) {
        return Err(EngineError::OutHoldsRoot { path: out });
    }
    let polled = options.poll_roots.iter().map(|(path, every)| match fs::canonicalize(path) {
        Ok(root) if roots.contains(&root) => Ok((root, *every)),
        _ => {
            Err(EngineError::Roots { problem: format!("{} has a polling interval but is not watched", path.display()) })
        }
    });
    let poll_roots = polled.collect::<Result<_, _>>()?;
    let (workers, attempts) = (options.workers.max(1), options.attempts.max(1));
    Ok(EngineOptions { roots, out, poll_roots, workers, attempts, ..options })
}

/// Says which scans were being processed when the program last ended, one of which may be the reason.
fn report_interrupted(events: &EventSender, scans: &[Interrupted], attempts_allowed: u32) {
    for scan in scans {
        events.notice(Level::Warning, Some(CRASH_CODE), scan.told(attempts_allowed));
    }
}

/// Removes leftovers of a crash; scans are processed all the same if that fails.
fn recover(context: &WorkerContext) {
    if let Err(error) = context.processor.recover() {
        context.events.notice(Level::Warning, Some(error.code), error.reason);
    }
}

fn spawn<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, EngineError> {
    thread::Builder::new().name(format!("octrls-{name}")).spawn(body).map_err(EngineError::Thread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_alive_while_it_answers_and_after_it_has_stopped() {
        let (sender, commands) = unbounded();
        let handle = EngineHandle(sender);
        assert!(!handle.is_alive(Duration::from_millis(10)), "nobody answers");
        let answers = thread::spawn(move || {
            for good in [true, false] {
                while let Ok(command) = commands.recv() {
                    // Earlier questions have timed out.
                    if let Command::Ask(reply) = command
                        && reply
                            .send_timeout(Answer { is_alive: good, problem: None }, Duration::from_millis(1))
                            .is_ok()
                    {
                        break;
                    }
                }
            }
        });
        let patience = Duration::from_mins(1);
        assert!(handle.is_alive(patience));
        assert!(!handle.is_alive(patience), "its workers are stuck");
        answers.join().unwrap();
        assert!(handle.is_alive(patience), "it has stopped");
    }
}
