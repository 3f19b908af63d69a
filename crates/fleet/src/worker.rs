//! A worker: takes jobs from the queue, one for each free slot, and stores their outcomes.

use octrls_core::ErrorCode;
use std::{
    fs, io,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use async_nats::jetstream::{AckKind, Message, consumer::PullConsumer};
use crossbeam_channel::Sender;
use futures_util::StreamExt;
use jiff::Timestamp;

use super::{
    FleetError,
    job_handler::{JobHandler, JobResult},
    link::{Link, Stopped, TICK, Tick, chain},
    scratch::Scratch,
    wire::Names,
};
use octrls_core::network::Network;
use octrls_engine::{
    Event, EventKind, Heartbeat, Level, STUCK_AFTER, ScanChange, ScanId, Session, Totals, is_storage_error,
};

/// Time limit of one pull, after which a slot checks for a stop.
const PULL: Duration = Duration::from_secs(3);
/// Pause after a failure to write to disk.
const HOLD: Duration = Duration::from_secs(30);
/// Abandoned threads with stuck scans at which the worker stops.
const MOST_LEFT_BEHIND: usize = 8;

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
pub struct Stops(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    draining: AtomicBool,
    aborting: AtomicBool,
    life: Heartbeat,
}

impl Stops {
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
    pub fn is_alive(&self) -> bool {
        self.0.life.silence() <= STUCK_AFTER
    }

    /// Records that a slot makes progress.
    pub(super) fn beat(&self) {
        self.0.life.beat();
    }

    pub(super) fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }

    pub(super) fn is_aborting(&self) -> bool {
        self.0.aborting.load(Ordering::Relaxed)
    }
}

/// State shared by all slots of a worker.
pub(super) struct WorkerState {
    pub(super) link: Arc<Link>,
    pub(super) network: Network,
    pub(super) options: WorkerOptions,
    pub(super) stops: Stops,
    pub(super) scratch: Scratch,
    /// None after the worker has stopped, even if abandoned threads remain.
    events: Mutex<Option<Sender<Event>>>,
    scans: AtomicU64,
    done: AtomicU64,
    failed: AtomicU64,
    left: AtomicU64,
    running: AtomicUsize,
    left_behind: AtomicUsize,
}

/// Runs a worker until it is stopped. `events` gets the same events as from an engine. Returns the counts of jobs.
///
/// # Errors
/// [`FleetError`] if the scratch or shared folder cannot be used, or no thread can be started.
pub fn run(
    link: Arc<Link>,
    network: Network,
    options: WorkerOptions,
    stops: Stops,
    events: Sender<Event>,
) -> Result<Totals, FleetError> {
    let scratch = Scratch::make(&options.scratch)?;
    let share = options
        .share
        .as_deref()
        .map(|path| fs::canonicalize(path).map_err(|source| FleetError::Folder { path: path.to_owned(), source }));
    let options = WorkerOptions { share: share.transpose()?, ..options };
    let shop = Arc::new(WorkerState {
        link,
        network,
        options,
        stops,
        scratch,
        events: Mutex::new(Some(events)),
        scans: AtomicU64::default(),
        done: AtomicU64::default(),
        failed: AtomicU64::default(),
        left: AtomicU64::default(),
        running: AtomicUsize::default(),
        left_behind: AtomicUsize::default(),
    });
    shop.emit(EventKind::Started(Session {
        roots: vec![shop.link.server().into()],
        out: shop.scratch.path().to_owned(),
        model: shop.network.metadata().name.clone(),
        model_sha256: shop.network.file_sha256().to_owned(),
        workers: shop.options.jobs,
    }));
    let told = Arc::clone(&shop);
    shop.link.teller().listen(move |level, code, text| told.emit(EventKind::Notice { level, code, text }));
    let places = (1..=shop.options.jobs).map(|number| {
        let shop = Arc::clone(&shop);
        thread::Builder::new().name(format!("octrls-place-{number}")).spawn(move || shop.place())
    });
    let places = places.collect::<io::Result<Vec<_>>>();
    if places.is_err() {
        shop.stops.drain();
    }
    let places = places.map_err(FleetError::Thread)?;
    while !shop.stops.is_draining() {
        thread::sleep(TICK);
    }
    shop.emit(EventKind::Draining { running: shop.running.load(Ordering::Relaxed) });
    for place in places {
        // After a panic here, the server redelivers the job to another worker.
        let _ = place.join();
    }
    let count = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
    let totals =
        Totals { done: count(&shop.done), already_done: 0, quarantined: count(&shop.failed), left: count(&shop.left) };
    shop.emit(EventKind::Stopped(totals));
    shop.events.lock().unwrap_or_else(PoisonError::into_inner).take();
    shop.link.teller().listen(|_, _, _| {});
    Ok(totals)
}

