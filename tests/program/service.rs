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

use tempfile::TempDir;

use crate::support::{missing, octrls};

/// Time limit for each step, also on a machine under load.
const TIMEOUT: Duration = Duration::from_secs(90);

/// Calls `poll` until it returns something.
fn until<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = poll() {
            return found;
        }
        assert!(start.elapsed() < TIMEOUT, "waited for {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A folder with a watcher of `in`; its output goes to `lines`.
struct TestWatcher {
    folder: TempDir,
    process: Option<Child>,
}

impl TestWatcher {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("tempdir");
        fs::create_dir(folder.path().join("in")).expect("mkdir");
        Self { folder, process: None }
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
        self.process = Some(command.spawn().expect("a watcher"));
        self.until_line(" started ");
    }

    fn until_line(&self, words: &str) -> String {
        let lines = || fs::read_to_string(self.path("lines")).unwrap_or_default();
        let found = || lines().lines().find(|line| line.contains(words)).map(str::to_owned);
        until(words, found)
    }

    fn pid(&self) -> u32 {
        self.process.as_ref().expect("a watcher").id()
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
        let ended = self.process.take().expect("a watcher").wait().expect("an end");
        assert!(ended.success(), "{ended}");
        assert!(!self.socket().exists());
    }
}

impl Drop for TestWatcher {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Attaches a screen; its output goes to `name`.
fn attach(watcher: &TestWatcher, name: &str, option: &str) -> Child {
    let lines = fs::File::create(watcher.path(name)).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_octrls"));
    command.arg("top").arg(watcher.path("out")).arg(option).stdin(Stdio::null()).stdout(lines);
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
fn screens_attach_and_detach_without_disturbing_the_watcher() {
    let mut watcher = TestWatcher::new();
    watcher.start("", |_| ());
    let text = |name: &str| fs::read_to_string(watcher.path(name)).unwrap_or_default();
    let shows = |name: &str, words: &str| until(words, || text(name).contains(words).then_some(()));
    let mut plain = attach(&watcher, "plain", "--plain");
    let mut json = attach(&watcher, "json", "--json");
    shows("plain", " started ");
    shows("json", "\"event\":\"started\"");
    watcher.scan(1);
    shows("plain", " done phantom-000001.png");
    shows("json", "\"event\":\"bscan\"");
    shows("json", "\"event\":\"done\"");
    // A client that vanishes without closing properly.
    plain.kill().expect("a kill");
    plain.wait().expect("an end");
    watcher.scan(2);
    watcher.until_line(" done phantom-000002.png");
    shows("json", "phantom-000002.png");
    let mut late = attach(&watcher, "late", "--plain");
    shows("late", " started ");
    assert!(!text("late").contains("phantom-000001"), "finished scans are not repeated");
    watcher.finish();
    for screen in [&mut json, &mut late] {
        assert!(screen.wait().expect("an end").success());
    }
    let text = |name: &str| fs::read_to_string(watcher.path(name)).unwrap_or_default();
    assert!(text("late").lines().last().is_some_and(|line| line.contains(" stopped done=2 ")));
}

#[test]
fn attaching_without_a_watcher_fails() {
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
fn network_listeners(pid: u32) -> Vec<String> {
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
fn unix_listeners(pid: u32) -> Vec<PathBuf> {
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
fn nothing_listens_on_the_network_by_default() {
    if !Path::new("/proc/self/net/tcp").exists() {
        missing("nothing_listens_on_the_network_by_default", "proc");
        return;
    }
    let mut watcher = TestWatcher::new();
    watcher.start("", |_| ());
    watcher.scan(1);
    watcher.until_line(" done ");
    assert_eq!(network_listeners(watcher.pid()), [""; 0]);
    // Only the folder is comparable: the socket is bound under a temporary name and renamed.
    let [socket] = unix_listeners(watcher.pid()).try_into().expect("one socket");
    assert_eq!(socket.parent(), watcher.socket().parent());
    assert!(watcher.socket().exists());
    watcher.finish();
    // Check that this method finds a listening socket at all.
    let mut watcher = TestWatcher::new();
    watcher.start("metrics = '127.0.0.1:0'\nno_socket = true", |_| ());
    watcher.until_line("metrics at");
    assert_eq!(network_listeners(watcher.pid()).len(), 1);
    assert_eq!(unix_listeners(watcher.pid()), Vec::<PathBuf>::new());
    assert!(!watcher.socket().exists());
    watcher.finish();
}

#[test]
fn silent_clients_do_not_keep_the_health_check_out() {
    let mut watcher = TestWatcher::new();
    watcher.start("metrics = '127.0.0.1:0'", |_| ());
    let line = watcher.until_line("metrics at");
    let address = line.split("http://").nth(1).and_then(|t| t.split('/').next()).expect("an address").to_owned();
    let silent: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(&address).expect("a connection")).collect();
    for mut client in silent.iter().rev().take(8) {
        client.write_all(b"GET /hea").expect("a part of a request");
    }
    let start = Instant::now();
    assert!(get(&address, "/healthz").starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(start.elapsed() < Duration::from_secs(3), "after {:?}", start.elapsed());
    watcher.finish();
}

#[test]
fn a_reader_who_stands_still_does_not_hold_off_the_end() {
    let mut watcher = TestWatcher::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_octrls"));
    command.args(["watch", "--config"]).arg(watcher.settings("")).env_remove("NOTIFY_SOCKET");
    // Nobody reads standard output and standard error, and the lines of these files fill the pipe.
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for number in 0..200 {
        fs::write(watcher.path(&format!("in/{number}.vol")), format!("no scan {number}")).expect("a file");
    }
    watcher.process = Some(command.spawn().expect("a watcher"));
    let noted = || fs::read_dir(watcher.path("out/quarantine")).map_or(0, Iterator::count);
    until("scans that go on", || (noted() > 380).then_some(()));
    let start = Instant::now();
    watcher.signal("TERM");
    let mut process = watcher.process.take().expect("a watcher");
    until("its end", || process.try_wait().expect("a status"));
    assert!(start.elapsed() < Duration::from_secs(30), "after {:?}", start.elapsed());
}

#[test]
fn a_ledger_that_is_lost_stops_the_watcher() {
    type Loss = fn(&Path);
    let losses: [(&str, Loss); 3] = [
        ("deleted", |ledger| fs::remove_file(ledger).expect("a ledger")),
        ("replaced", |ledger| {
            fs::copy(ledger, ledger.with_extension("copy")).expect("a copy");
            fs::rename(ledger.with_extension("copy"), ledger).expect("a rename");
        }),
        ("overwritten", |ledger| fs::write(ledger, vec![7; 1 << 16]).expect("a ledger")),
    ];
    for (what, lose) in losses {
        let mut watcher = TestWatcher::new();
        watcher.start("", |_| ());
        watcher.scan(1);
        watcher.until_line(" done ");
        lose(&watcher.path("out/.octrls/ledger.sqlite"));
        let line = watcher.until_line("code=E-LEDGER-LOST");
        assert!(line.contains(what), "{line}");
        let ended = watcher.process.take().expect("a watcher").wait().expect("an end");
        assert_eq!(ended.code(), Some(4), "{what}");
        for file in ["ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"] {
            let _ = fs::remove_file(watcher.path("out/.octrls").join(file));
        }
        watcher.start("", |_| ());
        watcher.until_line(" done phantom-000001.png");
        watcher.finish();
    }
}

/// A stop with scans in quarantine is a success for systemd. A watcher that had to stop is not, so that it starts again.
#[test]
fn the_unit_tells_failed_scans_from_a_watcher_that_had_to_stop() {
    let unit = include_str!("../../packaging/octrls.service");
    let value = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key));
    assert_eq!(value("SuccessExitStatus="), Some("1"));
    assert_eq!(value("RestartPreventExitStatus="), Some("2"));
    assert_eq!(value("Restart="), Some("on-failure"));
}

#[test]
fn another_process_that_locks_the_ledger_delays_scans_only() {
    let mut watcher = TestWatcher::new();
    watcher.start("", |_| ());
    watcher.scan(1);
    watcher.until_line(" done phantom-000001.png");
    let db = rusqlite::Connection::open(watcher.path("out/.octrls/ledger.sqlite")).expect("the ledger");
    db.execute_batch("BEGIN IMMEDIATE; DELETE FROM requests;").expect("the lock");
    watcher.scan(2);
    watcher.until_line(" queued phantom-000002.png");
    thread::sleep(Duration::from_secs(13));
    db.execute_batch("COMMIT").expect("an end");
    watcher.until_line(" done phantom-000002.png");
    let text = fs::read_to_string(watcher.path("lines")).expect("lines");
    assert!(!text.contains(" quarantined "), "{text}");
    watcher.finish();
}

#[test]
fn metrics_and_health_by_http_and_as_a_file() {
    let mut watcher = TestWatcher::new();
    let file = watcher.path("octrls.prom");
    watcher.start(&format!("metrics = '127.0.0.1:0'\nmetrics_file = '{}'", file.display()), |_| ());
    let line = watcher.until_line("metrics at");
    let address = line.split("http://").nth(1).and_then(|t| t.split('/').next()).expect("an address").to_owned();
    watcher.scan(1);
    watcher.until_line(" done ");
    let metrics = until("a count", || {
        let metrics = get(&address, "/metrics");
        metrics.contains("octrls_scans_total{outcome=\"done\"} 1").then_some(metrics)
    });
    assert!(metrics.starts_with("HTTP/1.1 200 OK\r\n"), "{metrics}");
    assert!(metrics.contains("octrls_bscans_total 1\n") && metrics.contains("octrls_root_online 1\n"), "{metrics}");
    let names = ["phantom", watcher.folder.path().to_str().expect("text")];
    assert!(names.iter().all(|name| !metrics.contains(name)), "{metrics}");
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
    fs::rename(watcher.path("in"), watcher.path("away")).expect("rename");
    until("bad health", || get(&address, "/healthz").starts_with("HTTP/1.1 503 ").then_some(()));
    fs::rename(watcher.path("away"), watcher.path("in")).expect("rename");
    until("good health", || get(&address, "/healthz").starts_with("HTTP/1.1 200 ").then_some(()));
    watcher.finish();
    // The file is written once more at the end; no temporary file remains.
    assert!(fs::read_to_string(&file).expect("metrics").contains("octrls_scans_total{outcome=\"done\"} 1"));
    let unfinished = fs::read_dir(file.parent().expect("a folder")).expect("a folder").flatten();
    assert!(unfinished.into_iter().all(|f| !f.file_name().to_string_lossy().starts_with(".octrls-")));
}

#[test]
fn systemd_is_notified_of_ready_watchdog_reload_and_stop() {
    let mut watcher = TestWatcher::new();
    let path = watcher.path("notify");
    let systemd = UnixDatagram::bind(&path).expect("a socket");
    systemd.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
    let wait_for = |wanted: &str| {
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
    watcher.start("", |command| {
        command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "600000");
    });
    wait_for("READY=1");
    wait_for("WATCHDOG=1");
    watcher.scan(1);
    assert!(wait_for("STATUS=watching: 0 running, 0 waiting, 1 done").contains("0 quarantined"));
    wait_for("WATCHDOG=1");
    watcher.signal("HUP");
    wait_for("RELOADING=1");
    wait_for("READY=1");
    watcher.signal("TERM");
    wait_for("STOPPING=1");
    watcher.process.take().expect("a watcher").wait().expect("an end");
}

#[test]
fn settings_are_reloaded_and_an_invalid_file_changes_nothing() {
    let mut watcher = TestWatcher::new();
    let log = watcher.path("log");
    watcher.start(&format!("log = '{}'\nlog_format = 'json'", log.display()), |_| ());
    watcher.settings(&format!("attempts = 7\nlog = '{}'\n", log.display()));
    let file = watcher.path("octrls.toml");
    let changed = fs::read_to_string(&file).expect("settings").replace("jobs = 1", "jobs = 2");
    fs::write(&file, &changed).expect("settings");
    watcher.signal("HUP");
    let line = watcher.until_line("settings reloaded");
    assert!(line.contains("changed: attempts, log_format; needs a restart: jobs"), "{line}");
    fs::write(&file, changed.replace("attempts = 7", "attempts = 8")).expect("settings");
    watcher.signal("HUP");
    watcher.until_line("settings reloaded; changed: attempts; needs a restart: jobs");
    fs::write(&file, changed.replace("attempts", "atempts")).expect("settings");
    watcher.signal("HUP");
    let line = watcher.until_line("settings not reloaded");
    assert!(line.contains("E-CONFIG-KEY") && line.contains("did you mean 'attempts'?"), "{line}");
    watcher.scan(1);
    watcher.until_line(" done ");
    watcher.finish();
    let log = fs::read_to_string(&log).expect("a log");
    assert!(log.contains("\"event\":\"started\"") && log.contains(" done phantom-000001.png "), "{log}");
    assert!(log.lines().last().is_some_and(|line| line.contains(" stopped done=1 ")), "{log}");
}

#[test]
fn invalid_settings_exit_like_invalid_arguments() {
    let watcher = TestWatcher::new();
    let check = |text: &str, code: &str| {
        let file = watcher.settings(text);
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
    octrls().args(["config", "check"]).arg(watcher.settings("attempts = 4")).assert().success();
    octrls().args(["config", "check"]).arg(watcher.path("gone")).assert().code(2);
}

#[test]
fn the_doctor_reports_problems() {
    let watcher = TestWatcher::new();
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
    assert_eq!(doctor(&watcher.path("in")), (Some(0), [ok(), ok(), ok()]));
    assert_eq!(fs::read_dir(watcher.path("in")).expect("a folder").count(), 0);
    assert_eq!(doctor(&watcher.path("gone")), (Some(1), [Some("problem".to_owned()), ok(), ok()]));
}
