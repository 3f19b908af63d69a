//! Test fixtures: a queue, watchers and workers.

use std::{
    fs::{self, File},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use tempfile::TempDir;

use crate::fleet::{scans::scan, support};
use crate::support::missing;

/// Time limit for tests that hang.
pub(crate) const PATIENCE: Duration = Duration::from_mins(20);

/// Waits until `what` holds.
pub(crate) fn until(text: &str, mut what: impl FnMut() -> bool) {
    let start = Instant::now();
    while !what() {
        assert!(start.elapsed() < PATIENCE, "never: {text}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A process, killed when dropped.
pub(crate) struct Process {
    child: Child,
    /// File with its output.
    pub(crate) log: PathBuf,
}

impl Process {
    pub(crate) fn start(mut command: Command, log: PathBuf) -> Self {
        let file = File::options().create(true).append(true).open(&log).unwrap();
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        Self { child: command.spawn().unwrap(), log }
    }

    pub(crate) fn kill(&mut self) {
        // Fails only if it has already ended.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }

    pub(crate) fn terminate(&mut self) -> ExitStatus {
        let asked = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.child.id())]).status().unwrap();
        assert!(asked.success());
        self.wait()
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "it does not end:\n{}", self.text());
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn text(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until its output contains `words`.
    pub(crate) fn wait_for_output(&self, words: &str) {
        until(&format!("{words} in\n{}", self.text()), || self.text().contains(words));
    }

    /// Number of output lines that contain `words`.
    pub(crate) fn count(&self, words: &str) -> usize {
        self.text().lines().filter(|line| line.contains(words)).count()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder with a NATS server, scans and results.
pub(crate) struct Fleet {
    pub(crate) dir: TempDir,
    port: u16,
    config: String,
    server: Option<Process>,
    workers: usize,
}

impl Fleet {
    /// Starts a server; `None` if `nats-server` is not installed. `config` is added to the server's settings.
    pub(crate) fn start(test: &str, config: &str) -> Option<Self> {
        if Command::new("nats-server").arg("--version").stdout(Stdio::null()).status().is_err() {
            missing(test, "nats-server");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("in")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut fleet = Self { dir, port, config: config.to_owned(), server: None, workers: 0 };
        fleet.start_server();
        Some(fleet)
    }

    /// Replaces the extra settings from the server's next start on.
    pub(crate) fn configure(&mut self, config: &str) {
        config.clone_into(&mut self.config);
    }

    pub(crate) fn start_server(&mut self) {
        let path = self.dir.path().join("nats.conf");
        let store = self.dir.path().join("nats");
        let store = store.display();
        let text = format!(
            "host: 127.0.0.1\nport: {}\njetstream {{ store_dir: \"{store}\", max_mem: 64M, max_file: 4G }}\n{}\n",
            self.port, self.config
        );
        fs::write(&path, text).unwrap();
        let mut command = Command::new("nats-server");
        command.arg("--config").arg(path);
        self.server = Some(Process::start(command, self.dir.path().join("nats.log")));
        until("the server listens", || TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    pub(crate) fn stop_server(&mut self) {
        self.server.take().unwrap().terminate();
    }

    pub(crate) fn kill_server(&mut self) {
        self.server.take().unwrap().kill();
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.address())
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("in")
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    /// Writes a different scan for each seed; returns their names.
    pub(crate) fn scans(&self, seeds: impl IntoIterator<Item = u64>) -> Vec<String> {
        let write = |seed| {
            let name = format!("ward-{}/scan-{seed:04}.png", seed % 3);
            self.file(&name, &scan(seed));
            name
        };
        seeds.into_iter().map(write).collect()
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) {
        let path = self.root().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Starts a worker that runs one scan at a time and counts as lost after two seconds.
    pub(crate) fn worker(&mut self, more: &[&str]) -> Process {
        let url = self.url();
        self.worker_at(&url, more)
    }

    pub(crate) fn worker_at(&mut self, url: &str, more: &[&str]) -> Process {
        self.workers += 1;
        let name = format!("worker-{}", self.workers);
        let mut command = Command::new(env!("CARGO_BIN_EXE_octrls"));
        command.args(["worker", "--jobs", "1", "--patience", "2", "--queue", url, "--name", &name]);
        if !more.contains(&"--model") {
            command.args(["--model", "edge"]);
        }
        command.arg("--scratch").arg(self.dir.path().join("scratch")).args(more);
        Process::start(command, self.dir.path().join(format!("{name}.log")))
    }

    pub(crate) fn watcher(&self, more: &[&str]) -> Process {
        self.watcher_at(&self.url(), more)
    }

    pub(crate) fn watcher_at(&self, url: &str, more: &[&str]) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_octrls"));
        command.args(["watch", "--model", "edge", "--stable", "0.2", "--min-free", "0", "--queue", url]);
        if !more.contains(&"--json") {
            command.arg("--plain");
        }
        command.args(more).arg("--out").arg(self.out()).arg(self.root());
        Process::start(command, self.dir.path().join("watcher.log"))
    }

    /// The entries of the ledger.
    pub(crate) fn ledger_entries(&self) -> Vec<serde_json::Value> {
        let output = support::octrls().args(["ls", "--json", "--out"]).arg(self.out()).assert().success();
        let text = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Asserts that each of `names` has one complete result and nothing else exists.
    pub(crate) fn assert_results(&self, names: &[String]) {
        for name in names {
            let folder = self.out().join(name);
            let record = support::result(&folder);
            assert_eq!(record["scan"]["path"], name.as_str());
            let bytes = fs::read(self.root().join(name)).unwrap();
            assert_eq!(record["scan"]["sha256"], octrls_fs::digest::sha256(&bytes), "{name}");
            for file in record["files"].as_array().unwrap() {
                assert!(fs::metadata(folder.join(file.as_str().unwrap())).unwrap().len() > 0, "{name}: {file}");
            }
        }
        let all = files_below(&self.out());
        let results = all.iter().filter(|path| path.ends_with("result.json")).count();
        assert_eq!(results, names.len(), "no result too much");
        let staging = self.out().join(".octrls/staging");
        assert!(!all.iter().any(|path| path.starts_with(&staging)), "no unfinished file is left: {all:?}");
        let states: Vec<_> = self.ledger_entries().iter().map(|object| object["state"].clone()).collect();
        assert!(states.len() == names.len() && states.iter().all(|state| state == "written"), "{states:?}");
    }

    /// A separate client of the queue.
    pub(crate) fn client(&self) -> Client {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let connect = async { async_nats::jetstream::new(async_nats::connect(self.url()).await.unwrap()) };
        Client { jetstream: runtime.block_on(connect), runtime }
    }
}

pub(crate) struct Client {
    pub(crate) jetstream: async_nats::jetstream::Context,
    pub(crate) runtime: tokio::runtime::Runtime,
}

impl Client {
    /// Number of messages in the streams of jobs and outcomes.
    pub(crate) fn message_counts(&self) -> Vec<(String, u64)> {
        let of = |stream: &str| {
            let info = self.runtime.block_on(self.jetstream.get_stream(stream));
            // A stream that does not exist yet is empty.
            (stream.to_owned(), info.map_or(0, |stream| stream.cached_info().state.messages))
        };
        ["octrls-jobs", "octrls-outcomes"].into_iter().map(of).collect()
    }

    /// Number of consumers of jobs: one for each model.
    pub(crate) fn consumers(&self) -> usize {
        let stream = self.runtime.block_on(self.jetstream.get_stream("octrls-jobs"));
        stream.map_or(0, |stream| stream.cached_info().state.consumer_count)
    }

    /// Makes the server lose track of undelivered jobs, as a killed one may. To do so, it purges another job of the
    /// same consumer, which works with nats-server 2.9.10 but not with newer versions.
    pub(crate) fn make_the_server_forget_jobs(&self) {
        self.runtime.block_on(async {
            let stream = self.jetstream.get_stream("octrls-jobs").await.unwrap();
            let job = stream.info_with_subjects("octrls.jobs.>").await.unwrap().next().await.unwrap().unwrap().0;
            let other = format!("{}.none", job.rsplit_once('.').unwrap().0);
            self.jetstream.publish(other.clone(), "".into()).await.unwrap().await.unwrap();
            stream.purge().filter(other).await.unwrap();
        });
    }

    /// Subjects and payloads of the jobs in the queue.
    pub(crate) fn jobs(&self) -> Vec<(String, bytes::Bytes)> {
        self.runtime.block_on(async {
            let stream = self.jetstream.get_stream("octrls-jobs").await.unwrap();
            let mut subjects = stream.info_with_subjects("octrls.jobs.>").await.unwrap();
            let mut jobs = Vec::new();
            while let Some(subject) = subjects.next().await {
                let (subject, _) = subject.unwrap();
                let message = stream.get_last_raw_message_by_subject(&subject).await.unwrap();
                jobs.push((subject, message.payload));
            }
            jobs
        })
    }

    /// Publishes a message and waits until it is stored.
    pub(crate) fn publish(&self, subject: String, content: bytes::Bytes) {
        self.runtime.block_on(async { self.jetstream.publish(subject, content).await.unwrap().await.unwrap() });
    }

    /// Names of the objects in a store.
    pub(crate) fn objects(&self, store: &str) -> Vec<String> {
        self.runtime.block_on(async {
            let store = self.jetstream.get_object_store(store).await.unwrap();
            let list = store.list().await.unwrap();
            list.map(|object| object.unwrap().name).collect().await
        })
    }
}

pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    entries.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
}
