//! Tells a site's own programs of every published result: runs a command, or posts to a web address.
//!
//! One thread works on a bounded queue, so that neither the engine nor its workers ever wait. A failure is told and
//! changes nothing about the scan.

use std::{
    fmt,
    io::Read,
    net::IpAddr,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, Stdio},
    str::FromStr,
    sync::{Arc, OnceLock},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use octrls_core::{ErrorCode, measure::Verdict};
use octrls_engine::{Event, EventKind, EventSink, ScanChange, ScanSummary};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::json;
use ureq::{Agent, http::Uri};

/// Results that may wait for the thread.
const WAITING: usize = 1000;
/// How often a post is tried, and the pause after the first failure; it grows fourfold.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(500);
/// How often a running command is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// Time for what still waits when octrls stops.
const AT_END: Duration = Duration::from_secs(30);
/// Longest answer that is read.
const MAX_ANSWER: u64 = 1 << 16;

/// A web address that takes posts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PostAddress {
    text: String,
    /// Whether it is on this machine.
    pub(crate) is_local: bool,
}

impl FromStr for PostAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let uri: Uri =
            text.parse().map_err(|_| "expected an address, as in http://127.0.0.1:8080/results".to_owned())?;
        let (Some("http"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err("expected an address that starts with http://".to_owned());
        };
        if authority.as_str().contains('@') {
            return Err("an address with a password would appear in logs".to_owned());
        }
        let host = authority.host().trim_matches(['[', ']']);
        let is_local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        Ok(Self { text: text.to_owned(), is_local })
    }
}

/// What to do for each result.
#[derive(Clone, Debug)]
pub(crate) struct HookOptions {
    /// A program that is run with the result folder as its only argument.
    pub(crate) command: Option<PathBuf>,
    pub(crate) post_to: Option<PostAddress>,
    /// For each run of the command, and each try of a post.
    pub(crate) limit: Duration,
}

/// A published result, as others are told of it.
#[derive(Clone, Debug)]
struct Published {
    folder: PathBuf,
    verdict: &'static str,
    kind: &'static str,
}

impl Published {
    fn of(summary: &ScanSummary) -> Self {
        let kind = match summary {
            ScanSummary { series: 2.., .. } => "series",
            ScanSummary { etdrs: Some(_), .. } => "volume",
            ScanSummary { bscans: 2.., .. } => "bscans",
            _ => "bscan",
        };
        let verdict = match summary.verdict {
            Verdict::Good => "good",
            Verdict::Doubtful => "doubtful",
            Verdict::NotARetina => "not_a_retina",
        };
        Self { folder: summary.out.clone(), verdict, kind }
    }
}

/// Why a command or a post failed. Its text names no result.
enum HookError {
    Start(std::io::Error),
    Exit(String),
    Late(Duration),
    Unreachable,
    Refused(u16),
    Full,
    Stopped,
}

impl fmt::Display for HookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => write!(f, "the command of --on-result cannot be started: {error}"),
            Self::Exit(how) => write!(f, "the command of --on-result failed ({how})"),
            Self::Late(limit) => write!(f, "the command of --on-result took more than {} s", limit.as_secs()),
            Self::Unreachable => f.write_str("the address of --on-result-post does not answer"),
            Self::Refused(status) => write!(f, "the address of --on-result-post answers {status}"),
            Self::Full => write!(f, "more than {WAITING} results wait for --on-result; one is left out"),
            Self::Stopped => f.write_str("octrls stops before --on-result was told of a result"),
        }
    }
}

/// Passes published results to the command and the address.
pub(crate) struct ResultHook {
    queue: Option<Sender<Published>>,
    /// When octrls began to stop.
    stopping: Arc<OnceLock<Instant>>,
    thread: Option<JoinHandle<()>>,
    failed: Box<dyn Fn(ErrorCode, String) + Send>,
}

impl ResultHook {
    /// Starts the thread. `failed` is told of failures, from any thread.
    ///
    /// # Errors
    /// If no thread can be started.
    pub(crate) fn start(
        options: HookOptions,
        failed: impl Fn(ErrorCode, String) + Clone + Send + 'static,
    ) -> std::io::Result<Self> {
        let (queue, waiting) = bounded(WAITING);
        let stopping = Arc::<OnceLock<Instant>>::default();
        let (told, stop) = (failed.clone(), Arc::clone(&stopping));
        let work = move || work(&options, &waiting, &stop, &told);
        let thread = thread::Builder::new().name("octrls-on-result".into()).spawn(work)?;
        Ok(Self { queue: Some(queue), stopping, thread: Some(thread), failed: Box::new(failed) })
    }