impl WorkerState {
    pub(super) fn emit(&self, kind: EventKind) {
        if let Some(events) = self.events.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            // The worker goes on without a reader.
            let _ = events.send(Event { at: Timestamp::now(), kind });
        }
    }

    pub(super) fn scan(&self, id: ScanId, change: ScanChange) {
        self.emit(EventKind::Scan { id, change });
    }

    pub(super) fn next_id(&self) -> ScanId {
        ScanId(1 + self.scans.fetch_add(1, Ordering::Relaxed))
    }

    /// Counts an abandoned thread. After too many, the worker stops, so that its supervisor restarts it.
    pub(super) fn leave_behind(&self) {
        if 1 + self.left_behind.fetch_add(1, Ordering::Relaxed) >= MOST_LEFT_BEHIND {
            let text = "too many scans are stuck, this worker stops; check disks and network shares".to_owned();
            self.emit(EventKind::Notice { level: Level::Error, code: Some(ErrorCode::FleetStuck), text });
            self.stops.drain();
        }
    }

    /// Runs one slot: takes one job after another.
    fn place(self: &Arc<Self>) {
        let mut consumer = None;
        while !self.stops.is_draining() {
            self.stops.beat();
            let Some(message) = self.pull(&mut consumer) else { continue };
            self.running.fetch_add(1, Ordering::Relaxed);
            let given = JobHandler::new(self, &message).run();
            self.running.fetch_sub(1, Ordering::Relaxed);
            match given {
                JobResult::Done => _ = self.done.fetch_add(1, Ordering::Relaxed),
                JobResult::Failed { code } => {
                    self.failed.fetch_add(1, Ordering::Relaxed);
                    if is_storage_error(code) {
                        self.hold();
                    }
                }
                JobResult::Back => {
                    self.left.fetch_add(1, Ordering::Relaxed);
                    // Another worker may start at once. If this fails, the server redelivers the job after `patience`.
                    let nak = message.ack_with(AckKind::Nak(None));
                    let _ = self.link.wait(nak, &mut || Err(Stopped));
                }
                JobResult::Settled => {}
            }
        }
    }

    /// Pulls the next job from the consumer `known`, opening it if needed. `None` if there is no job yet.
    fn pull(&self, known: &mut Option<PullConsumer>) -> Option<Message> {
        let mut tick = || {
            self.stops.beat();
            if self.stops.is_draining() { Err(Stopped) } else { Ok(()) }
        };
        let consumer = match known.take() {
            Some(consumer) => consumer,
            None => self.consumer(&mut tick).ok()?,
        };
        let pull = async {
            let batch = consumer.batch().max_messages(1).expires(PULL).messages().await;
            batch.map_err(|e| chain(&e))?.next().await.transpose().map_err(|e| e.to_string())
        };
        // Do not interrupt a pull: its job could be delivered to nobody.
        match self.link.wait(pull, &mut || Ok(())).ok()? {
            Ok(message) => {
                *known = Some(consumer);
                message
            }
            Err(reason) => {
                let _ = self.link.pause(&reason, &mut tick);
                None
            }
        }
    }

    fn consumer(&self, tick: Tick<'_>) -> Result<PullConsumer, Stopped> {
        let model = self.network.file_sha256();
        let (name, subjects) = (Names::consumer(model), self.link.names().jobs_of(model));
        let patience = self.options.patience;
        self.link.retry(tick, |queue| {
            let (name, subjects) = (name.clone(), subjects.clone());
            async move { queue.consumer(name, subjects, patience).await }
        })
    }

    /// Pauses, so that other workers take the jobs.
    fn hold(&self) {
        let mut left = HOLD;
        while !left.is_zero() && !self.stops.is_draining() {
            thread::sleep(TICK);
            self.stops.beat();
            left = left.saturating_sub(TICK);
        }
    }
}
