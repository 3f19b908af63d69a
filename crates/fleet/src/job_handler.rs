//! The worker's side of one job.

use octrls_core::ErrorCode;
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_nats::jetstream::{AckKind, Message};
use bytes::Bytes;
use tempfile::TempDir;

use super::{
    archive::{self, ArchiveError, Limits, Packing, Part, is_below},
    jetstream_queue::{JetStreamQueue, QueueError},
    job_runner::JobRunner,
    link::{Full, Link, Stopped},
    wire::{self, Address, DEEPEST, Ending, Job, Outcome, Signal, Source},
    worker::WorkerState,
};
use octrls_engine::{ProcessError, Processor as _, ScanChange, ScanId, ScanSummary, Segmenter, digest};
use octrls_readers::ScanFiles;
use octrls_report::OutputError;

/// Heartbeats within the time after which a silent worker counts as lost.
const BEATS: u32 = 4;
/// Most files of a scan: the B-scans of the largest export, and a few more.
const MOST_FILES: u32 = 20_000;
/// Most characters of a watcher's version.
const LONGEST_VERSION: usize = 64;

/// How a worker's attempt at a job ended.
pub(super) enum JobResult {
    Done,
    Failed {
        code: ErrorCode,
    },
    /// The job returns to the queue.
    Back,
    /// Another worker has settled it.
    Settled,
}

/// Handles one job, from its delivery to its outcome.
pub(super) struct JobHandler<'a> {
    shop: &'a Arc<WorkerState>,
    message: &'a Message,
    id: ScanId,
}

/// Why a job has no results.
pub(super) enum Failure {
    /// Processing failed.
    Error(ProcessError),
    /// The worker is stopping.
    Stopped,
}

impl From<Stopped> for Failure {
    fn from(Stopped: Stopped) -> Self {
        Self::Stopped
    }
}

impl From<ProcessError> for Failure {
    fn from(error: ProcessError) -> Self {
        Self::Error(error)
    }
}

impl<'a> JobHandler<'a> {
    pub(super) fn new(shop: &'a Arc<WorkerState>, message: &'a Message) -> Self {
        Self { shop, message, id: shop.next_id() }
    }

    /// Processes the job and stores its outcome.
    pub(super) fn run(&self) -> JobResult {
        let Some(address) = Address::of_subject(&self.message.subject) else {
            // A foreign subject names no watcher that could get an outcome.
            self.acknowledge();
            return JobResult::Settled;
        };
        let beating = self.beat(&address);
        let given = self.attempt(&address);
        beating.abort();
        given.unwrap_or(JobResult::Back)
    }

    fn attempt(&self, address: &Address) -> Result<JobResult, Stopped> {
        let (delivery, sequence) = match self.message.info() {
            Ok(info) => (u32::try_from(info.delivered).unwrap_or(u32::MAX), info.stream_sequence),
            Err(_) => (1, 0),
        };
        let outcome_subject = self.link().names().outcome(address);
        if self.is_settled(&outcome_subject)? {
            self.acknowledge();
            return Ok(JobResult::Settled);
        }
        let job: Result<Job, ProcessError> = wire::of_json(&self.message.payload).map_err(|reason| nonsense(&reason));
        let nameless = || (PathBuf::from(&address.key), self.message.payload.len() as u64);
        let (path, bytes) = job.as_ref().map_or_else(|_| nameless(), |job| (job.name.clone(), job.bytes));
        self.shop.scan(self.id, ScanChange::Seen { path, bytes });
        self.shop.scan(self.id, ScanChange::Running { attempt: delivery });
        let made = match job {
            Err(error) => Err(Failure::Error(error)),
            Ok(_) if delivery > self.shop.options.deliveries => Err(Failure::Error(too_often(delivery))),
            Ok(job) => self.work(job, address),
        };
        let (ending, given, object) = match made {
            Ok((summary, folder)) => {
                let object = format!("{}.{}.{delivery}", address.key, self.shop.options.name.replace('.', "-"));
                match self.upload(&folder, &summary, &object) {
                    Ok(()) => {
                        self.shop.scan(self.id, ScanChange::Done(Arc::new(summary.clone())));
                        let bare = ScanSummary { out: PathBuf::new(), ..summary };
                        (
                            Ending::Done { summary: Box::new(bare), object: object.clone() },
                            JobResult::Done,
                            Some(object),
                        )
                    }
                    Err(Failure::Stopped) => return Err(Stopped),
                    Err(Failure::Error(error)) => self.failed(error, delivery),
                }
            }
            Err(Failure::Stopped) => return Err(Stopped),
            Err(Failure::Error(error)) => self.failed(error, delivery),
        };
        if !self.give(sequence, &outcome_subject, ending, object)? {
            return Ok(JobResult::Settled);
        }
        self.acknowledge();
        Ok(given)
    }

    fn failed(&self, error: ProcessError, delivery: u32) -> (Ending, JobResult, Option<String>) {
        let ProcessError { code, reason, transient } = error;
        let change = if transient {
            let (reason, next_attempt) = (reason.clone(), delivery + 1);
            ScanChange::Retrying { code, reason, next_attempt, after: Duration::ZERO }
        } else {
            ScanChange::Quarantined { code, reason: reason.clone() }
        };
        self.shop.scan(self.id, change);
        (Ending::Failed { code, reason, transient }, JobResult::Failed { code }, None)
    }