    /// Tells of the published result of `summary`; never waits.
    pub(crate) fn published(&self, summary: &ScanSummary) {
        let Some(queue) = &self.queue else { return };
        if let Err(TrySendError::Full(_)) = queue.try_send(Published::of(summary)) {
            (self.failed)(ErrorCode::ResultHook, HookError::Full.to_string());
        }
    }
}

impl EventSink for ResultHook {
    fn event(&mut self, event: &Event) {
        if let EventKind::Scan { change: ScanChange::Done(summary), .. } = &event.kind {
            self.published(summary);
        }
    }
}

impl Drop for ResultHook {
    fn drop(&mut self) {
        let _ = self.stopping.set(Instant::now());
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // The panic hook has already reported a panic.
            let _ = thread.join();
        }
    }
}

fn work(
    options: &HookOptions,
    waiting: &Receiver<Published>,
    stopping: &OnceLock<Instant>,
    failed: &dyn Fn(ErrorCode, String),
) {
    let agent = agent(options.limit);
    // A closed queue still gives what it holds.
    for result in waiting {
        if stopping.get().is_some_and(|since| since.elapsed() > AT_END) {
            failed(ErrorCode::ResultHook, HookError::Stopped.to_string());
        } else {
            tell(options, &agent, &result, failed);
        }
    }
}

fn tell(options: &HookOptions, agent: &Agent, result: &Published, failed: &dyn Fn(ErrorCode, String)) {
    let ran = options.command.as_ref().map_or(Ok(()), |command| run(command, result, options.limit));
    let posted = options.post_to.as_ref().map_or(Ok(()), |address| post(agent, address, result));
    for error in [ran.err(), posted.err()].into_iter().flatten() {
        failed(ErrorCode::ResultHook, error.to_string());
    }
}

/// Runs `command` with its descendants in a process group of their own, which ends with the time limit.
fn run(command: &PathBuf, result: &Published, limit: Duration) -> Result<(), HookError> {
    let mut process = Command::new(command);
    process.arg(&result.folder).env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    process.process_group(0);
    if let Some(path) = std::env::var_os("PATH") {
        process.env("PATH", path);
    }
    let mut child = process
        .env("OCTRLS_VERDICT", result.verdict)
        .env("OCTRLS_KIND", result.kind)
        .spawn()
        .map_err(HookError::Start)?;
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(HookError::Exit(status.to_string())),
            Ok(None) if start.elapsed() < limit => thread::sleep(LOOK),
            Ok(None) => {
                let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
                let _ = child.wait();
                return Err(HookError::Late(limit));
            }
            Err(error) => return Err(HookError::Start(error)),
        }
    }
}

fn agent(limit: Duration) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        // A redirection or a proxy could lead the message off this machine.
        .max_redirects(0)
        .proxy(None)
        .user_agent(concat!("octrls/", env!("CARGO_PKG_VERSION")))
        .timeout_global(Some(limit))
        .build();
    config.new_agent()
}

