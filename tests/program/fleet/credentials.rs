//! NATS credentials: operator, accounts and users by JWT and nkey.

use std::{
    fs,
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

use crate::fleet::rig::{Fleet, Process};

/// Subjects that both sides need, from `docs/fleet.md`.
const SUBJECTS: [&str; 5] = ["$JS.API.>", "$JS.ACK.>", "$O.>", "_INBOX.>", "octrls.>"];

/// An operator with an account that may use JetStream.
struct Clinic {
    operator: KeyPair,
    system: KeyPair,
    account: KeyPair,
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A JWT for `subject`, signed by `issuer`: version 2 of github.com/nats-io/jwt.
fn token(issuer: &KeyPair, subject: &KeyPair, name: &str, expires: Option<u64>, nats: &Value) -> String {
    let mut claims = json!({
        "jti": name, "iat": now() - 60, "iss": issuer.public_key(), "sub": subject.public_key(), "name": name, "nats": nats
    });
    if let Some(expires) = expires {
        claims["exp"] = expires.into();
    }
    let header = json!({"typ": "JWT", "alg": "ed25519-nkey"});
    let [header, claims] = [header, claims].map(|part| BASE64URL_NOPAD.encode(part.to_string().as_bytes()));
    let signed = format!("{header}.{claims}");
    let signature = BASE64URL_NOPAD.encode(&issuer.sign(signed.as_bytes()).unwrap());
    format!("{signed}.{signature}")
}

impl Clinic {
    fn new() -> Self {
        Self { operator: KeyPair::new_operator(), system: KeyPair::new_account(), account: KeyPair::new_account() }
    }

    /// Server settings that trust the operator.
    fn config(&self) -> String {
        let nats = json!({"type": "operator", "version": 2});
        let operator = token(&self.operator, &self.operator, "clinic", None, &nats);
        let limits = |disk: i64| {
            json!({
                "limits": {
                    "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1,
                    "leaf": -1, "mem_storage": 0, "disk_storage": disk, "streams": -1, "consumer": -1
                },
                "default_permissions": {"pub": {}, "sub": {}}, "type": "account", "version": 2
            })
        };
        let account = token(&self.operator, &self.account, "oct", None, &limits(1 << 30));
        let system = token(&self.operator, &self.system, "system", None, &limits(0));
        let (id, system_id) = (self.account.public_key(), self.system.public_key());
        format!(
            "operator: {operator}\nsystem_account: {system_id}\nresolver: MEMORY\n\
             resolver_preload {{ {id}: {account}, {system_id}: {system} }}"
        )
    }

    /// The credentials file of a user that may use `subjects` until `expires`, and its seed.
    fn user(&self, fleet: &Fleet, name: &str, subjects: &[&str], expires: Option<u64>) -> (PathBuf, String) {
        let user = KeyPair::new_user();
        let nats = json!({
            "pub": {"allow": subjects}, "sub": {"allow": subjects}, "subs": -1, "data": -1, "payload": -1, "type": "user",
            "version": 2
        });
        let token = token(&self.account, &user, name, expires, &nats);
        let seed = user.seed().unwrap();
        let path = fleet.dir.path().join(format!("{name}.creds"));
        let text = format!(
            "-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n\
             ************************* IMPORTANT *************************\n\
             NKEY Seed printed below can be used to sign and prove identity.\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        );
        fs::write(&path, text).unwrap();
        (path, seed)
    }
}

#[test]
fn credentials_log_in_and_are_never_shown() {
    let clinic = Clinic::new();
    let Some(mut fleet) = Fleet::start("credentials", &clinic.config()) else { return };
    let names = fleet.scans(1..=2);
    let url = fleet.url();
    let (watching, watching_seed) = clinic.user(&fleet, "watching", &SUBJECTS, None);
    let (working, working_seed) = clinic.user(&fleet, "working", &SUBJECTS, None);
    let mut worker = fleet.worker_at(&url, &["--queue-creds", working.to_str().unwrap()]);
    let mut watcher = fleet.watcher_at(&url, &["--once", "--queue-creds", watching.to_str().unwrap()]);
    assert!(watcher.wait().success(), "{}\n{}", watcher.text(), worker.text());
    fleet.assert_results(&names);
    // Neither exceeded its permissions.
    let quiet = |process: &Process| !process.text().contains("E-FLEET") && !process.text().contains("Permissions");
    assert!(quiet(&watcher) && quiet(&worker), "{}\n{}", watcher.text(), worker.text());
    assert!(worker.terminate().success());
    for text in [watcher.text(), worker.text()] {
        assert!(!text.contains(&watching_seed) && !text.contains(&working_seed) && !text.contains("eyJ"), "{text}");
    }
}

#[test]
fn foreign_and_expired_credentials_are_rejected() {
    let clinic = Clinic::new();
    let Some(mut fleet) = Fleet::start("credentials_of_others", &clinic.config()) else { return };
    let url = fleet.url();
    let (strange, seed) = Clinic::new().user(&fleet, "strange", &SUBJECTS, None);
    let (expired, _) = clinic.user(&fleet, "expired", &SUBJECTS, Some(now() - 30));
    for path in [&strange, &expired] {
        let path = path.to_str().unwrap();
        for mut refused in [
            fleet.watcher_at(&url, &["--once", "--queue-creds", path]),
            fleet.worker_at(&url, &["--queue-creds", path]),
        ] {
            assert_eq!(refused.wait().code(), Some(3), "{}", refused.text());
            assert!(refused.text().contains("E-FLEET-DENIED"), "{}", refused.text());
            assert!(!refused.text().contains(&seed) && !refused.text().contains("eyJ"), "{}", refused.text());
        }
    }
    // A truncated credentials file: the error must not repeat its content.
    let text = fs::read_to_string(&strange).unwrap();
    fs::write(&strange, &text[..text.find("------END USER").unwrap()]).unwrap();
    let mut refused = fleet.worker_at(&url, &["--queue-creds", strange.to_str().unwrap()]);
    assert_eq!(refused.wait().code(), Some(3), "{}", refused.text());
    assert!(refused.text().contains("E-FLEET-FILE"), "{}", refused.text());
    assert!(!refused.text().contains(&seed) && !refused.text().contains("eyJ"), "{}", refused.text());
}

#[test]
fn revoked_access_is_reported_and_work_waits() {
    let clinic = Clinic::new();
    let Some(mut fleet) = Fleet::start("a_server_that_lets_nobody_in", &clinic.config()) else { return };
    let url = fleet.url();
    let (path, _) = clinic.user(&fleet, "ward", &SUBJECTS, None);
    let creds = ["--queue-creds", path.to_str().unwrap()];
    let mut worker = fleet.worker_at(&url, &creds);
    let mut watcher = fleet.watcher_at(&url, &creds);
    worker.wait_for_output("started");
    watcher.wait_for_output("started");
    fleet.stop_server();
    fleet.configure(&Clinic::new().config());
    fleet.start_server();
    worker.wait_for_output("E-FLEET-DENIED");
    watcher.wait_for_output("E-FLEET-DENIED");
    fleet.stop_server();
    fleet.configure(&clinic.config());
    fleet.start_server();
    let names = fleet.scans(1..=1);
    watcher.wait_for_output(" done ");
    assert_eq!((worker.count("E-FLEET-DENIED"), watcher.count("E-FLEET-DENIED")), (1, 1), "once: {}", worker.text());
    assert!(watcher.terminate().success() && worker.terminate().success(), "{}\n{}", watcher.text(), worker.text());
    fleet.assert_results(&names);
}
