//! The watcher as a service: settings, attached screens, metrics, systemd notifications, listening sockets.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::support::missing;
use crate::support::octrls;
use tempfile::TempDir;

/// Time limit for each step, also on a machine under load.
const PATIENCE: Duration = Duration::from_secs(90);

/// Polls `look` until it returns something.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited for {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A folder with a watcher of `in`; its output goes to `lines`.
struct Rig {
    folder: TempDir,
    watcher: Option<Child>,
}

impl Rig {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("tempdir");
        fs::create_dir(folder.path().join("in")).expect("mkdir");
        Self { folder, watcher: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn socket(&self) -> PathBuf {
        self.path("out/.octrls/octrls.sock")
    }

    fn settings(&self, more: &str) -> PathBuf {
        let file = self.path("octrls.toml");
        let (root, out) = (self.path("in"), self.path("out"));
        let folders = format!("roots = ['{}']\nout = '{}'\n", root.display(), out.display());
        let text = format!("{folders}model = 'edge'\nstable = 0.2\njobs = 1\nplain = true\n{more}\n");
        fs::write(&file, text).expect("settings");
        file
    }

    /// Starts a watcher with these settings and waits until it is up.
    fn start(&mut self, settings: &str, change: impl FnOnce(&mut Command)) {
        let lines = fs::File::create(self.path("lines")).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_octrls"));
        command.args(["watch", "--config"]).arg(self.settings(settings));
        command.env_remove("RUNTIME_DIRECTORY").env_remove("NOTIFY_SOCKET").stdin(Stdio::null()).stdout(lines);
        change(&mut command);
        self.watcher = Some(command.spawn().expect("a watcher"));
        self.until_line(" started ");
    }

    fn until_line(&self, words: &str) -> String {
        let lines = || fs::read_to_string(self.path("lines")).unwrap_or_default();
        let found = || lines().lines().find(|line| line.contains(words)).map(str::to_owned);
        until(words, found)
    }

    fn pid(&self) -> u32 {
        self.watcher.as_ref().expect("a watcher").id()
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.pid())]).status().expect("a shell");
        assert!(sent.success());
    }

    fn scan(&self, seed: u32) {
        octrls().args(["phantom", "--seed", &seed.to_string()]).arg(self.path("in")).assert().success();
    }

    /// Stops the watcher and asserts that it succeeded.
    fn finish(&mut self) {
        self.signal("TERM");
        let ended = self.watcher.take().expect("a watcher").wait().expect("an end");
        assert!(ended.success(), "{ended}");
        assert!(!self.socket().exists());
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(mut watcher) = self.watcher.take() {
            let _ = watcher.kill();
            let _ = watcher.wait();
        }
    }
}

/// Attaches a screen; its output goes to `name`.
fn attach(rig: &Rig, name: &str, option: &str) -> Child {
    let lines = fs::File::create(rig.path(name)).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_octrls"));
    command.arg("top").arg(rig.path("out")).arg(option).stdin(Stdio::null()).stdout(lines);
    command.spawn().expect("a screen")
}

