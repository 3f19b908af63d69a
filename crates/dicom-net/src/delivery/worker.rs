//! The delivery thread: sends queued result folders and retries as long as needed.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use octrls_core::{ErrorCode, shown::shown_path};
use octrls_engine::Level;
use octrls_fs::confined::open_parent;

use super::{record::RECORD_FILE, result_sender::ResultSender};
use crate::{NodeError, SendOptions, SendOutcome};

/// Backoff after a failed attempt; it doubles up to the longest.
const FIRST_BACKOFF: Duration = Duration::from_secs(10);
const MAX_BACKOFF: Duration = Duration::from_mins(10);
/// Poll interval for a stop request.
const TICK: Duration = Duration::from_millis(200);

/// Queue of finished result folders for delivery.
#[derive(Clone, Debug)]
pub struct DeliveryQueue {
    sender: Sender<Request>,
    receiver: Receiver<Request>,
}

#[derive(Debug)]
enum Request {
    /// Delivers this result folder.
    Deliver(PathBuf),
    /// Ends the thread once the queue is empty.
    Finish,
}

/// Delivers result folders in a thread of its own.
#[derive(Debug)]
pub struct DeliveryWorker {
    queue: DeliveryQueue,
    thread: JoinHandle<Undelivered>,
}

/// What is left when a [`DeliveryWorker`] has finished.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Undelivered {
    /// Result folders that the target does not have completely: it refused them, or was not asked.
    pub folders: usize,
    /// Code and message of the last failure of one of these; `None` if they were not tried.
    pub reason: Option<(ErrorCode, String)>,
}

type Report = Arc<dyn Fn(Level, Option<ErrorCode>, String) + Send + Sync>;

impl Default for DeliveryQueue {
    fn default() -> Self {
        let (sender, receiver) = unbounded();
        Self { sender, receiver }
    }
}

impl DeliveryQueue {
    /// Queues a result folder for delivery.
    pub fn put(&self, folder: PathBuf) {
        self.request(Request::Deliver(folder));
    }

    fn request(&self, request: Request) {
        // Cannot fail: `self` holds a receiver.
        let _ = self.sender.send(request);
    }
}

impl DeliveryWorker {
    /// Starts to deliver: first undelivered results below `out`, then those put into `queue`. `report` gets notices.
    ///
    /// # Errors
    /// [`NodeError::Thread`].
    pub fn start(
        sender: ResultSender,
        out: PathBuf,
        queue: DeliveryQueue,
        report: impl Fn(Level, Option<ErrorCode>, String) + Send + Sync + 'static,
    ) -> Result<Self, NodeError> {
        // This thread has its own backoff.
        let options = SendOptions { retries: 0, ..sender.options };
        let sender = ResultSender { options, ..sender };
        let (queue_of_loop, report) = (queue.clone(), Arc::new(report));
        let delivery_loop = DeliveryLoop { sender, out, queue: queue_of_loop, report, failed: BTreeMap::new() };
        let thread = thread::Builder::new().name("octrls-deliver".to_owned()).spawn(move || delivery_loop.run());
        Ok(Self { queue, thread: thread.map_err(NodeError::Thread)? })
    }

    /// Delivers the rest until the queue is empty or the target fails, then ends. A stop request ends it earlier.
    /// What it returns is left for the next start.
    #[must_use]
    pub fn finish(self) -> Undelivered {
        self.queue.request(Request::Finish);
        self.thread.join().unwrap_or_default()
    }
}

/// The work of the delivery thread.
struct DeliveryLoop {
    sender: ResultSender,
    /// Folder of all results.
    out: PathBuf,
    queue: DeliveryQueue,
    report: Report,
    /// The last failure of each folder that the target does not have completely.
    failed: BTreeMap<PathBuf, (ErrorCode, String)>,
}

/// How an attempt to deliver a folder ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    /// The target has everything, or the folder is gone.
    Complete,
    /// A later attempt may succeed.
    Postponed,
    /// The target refuses at least one file.
    Refused,
}

