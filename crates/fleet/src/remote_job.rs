//! Runs one scan on a remote worker.

use octrls_core::ErrorCode;
use std::{
    io::{self, Read},
    ops::ControlFlow,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use crossbeam_channel::RecvTimeoutError;

use super::{
    archive::{self, ArchiveError, Limits, Packing, is_below},
    cleanup::Leftovers,
    dispatcher::{Dispatcher, JobInput},
    inbox::{Mail, Mailbox},
    jetstream_queue::{JetStreamQueue, QueueError},
    link::{Full, Stopped, TICK},
    wire::{self, DEEPEST, Ending, Job, Names, Outcome, Signal, Source},
};
use octrls_engine::{Cancelled, ProcessError, ScanChange, ScanSummary, validate};
use octrls_readers::ReadError;
use octrls_report::{OutputError, RESULT_FILE, StagedFolder};

/// Poll interval for an outcome whose message was lost.
const LOOK: Duration = Duration::from_secs(5);
/// Consecutive polls after which a job counts as forgotten: in the queue and marked delivered, but no worker has it. A
/// single poll may fall between a worker's acknowledgement and its effect.
const FORGOTTEN: u32 = 3;
/// After this long without a signal, screens show the scan as queued again.
const SILENT: Duration = Duration::from_secs(40);
/// Limits for results: two images for each B-scan and a few files, for each series of a file.
const RESULT: Limits = Limits { files: 100_000, bytes: 16 << 30 };
/// Most characters of a worker's text.
const LONGEST: usize = 1000;
/// Longest `result.json`, in bytes.
const LONGEST_RECORD: u64 = 256 << 20;
/// Attempts to read results that break off while the server is connected.
const TRIES: u32 = 3;

/// One remote job, from its publication to its results.
pub(super) struct RemoteJob<'a> {
    fleet: &'a Dispatcher,
    cargo: &'a JobInput,
    name: &'a Path,
    report: &'a mut dyn FnMut(ScanChange) -> ControlFlow<Cancelled>,
    /// Whether a worker is running it.
    running: bool,
    job: String,
    outcome: String,
}

impl From<Stopped> for ProcessError {
    fn from(Stopped: Stopped) -> Self {
        Self::put_off()
    }
}

impl<'a> RemoteJob<'a> {
    pub(super) fn new(
        fleet: &'a Dispatcher,
        cargo: &'a JobInput,
        name: &'a Path,
        report: &'a mut dyn FnMut(ScanChange) -> ControlFlow<Cancelled>,
    ) -> Self {
        let names = fleet.link.names();
        let (job, outcome) = (names.job(&fleet.model, &cargo.address), names.outcome(&cargo.address));
        Self { fleet, cargo, name, report, running: false, job, outcome }
    }

    /// Publishes the job if it is new, waits for its outcome, and puts the results into `out`.
    pub(super) fn run(mut self, mailbox: &Mailbox, out: &Path) -> Result<ScanSummary, ProcessError> {
        let mut found = self.look()?;
        while found.is_none() {
            self.publish()?;
            found = self.await_outcome(mailbox)?;
        }
        let outcome = wire::of_json(&found.unwrap_or_default()).map_err(|reason| refused(&reason));
        let (settled, is_over) = match outcome {
            Ok(Outcome { worker, ending: Ending::Failed { code, reason, transient } }) => {
                let reason =
                    format!("{} (worker {})", wire::printable(&reason, LONGEST), wire::printable(&worker, LONGEST));
                (Err(ProcessError { code, reason, transient }), true)
            }
            Ok(Outcome { ending: Ending::Done { summary, object }, .. }) => {
                let settled = self.receive(*summary, &object, out);
                // After a full disk or a stop, the outcome stays in the queue for the next attempt.
                let stays = |e: &ProcessError| e.transient && e.code != ErrorCode::FleetResult;
                let is_over = !settled.as_ref().is_err_and(stays);
                (settled, is_over)
            }
            Err(error) => (Err(error), true),
        };
        if is_over {
            self.clear()?;
        }
        settled
    }

    /// Runs `work` on the queue and retries until the queue answers.
    fn ask<T, F>(&mut self, work: impl FnMut(Arc<JetStreamQueue>) -> F) -> Result<T, ProcessError>
    where
        F: Future<Output = Result<T, QueueError<ProcessError>>>,
    {
        let Self { fleet, report, running, .. } = self;
        fleet.link.retry(&mut || tick(fleet, &mut **report, *running), work)
    }

    fn look(&mut self) -> Result<Option<Bytes>, ProcessError> {
        let subject = self.outcome.clone();
        self.ask(move |queue| {
            let subject = subject.clone();
            async move { queue.outcome(&subject).await }
        })
    }

    fn has_job(&mut self) -> Result<bool, ProcessError> {
        let subject = self.job.clone();
        self.ask(move |queue| {
            let subject = subject.clone();
            async move { queue.has_job(&subject).await }
        })
    }

