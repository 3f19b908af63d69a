//! Runs one scan on a remote worker.

use std::{
    io::{self, Read},
    ops::ControlFlow,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use crossbeam_channel::RecvTimeoutError;
use octrls_core::ErrorCode;
use octrls_engine::{Cancelled, ProcessError, ScanChange, ScanSummary, validate};
use octrls_readers::ReadError;
use octrls_report::{OutputError, RESULT_FILE, StagedFolder};

use super::{
    cleanup::JobData,
    job_input::JobInput,
    message_router::{JobMessage, JobMessages},
    state::WatcherState,
};
use crate::queue::{
    archive::{self, ArchiveError, Limits, Packer, is_below},
    jetstream_queue::{JetStreamQueue, QueueError},
    link::{Stopped, TICK},
    messages::{self, Job, JobEnding, MAX_PATH_DEPTH, Outcome, ScanSource, Signal},
    names::QueueNames,
    object_io::{AsyncReader, ObjectReader},
};

/// Poll interval for an outcome whose message was lost.
const POLL: Duration = Duration::from_secs(5);
/// Consecutive polls after which a job counts as forgotten: in the queue and marked delivered, but no worker has it. A
/// single poll may fall between a worker's acknowledgement and its effect.
const FORGOTTEN_POLLS: u32 = 3;
/// After this long without a signal, screens show the scan as queued again.
const SIGNAL_TIMEOUT: Duration = Duration::from_secs(40);
/// Limits for results: two images for each B-scan and a few files, for each series of a file.
const RESULT_LIMITS: Limits = Limits { files: 100_000, bytes: 16 << 30 };
/// Most characters of a worker's text.
const MAX_TEXT: usize = 1000;
/// Longest `result.json`, in bytes.
const MAX_RECORD: u64 = 256 << 20;
/// Attempts to read results that break off while the server is connected.
const MAX_DOWNLOADS: u32 = 3;

/// One remote job, from its publication to its results.
pub(super) struct RemoteJob<'a> {
    state: &'a WatcherState,
    input: &'a JobInput,
    name: &'a Path,
    report: &'a mut dyn FnMut(ScanChange) -> ControlFlow<Cancelled>,
    /// Whether a worker is running it.
    running: bool,
    /// Subject of the job.
    job: String,
    /// Subject of its outcome.
    outcome: String,
}

impl From<Stopped> for ProcessError {
    fn from(Stopped: Stopped) -> Self {
        Self::put_off()
    }
}

impl<'a> RemoteJob<'a> {
    pub(super) fn new(
        state: &'a WatcherState,
        input: &'a JobInput,
        name: &'a Path,
        report: &'a mut dyn FnMut(ScanChange) -> ControlFlow<Cancelled>,
    ) -> Self {
        let names = state.link.names();
        let (job, outcome) = (names.job(&state.model, &input.address), names.outcome(&input.address));
        Self { state, input, name, report, running: false, job, outcome }
    }

    /// Publishes the job if it is new, waits for its outcome, and puts the results into `out`.
    pub(super) fn run(mut self, messages: &JobMessages, out: &Path) -> Result<ScanSummary, ProcessError> {
        let mut found = self.fetch_outcome()?;
        while found.is_none() {
            self.publish()?;
            found = self.await_outcome(messages)?;
        }
        let outcome = messages::decode_json(&found.unwrap_or_default()).map_err(|reason| invalid_results(&reason));
        let (result, is_settled) = match outcome {
            Ok(Outcome { worker, ending: JobEnding::Failed { code, reason, transient } }) => {
                let reason = format!(
                    "{} (worker {})",
                    messages::printable(&reason, MAX_TEXT),
                    messages::printable(&worker, MAX_TEXT)
                );
                (Err(ProcessError { code, reason, transient }), true)
            }
            Ok(Outcome { ending: JobEnding::Done { summary, object }, .. }) => {
                let result = self.store_results(*summary, &object, out);
                // After a full disk or a stop, the outcome is kept in the queue for the next attempt.
                let is_kept = |e: &ProcessError| e.transient && e.code != ErrorCode::FleetResult;
                let is_settled = !result.as_ref().is_err_and(is_kept);
                (result, is_settled)
            }
            Err(error) => (Err(error), true),
        };
        if is_settled {
            self.remove_from_queue()?;
        }
        result
    }