impl DeliveryLoop {
    fn run(mut self) -> Undelivered {
        let mut pending = self.sender.backlog(&self.out);
        let (mut due, mut backoff) = (Instant::now(), FIRST_BACKOFF);
        let mut is_finishing = false;
        loop {
            let now = Instant::now();
            let is_due = !pending.is_empty() && (is_finishing || due <= now);
            match self.queue.receiver.recv_timeout(if is_due || is_finishing { Duration::ZERO } else { TICK }) {
                Ok(Request::Deliver(folder)) if !pending.contains(&folder) => pending.push_back(folder),
                Ok(Request::Deliver(_)) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Request::Finish) | Err(RecvTimeoutError::Disconnected) => is_finishing = true,
            }
            if self.sender.options.stop.draining() || (is_finishing && pending.is_empty()) {
                return self.undelivered(pending);
            }
            if !is_due {
                continue;
            }
            let Some(folder) = pending.pop_front() else { continue };
            if self.attempt(&folder, backoff) != Attempt::Postponed {
                backoff = FIRST_BACKOFF;
                continue;
            }
            pending.push_back(folder);
            if is_finishing {
                return self.undelivered(pending);
            }
            due = Instant::now() + backoff;
            backoff = (2 * backoff).min(MAX_BACKOFF);
        }
    }

    /// The folders that the target does not have completely, with those that still wait.
    fn undelivered(self, pending: VecDeque<PathBuf>) -> Undelivered {
        let reason = self.failed.values().next_back().cloned();
        let untried = pending.into_iter().filter(|folder| !self.failed.contains_key(folder)).count();
        Undelivered { folders: untried + self.failed.len(), reason }
    }

    /// Delivers `folder`, and remembers whether it failed.
    fn attempt(&mut self, folder: &Path, backoff: Duration) -> Attempt {
        let (attempt, failure) = self.deliver(folder, backoff);
        match failure {
            Some(failure) => self.failed.insert(folder.to_owned(), failure),
            None => self.failed.remove(folder),
        };
        attempt
    }

    /// Delivers `folder`; also returns the last failure.
    fn deliver(&self, folder: &Path, backoff: Duration) -> (Attempt, Option<(ErrorCode, String)>) {
        let name = shown_path(folder.strip_prefix(&self.out).unwrap_or(folder));
        let target = &self.sender.target;
        let retry_later = |error: &NodeError| {
            let text = format!("cannot deliver {name}, next attempt in {} s: {error}", backoff.as_secs());
            (self.report)(Level::Warning, Some(error.code()), text);
            (Attempt::Postponed, Some((error.code(), error.to_string())))
        };
        let handle = match open_parent(&self.out, &folder.join(RECORD_FILE)) {
            Ok(handle) => handle,
            // The results were removed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return (Attempt::Complete, None),
            Err(error) => {
                let error = NodeError::File(error.to_string());
                (self.report)(Level::Error, Some(error.code()), format!("cannot deliver {name}: {error}"));
                return (Attempt::Refused, Some((error.code(), error.to_string())));
            }
        };
        let outcomes = match self.sender.deliver(handle.path()) {
            Ok(outcomes) => outcomes,
            Err(error) => return retry_later(&error),
        };
        let (mut sent, mut ended) = (0, (Attempt::Complete, None));
        for SendOutcome { path, result } in outcomes {
            match result {
                Ok(_) => sent += 1,
                // One message for the folder, whatever the number of its files.
                Err(error) if error.is_transient() && ended.0 != Attempt::Postponed => ended = retry_later(&error),
                Err(error) if error.is_transient() => {}
                Err(error) => {
                    let file = shown_path(Path::new(path.file_name().unwrap_or_default()));
                    let text = format!("cannot deliver {file} of {name} to {target}: {error}");
                    (self.report)(Level::Error, Some(error.code()), text);
                    if ended.0 == Attempt::Complete {
                        ended = (Attempt::Refused, Some((error.code(), error.to_string())));
                    }
                }
            }
        }
        if sent > 0 {
            (self.report)(Level::Info, None, format!("delivered {sent} files of {name} to {target}"));
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::Mutex};

    use super::*;

    #[test]
    fn links_out_of_the_folder_are_not_delivered() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("elsewhere/scan.png")).unwrap();
        fs::write(at("elsewhere/scan.png/scan.dcm"), "x").unwrap();
        fs::create_dir(at("out")).unwrap();
        std::os::unix::fs::symlink(at("elsewhere"), at("out/ward")).unwrap();
        let notices = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&notices);
        let mut delivery_loop = DeliveryLoop {
            sender: ResultSender {
                target: "NODE@127.0.0.1:1".parse().unwrap(),
                options: SendOptions::new("OCTRLS".parse().unwrap()),
            },
            out: at("out"),
            queue: DeliveryQueue::default(),
            report: Arc::new(move |_, code, text| log.lock().unwrap().push((code, text))),
            failed: BTreeMap::new(),
        };
        assert_eq!(delivery_loop.attempt(&at("out/ward/scan.png"), FIRST_BACKOFF), Attempt::Refused);
        assert_eq!(delivery_loop.attempt(&at("out/gone"), FIRST_BACKOFF), Attempt::Complete);
        let notices = notices.lock().unwrap();
        assert!(
            matches!(&notices[..], [(Some(ErrorCode::NodeFile), text)] if text.contains("leads out of")),
            "{notices:?}"
        );
    }
}
