//! A worker: takes jobs from the queue, one for each free place, and gives outcomes back.

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
    error::code,
    link::{Link, Stopped, TICK, Tick, chain},
    scratch::Scratch,
    turn::{Given, Turn},
    wire::Names,
};
use octrls_core::network::Network;
use octrls_engine::{Event, EventKind, Level, Life, STUCK, ScanChange, ScanId, Session, Totals, is_of_the_disk};

/// How long a place waits for a job before it looks whether it is still wanted.
const PULL: Duration = Duration::from_secs(3);
/// Pause after a scan that this box could not write.
const HOLD: Duration = Duration::from_secs(30);
/// Threads that may be left behind with scans that do not end.
const MOST_LEFT_BEHIND: usize = 8;

/// What a worker works with.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// What others call it.
    pub name: String,
    /// Scans to work on at once, at least one.
    pub jobs: usize,
    /// Folder for scans in hand.
    pub scratch: PathBuf,
    /// The folder that watchers see as well.
    pub share: Option<PathBuf>,
    /// How long a scan may take.
    pub limit: Option<Duration>,
    /// The largest scan that is taken, in bytes.
    pub max_bytes: u64,
    /// Deliveries after which a job is given up.
    pub deliveries: u32,
    /// A worker that is silent for so long is taken for lost.
    pub patience: Duration,
}

/// Steers a worker from elsewhere.
#[derive(Clone, Debug, Default)]
pub struct Stops(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    draining: AtomicBool,
    aborting: AtomicBool,
    life: Life,
}

impl Stops {
    /// Takes no further job and finishes those in hand.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    /// Gives those in hand back as well.
    pub fn abort(&self) {
        self.0.aborting.store(true, Ordering::Relaxed);
        self.drain();
    }

    /// Whether a place got on, if only with waiting, within the time after which they count as stuck.
    pub fn is_alive(&self) -> bool {
        self.0.life.silence() <= STUCK
    }

    /// A place got on.
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

/// What all places of a worker share.
pub(super) struct Workshop {
    pub(super) link: Arc<Link>,
    pub(super) network: Network,
    pub(super) options: WorkerOptions,
    pub(super) stops: Stops,
    pub(super) scratch: Scratch,
    /// None once it is over, whoever is left behind.
    events: Mutex<Option<Sender<Event>>>,
    scans: AtomicU64,
    done: AtomicU64,
    failed: AtomicU64,
    left: AtomicU64,
    running: AtomicUsize,
    left_behind: AtomicUsize,
}

/// Works until told to stop; `events` are those of an engine, and end when it is over. Returns what became of the jobs.
///
/// # Errors
/// [`FleetError`] when there is no folder for scans in hand, or the system gives no thread.
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
    let shop = Arc::new(Workshop {
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
        // A panic outside the processor has been told; its job is delivered to another worker.
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

impl Workshop {
    pub(super) fn emit(&self, kind: EventKind) {
        if let Some(events) = self.events.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            // Nobody reading is no error: jobs are worked on all the same.
            let _ = events.send(Event { at: Timestamp::now(), kind });
        }
    }

    pub(super) fn scan(&self, id: ScanId, change: ScanChange) {
        self.emit(EventKind::Scan { id, change });
    }

    pub(super) fn next_id(&self) -> ScanId {
        ScanId(1 + self.scans.fetch_add(1, Ordering::Relaxed))
    }

    /// One more thread does not let go of its scan; with too many of them the worker ends, and whoever supervises it starts
    /// another.
    pub(super) fn leave_behind(&self) {
        if 1 + self.left_behind.fetch_add(1, Ordering::Relaxed) >= MOST_LEFT_BEHIND {
            let text = "so many scans are stuck that this worker ends; does a disk or a share hang?".to_owned();
            self.emit(EventKind::Notice { level: Level::Error, code: Some(code::STUCK), text });
            self.stops.drain();
        }
    }

    /// Takes one job after the other.
    fn place(self: &Arc<Self>) {
        let mut consumer = None;
        while !self.stops.is_draining() {
            self.stops.beat();
            let Some(message) = self.pull(&mut consumer) else { continue };
            self.running.fetch_add(1, Ordering::Relaxed);
            let given = Turn::new(self, &message).run();
            self.running.fetch_sub(1, Ordering::Relaxed);
            match given {
                Given::Done => _ = self.done.fetch_add(1, Ordering::Relaxed),
                Given::Failed { code } => {
                    self.failed.fetch_add(1, Ordering::Relaxed);
                    if is_of_the_disk(code) {
                        self.hold();
                    }
                }
                Given::Back => {
                    self.left.fetch_add(1, Ordering::Relaxed);
                    // Another worker may begin at once; one that is gone by then is waited for.
                    let nak = message.ack_with(AckKind::Nak(None));
                    let _ = self.link.wait(nak, &mut || Err(Stopped));
                }
                Given::Settled => {}
            }
        }
    }

    /// The next job from `known`, which is looked for where there is none; `None` where there is no job yet.
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
        // A pull that is cut short might have a job delivered to nobody.
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
        self.link.insist(tick, |queue| {
            let (name, subjects) = (name.clone(), subjects.clone());
            async move { queue.consumer(name, subjects, patience).await }
        })
    }

    /// Leaves jobs to others for a while.
    fn hold(&self) {
        let mut left = HOLD;
        while !left.is_zero() && !self.stops.is_draining() {
            thread::sleep(TICK);
            self.stops.beat();
            left = left.saturating_sub(TICK);
        }
    }
}