    /// Runs `work` on the queue and retries until the queue answers.
    fn retry<T, F>(&mut self, work: impl FnMut(Arc<JetStreamQueue>) -> F) -> Result<T, ProcessError>
    where
        F: Future<Output = Result<T, QueueError<ProcessError>>>,
    {
        let Self { state, report, running, .. } = self;
        state.link.retry(&mut || report_state(state, &mut **report, *running), work)
    }

    /// The stored outcome, if any.
    fn fetch_outcome(&mut self) -> Result<Option<Bytes>, ProcessError> {
        let subject = self.outcome.clone();
        self.retry(move |queue| {
            let subject = subject.clone();
            async move { queue.outcome(&subject).await }
        })
    }

    /// Whether the job is in the queue.
    fn has_job(&mut self) -> Result<bool, ProcessError> {
        let subject = self.job.clone();
        self.retry(move |queue| {
            let subject = subject.clone();
            async move { queue.has_job(&subject).await }
        })
    }

    /// Whether the job is in the queue but will never be delivered.
    fn is_forgotten(&mut self) -> Result<bool, ProcessError> {
        let (subject, consumer) = (self.job.clone(), QueueNames::consumer(&self.state.model));
        self.retry(move |queue| {
            let (subject, consumer) = (subject.clone(), consumer.clone());
            async move { queue.has_forgotten(&subject, &consumer).await }
        })
    }

    /// Removes the job from the queue.
    fn remove_job(&mut self) -> Result<(), ProcessError> {
        let subject = self.job.clone();
        self.retry(move |queue| {
            let subject = subject.clone();
            async move { queue.remove_job(&subject).await }
        })
    }

    /// Publishes the job unless it is in the queue already.
    fn publish(&mut self) -> Result<(), ProcessError> {
        if self.has_job()? {
            return Ok(());
        }
        let (source, is_shared) = match &self.input.shared_path {
            Some(path) if is_below(path, MAX_PATH_DEPTH) => (ScanSource::Shared(path.clone()), true),
            _ => (ScanSource::Object(self.input.address.key.clone()), false),
        };
        let job = Job {
            octrls: env!("CARGO_PKG_VERSION").to_owned(),
            name: self.name.to_owned(),
            bytes: self.input.bytes,
            content: self.input.sha256.clone(),
            fingerprint: self.state.fingerprint.clone(),
            options: self.state.options.clone(),
            seconds: self.state.limit.map(|limit| limit.as_secs_f64()),
            source,
            instances: self.input.instances.clone(),
            earlier: self.input.earlier.clone(),
        };
        let encode = |e: io::Error| ProcessError { code: ErrorCode::FleetJob, reason: e.to_string(), transient: false };
        let (job, subject) = (messages::encode_json(&job).map_err(encode)?, self.job.clone());
        let max_payload = self.state.link.max_payload();
        // Before the upload: without a job, nobody would remove the scan from the store.
        if max_payload > 0 && job.len() > max_payload {
            let reason = format!(
                "the job has {} bytes with the names of {} files; the queue's server accepts at most {max_payload} (raise \
                 its `max_payload`)",
                job.len(),
                self.input.instances.len()
            );
            return Err(ProcessError { code: ErrorCode::FleetJob, reason, transient: false });
        }
        if !is_shared {
            self.upload()?;
        }
        // A job with the same subject is identical.
        self.retry(move |queue| {
            let (job, subject) = (job.clone(), subject.clone());
            async move { queue.publish(subject, job).await }
        })
        .map(drop)
    }

