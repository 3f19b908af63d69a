//! The worker's side of one job.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_nats::jetstream::{AckKind, Message};
use bytes::Bytes;
use octrls_core::ErrorCode;
use octrls_engine::{ProcessError, Processor as _, ScanChange, ScanId, ScanSummary, Segmenter, digest};
use octrls_fs::{digest::copy_and_digest, within::Within};
use octrls_readers::ScanFiles;
use tempfile::TempDir;

use super::{
    job_failure::{JobFailure, disk_error, invalid_job, scan_unavailable, too_many_deliveries},
    job_runner::{JobRunner, ReceivedScan},
    state::WorkerState,
};
use crate::queue::{
    archive::{self, ArchiveEntry, ArchiveError, Limits, Packer, is_below},
    jetstream_queue::{JetStreamQueue, QueueError},
    link::{Link, Stopped},
    messages::{self, Job, JobEnding, MAX_PATH_DEPTH, Outcome, ScanSource, Signal},
    names::JobAddress,
    object_io::{AsyncReader, ObjectReader},
};

/// Number of heartbeats within the time after which a silent worker counts as lost.
const HEARTBEATS: u32 = 4;
/// Most files of a scan: the B-scans of the largest export, and a few more.
const MAX_FILES: u32 = 20_000;
/// Most characters of a watcher's version.
const MAX_VERSION: usize = 64;

/// How a worker's attempt at a job ended.
pub(super) enum JobResult {
    Done,
    Failed {
        code: ErrorCode,
    },
    /// The job returns to the queue.
    Returned,
    /// Another worker has settled it, or it is invalid.
    Settled,
}

/// Handles one job, from its delivery to its outcome.
pub(super) struct JobHandler<'a> {
    state: &'a Arc<WorkerState>,
    message: &'a Message,
    id: ScanId,
}

impl<'a> JobHandler<'a> {
    pub(super) fn new(state: &'a Arc<WorkerState>, message: &'a Message) -> Self {
        Self { state, message, id: state.next_id() }
    }

    /// Processes the job and stores its outcome.
    pub(super) fn run(&self) -> JobResult {
        let Some(address) = JobAddress::of_subject(&self.message.subject) else {
            // A foreign subject names no watcher that could get an outcome.
            self.acknowledge();
            return JobResult::Settled;
        };
        let heartbeat = self.start_heartbeat(&address);
        let result = self.attempt(&address);
        heartbeat.abort();
        result.unwrap_or(JobResult::Returned)
    }

    /// Processes the job unless it is settled.
    fn attempt(&self, address: &JobAddress) -> Result<JobResult, Stopped> {
        let (delivery, sequence) = match self.message.info() {
            Ok(info) => (u32::try_from(info.delivered).unwrap_or(u32::MAX), info.stream_sequence),
            Err(_) => (1, 0),
        };
        let outcome_subject = self.link().names().outcome(address);
        if self.is_settled(&outcome_subject)? {
            self.acknowledge();
            return Ok(JobResult::Settled);
        }
        let job: Result<Job, ProcessError> =
            messages::decode_json(&self.message.payload).map_err(|reason| invalid_job(&reason));
        let unnamed = || (PathBuf::from(&address.key), self.message.payload.len() as u64);
        let (path, bytes) = job.as_ref().map_or_else(|_| unnamed(), |job| (job.name.clone(), job.bytes));
        self.state.emit_scan(self.id, ScanChange::Seen { path, bytes });
        self.state.emit_scan(self.id, ScanChange::Running { attempt: delivery });
        let computed = match job {
            Err(error) => Err(JobFailure::Error(error)),
            Ok(_) if delivery > self.state.options.deliveries => Err(JobFailure::Error(too_many_deliveries(delivery))),
            Ok(job) => self.compute(job, address),
        };
        let (ending, result, object) = match computed {
            Ok((summary, folder)) => {
                let object = format!("{}.{}.{delivery}", address.key, self.state.options.name.replace('.', "-"));
                match self.upload(&folder, &summary, &object) {
                    Ok(()) => {
                        self.state.emit_scan(self.id, ScanChange::Done(Arc::new(summary.clone())));
                        let summary = ScanSummary { out: PathBuf::new(), ..summary };
                        (
                            JobEnding::Done { summary: Box::new(summary), object: object.clone() },
                            JobResult::Done,
                            Some(object),
                        )
                    }
                    Err(JobFailure::Stopped) => return Err(Stopped),
                    Err(JobFailure::Error(error)) => self.failed(error, delivery),
                }
            }
            Err(JobFailure::Stopped) => return Err(Stopped),
            Err(JobFailure::Error(error)) => self.failed(error, delivery),
        };
        if !self.store_outcome(sequence, &outcome_subject, ending, object)? {
            return Ok(JobResult::Settled);
        }
        self.acknowledge();
        Ok(result)
    }