    fn link(&self) -> &'a Link {
        &self.shop.link
    }

    fn tick(&self) -> Result<(), Stopped> {
        self.shop.stops.beat();
        if self.shop.stops.is_aborting() { Err(Stopped) } else { Ok(()) }
    }

    fn ask<T, E: From<Stopped>, F>(&self, work: impl FnMut(Arc<JetStreamQueue>) -> F) -> Result<T, E>
    where
        F: Future<Output = Result<T, QueueError<E>>>,
    {
        self.link().retry(&mut || self.tick(), work)
    }

    /// Sends heartbeats for the job to the server and the watcher, until aborted.
    fn beat(&self, address: &Address) -> tokio::task::JoinHandle<()> {
        let (client, acker) = (self.link().client().clone(), self.message.clone());
        let (subject, every) = (self.link().names().signal(address), self.shop.options.patience / BEATS);
        let alive: Bytes = Signal::Alive.packed().unwrap_or_default().into();
        self.link().spawn(async move {
            loop {
                // Errors are ignored: if the server misses the heartbeats, another worker gets the job.
                let _ = client.publish(subject.clone(), alive.clone()).await;
                tokio::time::sleep(every).await;
                let _ = acker.ack_with(AckKind::Progress).await;
            }
        })
    }

    fn is_settled(&self, outcome: &str) -> Result<bool, Stopped> {
        let subject = outcome.to_owned();
        self.ask(move |queue| {
            let subject = subject.clone();
            async move { Ok(queue.outcome::<Stopped>(&subject).await?.is_some()) }
        })
    }

    /// Computes the results of the job in a folder of their own.
    fn work(&self, job: Job, address: &Address) -> Result<(ScanSummary, TempDir), Failure> {
        let shop = self.shop;
        let folder = shop.scratch.job().map_err(|e| of_disk(shop.scratch.path(), e))?;
        if !is_below(&job.name, DEEPEST) {
            return Err(nonsense("the name of its scan leads out of the folder").into());
        }
        let segmenter = Segmenter::new(shop.network.clone(), job.options, folder.path());
        if segmenter.fingerprint() != job.fingerprint {
            let reason = format!(
                "the watcher's octrls {} and the worker's octrls {} give different results; use the same version",
                wire::printable(&job.octrls, LONGEST_VERSION),
                env!("CARGO_PKG_VERSION")
            );
            return Err(ProcessError { code: ErrorCode::FleetJob, reason, transient: true }.into());
        }
        let scan = match &job.source {
            Source::Object(name) => self.download(name, &job.name, &folder.path().join("scan"))?,
            Source::Shared(path) => self.shared(path)?,
        };
        let scan = with_instances(scan, &job.instances)?;
        self.limit(&scan)?;
        if digest(&scan, &job.name).ok().as_ref() != Some(&job.content) {
            return Err(elsewhere("its content differs from the job's").into());
        }
        let asked = job.seconds.filter(|s| s.is_finite() && *s > 0.0).and_then(|s| Duration::try_from_secs_f64(s).ok());
        let limit = shop.options.limit.into_iter().chain(asked).min();
        let signals = self.link().names().signal(address);
        let labour = JobRunner { shop, id: self.id, signals, limit };
        labour.segment(segmenter, scan, (job.name, job.content), folder)
    }

    /// Unpacks the scan into `folder`; the first file is the scan.
    fn download(&self, object: &str, name: &Path, folder: &Path) -> Result<PathBuf, Failure> {
        let wanted = object.to_owned();
        let found = self.ask::<_, Failure, _>(move |queue| {
            let wanted = wanted.clone();
            async move { queue.scans.get(&wanted).await }
        })?;
        let parcel = found.ok_or_else(|| elsewhere("it is missing in the object store"))?;
        let mut ticking = || self.tick();
        let mut source = self.link().reader(parcel, &mut ticking);
        let limits = Limits { files: MOST_FILES, bytes: self.shop.options.max_bytes };
        let mut first = None;
        let unpacked = archive::unpack(&mut source, limits, |name, content| {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
            io::copy(content, &mut std::fs::File::create_new(&path)?)?;
            first.get_or_insert(path);
            Ok(())
        });
        match unpacked {
            Ok(()) => {}
            Err(_) if self.shop.stops.is_aborting() => return Err(Failure::Stopped),
            Err(ArchiveError::Refused(reason)) => return Err(nonsense(&reason).into()),
            Err(ArchiveError::Write(error)) => return Err(of_disk(folder, error).into()),
            Err(ArchiveError::Read(error)) => return Err(elsewhere(&format!("the download broke off: {error}")).into()),
        }
        // Readers also use the file name.
        let fits = |path: &PathBuf| path.file_name() == name.file_name();
        first.filter(fits).ok_or_else(|| nonsense("its first file is not its scan").into())
    }

    /// Finds the scan in the shared folder.
    fn shared(&self, path: &Path) -> Result<PathBuf, ProcessError> {
        let share = self.shop.options.share.as_ref();
        let share = share.ok_or_else(|| elsewhere("this worker has no --queue-share"))?;
        if !is_below(path, DEEPEST) {
            return Err(nonsense("its path leads out of the shared folder"));
        }
        let found = std::fs::canonicalize(share.join(path));
        let found = found.map_err(|e| elsewhere(&format!("not in the shared folder: {}", e.kind())))?;
        if !found.starts_with(share) {
            return Err(nonsense("a link leads out of the shared folder"));
        }
        Ok(found)
    }

    /// Refuses a scan that is larger than this worker's limit.
    fn limit(&self, scan: &ScanFiles) -> Result<(), ProcessError> {
        let files = scan.contents().unwrap_or_default();
        let bytes: u64 = files.iter().map(|file| std::fs::metadata(file).map_or(0, |m| m.len())).sum();
        if bytes > self.shop.options.max_bytes {
            let reason = format!("the scan has {bytes} bytes, the limit is {}", self.shop.options.max_bytes);
            return Err(ProcessError { code: ErrorCode::ReadFileSize, reason, transient: false });
        }
        Ok(())
    }

    fn upload(&self, folder: &TempDir, summary: &ScanSummary, object: &str) -> Result<(), Failure> {
        let files = files_below(&summary.out).map_err(|e| of_disk(folder.path(), e))?;
        self.ask(move |queue| {
            let packing = Packing::of(&files).map_err(QueueError::Own);
            let object = object.to_owned();
            async move {
                let stored = async { queue.results.put(&object, &mut Full(packing?)).await };
                stored.await.map_err(|trouble| match trouble {
                    QueueError::Queue(reason) => QueueError::Queue(reason),
                    QueueError::Own(error) => QueueError::Own(Failure::Error(of_disk(Path::new("the results"), error))),
                })
            }
        })
    }

    /// Stores the outcome. False if another worker has settled the job.
    fn give(&self, sequence: u64, subject: &str, ending: Ending, object: Option<String>) -> Result<bool, Stopped> {
        let outcome = Outcome { worker: self.shop.options.name.clone(), ending };
        // Our own outcome always encodes.
        let content = wire::to_json(&outcome).unwrap_or_default();
        let subject = subject.to_owned();
        self.ask(move |queue| {
            let (subject, content, object) = (subject.clone(), content.clone(), object.clone());
            async move {
                let is_wanted = queue.has_message::<Stopped>(sequence).await?;
                if is_wanted && queue.publish::<Stopped>(subject.clone(), content.clone()).await? {
                    return Ok(true);
                }
                // An earlier attempt may have stored it without our getting the confirmation.
                if queue.outcome::<Stopped>(&subject).await?.as_deref() == Some(content.as_slice()) {
                    return Ok(true);
                }
                if let Some(object) = object {
                    queue.results.remove::<Stopped>(&object).await?;
                }
                Ok(false)
            }
        })
    }

    /// Removes the job from the queue.
    fn acknowledge(&self) {
        // If this fails, the job is delivered again, and the next worker finds its outcome.
        let _ = self.link().wait(self.message.double_ack(), &mut || self.tick());
    }
}

