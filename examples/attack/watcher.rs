//! The program under attack: a watcher, and operators' commands beside it.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Longest time for a watcher to say something, or to end.
const PATIENCE: Duration = Duration::from_mins(5);

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A watcher that can be killed and started again.
pub(crate) struct Watcher {
    program: PathBuf,
    roots: Vec<PathBuf>,
    pub(crate) out: PathBuf,
    lines: PathBuf,
    pub(crate) node: SocketAddr,
    pub(crate) metrics: SocketAddr,
    process: Option<Child>,
    /// How often earlier processes said that they had started.
    started_before: usize,
    /// What went wrong with the process itself.
    pub(crate) faults: Vec<String>,
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

impl Watcher {
    pub(crate) fn new(program: &Path, roots: Vec<PathBuf>, out: PathBuf, lines: PathBuf) -> Self {
        let (node, metrics) = (free_address(), free_address());
        Self {
            program: program.to_owned(),
            roots,
            out,
            lines,
            node,
            metrics,
            process: None,
            started_before: 0,
            faults: Vec::new(),
        }
    }

    fn command(&self) -> Command {
        let lines = File::options().create(true).append(true).open(&self.lines).expect("a file for the lines");
        let mut command = Command::new(&self.program);
        // A kill counts as an attempt, since it looks like a scan that crashes the program.
        command.args([
            "watch",
            "--plain",
            "--model",
            "edge",
            "--stable",
            "0.4",
            "--attempts",
            "100",
            "--min-free",
            "0",
        ]);
        command.args(["--log-format", "json", "--log"]).arg(self.lines.with_extension("log"));
        command.arg("--out").arg(&self.out).args(&self.roots);
        command.stdin(Stdio::null()).stderr(lines.try_clone().expect("a handle")).stdout(lines);
        command
    }

    /// Starts it, unless it runs.
    pub(crate) fn start(&mut self) {
        if self.is_running() {
            return;
        }
        self.started_before = self.count_of_starts();
        let mut command = self.command();
        command.args(["--receive", &self.node.to_string(), "--metrics", &self.metrics.to_string()]);
        self.process = Some(command.spawn().expect("the program"));
    }

    fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| matches!(process.try_wait(), Ok(None)))
    }

    fn count_of_starts(&self) -> usize {
        let lines = fs::read(&self.lines).unwrap_or_default();
        String::from_utf8_lossy(&lines).lines().filter(|line| line.contains(" started root=")).count()
    }

    /// Whether the present process has its folders open.
    pub(crate) fn has_started(&self) -> bool {
        self.process.is_some() && self.count_of_starts() > self.started_before
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        if let Some(process) = &self.process {
            let _ = Command::new("kill").args([&format!("-{name}"), &process.id().to_string()]).status();
        }
    }

    /// Asks it to end, and waits.
    pub(crate) fn stop(&mut self) {
        self.signal("CONT");
        self.signal("TERM");
        let Some(mut process) = self.process.take() else { return };
        if self.wait(&mut process).is_none() {
            self.faults.push("the watcher did not end after SIGTERM".to_owned());
            let _ = process.kill();
        }
    }

    /// Processes what is left.
    pub(crate) fn run_once(&mut self) {
        let mut process = self.command().arg("--once").spawn().expect("the program");
        if self.wait(&mut process).is_none() {
            self.faults.push("watch --once did not end".to_owned());
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Runs an operator's command on the results.
    pub(crate) fn operate(&mut self, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.program);
        let output = command.args(arguments).arg("--out").arg(&self.out).stdin(Stdio::null()).output();
        let output = output.expect("the program");
        let text = String::from_utf8_lossy(&output.stderr);
        if output.status.code().is_none_or(|code| code > 3) || text.contains("panicked") {
            self.faults.push(format!("{arguments:?} ended with {}: {text}", output.status));
        }
        output
    }

    /// Sends the DICOM file to the node, which is reached at `address`; returns whether it was taken.
    pub(crate) fn send(&mut self, file: &Path, address: SocketAddr) -> bool {
        let mut command = Command::new(&self.program);
        command.args(["send", "--retries", "0", "--timeout", "20"]).arg(format!("OCTRLS@{address}")).arg(file);
        let output = command.stdin(Stdio::null()).output().expect("the program");
        let text = String::from_utf8_lossy(&output.stderr);
        if output.status.code().is_none() || text.contains("panicked") {
            self.faults.push(format!("send ended with {}: {text}", output.status));
        }
        output.status.success()
    }

    /// Waits for the end; `None` if it does not come and nothing is said for long. On a loaded machine, the time between
    /// two looks is long for us as it is for the program, so that of each at most twice the usual one counts.
    fn wait(&self, process: &mut Child) -> Option<ExitStatus> {
        let said =
            || [&self.lines, &self.lines.with_extension("log")].map(|path| fs::metadata(path).map_or(0, |m| m.len()));
        let (mut silence, mut before, mut last) = (Duration::ZERO, said(), Instant::now());
        while silence < PATIENCE {
            if let Ok(Some(status)) = process.try_wait() {
                return Some(status);
            }
            thread::sleep(LOOK_EVERY);
            silence += last.elapsed().min(2 * LOOK_EVERY);
            last = Instant::now();
            let now = said();
            if now != before {
                (silence, before) = (Duration::ZERO, now);
            }
        }
        None
    }

    /// Everything that it printed and logged.
    pub(crate) fn said(&self) -> String {
        let read = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
        read(&self.lines) + &read(&self.lines.with_extension("log"))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.kill();
    }
}
