//! The threads of workers and watchers, and stuck threads that were abandoned.

use std::{
    collections::HashMap,
    io,
    sync::Arc,
    thread::{self, JoinHandle},
};

use crossbeam_channel::{Receiver, Sender};

use super::{backlog::QueuedScan, in_flight::RunningScan};
use crate::work::worker::{EndedTask, WorkerContext};

/// Limit for abandoned threads. Beyond it, a hanging disk or share is more likely than broken scans.
const MAX_ABANDONED: usize = 8;

/// The workers, and the watchers without which the engine must stop.
pub(crate) struct WorkerPool {
    context: Arc<WorkerContext>,
    tasks: Receiver<QueuedScan>,
    outcomes: Sender<EndedTask>,
    workers: HashMap<usize, JoinHandle<()>>,
    watchers: Vec<JoinHandle<()>>,
    abandoned: Vec<JoinHandle<()>>,
    started: usize,
}

impl WorkerPool {
    pub(crate) fn new(context: Arc<WorkerContext>, tasks: Receiver<QueuedScan>, outcomes: Sender<EndedTask>) -> Self {
        Self {
            context,
            tasks,
            outcomes,
            workers: HashMap::new(),
            watchers: Vec::new(),
            abandoned: Vec::new(),
            started: 0,
        }
    }

    /// Starts one more worker.
    pub(crate) fn add_worker(&mut self) -> io::Result<()> {
        self.started += 1;
        let number = self.started;
        let (context, tasks, outcomes) = (Arc::clone(&self.context), self.tasks.clone(), self.outcomes.clone());
        let name = format!("octrls-worker-{number}");
        let worker = thread::Builder::new().name(name).spawn(move || context.work(number, &tasks, &outcomes))?;
        self.workers.insert(number, worker);
        Ok(())
    }

    /// Abandons a stuck worker, starts another in its place and fails the scan. A separate thread does the latter,
    /// because the disk itself may hang.
    pub(crate) fn replace(&mut self, stuck: RunningScan) -> io::Result<()> {
        self.abandoned.extend(self.workers.remove(&stuck.worker));
        let (context, outcomes) = (Arc::clone(&self.context), self.outcomes.clone());
        thread::Builder::new().name("octrls-stuck".to_owned()).spawn(move || context.fail_stuck(stuck, &outcomes))?;
        self.add_worker()
    }

    /// Whether so many threads are abandoned that no new scan may start.
    pub(crate) fn is_stuck(&mut self) -> bool {
        self.abandoned.retain(|thread| !thread.is_finished());
        self.abandoned.len() >= MAX_ABANDONED
    }

    /// Whether a worker thread ended unexpectedly.
    pub(crate) fn has_lost_a_worker(&self) -> bool {
        self.workers.values().any(JoinHandle::is_finished)
    }

    /// Adds a watcher. It is never joined: it cannot end while its share hangs, and it holds nothing that others need.
    pub(crate) fn add_watcher(&mut self, watcher: JoinHandle<()>) {
        self.watchers.push(watcher);
    }

    /// Whether a watcher thread ended unexpectedly.
    pub(crate) fn has_lost_a_watcher(&self) -> bool {
        self.watchers.iter().any(JoinHandle::is_finished)
    }

    /// Joins the workers, which end when the task channel closes. Abandoned threads end with the process.
    pub(crate) fn join(self) {
        for worker in self.workers.into_values() {
            let _ = worker.join();
        }
    }
}