    /// Whether the job is in the queue but will never be delivered.
    fn is_forgotten(&mut self) -> Result<bool, ProcessError> {
        let (subject, consumer) = (self.job.clone(), Names::consumer(&self.fleet.model));
        self.ask(move |queue| {
            let (subject, consumer) = (subject.clone(), consumer.clone());
            async move { queue.has_forgotten(&subject, &consumer).await }
        })
    }

    fn remove_job(&mut self) -> Result<(), ProcessError> {
        let subject = self.job.clone();
        self.ask(move |queue| {
            let subject = subject.clone();
            async move { queue.remove_job(&subject).await }
        })
    }

    /// Publishes the job unless it is in the queue already.
    fn publish(&mut self) -> Result<(), ProcessError> {
        if self.has_job()? {
            return Ok(());
        }
        let source = match &self.cargo.shared {
            Some(path) if is_below(path, DEEPEST) => Source::Shared(path.clone()),
            _ => self.upload()?,
        };
        let job = Job {
            octrls: env!("CARGO_PKG_VERSION").to_owned(),
            name: self.name.to_owned(),
            bytes: self.cargo.bytes,
            content: self.cargo.content.clone(),
            fingerprint: self.fleet.fingerprint.clone(),
            options: self.fleet.options.clone(),
            seconds: self.fleet.limit.map(|limit| limit.as_secs_f64()),
            source,
            instances: self.cargo.instances.clone(),
        };
        let encode = |e: io::Error| ProcessError { code: ErrorCode::FleetJob, reason: e.to_string(), transient: false };
        let (job, subject) = (wire::to_json(&job).map_err(encode)?, self.job.clone());
        let most = self.fleet.link.longest_message();
        if most > 0 && job.len() > most {
            let reason = format!(
                "the job has {} bytes with the names of {} files; the queue's server accepts at most {most} (raise its \
                 `max_payload`)",
                job.len(),
                self.cargo.instances.len()
            );
            return Err(ProcessError { code: ErrorCode::FleetJob, reason, transient: false });
        }
        // A job with the same subject is identical.
        self.ask(move |queue| {
            let (job, subject) = (job.clone(), subject.clone());
            async move { queue.publish(subject, job).await }
        })
        .map(drop)
    }

    fn upload(&mut self) -> Result<Source, ProcessError> {
        let (parts, key, name) = (&self.cargo.parts, self.cargo.address.key.clone(), self.name.to_owned());
        let object = key.clone();
        self.ask(move |queue| {
            let packing = Packing::of(parts).map_err(QueueError::Own);
            let object = object.clone();
            let name = name.clone();
            async move {
                let stored = async { queue.scans.put(&object, &mut Full(packing?)).await };
                stored.await.map_err(|trouble| match trouble {
                    QueueError::Queue(reason) => QueueError::Queue(reason),
                    QueueError::Own(source) => QueueError::Own(ReadError::Io { path: name, source }.into()),
                })
            }
        })?;
        Ok(Source::Object(key))
    }