    /// Reports a failed attempt.
    fn failed(&self, error: ProcessError, delivery: u32) -> (JobEnding, JobResult, Option<String>) {
        let ProcessError { code, reason, transient } = error;
        let change = if transient {
            let (reason, next_attempt) = (reason.clone(), delivery + 1);
            ScanChange::Retrying { code, reason, next_attempt, after: Duration::ZERO }
        } else {
            ScanChange::Quarantined { code, reason: reason.clone() }
        };
        self.state.emit_scan(self.id, change);
        (JobEnding::Failed { code, reason, transient }, JobResult::Failed { code }, None)
    }

    fn link(&self) -> &'a Link {
        &self.state.link
    }

    fn tick(&self) -> Result<(), Stopped> {
        self.state.handle.beat();
        if self.state.handle.is_aborting() { Err(Stopped) } else { Ok(()) }
    }

    fn retry<T, E: From<Stopped>, F>(&self, work: impl FnMut(Arc<JetStreamQueue>) -> F) -> Result<T, E>
    where
        F: Future<Output = Result<T, QueueError<E>>>,
    {
        self.link().retry(&mut || self.tick(), work)
    }

    /// Sends heartbeats for the job to the server and the watcher, until aborted.
    fn start_heartbeat(&self, address: &JobAddress) -> tokio::task::JoinHandle<()> {
        let (client, acker) = (self.link().client().clone(), self.message.clone());
        let (subject, every) = (self.link().names().signal(address), self.state.options.patience / HEARTBEATS);
        let alive: Bytes = Signal::Alive.encode().unwrap_or_default().into();
        self.link().spawn(async move {
            loop {
                // Errors are ignored: if the server misses the heartbeats, another worker gets the job.
                let _ = client.publish(subject.clone(), alive.clone()).await;
                tokio::time::sleep(every).await;
                let _ = acker.ack_with(AckKind::Progress).await;
            }
        })
    }

    /// Whether the job has an outcome already.
    fn is_settled(&self, outcome: &str) -> Result<bool, Stopped> {
        let subject = outcome.to_owned();
        self.retry(move |queue| {
            let subject = subject.clone();
            async move { Ok(queue.outcome::<Stopped>(&subject).await?.is_some()) }
        })
    }

    /// Computes the results of the job in a folder of their own.
    fn compute(&self, job: Job, address: &JobAddress) -> Result<(ScanSummary, TempDir), JobFailure> {
        let state = self.state;
        let folder = state.scratch.create_job_folder().map_err(|e| disk_error(state.scratch.path(), e))?;
        if !is_below(&job.name, MAX_PATH_DEPTH) {
            return Err(invalid_job("the name of its scan leads out of the folder").into());
        }
        let segmenter = Segmenter::new(state.network.clone(), job.options.clone(), folder.path());
        if segmenter.fingerprint() != job.fingerprint {
            let reason = format!(
                "the watcher's octrls {} and the worker's octrls {} give different results; use the same version",
                messages::printable(&job.octrls, MAX_VERSION),
                env!("CARGO_PKG_VERSION")
            );
            return Err(ProcessError { code: ErrorCode::FleetJob, reason, transient: true }.into());
        }
        let (scan, sha256) = match &job.source {
            ScanSource::Object(object) => {
                let (path, digests) = self.download(object, &job, &folder.path().join("scan"))?;
                let scan = with_instances(path, &job.instances)?.opened_within(&Within::folder(folder.path()));
                self.check_size(&scan)?;
                let sha256 = digest_of_received(&scan, &digests);
                (scan, sha256)
            }
            ScanSource::Shared(path) => {
                let share = self.state.options.share.as_deref().map_or_else(Within::anywhere, Within::folder);
                let scan = with_instances(self.find_shared(path)?, &job.instances)?.opened_within(&share);
                self.check_size(&scan)?;
                let sha256 = digest(&scan, &job.name).ok();
                (scan, sha256)
            }
        };
        if sha256.as_ref() != Some(&job.content) {
            return Err(scan_unavailable("its content differs from the job's").into());
        }
        let requested =
            job.seconds.filter(|s| s.is_finite() && *s > 0.0).and_then(|s| Duration::try_from_secs_f64(s).ok());
        let limit = state.options.limit.into_iter().chain(requested).min();
        let signals = self.link().names().signal(address);
        let runner = JobRunner { state, id: self.id, signals, limit };
        let (name, sha256, earlier) = (job.name, job.content, job.earlier);
        runner.segment(segmenter, ReceivedScan { files: scan, name, sha256, earlier, folder })
    }

    /// Unpacks the scan of `job` into `folder`. Returns its path and the SHA-256 of each file of its content.
    fn download(
        &self,
        object: &str,
        job: &Job,
        folder: &Path,
    ) -> Result<(PathBuf, HashMap<PathBuf, String>), JobFailure> {
        let wanted = object.to_owned();
        let found = self.retry::<_, JobFailure, _>(move |queue| {
            let wanted = wanted.clone();
            async move { queue.scans.get(&wanted).await }
        })?;
        let archive = found.ok_or_else(|| scan_unavailable("it is missing in the object store"))?;
        let mut on_tick = || self.tick();
        let mut source = ObjectReader::new(self.link(), archive, &mut on_tick);
        let limits = Limits { files: MAX_FILES, bytes: self.state.options.max_bytes };
        let instances: HashSet<&Path> = job.instances.iter().map(PathBuf::as_path).collect();
        let (mut first, mut digests) = (None, HashMap::new());
        let unpacked = archive::unpack(&mut source, limits, |name, content| {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap_or(folder))?;
            let mut file = File::create_new(&path)?;
            // Only the scan and its instances count as content.
            if first.is_none() || instances.contains(name) {
                digests.insert(path.clone(), copy_and_digest(content, &mut file)?);
            } else {
                io::copy(content, &mut file)?;
            }
            first.get_or_insert(path);
            Ok(())
        });
        match unpacked {
            Ok(()) => {}
            Err(_) if self.state.handle.is_aborting() => return Err(JobFailure::Stopped),
            Err(ArchiveError::Refused(reason)) => return Err(invalid_job(&reason).into()),
            Err(ArchiveError::Write(error)) => return Err(disk_error(folder, error).into()),
            Err(ArchiveError::Read(error)) => {
                return Err(scan_unavailable(&format!("the download broke off: {error}")).into());
            }
        }
        // Readers also use the file name.
        let fits = |path: &PathBuf| path.file_name() == job.name.file_name();
        let path = first.filter(fits).ok_or_else(|| invalid_job("its first file is not its scan"))?;
        Ok((path, digests))
    }

    /// Finds the scan in the shared folder.
    fn find_shared(&self, path: &Path) -> Result<PathBuf, ProcessError> {
        let share = self.state.options.share.as_ref();
        let share = share.ok_or_else(|| scan_unavailable("this worker has no --queue-share"))?;
        if !is_below(path, MAX_PATH_DEPTH) {
            return Err(invalid_job("its path leads out of the shared folder"));
        }
        let found = fs::canonicalize(share.join(path));
        let found = found.map_err(|e| scan_unavailable(&format!("not in the shared folder: {}", e.kind())))?;
        if !found.starts_with(share) {
            return Err(invalid_job("a link leads out of the shared folder"));
        }
        Ok(found)
    }

    /// Refuses a scan that is larger than this worker's limit.
    fn check_size(&self, scan: &ScanFiles) -> Result<(), ProcessError> {
        let files = scan.contents().unwrap_or_default();
        let bytes: u64 = files.iter().map(|file| fs::metadata(file).map_or(0, |m| m.len())).sum();
        if bytes > self.state.options.max_bytes {
            let reason = format!("the scan has {bytes} bytes, the limit is {}", self.state.options.max_bytes);
            return Err(ProcessError { code: ErrorCode::ReadFileSize, reason, transient: false });
        }
        Ok(())
    }

    /// Uploads the result folder as the object `object`.
    fn upload(&self, folder: &TempDir, summary: &ScanSummary, object: &str) -> Result<(), JobFailure> {
        let files = files_below(&summary.out).map_err(|e| disk_error(folder.path(), e))?;
        self.retry(move |queue| {
            let packer = Packer::new(&files).map_err(QueueError::Caller);
            let object = object.to_owned();
            async move {
                let stored = async { queue.results.put(&object, &mut AsyncReader(packer?)).await };
                let failed = |error| JobFailure::Error(disk_error(Path::new("the results"), error));
                stored.await.map_err(|error| error.map_caller(failed))
            }
        })
    }

    /// Stores the outcome. False if another worker has settled the job.
    fn store_outcome(
        &self,
        sequence: u64,
        subject: &str,
        ending: JobEnding,
        object: Option<String>,
    ) -> Result<bool, Stopped> {
        let outcome = Outcome { worker: self.state.options.name.clone(), ending };
        // Our own outcome always encodes.
        let content = messages::encode_json(&outcome).unwrap_or_default();
        let subject = subject.to_owned();
        self.retry(move |queue| {
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

/// Digest of the content of a downloaded scan, given those of its files.
fn digest_of_received(scan: &ScanFiles, digests: &HashMap<PathBuf, String>) -> Option<String> {
    let files = scan.contents().ok()?;
    Some(scan.digest(files.iter().map(|file| digests.get(file).cloned()).collect::<Option<_>>()?))
}

/// The scan at `path`, or the series whose `instances` lie in the same folder.
fn with_instances(path: PathBuf, instances: &[PathBuf]) -> Result<ScanFiles, ProcessError> {
    if instances.is_empty() {
        return Ok(ScanFiles::one(path));
    }
    let refused = || invalid_job("its instances do not form a series");
    if instances.len() > MAX_FILES as usize || !instances.iter().all(|name| is_below(name, 1)) {
        return Err(refused());
    }
    let files: Vec<PathBuf> = instances.iter().map(|name| path.with_file_name(name)).collect();
    // A link could lead out of the folder.
    if files.iter().any(|file| file.is_symlink()) {
        return Err(refused());
    }
    ScanFiles::series(files).filter(|scan| scan.path() == path).ok_or_else(refused)
}

/// All files below `folder`, named by their relative paths.
fn files_below(folder: &Path) -> io::Result<Vec<ArchiveEntry>> {
    let mut entries = Vec::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.map_err(io::Error::from)?;
        if entry.file_type().is_file() {
            let name = entry.path().strip_prefix(folder).map_err(io::Error::other)?.to_owned();
            entries.push(ArchiveEntry { name, path: entry.into_path(), within: Within::folder(folder) });
        }
    }
    Ok(entries)
}
