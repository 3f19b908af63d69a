//! The open connections of a listening node, and which of them must go when another peer comes.
//!
//! A peer that sends nothing, or only enough not to time out, must not keep others out: when all seats are taken, the
//! connection that has been idle for longest is closed. A connection is idle while no message is in transfer, and before
//! it is an association.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How long a connection is idle before it may have to go: a peer may pause between two instances.
const LEAST_IDLE: Duration = Duration::from_secs(2);

/// All open connections.
#[derive(Clone, Debug, Default)]
pub(super) struct Seats(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    next: u64,
    taken: BTreeMap<u64, State>,
}

impl Table {
    /// The number of connections that stay and that `wanted` accepts.
    fn count(&self, wanted: impl Fn(&State) -> bool) -> usize {
        self.taken.values().filter(|state| state.stays() && wanted(state)).count()
    }

    /// Tells the longest idle connection that `wanted` accepts to leave; returns whether there is one.
    fn dismiss(&self, now: Instant, wanted: impl Fn(&State) -> bool) -> bool {
        let idle = self.taken.values().filter(|state| state.stays() && wanted(state));
        let idle = idle.filter_map(|state| Some((state.idle_since?, state)));
        let longest = idle.min_by_key(|(since, _)| *since);
        let dismissed = longest.filter(|(since, _)| now.duration_since(*since) >= LEAST_IDLE);
        if let Some((_, state)) = dismissed {
            state.leaves.store(true, Ordering::Relaxed);
        }
        dismissed.is_some()
    }
}

/// What becomes of a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Its association is served.
    Served,
    /// Its association is rejected as one too many.
    Rejected,
    /// It is closed at once.
    Closed,
}

#[derive(Debug)]
struct State {
    /// Whether its association is served.
    is_served: bool,
    /// Since when no message is in transfer; `None` during one.
    idle_since: Option<Instant>,
    /// Set when the connection must go.
    leaves: Arc<AtomicBool>,
}

impl State {
    fn stays(&self) -> bool {
        !self.leaves.load(Ordering::Relaxed)
    }
}

/// One open connection; dropping it frees the seat.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Seats,
    key: u64,
    leaves: Arc<AtomicBool>,
}

impl Seats {
    /// Takes a seat for a new connection: it is [`Place::Served`] while fewer than `most` others are, [`Place::Rejected`]
    /// while fewer than that many again are open, else [`Place::Closed`]. If there is no place, the connection that is
    /// idle for longest is told to leave, and makes one.
    pub(super) fn take(&self, most: usize) -> (Seat, Place) {
        let mut table = self.lock();
        let now = Instant::now();
        let served = table.count(|state| state.is_served);
        let place = if served < most || table.dismiss(now, |state| state.is_served) {
            Place::Served
        } else if table.count(|_| true) < 2 * most || table.dismiss(now, |_| true) {
            Place::Rejected
        } else {
            Place::Closed
        };
        let (key, leaves) = (table.next, Arc::<AtomicBool>::default());
        table.next += 1;
        let is_served = place == Place::Served;
        table.taken.insert(key, State { is_served, idle_since: Some(now), leaves: Arc::clone(&leaves) });
        (Seat { seats: self.clone(), key, leaves }, place)
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Notes whether a message is in transfer.
    pub(super) fn set_idle(&self, is_idle: bool) {
        if let Some(state) = self.seats.lock().taken.get_mut(&self.key) {
            state.idle_since = match (is_idle, state.idle_since) {
                (true, Some(since)) => Some(since),
                (true, None) => Some(Instant::now()),
                (false, _) => None,
            };
        }
    }

    /// Whether the connection must go.
    pub(super) fn must_leave(&self) -> bool {
        self.leaves.load(Ordering::Relaxed)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.lock().taken.remove(&self.key);
    }
}
