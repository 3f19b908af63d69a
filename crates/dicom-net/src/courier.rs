//! Delivers results: sends each DICOM file of a result folder to a node once, and retries as long as needed.
//!
//! A file beside the results records the deliveries, so that a restart continues with the rest. Results stay in their
//! folder, delivered or not.

use octrls_core::ErrorCode;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

use super::{NodeError, Outcome, SendOptions, Target, send};
use octrls_engine::{Level, QUARANTINE_FOLDER};
use octrls_fs::{
    confined::open_parent,
    durable::{sync_folder, unfinished_file},
};
use octrls_readers::dicom::Meta;
use octrls_report::RESULT_FILE;

/// File in a result folder that records its deliveries.
const RECORD: &str = "delivered.json";
const SCHEMA: &str = "octrls.delivered/1";

/// Backoff after a failed attempt; it doubles up to the longest.
const FIRST_WAIT: Duration = Duration::from_secs(10);
const LONGEST_WAIT: Duration = Duration::from_mins(10);
/// Poll interval for a stop request.
const TICK: Duration = Duration::from_millis(200);

/// Target and settings of a delivery.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The node.
    pub target: Target,
    /// Our title, retries and time limits.
    pub options: SendOptions,
}

/// UIDs of delivered instances of a result folder, by target.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Record {
    schema: String,
    targets: BTreeMap<String, BTreeSet<String>>,
}

/// Queue of finished result folders for delivery.
#[derive(Clone, Debug)]
pub struct Outbox {
    sender: Sender<Option<PathBuf>>,
    receiver: Receiver<Option<PathBuf>>,
}

/// Delivers result folders in a thread of its own.
#[derive(Debug)]
pub struct Courier {
    outbox: Outbox,
    thread: JoinHandle<usize>,
}

type Report = Arc<dyn Fn(Level, Option<ErrorCode>, String) + Send + Sync>;

impl Delivery {
    /// Sends the undelivered DICOM files of `folder` and records those that the target accepts.
    ///
    /// # Errors
    /// [`NodeError`] if no association could be made, or the delivery cannot be recorded.
    pub fn deliver(&self, folder: &Path) -> Result<Vec<Outcome>, NodeError> {
        let todo = self.undelivered(folder);
        if todo.is_empty() {
            return Ok(Vec::new());
        }
        let files: Vec<PathBuf> = todo.iter().map(|(path, _)| path.clone()).collect();
        let outcomes = send(&self.target, &files, &self.options)?;
        let taken = todo.into_iter().zip(&outcomes).filter(|(_, outcome)| outcome.result.is_ok());
        let taken: Vec<String> = taken.map(|((_, instance), _)| instance).collect();
        if !taken.is_empty() {
            let mut record = Record::read(folder);
            record.targets.entry(self.target.to_string()).or_default().extend(taken);
            record.write(folder).map_err(|e| NodeError::File(format!("cannot record the delivery: {e}")))?;
        }
        Ok(outcomes)
    }

    /// Whether all DICOM files of `folder` are delivered to the target.
    #[must_use]
    pub fn is_complete(&self, folder: &Path) -> bool {
        self.undelivered(folder).is_empty()
    }

    /// DICOM files of `folder` not yet delivered to the target, each with its SOP instance UID.
    fn undelivered(&self, folder: &Path) -> Vec<(PathBuf, String)> {
        let record = Record::read(folder);
        missing(folder, record.targets.get(&self.target.to_string()))
    }

    /// Result folders below `out` with undelivered files.
    fn backlog(&self, out: &Path) -> VecDeque<PathBuf> {
        let ours = |name: &str| name.starts_with('.') || name == QUARANTINE_FOLDER;
        WalkDir::new(out)
            .min_depth(1)
            .sort_by_file_name()
            .into_iter()
            .filter_entry(|entry| entry.file_type().is_dir() && !ours(&entry.file_name().to_string_lossy()))
            .filter_map(|entry| Some(entry.ok()?.into_path()))
            .filter(|folder| folder.join(RESULT_FILE).is_file() && !self.undelivered(folder).is_empty())
            .collect()
    }
}

/// Whether all DICOM files of the result folder `folder` are delivered to one node. False if nothing was delivered.
#[must_use]
pub fn delivered(folder: &Path) -> bool {
    let record = Record::read(folder);
    let mut targets = record.targets.values().filter(|known| !known.is_empty());
    targets.any(|known| missing(folder, Some(known)).is_empty())
}

/// DICOM files of `folder` whose SOP instance UIDs are not in `known`, each with its UID.
fn missing(folder: &Path, known: Option<&BTreeSet<String>>) -> Vec<(PathBuf, String)> {
    let mut files: Vec<(PathBuf, String)> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "dcm"))
        .map(|path| {
            // Sending reports files that cannot be read.
            let instance = Meta::of_file(&path).map(|meta| meta.instance).unwrap_or_default();
            (path, instance)
        })
        .filter(|(_, instance)| !known.is_some_and(|known| known.contains(instance)))
        .collect();
    files.sort();
    files
}

impl Record {
    /// Reads the record; a missing or invalid one counts as empty, since delivering twice does no harm.
    fn read(folder: &Path) -> Self {
        let record = fs::read(folder.join(RECORD)).ok().and_then(|text| serde_json::from_slice(&text).ok());
        record.filter(|record: &Self| record.schema == SCHEMA).unwrap_or_default()
    }

    fn write(&mut self, folder: &Path) -> io::Result<()> {
        SCHEMA.clone_into(&mut self.schema);
        let mut file = unfinished_file(folder, ".octrls-")?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.as_file().sync_all()?;
        file.persist(folder.join(RECORD))?;
        sync_folder(folder)
    }
}