    /// Waits for the outcome and reports the worker's signals meanwhile. `None` if job and outcome have disappeared.
    fn await_outcome(&mut self, mailbox: &Mailbox) -> Result<Option<Bytes>, ProcessError> {
        let (mut looked, mut heard) = (Instant::now(), Instant::now());
        let mut forgotten = 0;
        loop {
            match mailbox.mail.recv_timeout(TICK) {
                Ok(Mail::Signal(bytes)) => {
                    let signal = Signal::unpacked(&bytes);
                    if signal.is_some() {
                        (self.running, heard) = (true, Instant::now());
                    }
                    if let Some(Signal::Change(change)) = signal {
                        tick(self.fleet, self.report, self.running)?;
                        if let ControlFlow::Break(cancelled) = (self.report)(change) {
                            return Err(cancelled.into());
                        }
                    }
                }
                Ok(Mail::Outcome) => {
                    if let Some(outcome) = self.look()? {
                        return Ok(Some(outcome));
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(TICK),
            }
            self.running &= self.fleet.link.is_up() && heard.elapsed() < SILENT;
            tick(self.fleet, self.report, self.running)?;
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                if let Some(outcome) = self.look()? {
                    return Ok(Some(outcome));
                }
                // The job may have ended since: a worker stores the outcome before it acknowledges the job.
                if !self.has_job()? {
                    return self.look();
                }
                forgotten = if !self.running && self.is_forgotten()? { forgotten + 1 } else { 0 };
                if forgotten >= FORGOTTEN {
                    // If a worker has it after all, it finds the job gone and stores no outcome.
                    self.remove_job()?;
                    return self.look();
                }
            }
        }
    }

    /// Puts the results into `out`.
    fn receive(&mut self, summary: ScanSummary, object: &str, out: &Path) -> Result<ScanSummary, ProcessError> {
        let summary = Arc::new(ScanSummary { out: out.to_owned(), follow_up: None, ..summary });
        if !validate::change(&ScanChange::Done(Arc::clone(&summary))) {
            return Err(refused("their summary has impossible values"));
        }
        let folder = self.fetch(object)?;
        folder.sync_below()?;
        let running = ScanChange::Running { attempt: 1 };
        folder.publish(out, &mut || (self.report)(running.clone()))?;
        Ok(Arc::unwrap_or_clone(summary))
    }

    /// Fetches the results into a staged folder, and checks that they belong to this scan.
    fn fetch(&mut self, object: &str) -> Result<StagedFolder, ProcessError> {
        let mut tries = 0;
        loop {
            let name = object.to_owned();
            let found = self.ask(move |queue| {
                let name = name.clone();
                async move { queue.results.get(&name).await }
            })?;
            let parcel = found.ok_or_else(|| refused("they are missing in the queue"))?;
            let folder = self.fleet.staging.begin()?;
            let Self { fleet, report, running, .. } = self;
            let mut ticking = || tick(fleet, &mut **report, *running);
            let mut source = fleet.link.reader(parcel, &mut ticking);
            match archive::unpack(&mut source, RESULT, |name, content| folder.receive(name, content)) {
                Ok(()) => {
                    is_of(&self.cargo.content, &folder)?;
                    return Ok(folder);
                }
                Err(ArchiveError::Refused(reason)) => return Err(refused(&reason)),
                Err(ArchiveError::Write(error)) => return Err(error_of_disk(error, object)),
                Err(ArchiveError::Read(error)) => {
                    // A stop or a cancelled scan breaks the download off too.
                    tick(self.fleet, self.report, self.running)?;
                    tries += u32::from(self.fleet.link.is_up());
                    if tries >= TRIES {
                        return Err(refused(&format!("the download broke off: {error}")));
                    }
                    let reason = format!("the download of results broke off: {error}");
                    let Self { fleet, report, running, .. } = self;
                    fleet.link.pause(&reason, &mut || tick(fleet, &mut **report, *running))?;
                }
            }
        }
    }

    /// Removes everything of this job from the queue.
    fn clear(&mut self) -> Result<(), ProcessError> {
        let leftovers = Leftovers::of(&self.fleet.link, &self.fleet.model, &self.cargo.address);
        self.ask(move |queue| leftovers.clone().remove(queue))?;
        self.fleet.inbox.settled(&self.cargo.address.key);
        Ok(())
    }
}

/// Reports the scan's state, which is also a heartbeat.
fn tick(
    fleet: &Dispatcher,
    report: &mut dyn FnMut(ScanChange) -> ControlFlow<Cancelled>,
    running: bool,
) -> Result<(), Stopped> {
    let flow = report(if running { ScanChange::Running { attempt: 1 } } else { ScanChange::Queued });
    if flow.is_break() || fleet.is_draining() { Err(Stopped) } else { Ok(()) }
}

/// The error for invalid results. Transient, since another worker may succeed.
fn refused(reason: &str) -> ProcessError {
    ProcessError {
        code: ErrorCode::FleetResult,
        reason: format!("invalid results from a worker: {reason}"),
        transient: true,
    }
}

fn error_of_disk(error: io::Error, object: &str) -> ProcessError {
    match error.downcast::<OutputError>() {
        Ok(OutputError::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
            refused("two files with the same name")
        }
        Ok(error) => error.into(),
        Err(error) => refused(&format!("{object}: {error}")),
    }
}

/// Checks that `folder` holds results of the scan with that content.
fn is_of(content: &str, folder: &StagedFolder) -> Result<(), ProcessError> {
    let path = folder.path().join(RESULT_FILE);
    let mut text = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(LONGEST_RECORD).read_to_end(&mut text));
    read.map_err(|_| refused("result.json is missing"))?;
    let record: serde_json::Value =
        serde_json::from_slice(&text).map_err(|_| refused("result.json is not valid JSON"))?;
    // A file of several series has a list, with the digest at its top.
    let sha256 = record["scan"]["sha256"].as_str().or(record["sha256"].as_str());
    if sha256 == Some(content) { Ok(()) } else { Err(refused("they belong to another scan")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use octrls_report::Staging;

    #[test]
    fn results_of_another_scan_are_refused() {
        let out = tempfile::tempdir().unwrap();
        let folder = Staging::of(out.path()).begin().unwrap();
        assert_eq!(is_of("abc", &folder).unwrap_err().code, "E-FLEET-RESULT");
        for (text, fits) in
            [("{", false), ("{}", false), (r#"{"scan":{"sha256":"abc"}}"#, true), (r#"{"sha256":"abc"}"#, true)]
        {
            std::fs::write(folder.path().join(RESULT_FILE), text).unwrap();
            assert_eq!(is_of("abc", &folder).is_ok(), fits, "{text}");
        }
    }
}
