//! The threads of workers and watchers, and those that were left behind with a scan that they do not let go of.

use std::{
    collections::HashMap,
    io,
    sync::Arc,
    thread::{self, JoinHandle},
};

use crossbeam_channel::{Receiver, Sender};

use super::{
    backlog::Task,
    hands::Hand,
    worker::{Bench, Outcome},
};

/// Threads that may be left behind. More of them say that a disk or a share hangs rather than that scans are broken.
const MOST_LEFT_BEHIND: usize = 8;

/// The workers, and the watchers that must not be missed.
pub(super) struct Crew {
    bench: Arc<Bench>,
    tasks: Receiver<Task>,
    outcomes: Sender<Outcome>,
    workers: HashMap<usize, JoinHandle<()>>,
    watchers: Vec<JoinHandle<()>>,
    left_behind: Vec<JoinHandle<()>>,
    hired: usize,
}

impl Crew {
    pub(super) fn new(bench: Arc<Bench>, tasks: Receiver<Task>, outcomes: Sender<Outcome>) -> Self {
        Self {
            bench,
            tasks,
            outcomes,
            workers: HashMap::new(),
            watchers: Vec::new(),
            left_behind: Vec::new(),
            hired: 0,
        }
    }

    /// Starts one more worker.
    pub(super) fn hire(&mut self) -> io::Result<()> {
        self.hired += 1;
        let number = self.hired;
        let (bench, tasks, outcomes) = (Arc::clone(&self.bench), self.tasks.clone(), self.outcomes.clone());
        let name = format!("octrls-worker-{number}");
        let worker = thread::Builder::new().name(name).spawn(move || bench.work(number, &tasks, &outcomes))?;
        self.workers.insert(number, worker);
        Ok(())
    }

    /// Leaves the worker behind that does not let go of its scan, takes another in its place, and gives the scan up in a
    /// thread of its own, since the disk may be what hangs.
    pub(super) fn replace(&mut self, stuck: Hand) -> io::Result<()> {
        self.left_behind.extend(self.workers.remove(&stuck.worker));
        let (bench, outcomes) = (Arc::clone(&self.bench), self.outcomes.clone());
        thread::Builder::new().name("octrls-stuck".to_owned()).spawn(move || bench.give_up_stuck(stuck, &outcomes))?;
        self.hire()
    }

    /// Whether so many threads are left behind that no further scan should be begun.
    pub(super) fn is_stuck(&mut self) -> bool {
        self.left_behind.retain(|thread| !thread.is_finished());
        self.left_behind.len() >= MOST_LEFT_BEHIND
    }

    /// Whether a worker has ended although there is work.
    pub(super) fn has_lost_a_worker(&self) -> bool {
        self.workers.values().any(JoinHandle::is_finished)
    }

    /// Adds a watcher. It is never waited for: on a share that hangs it cannot end, and it holds nothing that others wait for.
    pub(super) fn add_watcher(&mut self, watcher: JoinHandle<()>) {
        self.watchers.push(watcher);
    }

    /// Whether a watcher has ended although it is wanted.
    pub(super) fn has_lost_a_watcher(&self) -> bool {
        self.watchers.iter().any(JoinHandle::is_finished)
    }

    /// Waits for the workers, who end when nobody sends tasks any more; those left behind end with the process.
    pub(super) fn dismiss(self) {
        for worker in self.workers.into_values() {
            let _ = worker.join();
        }
    }
}
