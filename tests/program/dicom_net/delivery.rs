//! Delivery of results to a node: each once, across failures and restarts.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use dicom_dictionary_std::uids;
use octrls_core::ErrorCode;
use octrls_dicom_net::{DeliveryQueue, DeliveryWorker, NodeEvent, ResultSender, Undelivered};
use octrls_engine::Level;

use crate::{
    dicom_net::rig::{OPT, Rig, file, free_port, sender, until},
    dicom_results::scan as tomography,
    support::octrls,
};

/// Creates a result folder below `out` with two objects and other files.
fn result(out: &Path, name: &str, number: usize) -> PathBuf {
    let folder = out.join(name);
    fs::create_dir_all(&folder).unwrap();
    for i in 0..2 {
        let bytes = file(OPT, &format!("1.2.{number}.{i}"), uids::EXPLICIT_VR_LITTLE_ENDIAN, i);
        fs::write(folder.join(format!("{i}.dcm")), bytes).unwrap();
    }
    fs::write(folder.join("result.json"), "{}").unwrap();
    folder
}

fn stored(rig: &Rig) -> usize {
    rig.count(|event| matches!(event, NodeEvent::Stored { .. }))
}

#[test]
fn each_object_is_delivered_once() {
    let rig = Rig::new();
    let folder = result(rig.dir.path(), "scan.png", 1);
    let delivery = ResultSender { target: rig.target().into(), options: sender("TEST") };
    assert_eq!(delivery.deliver(&folder).unwrap().len(), 2);
    assert_eq!(delivery.deliver(&folder).unwrap().len(), 0);
    assert_eq!(stored(&rig), 2);
    let record = fs::read_to_string(folder.join("delivered.json")).unwrap();
    assert!(record.contains("octrls.delivered/1") && record.contains("1.2.1.0"), "{record}");

    fs::write(folder.join("2.dcm"), file(OPT, "1.2.1.2", uids::EXPLICIT_VR_LITTLE_ENDIAN, 2)).unwrap();
    assert_eq!(delivery.deliver(&folder).unwrap().len(), 1, "what is new alone");
    fs::write(folder.join("delivered.json"), "broken").unwrap();
    assert_eq!(delivery.deliver(&folder).unwrap().len(), 3, "twice does no harm");
}

#[test]
fn the_delivery_worker_resumes_after_a_restart() {
    let rig = Rig::new();
    let out = rig.dir.path().join("out");
    let early = result(&out, "deep/early.png", 1);
    fs::create_dir_all(out.join("foreign")).unwrap();
    fs::write(out.join("foreign/0.dcm"), file(OPT, "1.2.9.0", uids::EXPLICIT_VR_LITTLE_ENDIAN, 0)).unwrap();
    let notices = Arc::<Mutex<Vec<(Level, String)>>>::default();
    let told = Arc::clone(&notices);
    let report = move |level, _, text| told.lock().unwrap().push((level, text));
    let (delivery_queue, options) = (DeliveryQueue::default(), sender("TEST"));

    let nobody = format!("PACS@127.0.0.1:{}", free_port()).parse().unwrap();
    let absent = ResultSender { target: nobody, options: options.clone() };
    let delivery_worker = DeliveryWorker::start(absent, out.clone(), DeliveryQueue::default(), report.clone()).unwrap();
    let left = delivery_worker.finish();
    assert_eq!((left.folders, left.reason.map(|(code, _)| code)), (1, Some(ErrorCode::NodeConnect)));
    assert!(notices.lock().unwrap().iter().any(|(level, text)| *level == Level::Warning && text.contains("early.png")));
    assert!(early.join("result.json").is_file());

    let delivery = ResultSender { target: rig.target().into(), options };
    let delivery_worker = DeliveryWorker::start(delivery, out.clone(), delivery_queue.clone(), report).unwrap();
    delivery_queue.put(result(&out, "late.png", 2));
    until(|| (stored(&rig) == 4).then_some(()));
    assert_eq!(delivery_worker.finish(), Undelivered::default());
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(stored(&rig), 4, "what is no result of ours stays");
    let texts: Vec<String> = notices.lock().unwrap().iter().map(|(_, text)| text.clone()).collect();
    assert!(texts.iter().all(|text| !text.contains(out.to_str().unwrap())), "{texts:?}");
}

#[test]
fn a_single_run_fails_if_the_node_refuses_results() {
    // It takes scans, but no results.
    let rig = Rig::new();
    let at = |name: &str| rig.dir.path().join(name);
    fs::create_dir(at("scans")).unwrap();
    fs::write(at("scans/a.dcm"), tomography::bytes(&tomography::bscan())).unwrap();
    let target = rig.target().to_string();
    let run = || {
        let mut command = octrls();
        command.arg("watch").arg(at("scans")).arg("--out").arg(at("results"));
        command.args(["--once", "--plain", "--model", "edge", "--stable", "0.2", "--send-to", &target]);
        command.assert()
    };
    // The second run has nothing to segment, but still what the first could not deliver.
    for number in 1..=2 {
        let assert = run().code(1);
        let error = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        assert!(error.contains("results not delivered: 1 (E-NODE-NOT-TAKEN"), "run {number}: {error}");
    }
}
