//! The delivery thread: sends queued result folders and retries as long as needed.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use octrls_core::ErrorCode;
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
    thread: JoinHandle<usize>,
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
        let delivery_loop = DeliveryLoop { sender, out, queue: queue.clone(), report: Arc::new(report) };
        let thread = thread::Builder::new().name("octrls-deliver".to_owned()).spawn(move || delivery_loop.run());
        Ok(Self { queue, thread: thread.map_err(NodeError::Thread)? })
    }

    /// Delivers the rest until the queue is empty or the target fails, then ends. A stop request ends it earlier.
    /// Returns the number of undelivered folders, left for the next start.
    #[must_use]
    pub fn finish(self) -> usize {
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
}

impl DeliveryLoop {
    fn run(self) -> usize {
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
                return pending.len();
            }
            if !is_due {
                continue;
            }
            let Some(folder) = pending.pop_front() else { continue };
            if self.attempt(&folder, backoff) {
                backoff = FIRST_BACKOFF;
                continue;
            }
            pending.push_back(folder);
            if is_finishing {
                return pending.len();
            }
            due = Instant::now() + backoff;
            backoff = (2 * backoff).min(MAX_BACKOFF);
        }
    }

    /// Delivers `folder`. Returns false if a later attempt may succeed.
    fn attempt(&self, folder: &Path, backoff: Duration) -> bool {
        let name = folder.strip_prefix(&self.out).unwrap_or(folder).display();
        let target = &self.sender.target;
        let retry_later = |error: &NodeError| {
            let text = format!("cannot deliver {name}, next attempt in {} s: {error}", backoff.as_secs());
            (self.report)(Level::Warning, Some(error.code()), text);
            false
        };
        let handle = match open_parent(&self.out, &folder.join(RECORD_FILE)) {
            Ok(handle) => handle,
            // The results were removed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return true,
            Err(error) => {
                let error = NodeError::File(error.to_string());
                (self.report)(Level::Error, Some(error.code()), format!("cannot deliver {name}: {error}"));
                return true;
            }
        };
        let outcomes = match self.sender.deliver(handle.path()) {
            Ok(outcomes) => outcomes,
            Err(error) => return retry_later(&error),
        };
        let (mut sent, mut is_done) = (0, true);
        for SendOutcome { path, result } in outcomes {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            match result {
                Ok(_) => sent += 1,
                Err(error) if error.is_transient() => is_done = retry_later(&error),
                Err(error) => {
                    let text = format!("cannot deliver {file} of {name} to {target}: {error}");
                    (self.report)(Level::Error, Some(error.code()), text);
                }
            }
        }
        if sent > 0 {
            (self.report)(Level::Info, None, format!("delivered {sent} files of {name} to {target}"));
        }
        is_done
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
        let delivery_loop = DeliveryLoop {
            sender: ResultSender {
                target: "NODE@127.0.0.1:1".parse().unwrap(),
                options: SendOptions::new("OCTRLS".parse().unwrap()),
            },
            out: at("out"),
            queue: DeliveryQueue::default(),
            report: Arc::new(move |_, code, text| log.lock().unwrap().push((code, text))),
        };
        assert!(
            delivery_loop.attempt(&at("out/ward/scan.png"), FIRST_BACKOFF)
                && delivery_loop.attempt(&at("out/gone"), FIRST_BACKOFF)
        );
        let notices = notices.lock().unwrap();
        assert!(
            matches!(&notices[..], [(Some(ErrorCode::NodeFile), text)] if text.contains("leads out of")),
            "{notices:?}"
        );
    }
}
