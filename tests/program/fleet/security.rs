//! Logins, certificates, and secrets that must not appear in output.

use std::fs;

use crate::fleet::rig::Fleet;
use crate::support::{certificates::certificate, missing};

#[test]
fn a_password_logs_in_and_is_never_shown() {
    let Some(mut fleet) = Fleet::start("a_password", "authorization { user: ward, password: s3cret }") else { return };
    let names = fleet.scans(1..=1);
    let open = format!("nats://ward:s3cret@{}", fleet.address());
    let login = fleet.dir.path().join("login");
    fs::write(&login, "ward:s3cret\n").unwrap();
    let url = fleet.url();
    let mut worker = fleet.worker_at(&url, &["--queue-login", login.to_str().unwrap()]);
    let mut watcher = fleet.watcher_at(&open, &["--once"]);
    assert!(watcher.wait().success(), "{}", watcher.text());
    fleet.assert_results(&names);
    assert!(worker.terminate().success());
    assert!(!watcher.text().contains("s3cret") && !worker.text().contains("s3cret"));

    for wrong in [url, format!("nats://ward:wr0ng@{}", fleet.address()), format!("nats://t0ken@{}", fleet.address())] {
        for mut refused in [fleet.watcher_at(&wrong, &["--once"]), fleet.worker_at(&wrong, &[])] {
            assert_eq!(refused.wait().code(), Some(3), "{}", refused.text());
            let text = refused.text();
            assert!(text.contains("E-FLEET-DENIED"), "{text}");
            assert!(!text.contains("wr0ng") && !text.contains("t0ken"), "{text}");
        }
    }
    let settings = fleet.dir.path().join("octrls.toml");
    fs::write(&settings, format!("roots = ['/srv']\nqueue = '{open}'\n")).unwrap();
    let checked = crate::support::octrls().args(["config", "check"]).arg(settings).assert().success();
    assert!(!String::from_utf8_lossy(&checked.get_output().stdout).contains("s3cret"));
}

#[test]
fn a_token_logs_in() {
    let Some(mut fleet) = Fleet::start("a_token", "authorization { token: s3cret }") else { return };
    let names = fleet.scans(1..=1);
    let url = format!("nats://s3cret@{}", fleet.address());
    let _worker = fleet.worker_at(&url, &[]);
    assert!(fleet.watcher_at(&url, &["--once"]).wait().success());
    fleet.assert_results(&names);
}

#[test]
fn server_and_client_certificates_are_checked() {
    let dir = tempfile::tempdir().unwrap();
    let made = certificate(dir.path(), "ca", None)
        .and_then(|()| certificate(dir.path(), "server", Some("ca")))
        .and_then(|()| certificate(dir.path(), "ward", Some("ca")))
        .and_then(|()| certificate(dir.path(), "stranger", None));
    if made.is_none() {
        missing("server_and_client_certificates_are_checked", "openssl");
        return;
    }
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let config = format!(
        "tls {{ cert_file: {:?}, key_file: {:?}, ca_file: {:?}, verify: true }}",
        path("server.pem"),
        path("server.key"),
        path("ca.pem")
    );
    let Some(mut fleet) = Fleet::start("server_and_client_certificates_are_checked", &config) else { return };
    let names = fleet.scans(1..=1);
    let (ca, cert, key) = (path("ca.pem"), path("ward.pem"), path("ward.key"));
    let own = ["--queue-ca", &ca, "--queue-cert", &cert, "--queue-key", &key];
    let url = format!("tls://{}", fleet.address());
    let _worker = fleet.worker_at(&url, &own);
    let mut watcher = fleet.watcher_at(&url, &[&own[..], &["--once"]].concat());
    assert!(watcher.wait().success(), "{}", watcher.text());
    fleet.assert_results(&names);
    // The server's certificate is not signed by this CA.
    let stranger = path("stranger.pem");
    let mut refused = fleet.watcher_at(&url, &["--once", "--queue-ca", &stranger]);
    assert_eq!(refused.wait().code(), Some(3), "{}", refused.text());
    assert!(refused.text().contains("E-FLEET-CONNECT"), "{}", refused.text());
    let mut refused = fleet.watcher_at(&url, &["--once", "--queue-ca", "/nowhere"]);
    assert_eq!(refused.wait().code(), Some(3));
    assert!(refused.text().contains("E-FLEET-FILE"), "{}", refused.text());
}

#[test]
fn watcher_and_worker_open_no_listening_socket() {
    let Some(mut fleet) = Fleet::start("watcher_and_worker_open_no_listening_socket", "") else { return };
    let worker = fleet.worker(&[]);
    worker.wait_for_output("started");
    let listening = listening(worker.id());
    assert!(listening.is_empty(), "{listening:?}");
}

/// Listening sockets of a process.
fn listening(pid: u32) -> Vec<String> {
    const LISTEN: &str = "0A";
    let links = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let own: Vec<String> =
        links.filter_map(|fd| Some(fs::read_link(fd.path()).ok()?.to_string_lossy().into_owned())).collect();
    let mut found = Vec::new();
    for table in ["tcp", "tcp6"] {
        let text = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            if fields[3] == LISTEN && own.contains(&format!("socket:[{}]", fields[9])) {
                found.push(line.to_owned());
            }
        }
    }
    found
}
