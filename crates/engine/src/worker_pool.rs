//! The threads of workers and watchers, and stuck threads that were abandoned.

use std::{
    collections::HashMap,
    io,
    sync::Arc,
    thread::{self, JoinHandle},
};

use crossbeam_channel::{Receiver, Sender};

use super::{
    backlog::Task,
    in_flight::Hand,
    worker::{Outcome, WorkerContext},
};

/// Limit for abandoned threads. Beyond it, a hanging disk or share is more likely than broken scans.
const MOST_LEFT_BEHIND: usize = 8;

/// The workers, and the watchers without which the engine must stop.
pub(super) struct WorkerPool {
    bench: Arc<WorkerContext>,
    tasks: Receiver<Task>,
    outcomes: Sender<Outcome>,
    workers: HashMap<usize, JoinHandle<()>>,
    watchers: Vec<JoinHandle<()>>,
    left_behind: Vec<JoinHandle<()>>,
    hired: usize,
}

impl WorkerPool {
    pub(super) fn new(bench: Arc<WorkerContext>, tasks: Receiver<Task>, outcomes: Sender<Outcome>) -> Self {
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

    /// Abandons a stuck worker, starts another in its place and fails the scan. A separate thread does the latter,
    /// because the disk itself may hang.
    pub(super) fn replace(&mut self, stuck: Hand) -> io::Result<()> {
        self.left_behind.extend(self.workers.remove(&stuck.worker));
        let (bench, outcomes) = (Arc::clone(&self.bench), self.outcomes.clone());
        thread::Builder::new().name("octrls-stuck".to_owned()).spawn(move || bench.give_up_stuck(stuck, &outcomes))?;
        self.hire()
    }

    /// Whether so many threads are abandoned that no new scan may start.
    pub(super) fn is_stuck(&mut self) -> bool {
        self.left_behind.retain(|thread| !thread.is_finished());
        self.left_behind.len() >= MOST_LEFT_BEHIND
    }

    /// Whether a worker thread ended unexpectedly.
    pub(super) fn has_lost_a_worker(&self) -> bool {
        self.workers.values().any(JoinHandle::is_finished)
    }

    /// Adds a watcher. It is never joined: it cannot end while its share hangs, and it holds nothing that others need.
    pub(super) fn add_watcher(&mut self, watcher: JoinHandle<()>) {
        self.watchers.push(watcher);
    }

    /// Whether a watcher thread ended unexpectedly.
    pub(super) fn has_lost_a_watcher(&self) -> bool {
        self.watchers.iter().any(JoinHandle::is_finished)
    }

    /// Joins the workers, which end when the task channel closes. Abandoned threads end with the process.
    pub(super) fn dismiss(self) {
        for worker in self.workers.into_values() {
            let _ = worker.join();
        }
    }
}