impl Default for Outbox {
    fn default() -> Self {
        let (sender, receiver) = unbounded();
        Self { sender, receiver }
    }
}

impl Outbox {
    /// Queues a result folder for delivery.
    pub fn put(&self, folder: PathBuf) {
        self.tell(Some(folder));
    }

    fn tell(&self, message: Option<PathBuf>) {
        // Cannot fail: `self` holds a receiver.
        let _ = self.sender.send(message);
    }
}

impl Courier {
    /// Starts to deliver: first undelivered results below `out`, then those put into `outbox`. `report` gets notices.
    ///
    /// # Errors
    /// [`NodeError::Thread`].
    pub fn start(
        delivery: Delivery,
        out: PathBuf,
        outbox: Outbox,
        report: impl Fn(Level, Option<ErrorCode>, String) + Send + Sync + 'static,
    ) -> Result<Self, NodeError> {
        // This thread has its own backoff.
        let options = SendOptions { retries: 0, ..delivery.options };
        let delivery = Delivery { options, ..delivery };
        let rounds = Rounds { delivery, out, outbox: outbox.clone(), report: Arc::new(report) };
        let thread = thread::Builder::new().name("octrls-courier".to_owned()).spawn(move || rounds.run());
        Ok(Self { outbox, thread: thread.map_err(NodeError::Thread)? })
    }

    /// Delivers the rest until the queue is empty or the target fails, then ends. A stop request ends it earlier.
    /// Returns the number of undelivered folders, left for the next start.
    #[must_use]
    pub fn finish(self) -> usize {
        self.outbox.tell(None);
        self.thread.join().unwrap_or_default()
    }
}

/// The work of the delivery thread.
struct Rounds {
    delivery: Delivery,
    out: PathBuf,
    outbox: Outbox,
    report: Report,
}

impl Rounds {
    fn run(self) -> usize {
        let mut queue = self.delivery.backlog(&self.out);
        let (mut due, mut wait) = (Instant::now(), FIRST_WAIT);
        let mut ending = false;
        loop {
            let now = Instant::now();
            let busy = !queue.is_empty() && (ending || due <= now);
            match self.outbox.receiver.recv_timeout(if busy || ending { Duration::ZERO } else { TICK }) {
                Ok(Some(folder)) if !queue.contains(&folder) => queue.push_back(folder),
                Ok(Some(_)) | Err(RecvTimeoutError::Timeout) => {}
                Ok(None) | Err(RecvTimeoutError::Disconnected) => ending = true,
            }
            if self.delivery.options.stop.draining() || (ending && queue.is_empty()) {
                return queue.len();
            }
            if !busy {
                continue;
            }
            let Some(folder) = queue.pop_front() else { continue };
            if self.attempt(&folder, wait) {
                wait = FIRST_WAIT;
                continue;
            }
            queue.push_back(folder);
            if ending {
                return queue.len();
            }
            due = Instant::now() + wait;
            wait = (2 * wait).min(LONGEST_WAIT);
        }
    }

    /// Delivers `folder`. Returns false if a later attempt may succeed.
    fn attempt(&self, folder: &Path, wait: Duration) -> bool {
        let name = folder.strip_prefix(&self.out).unwrap_or(folder).display();
        let target = &self.delivery.target;
        let later = |error: &NodeError| {
            let text = format!("cannot deliver {name}, next attempt in {} s: {error}", wait.as_secs());
            (self.report)(Level::Warning, Some(error.code()), text);
            false
        };
        let held = match open_parent(&self.out, &folder.join(RECORD)) {
            Ok(held) => held,
            // The results were removed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return true,
            Err(error) => {
                let error = NodeError::File(error.to_string());
                (self.report)(Level::Error, Some(error.code()), format!("cannot deliver {name}: {error}"));
                return true;
            }
        };
        let outcomes = match self.delivery.deliver(held.path()) {
            Ok(outcomes) => outcomes,
            Err(error) => return later(&error),
        };
        let (mut sent, mut done) = (0, true);
        for Outcome { path, result } in outcomes {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            match result {
                Ok(_) => sent += 1,
                Err(error) if error.is_transient() => done = later(&error),
                Err(error) => {
                    let text = format!("cannot deliver {file} of {name} to {target}: {error}");
                    (self.report)(Level::Error, Some(error.code()), text);
                }
            }
        }
        if sent > 0 {
            (self.report)(Level::Info, None, format!("delivered {sent} files of {name} to {target}"));
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn what_a_link_leads_to_is_not_delivered() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("elsewhere/scan.png")).unwrap();
        fs::write(at("elsewhere/scan.png/scan.dcm"), "x").unwrap();
        fs::create_dir(at("out")).unwrap();
        std::os::unix::fs::symlink(at("elsewhere"), at("out/ward")).unwrap();
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&told);
        let rounds = Rounds {
            delivery: Delivery {
                target: "NODE@127.0.0.1:1".parse().unwrap(),
                options: SendOptions::new("OCTRLS".parse().unwrap()),
            },
            out: at("out"),
            outbox: Outbox::default(),
            report: Arc::new(move |_, code, text| heard.lock().unwrap().push((code, text))),
        };
        assert!(rounds.attempt(&at("out/ward/scan.png"), FIRST_WAIT) && rounds.attempt(&at("out/gone"), FIRST_WAIT));
        let told = told.lock().unwrap();
        assert!(matches!(&told[..], [(Some(ErrorCode::NodeFile), text)] if text.contains("leads out of")), "{told:?}");
    }
}
