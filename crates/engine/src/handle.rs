//! Starting and steering the engine.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};

use super::{
    EngineError, EngineOptions, Event, EventKind, Level, ModelFacts, Processor, ScanId, Session, Totals, Tuning,
    crew::Crew,
    exports::Exports,
    filter::Filter,
    hands::Hands,
    ledger::{Ledger, Recipe},
    life::Life,
    outlet::Outlet,
    quarantine::Quarantine,
    retention,
    roots::Roots,
    scheduler::{Command, Links, Scheduler},
    series::Series,
    territory::Territory,
    watcher::Watcher,
    worker::Bench,
};
use octrls_fs::{confined::make_parents, durable::lock_file};
use octrls_report::Staging;

/// Folder below the output folder for what the engine itself keeps there.
pub const STATE_FOLDER: &str = ".octrls";
/// File of the ledger in it.
pub const LEDGER_FILE: &str = "ledger.sqlite";

/// Folder below the output folder for scans that were given up.
pub const QUARANTINE_FOLDER: &str = "quarantine";

/// Sightings that may wait for the scheduler; the watcher waits when there are more.
const REPORTS: usize = 1024;

/// A running engine.
///
/// Dropping it together with all its [`Remote`]s drains it.
#[derive(Debug)]
pub struct Engine {
    remote: Remote,
    scheduler: JoinHandle<Totals>,
}

/// Steers an engine from any thread, also from that of a signal handler. After the engine has stopped, nothing
/// happens.
#[derive(Clone, Debug)]
pub struct Remote(Sender<Command>);

impl Engine {
    /// Starts watching and working. Events come through the returned channel, [`EventKind::Started`] first and
    /// [`EventKind::Stopped`] last; whether anyone reads them makes no difference to the work.
    ///
    /// # Errors
    /// [`EngineError`] when the root is missing, the output folder cannot be written or is in use by another
    /// engine, or the ledger in it is broken or newer than this program.
    pub fn start(
        options: EngineOptions,
        processor: Arc<dyn Processor>,
        model: ModelFacts,
    ) -> Result<(Self, Receiver<Event>), EngineError> {
        let options = resolve(options)?;
        let (roots, filter) = (Roots::resolve(&options.roots)?, Filter::of(&options)?);
        let state = options.out.join(STATE_FOLDER);
        let guard = lock_out(&options.out)?;
        let recipe = Recipe { fingerprint: processor.fingerprint(), model: model.sha256.clone() };
        let mut ledger = Ledger::open(&state.join(LEDGER_FILE), &options.out, recipe, &roots.pairs())?;
        if processor.works_elsewhere() {
            ledger.forgive_ends()?;
        }

        let (events, receiver) = unbounded();
        let (command_sender, commands) = unbounded();
        let (report_sender, reports) = bounded(REPORTS);
        let (task_sender, tasks) = unbounded();
        let (outcome_sender, outcomes) = unbounded();

        let bench = Arc::new(Bench {
            roots: roots.clone(),
            out: options.out.clone(),
            staging: Staging::of(&options.out),
            attempts: options.attempts.into(),
            max_bytes: options.max_bytes,
            hands: Hands::default(),
            processor,
            ledger: Arc::new(Mutex::new(ledger)),
            quarantine: Quarantine::new(roots.clone(), options.out.join(QUARANTINE_FOLDER)),
            outlet: Outlet::new(events),
            abort: Arc::default(),
            life: Life::default(),
            exports: Exports::default(),
            series: Series::default(),
        });
        bench.outlet.emit(EventKind::Started(Session {
            roots: options.roots.clone(),
            out: options.out.clone(),
            model: model.name,
            model_sha256: model.sha256,
            workers: options.workers,
        }));

        if let Err(error) = bench.processor.recover() {
            bench.outlet.notice(Level::Warning, Some(error.code), error.reason);
        }

        let mut crew = Crew::new(Arc::clone(&bench), tasks, outcome_sender);
        let mut requests = Vec::new();
        for (number, root) in roots.iter().enumerate() {
            let (request_sender, asked) = unbounded();
            requests.push(request_sender);
            let territory = Territory::new(&root.path, &options.out, filter.clone());
            let intervals = (options.rescan, options.poll_of(&root.path));
            let whose = (number, root.name.clone());
            let known = (bench.exports.clone(), bench.series.clone());
            let watcher = Watcher::new(whose, territory, intervals, known, asked, report_sender.clone());
            crew.add_watcher(spawn("watcher", move || watcher.run())?);
        }
        drop(report_sender);
        for _ in 0..options.workers {
            crew.hire().map_err(EngineError::Thread)?;
        }
        let (stop_removing, stopped) = bounded::<()>(0);
        let removing = options.keep.map(|age| {
            let bench = Arc::clone(&bench);
            spawn("retention", move || retention::run(&bench, age, &stopped))
        });
        let removing = removing.transpose()?;
        let links = Links { commands, requests, reports, tasks: task_sender, outcomes };
        let scheduler = Scheduler::new(options, bench, crew);
        let scheduler = spawn("engine", move || {
            let finish = move |crew: Crew| {
                crew.dismiss();
                drop(stop_removing);
                removing.map(JoinHandle::join);
            };
            let totals = scheduler.run(links, finish);
            drop(guard);
            totals
        })?;
        Ok((Self { remote: Remote(command_sender), scheduler }, receiver))
    }