    /// Uploads the scan as the object that the job names.
    fn upload(&mut self) -> Result<(), ProcessError> {
        let (entries, object, name) = (&self.input.entries, self.input.address.key.clone(), self.name.to_owned());
        self.retry(move |queue| {
            let packer = Packer::new(entries).map_err(QueueError::Caller);
            let object = object.clone();
            let name = name.clone();
            async move {
                let stored = async { queue.scans.put(&object, &mut AsyncReader(packer?)).await };
                let unreadable = |source| ReadError::Io { path: name, source }.into();
                stored.await.map_err(|error| error.map_caller(unreadable))
            }
        })
        .map(drop)
    }

    /// Waits for the outcome and reports the worker's signals meanwhile. `None` if job and outcome have disappeared.
    fn await_outcome(&mut self, messages: &JobMessages) -> Result<Option<Bytes>, ProcessError> {
        let (mut polled, mut last_signal) = (Instant::now(), Instant::now());
        let mut forgotten = 0;
        loop {
            match messages.receiver.recv_timeout(TICK) {
                Ok(JobMessage::Signal(bytes)) => {
                    let signal = Signal::decode(&bytes);
                    if signal.is_some() {
                        (self.running, last_signal) = (true, Instant::now());
                    }
                    if let Some(Signal::Change(change)) = signal {
                        report_state(self.state, self.report, self.running)?;
                        if let ControlFlow::Break(cancelled) = (self.report)(change) {
                            return Err(cancelled.into());
                        }
                    }
                }
                Ok(JobMessage::OutcomeStored) => {
                    if let Some(outcome) = self.fetch_outcome()? {
                        return Ok(Some(outcome));
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(TICK),
            }
            self.running &= self.state.link.is_connected() && last_signal.elapsed() < SIGNAL_TIMEOUT;
            report_state(self.state, self.report, self.running)?;
            if polled.elapsed() >= POLL {
                polled = Instant::now();
                if let Some(outcome) = self.fetch_outcome()? {
                    return Ok(Some(outcome));
                }
                // The job may have ended since: a worker stores the outcome before it acknowledges the job.
                if !self.has_job()? {
                    return self.fetch_outcome();
                }
                forgotten = if !self.running && self.is_forgotten()? { forgotten + 1 } else { 0 };
                if forgotten >= FORGOTTEN_POLLS {
                    // If a worker has it after all, it finds the job gone and stores no outcome.
                    self.remove_job()?;
                    return self.fetch_outcome();
                }
            }
        }
    }

    /// Puts the results into `out`.
    fn store_results(&mut self, summary: ScanSummary, object: &str, out: &Path) -> Result<ScanSummary, ProcessError> {
        let summary = Arc::new(ScanSummary { out: out.to_owned(), follow_up: None, ..summary });
        if !validate::change(&ScanChange::Done(Arc::clone(&summary))) {
            return Err(invalid_results("their summary has impossible values"));
        }
        let folder = self.download(object)?;
        folder.sync_below()?;
        let running = ScanChange::Running { attempt: 1 };
        folder.publish(out, &mut || (self.report)(running.clone()))?;
        Ok(Arc::unwrap_or_clone(summary))
    }

    /// Fetches the results into a staged folder, and checks that they belong to this scan.
    fn download(&mut self, object: &str) -> Result<StagedFolder, ProcessError> {
        let mut failures = 0;
        loop {
            let name = object.to_owned();
            let found = self.retry(move |queue| {
                let name = name.clone();
                async move { queue.results.get(&name).await }
            })?;
            let archive = found.ok_or_else(|| invalid_results("they are missing in the queue"))?;
            let folder = self.state.staging.begin()?;
            let Self { state, report, running, .. } = self;
            let mut on_tick = || report_state(state, &mut **report, *running);
            let mut source = ObjectReader::new(&state.link, archive, &mut on_tick);
            match archive::unpack(&mut source, RESULT_LIMITS, |name, content| folder.receive(name, content)) {
                Ok(()) => {
                    check_scan(&self.input.sha256, &folder)?;
                    return Ok(folder);
                }
                Err(ArchiveError::Refused(reason)) => return Err(invalid_results(&reason)),
                Err(ArchiveError::Write(error)) => return Err(write_error(error, object)),
                Err(ArchiveError::Read(error)) => {
                    // A stop or a cancelled scan breaks the download off too.
                    report_state(self.state, self.report, self.running)?;
                    failures += u32::from(self.state.link.is_connected());
                    if failures >= MAX_DOWNLOADS {
                        return Err(invalid_results(&format!("the download broke off: {error}")));
                    }
                    let reason = format!("the download of results broke off: {error}");
                    let Self { state, report, running, .. } = self;
                    state.link.pause(&reason, &mut || report_state(state, &mut **report, *running))?;
                }
            }
        }
    }

    /// Removes everything of this job from the queue.
    fn remove_from_queue(&mut self) -> Result<(), ProcessError> {
        let data = JobData::new(&self.state.link, &self.state.model, &self.input.address);
        self.retry(move |queue| data.clone().remove(queue))?;
        self.state.router.mark_settled(&self.input.address.key);
        Ok(())
    }
}

/// Reports the scan's state, which is also a heartbeat.
fn report_state(
    state: &WatcherState,
    report: &mut dyn FnMut(ScanChange) -> ControlFlow<Cancelled>,
    running: bool,
) -> Result<(), Stopped> {
    let flow = report(if running { ScanChange::Running { attempt: 1 } } else { ScanChange::Queued });
    if flow.is_break() || state.is_draining() { Err(Stopped) } else { Ok(()) }
}

/// The error for invalid results. Transient, since another worker may succeed.
fn invalid_results(reason: &str) -> ProcessError {
    ProcessError {
        code: ErrorCode::FleetResult,
        reason: format!("invalid results from a worker: {reason}"),
        transient: true,
    }
}

fn write_error(error: io::Error, object: &str) -> ProcessError {
    match error.downcast::<OutputError>() {
        Ok(OutputError::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
            invalid_results("two files with the same name")
        }
        Ok(error) => error.into(),
        Err(error) => invalid_results(&format!("{object}: {error}")),
    }
}

/// Checks that `folder` holds results of the scan with that content.
fn check_scan(content: &str, folder: &StagedFolder) -> Result<(), ProcessError> {
    let path = folder.path().join(RESULT_FILE);
    let mut text = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MAX_RECORD).read_to_end(&mut text));
    read.map_err(|_| invalid_results("result.json is missing"))?;
    let record: serde_json::Value =
        serde_json::from_slice(&text).map_err(|_| invalid_results("result.json is not valid JSON"))?;
    // A file of several series has a list, with the digest at its top.
    let sha256 = record["scan"]["sha256"].as_str().or(record["sha256"].as_str());
    if sha256 == Some(content) { Ok(()) } else { Err(invalid_results("they belong to another scan")) }
}

#[cfg(test)]
mod tests {
    use octrls_report::Staging;

    use super::*;

    #[test]
    fn results_of_another_scan_are_rejected() {
        let out = tempfile::tempdir().unwrap();
        let folder = Staging::of(out.path()).begin().unwrap();
        assert_eq!(check_scan("abc", &folder).unwrap_err().code, "E-FLEET-RESULT");
        for (text, fits) in
            [("{", false), ("{}", false), (r#"{"scan":{"sha256":"abc"}}"#, true), (r#"{"sha256":"abc"}"#, true)]
        {
            std::fs::write(folder.path().join(RESULT_FILE), text).unwrap();
            assert_eq!(check_scan("abc", &folder).is_ok(), fits, "{text}");
        }
    }
}