fn get(address: &str, target: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    write!(stream, "GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn screens_come_and_go_and_the_watcher_works_on() {
    let mut rig = Rig::new();
    rig.start("", |_| ());
    let text = |name: &str| fs::read_to_string(rig.path(name)).unwrap_or_default();
    let shows = |name: &str, words: &str| until(words, || text(name).contains(words).then_some(()));
    let mut plain = attach(&rig, "plain", "--plain");
    let mut json = attach(&rig, "json", "--json");
    shows("plain", " started ");
    shows("json", "\"event\":\"started\"");
    rig.scan(1);
    shows("plain", " done phantom-000001.png");
    shows("json", "\"event\":\"bscan\"");
    shows("json", "\"event\":\"done\"");
    // A client that vanishes without closing properly.
    plain.kill().expect("a kill");
    plain.wait().expect("an end");
    rig.scan(2);
    rig.until_line(" done phantom-000002.png");
    shows("json", "phantom-000002.png");
    let mut late = attach(&rig, "late", "--plain");
    shows("late", " started ");
    assert!(!text("late").contains("phantom-000001"), "what is through is no news");
    rig.finish();
    for screen in [&mut json, &mut late] {
        assert!(screen.wait().expect("an end").success());
    }
    let text = |name: &str| fs::read_to_string(rig.path(name)).unwrap_or_default();
    assert!(text("late").lines().last().is_some_and(|line| line.contains(" stopped done=2 ")));
}

#[test]
fn nothing_to_attach_to_is_told() {
    let folder = tempfile::tempdir().expect("tempdir");
    let assert = octrls().arg("top").arg(folder.path()).arg("--plain").assert().code(3);
    assert!(String::from_utf8_lossy(&assert.get_output().stderr).contains("E-ATTACH-CONNECT"));
}

/// The inodes of a process's sockets.
fn sockets(pid: u32) -> Vec<String> {
    let own = fs::read_dir(format!("/proc/{pid}/fd")).expect("its files").filter_map(|file| {
        let target = fs::read_link(file.ok()?.path()).ok()?;
        Some(target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
    });
    own.collect()
}

/// The sockets of a process that are bound to a network address.
fn listening(pid: u32) -> Vec<String> {
    let own = sockets(pid);
    let mut found = Vec::new();
    for table in ["tcp", "tcp6", "udp", "udp6", "raw", "raw6"] {
        let lines = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for line in lines.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            if fields.get(9).is_some_and(|inode| own.iter().any(|o| o == inode)) {
                found.push(format!("{table} {}", fields[1]));
            }
        }
    }
    found
}

/// The paths of a process's listening Unix sockets.
fn listening_here(pid: u32) -> Vec<PathBuf> {
    /// `SO_ACCEPTCON`, see proc_net_unix(5).
    const ACCEPTS: u32 = 1 << 16;
    let own = sockets(pid);
    let table = fs::read_to_string(format!("/proc/{pid}/net/unix")).expect("a table");
    let lines = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let listens = |fields: &Vec<&str>| {
        let flags = u32::from_str_radix(fields[3], 16).expect("flags");
        flags & ACCEPTS != 0 && own.iter().any(|inode| inode == fields[6])
    };
    lines.filter(listens).map(|fields| fields.get(7).map_or_else(PathBuf::new, PathBuf::from)).collect()
}

#[test]
fn nothing_listens_on_the_network_unless_asked_to() {
    if !Path::new("/proc/self/net/tcp").exists() {
        missing("nothing_listens_on_the_network_unless_asked_to", "proc");
        return;
    }
    let mut rig = Rig::new();
    rig.start("", |_| ());
    rig.scan(1);
    rig.until_line(" done ");
    assert_eq!(listening(rig.pid()), [""; 0]);
    // Only the folder is comparable: the socket is bound under a temporary name and renamed.
    let [here] = listening_here(rig.pid()).try_into().expect("one socket");
    assert_eq!(here.parent(), rig.socket().parent());
    assert!(rig.socket().exists());
    rig.finish();
    // Check that this method finds a listening socket at all.
    let mut rig = Rig::new();
    rig.start("metrics = '127.0.0.1:0'\nno_socket = true", |_| ());
    rig.until_line("metrics at");
    assert_eq!(listening(rig.pid()).len(), 1);
    assert_eq!(listening_here(rig.pid()), Vec::<PathBuf>::new());
    assert!(!rig.socket().exists());
    rig.finish();
}

#[test]
fn figures_and_health_by_http_and_as_a_file() {
    let mut rig = Rig::new();
    let file = rig.path("octrls.prom");
    rig.start(&format!("metrics = '127.0.0.1:0'\nmetrics_file = '{}'", file.display()), |_| ());
    let told = rig.until_line("metrics at");
    let address = told.split("http://").nth(1).and_then(|t| t.split('/').next()).expect("an address").to_owned();
    rig.scan(1);
    rig.until_line(" done ");
    let figures = until("a count", || {
        let figures = get(&address, "/metrics");
        figures.contains("octrls_scans_total{outcome=\"done\"} 1").then_some(figures)
    });
    assert!(figures.starts_with("HTTP/1.1 200 OK\r\n"), "{figures}");
    assert!(figures.contains("octrls_bscans_total 1\n") && figures.contains("octrls_root_online 1\n"), "{figures}");
    let names = ["phantom", rig.folder.path().to_str().expect("text")];
    assert!(names.iter().all(|name| !figures.contains(name)), "{figures}");
    assert!(get(&address, "/healthz").starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(get(&address, "/").starts_with("HTTP/1.1 404 "));
    for (request, status) in [
        ("POST /metrics HTTP/1.1\r\n\r\n".to_owned(), "405"),
        ("nonsense\r\n\r\n".to_owned(), "400"),
        (format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(20_000)), "431"),
    ] {
        let mut stream = TcpStream::connect(&address).expect("a connection");
        // The server may close the connection before it has read a request that is too long.
        let _ = stream.write_all(request.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() && status == "431" || answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    fs::rename(rig.path("in"), rig.path("away")).expect("rename");
    until("bad health", || get(&address, "/healthz").starts_with("HTTP/1.1 503 ").then_some(()));
    fs::rename(rig.path("away"), rig.path("in")).expect("rename");
    until("good health", || get(&address, "/healthz").starts_with("HTTP/1.1 200 ").then_some(()));
    rig.finish();
    // The file is written once more at the end; no temporary file remains.
    assert!(fs::read_to_string(&file).expect("figures").contains("octrls_scans_total{outcome=\"done\"} 1"));
    let unfinished = fs::read_dir(file.parent().expect("a folder")).expect("a folder").flatten();
    assert!(unfinished.into_iter().all(|f| !f.file_name().to_string_lossy().starts_with(".octrls-")));
}

#[test]
fn systemd_hears_that_it_is_ready_alive_and_stopping() {
    let mut rig = Rig::new();
    let path = rig.path("notify");
    let systemd = UnixDatagram::bind(&path).expect("a socket");
    systemd.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let hear = |wanted: &str| {
        let mut bytes = [0; 4096];
        loop {
            let length = systemd.recv(&mut bytes).unwrap_or_else(|e| panic!("{wanted}: {e}"));
            let words = String::from_utf8_lossy(&bytes[..length]).into_owned();
            assert!(!words.contains("phantom"), "{words}");
            if words.lines().any(|line| line.starts_with(wanted)) {
                return words;
            }
        }
    };
    rig.start("", |command| {
        command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "600000");
    });
    hear("READY=1");
    hear("WATCHDOG=1");
    rig.scan(1);
    assert!(hear("STATUS=watching: 0 running, 0 waiting, 1 done").contains("0 quarantined"));
    hear("WATCHDOG=1");
    rig.signal("HUP");
    hear("RELOADING=1");
    hear("READY=1");
    rig.signal("TERM");
    hear("STOPPING=1");
    rig.watcher.take().expect("a watcher").wait().expect("an end");
}

#[test]
fn settings_are_read_again_and_a_broken_file_changes_nothing() {
    let mut rig = Rig::new();
    let log = rig.path("log");
    rig.start(&format!("log = '{}'\nlog_format = 'json'", log.display()), |_| ());
    rig.settings(&format!("attempts = 7\nlog = '{}'\n", log.display()));
    let file = rig.path("octrls.toml");
    let changed = fs::read_to_string(&file).expect("settings").replace("jobs = 1", "jobs = 2");
    fs::write(&file, &changed).expect("settings");
    rig.signal("HUP");
    let told = rig.until_line("settings reloaded");
    assert!(told.contains("changed: attempts, log_format; needs a restart: jobs"), "{told}");
    fs::write(&file, changed.replace("attempts = 7", "attempts = 8")).expect("settings");
    rig.signal("HUP");
    rig.until_line("settings reloaded; changed: attempts; needs a restart: jobs");
    fs::write(&file, changed.replace("attempts", "atempts")).expect("settings");
    rig.signal("HUP");
    let told = rig.until_line("settings not reloaded");
    assert!(told.contains("E-CONFIG-KEY") && told.contains("did you mean 'attempts'?"), "{told}");
    rig.scan(1);
    rig.until_line(" done ");
    rig.finish();
    let log = fs::read_to_string(&log).expect("a log");
    assert!(log.contains("\"event\":\"started\"") && log.contains(" done phantom-000001.png "), "{log}");
    assert!(log.lines().last().is_some_and(|line| line.contains(" stopped done=1 ")), "{log}");
}

#[test]
fn wrong_settings_are_wrong_arguments() {
    let rig = Rig::new();
    let check = |text: &str, code: &str| {
        let file = rig.settings(text);
        for command in [["config", "check"], ["watch", "--config"]] {
            let assert = octrls().args(command).arg(&file).assert().code(2);
            let stderr = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
            assert!(stderr.contains(code), "{stderr}");
        }
    };
    check("nonsense = 1", "E-CONFIG-KEY");
    check("attempts = 0", "E-CONFIG-VALUE");
    check("json = true", "E-CONFIG-VALUE");
    check("send_ae_title = 'X'", "E-CONFIG-TOGETHER");
    check("attempts 3", "E-CONFIG-SYNTAX");
    octrls().args(["config", "check"]).arg(rig.settings("attempts = 4")).assert().success();
    octrls().args(["config", "check"]).arg(rig.path("gone")).assert().code(2);
}

#[test]
fn the_doctor_says_what_is_wrong() {
    let rig = Rig::new();
    let doctor = |folder: &Path| {
        let out = octrls().args(["doctor", "--json", "--model", "edge"]).arg(folder).output().expect("an answer");
        let answer: serde_json::Value = serde_json::from_slice(&out.stdout).expect("JSON");
        let grade = |check: &str| {
            let found = answer["checks"].as_array().expect("checks").iter().find(|c| c["check"] == check).cloned();
            found.map(|c| c["grade"].as_str().expect("a grade").to_owned())
        };
        (out.status.code(), ["watched", "model", "results"].map(grade))
    };
    let ok = || Some("ok".to_owned());
    assert_eq!(doctor(&rig.path("in")), (Some(0), [ok(), ok(), ok()]));
    assert_eq!(fs::read_dir(rig.path("in")).expect("a folder").count(), 0);
    assert_eq!(doctor(&rig.path("gone")), (Some(1), [Some("problem".to_owned()), ok(), ok()]));
}