/// Posts what the command is told, as JSON. Refusals other than of a busy service are final.
fn post(agent: &Agent, address: &PostAddress, result: &Published) -> Result<(), HookError> {
    let body = json!({ "folder": result.folder.to_string_lossy(), "verdict": result.verdict, "kind": result.kind });
    let mut last = HookError::Unreachable;
    for attempt in 0..TRIES {
        if attempt > 0 {
            thread::sleep(PAUSE * 4_u32.pow(attempt - 1));
        }
        let request = agent.post(&address.text).header("Content-Type", "application/json");
        match request.send(body.to_string()) {
            Ok(answer) if answer.status().is_success() => {
                // Read, so that the connection can be used again.
                let _ = answer.into_body().into_reader().take(MAX_ANSWER).read_to_end(&mut Vec::new());
                return Ok(());
            }
            Ok(answer) => {
                last = HookError::Refused(answer.status().as_u16());
                let is_busy = answer.status().is_server_error() || matches!(answer.status().as_u16(), 408 | 429);
                if !is_busy {
                    break;
                }
            }
            Err(_) => last = HookError::Unreachable,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        io::{BufRead, BufReader, Write},
        net::TcpListener,
        os::unix::fs::PermissionsExt,
        path::Path,
        sync::Mutex,
    };

    use octrls_tui::fixtures;

    use super::*;

    type Told = Arc<Mutex<Vec<String>>>;

    fn start(options: HookOptions) -> (ResultHook, Told) {
        let told = Told::default();
        let sink = Arc::clone(&told);
        let hook = ResultHook::start(options, move |code, text| sink.lock().unwrap().push(format!("{code}: {text}")));
        (hook.unwrap(), told)
    }

    fn options(command: Option<PathBuf>, post_to: Option<&str>) -> HookOptions {
        let post_to = post_to.map(|text| text.parse().unwrap());
        HookOptions { command, post_to, limit: Duration::from_millis(500) }
    }

    fn summary() -> ScanSummary {
        let done = fixtures::sample_events().into_iter().find_map(|event| match event.kind {
            EventKind::Scan { change: ScanChange::Done(summary), .. } => Some(summary),
            _ => None,
        });
        ScanSummary::clone(&done.expect("a finished scan"))
    }

    fn script(folder: &Path, text: &str) -> PathBuf {
        let file = folder.join("hook");
        fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        file
    }

    #[test]
    fn a_command_gets_the_folder_the_verdict_and_the_kind_alone() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let hook = script(folder.path(), &format!("{{ echo \"$#\" \"$1\"; env; }} >{}", out.display()));
        let (hook, told) = start(options(Some(hook), None));
        let summary = summary();
        hook.published(&summary);
        drop(hook);
        let text = fs::read_to_string(out).unwrap();
        assert!(text.starts_with(&format!("1 {}\n", summary.out.display())), "{text}");
        let names = |line: &str| line.split('=').next().unwrap_or_default().to_owned();
        let set: Vec<String> =
            text.lines().skip(1).map(names).filter(|name| !["PWD", "_", "SHLVL"].contains(&&**name)).collect();
        assert!(set.iter().all(|name| ["PATH", "OCTRLS_VERDICT", "OCTRLS_KIND"].contains(&&**name)), "{text}");
        assert_eq!(set.iter().filter(|name| name.starts_with("OCTRLS")).count(), 2);
        assert!(told.lock().unwrap().is_empty());
    }

    #[test]
    fn a_command_that_fails_or_hangs_is_told_and_ends() {
        let folder = tempfile::tempdir().unwrap();
        let late = folder.path().join("late");
        let hook = script(folder.path(), &format!("(sleep 2; touch {}) & wait", late.display()));
        let start_of_all = Instant::now();
        let (hanging, told) = start(options(Some(hook), None));
        hanging.published(&summary());
        drop(hanging);
        assert!(start_of_all.elapsed() < Duration::from_secs(2));
        let said = told.lock().unwrap().join("\n");
        assert!(said.starts_with("W-RESULT-HOOK") && said.contains("took more than"), "{said}");
        thread::sleep(Duration::from_secs(2));
        assert!(!late.exists(), "its children end, too");

        let hook = script(folder.path(), "exit 3");
        let (failing, told) = start(options(Some(hook), None));
        failing.published(&summary());
        drop(failing);
        assert!(told.lock().unwrap()[0].contains("exit status: 3"), "{told:?}");
    }

    #[test]
    fn a_post_is_tried_again_until_the_service_takes_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/results", listener.local_addr().unwrap());
        let service = thread::spawn(move || {
            ["503 Busy", "204 No Content"].map(|status| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut length, mut line) = (0, String::new());
                while reader.read_line(&mut line).unwrap() > 2 {
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
                String::from_utf8(body).unwrap()
            })
        });
        let (hook, told) = start(options(None, Some(&address)));
        let summary = summary();
        hook.published(&summary);
        drop(hook);
        let [first, second] = service.join().unwrap();
        assert_eq!(first, second);
        let sent: serde_json::Value = serde_json::from_str(&second).unwrap();
        assert_eq!(sent["folder"], summary.out.to_string_lossy().as_ref());
        assert_eq!(sent.as_object().map(serde_json::Map::len), Some(3), "{sent}");
        assert!(told.lock().unwrap().is_empty(), "{told:?}");
    }

    #[test]
    fn only_addresses_of_this_machine_are_local() {
        let is_local = |text: &str| text.parse::<PostAddress>().map(|address| address.is_local);
        for text in ["http://127.0.0.1:80/a", "http://[::1]:8080", "http://localhost/x"] {
            assert_eq!(is_local(text), Ok(true), "{text}");
        }
        assert_eq!(is_local("http://192.168.1.4:80/"), Ok(false));
        assert_eq!(is_local("http://localhost.example/"), Ok(false));
        for text in ["https://127.0.0.1/", "127.0.0.1:80", "http://a:b@127.0.0.1/", "ftp://127.0.0.1/"] {
            assert!(is_local(text).is_err(), "{text}");
        }
    }
}