/// The scan at `path`, or the series whose `instances` lie in the same folder.
fn with_instances(path: PathBuf, instances: &[PathBuf]) -> Result<ScanFiles, ProcessError> {
    if instances.is_empty() {
        return Ok(ScanFiles::one(path));
    }
    let refused = || nonsense("its instances do not form a series");
    if instances.len() > MOST_FILES as usize || !instances.iter().all(|name| is_below(name, 1)) {
        return Err(refused());
    }
    let beside: Vec<PathBuf> = instances.iter().map(|name| path.with_file_name(name)).collect();
    // A link could lead out of the folder.
    if beside.iter().any(|file| file.is_symlink()) {
        return Err(refused());
    }
    ScanFiles::series(beside).filter(|scan| scan.path() == path).ok_or_else(refused)
}

/// All files below `folder`, named by their relative paths.
fn files_below(folder: &Path) -> io::Result<Vec<Part>> {
    let mut parts = Vec::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.map_err(io::Error::from)?;
        if entry.file_type().is_file() {
            let name = entry.path().strip_prefix(folder).map_err(io::Error::other)?.to_owned();
            parts.push(Part { name, path: entry.into_path() });
        }
    }
    Ok(parts)
}

fn nonsense(reason: &str) -> ProcessError {
    ProcessError { code: ErrorCode::FleetJob, reason: format!("invalid job: {reason}"), transient: false }
}

fn elsewhere(reason: &str) -> ProcessError {
    ProcessError { code: ErrorCode::FleetScan, reason: format!("cannot get the scan: {reason}"), transient: true }
}

fn too_often(delivery: u32) -> ProcessError {
    let reason = format!("{} workers took the scan and none finished it", delivery - 1);
    ProcessError { code: ErrorCode::FleetDeliveries, reason, transient: false }
}

fn of_disk(path: &Path, error: io::Error) -> ProcessError {
    OutputError::io(path, error).into()
}
