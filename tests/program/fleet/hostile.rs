//! A queue with hostile jobs and results.

use std::time::Duration;

use async_nats::jetstream::{
    consumer::{AckPolicy, PullConsumer, pull},
    message::Message,
    object_store,
};
use futures_util::StreamExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::fleet::rig::{Client, Fleet, files_below, until};

impl Client {
    /// Takes the next job, like a worker that counts as lost after two seconds.
    pub(crate) fn take_job(&self) -> Message {
        let mut taken = None;
        until("a job", || {
            taken = self.runtime.block_on(async {
                let stream = self.jetstream.get_stream("octrls-jobs").await.ok()?;
                let subject = &stream.info_with_subjects("octrls.jobs.>").await.ok()?.next().await?.ok()?.0;
                let model = subject.split('.').nth(3)?;
                let config = pull::Config {
                    durable_name: Some(format!("v1-{model}")),
                    filter_subject: format!("octrls.jobs.1.{model}.>"),
                    ack_policy: AckPolicy::Explicit,
                    ack_wait: Duration::from_secs(2),
                    max_deliver: -1,
                    max_ack_pending: 100_000,
                    ..pull::Config::default()
                };
                let consumer: PullConsumer = stream.create_consumer(config).await.ok()?;
                let mut batch =
                    consumer.batch().max_messages(1).expires(Duration::from_secs(3)).messages().await.ok()?;
                batch.next().await?.ok()
            });
            taken.is_some()
        });
        taken.unwrap()
    }

    /// Stores `bytes` as the results of a job, and its outcome.
    fn publish_result(&self, job: &Message, bytes: &[u8], object: Option<&str>, summary: &Value) {
        let mut tokens = job.subject.rsplit('.').map(str::to_owned);
        let (key, watcher) = (tokens.next().unwrap(), tokens.next().unwrap());
        self.runtime.block_on(async {
            let name = format!("{key}.fake");
            let store = if let Ok(store) = self.jetstream.get_object_store("octrls-results").await {
                store
            } else {
                let config = object_store::Config { bucket: "octrls-results".into(), ..Default::default() };
                self.jetstream.create_object_store(config).await.unwrap()
            };
            store.put(name.as_str(), &mut &bytes[..]).await.unwrap();
            let object = object.unwrap_or(&name);
            let outcome =
                json!({"worker": "stranger\u{1b}[2J", "ending": {"Done": {"summary": summary, "object": object}}});
            let subject = format!("octrls.outcomes.{watcher}.{key}");
            self.jetstream.publish(subject, outcome.to_string().into()).await.unwrap().await.unwrap();
        });
        self.runtime.block_on(job.double_ack()).unwrap();
    }
}

fn summary() -> Value {
    json!({
        "series": 1, "bscans": 1, "eye": null, "unit": "px", "mean_thickness": [null, null, null, null, null, null, null, null],
        "verdict": "good", "flags": "", "confidence": 1.0, "follow_up": null, "out": [], "seconds": 1.0
    })
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = [&b"octrls parcel 1\n"[..], &(files.len() as u32).to_le_bytes()].concat();
    for (name, content) in files {
        bytes.extend((name.len() as u16).to_le_bytes());
        bytes.extend(name.as_bytes());
        bytes.extend((content.len() as u64).to_le_bytes());
        bytes.extend(*content);
    }
    let digest = Sha256::digest(&bytes);
    bytes.extend(digest);
    bytes
}

#[test]
fn hostile_results_are_rejected_and_write_nothing() {
    let Some(mut fleet) = Fleet::start("hostile_results", "") else { return };
    let names = fleet.scans(1..=1);
    let sha256 = octrls_fs::digest::sha256(&crate::fleet::scans::scan(1));
    let good = format!("{{\"scan\":{{\"sha256\":\"{sha256}\"}}}}");
    let evil = fleet.dir.path().join("evil");
    let absolute = evil.to_str().unwrap();
    let long = [b'{'; 100];
    let archives = [
        archive(&[("result.json", good.as_bytes()), ("../../../evil", b"x")]),
        archive(&[(absolute, b"x"), ("result.json", good.as_bytes())]),
        archive(&[("result.json", b"{\"scan\":{\"sha256\":\"another\"}}")]),
        archive(&[("result.json", &long)]),
        archive(&[("overlay.png", b"x")]),
        archive(&[("result.json", good.as_bytes()), ("result.json", good.as_bytes())]),
        b"octrls parcel 1\n\xff\xff\xff\xff".to_vec(),
        b"not an archive".to_vec(),
        Vec::new(),
    ];
    let client = fleet.client();
    let mut text = String::new();
    for bytes in &archives {
        let mut watcher = fleet.watcher(&["--once", "--attempts", "1"]);
        client.publish_result(&client.take_job(), bytes, None, &summary());
        assert_eq!(watcher.wait().code(), Some(1), "{}", watcher.text());
        text = watcher.text();
        crate::support::octrls().args(["quarantine", "retry", "--all", "--out"]).arg(fleet.out()).assert().success();
    }
    assert_eq!(text.matches("code=E-FLEET-RESULT").count(), archives.len(), "{text}");
    assert!(!evil.exists() && !fleet.out().join(&names[0]).exists());
    assert!(!text.contains('\u{1b}'), "nothing that a terminal would obey");
    let staging = fleet.out().join(".octrls/staging");
    assert!(!files_below(&fleet.out()).iter().any(|path| path.starts_with(&staging)));
    let _worker = fleet.worker(&[]);
    assert!(fleet.watcher(&["--once"]).wait().success());
    fleet.assert_results(&names);
}

#[test]
fn hostile_jobs_are_rejected_and_the_worker_continues() {
    let Some(mut fleet) = Fleet::start("hostile_jobs", "") else { return };
    let names = fleet.scans(1..=1);
    let mut watcher = fleet.watcher(&["--once"]);
    let client = fleet.client();
    let honest = client.take_job();
    let subject = honest.subject.to_string();
    let (prefix, _) = subject.rsplit_once('.').unwrap();
    let job: Value = serde_json::from_slice(&honest.payload).unwrap();
    let path = |text: &str| json!(text.bytes().collect::<Vec<_>>());
    let change = |key: &str, value: Value| {
        let mut job = job.clone();
        job[key] = value;
        job.to_string()
    };
    let jobs = [
        "nonsense".to_owned(),
        "{}".to_owned(),
        change("name", path("../../etc/passwd")),
        change("name", path("/etc/passwd")),
        change("source", json!({"Shared": path("../../../etc/passwd")})),
        change("source", json!({"Object": "a/../b"})),
        change("content", json!("0")),
        change("fingerprint", json!("another")),
    ];
    let worker = fleet.worker(&["--queue-share", fleet.dir.path().join("in").to_str().unwrap()]);
    for (number, text) in jobs.iter().enumerate() {
        let subject = format!("{prefix}.{number:064x}");
        client.runtime.block_on(async {
            client.jetstream.publish(subject, text.clone().into()).await.unwrap().await.unwrap();
        });
        until("refused", || worker.count("code=E-FLEET-") > number);
    }
    // A job with a foreign subject is removed without an outcome.
    let model = subject.split('.').nth(3).unwrap().to_owned();
    client.runtime.block_on(async {
        let subject = format!("octrls.jobs.1.{model}.x.y.z");
        client.jetstream.publish(subject, "{}".into()).await.unwrap().await.unwrap();
    });
    assert!(watcher.wait().success(), "{}", watcher.text());
    fleet.assert_results(&names);
    until("the strange one is gone", || client.message_counts()[0].1 == 0);
}