    /// A means to steer the engine from elsewhere.
    #[must_use]
    pub fn remote(&self) -> Remote {
        self.remote.clone()
    }

    /// Waits until the engine has stopped, after [`Remote::drain`] or [`Remote::abort`] or when it has nothing left
    /// to do with [`EngineOptions::until_idle`].
    #[must_use]
    pub fn join(self) -> Totals {
        let Self { remote, scheduler } = self;
        let totals = scheduler.join().unwrap_or_default();
        drop(remote);
        totals
    }
}

impl Remote {
    /// Takes no further scan, finishes the running ones, and stops. What is left is taken up at the next start.
    pub fn drain(&self) {
        self.send(Command::Drain);
    }

    /// Stops as soon as each worker is through with its current B-scan; the running scans count as not begun.
    pub fn abort(&self) {
        self.send(Command::Abort);
    }

    /// Hands no further scan to the workers, or goes on; files are watched meanwhile.
    pub fn pause(&self, paused: bool) {
        self.send(Command::Pause(paused));
    }

    /// Moves a scan that was quarantined in this session back and processes it anew.
    pub fn retry(&self, id: ScanId) {
        self.send(Command::Retry(id));
    }

    /// Walks through the whole root now.
    pub fn rescan(&self) {
        self.send(Command::Rescan);
    }

    /// Works with other settings from now on.
    pub fn tune(&self, tuning: Tuning) {
        self.send(Command::Tune(tuning));
    }

    /// Whether the engine gets on with its work, for a watchdog: false when its scheduler does not answer within
    /// `patience`, or no worker of those that have a scan got on with it for twenty minutes. True once it has stopped.
    #[must_use]
    pub fn is_alive(&self, patience: Duration) -> bool {
        let (reply, answer) = bounded(1);
        self.send(Command::Ask(reply));
        !matches!(answer.recv_timeout(patience), Ok(false) | Err(RecvTimeoutError::Timeout))
    }

    /// Tells an operator of what concerns the engine's folders, but is not the engine's own doing.
    pub fn notice(&self, level: Level, code: Option<&'static str>, text: String) {
        self.send(Command::Notice(level, code, text));
    }

    fn send(&self, command: Command) {
        // An engine that has stopped needs no steering.
        let _ = self.0.send(command);
    }
}

/// Makes the folders absolute and the counts sensible; the roots must be there, the output folder is made.
pub fn resolve(options: EngineOptions) -> Result<EngineOptions, EngineError> {
    let roots: Vec<PathBuf> = Roots::resolve(&options.roots)?.iter().map(|root| root.path.clone()).collect();
    let out = fs::create_dir_all(&options.out).and_then(|()| fs::canonicalize(&options.out));
    let out = out.map_err(|source| EngineError::Out { path: options.out, source })?;
    if roots.iter().any(|root| root.starts_with(&out)) {
        return Err(EngineError::OutHoldsRoot { path: out });
    }
    let polled = options.poll_roots.iter().map(|(path, every)| match fs::canonicalize(path) {
        Ok(root) if roots.contains(&root) => Ok((root, *every)),
        _ => Err(EngineError::Roots { problem: format!("{} is to be polled and is none of them", path.display()) }),
    });
    let poll_roots = polled.collect::<Result<_, _>>()?;
    let (workers, attempts) = (options.workers.max(1), options.attempts.max(1));
    Ok(EngineOptions { roots, out, poll_roots, workers, attempts, ..options })
}

/// Takes the output folder for this process; the lock ends with the returned file, however the process ends.
pub fn lock_out(out: &Path) -> Result<File, EngineError> {
    let failed = |source: io::Error| EngineError::Out { path: out.to_owned(), source };
    let path = out.join(STATE_FOLDER).join("lock");
    make_parents(out, &path).map_err(failed)?;
    let file = lock_file(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(EngineError::Locked { path: out.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
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
    fn an_engine_lives_while_it_answers_and_once_it_has_stopped() {
        let (sender, commands) = unbounded();
        let remote = Remote(sender);
        assert!(!remote.is_alive(Duration::from_millis(10)), "nobody answers");
        let answers = thread::spawn(move || {
            for good in [true, false] {
                while let Ok(command) = commands.recv() {
                    // Those from before are no longer waited for.
                    if let Command::Ask(reply) = command
                        && reply.send_timeout(good, Duration::from_millis(1)).is_ok()
                    {
                        break;
                    }
                }
            }
        });
        let patience = Duration::from_mins(1);
        assert!(remote.is_alive(patience));
        assert!(!remote.is_alive(patience), "its workers are stuck");
        answers.join().unwrap();
        assert!(remote.is_alive(patience), "it has stopped");
    }
}
