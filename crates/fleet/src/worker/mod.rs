//! A worker: takes jobs from the queue, one for each free slot, and stores their outcomes.

use std::{
    fs, io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use crossbeam_channel::Sender;
use octrls_core::network::Network;
use octrls_engine::{Event, EventKind, Session, Totals};

pub use self::state::{WorkerHandle, WorkerOptions};
use self::{scratch::Scratch, slot::Slot, state::WorkerState};
use crate::{
    FleetError,
    queue::link::{Link, TICK},
};

mod job_failure;
mod job_handler;
mod job_runner;
mod scratch;
mod slot;
mod state;

/// Runs a worker until it is stopped. `events` gets the same events as from an engine. Returns the counts of jobs.
///
/// # Errors
/// [`FleetError`] if the scratch or shared folder cannot be used, or no thread can be started.
pub fn run(
    link: Arc<Link>,
    network: Network,
    options: WorkerOptions,
    handle: WorkerHandle,
    events: Sender<Event>,
) -> Result<Totals, FleetError> {
    let scratch = Scratch::create(&options.scratch)?;
    let share = options
        .share
        .as_deref()
        .map(|path| fs::canonicalize(path).map_err(|source| FleetError::Folder { path: path.to_owned(), source }));
    let options = WorkerOptions { share: share.transpose()?, ..options };
    let state = Arc::new(WorkerState::new(link, network, options, handle, scratch, events));
    state.emit(EventKind::Started(Session {
        roots: vec![state.link.server().into()],
        out: state.scratch.path().to_owned(),
        model: state.network.metadata().name.clone(),
        model_sha256: state.network.file_sha256().to_owned(),
        workers: state.options.jobs,
    }));
    let listener = Arc::clone(&state);
    state.link.notifier().listen(move |level, code, text| listener.emit(EventKind::Notice { level, code, text }));
    let slots = (1..=state.options.jobs).map(|number| {
        let slot = Slot { state: Arc::clone(&state) };
        thread::Builder::new().name(format!("octrls-slot-{number}")).spawn(move || slot.run())
    });
    let slots = slots.collect::<io::Result<Vec<_>>>();
    if slots.is_err() {
        state.handle.drain();
    }
    let slots = slots.map_err(FleetError::Thread)?;
    while !state.handle.is_draining() {
        thread::sleep(TICK);
    }
    state.emit(EventKind::Draining { running: state.counts.running.load(Ordering::Relaxed) });
    for slot in slots {
        // After a panic here, the server redelivers the job to another worker.
        let _ = slot.join();
    }
    let count = |number: &AtomicU64| number.load(Ordering::Relaxed);
    let totals = Totals {
        done: count(&state.counts.done),
        already_done: 0,
        quarantined: count(&state.counts.failed),
        left: count(&state.counts.returned),
    };
    state.emit(EventKind::Stopped(totals));
    state.close_events();
    state.link.notifier().listen(|_, _, _| {});
    Ok(totals)
}
