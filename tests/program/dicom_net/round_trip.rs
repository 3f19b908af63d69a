//! Our sender with our listener.

use std::{fs, time::Duration};

use dicom_dictionary_std::uids;
use octrls_core::ErrorCode;
use octrls_dicom_net::{AssociationEnd, Listener, NodeError, NodeEvent, echo, send};

use crate::dicom_net::rig::{OPT, Rig, data_set, file, free_port, options, sender, title};

const ENCODINGS: [&str; 11] = [
    uids::IMPLICIT_VR_LITTLE_ENDIAN,
    uids::EXPLICIT_VR_LITTLE_ENDIAN,
    uids::RLE_LOSSLESS,
    uids::JPEG_BASELINE8_BIT,
    uids::JPEG_EXTENDED12_BIT,
    uids::JPEG_LOSSLESS,
    uids::JPEG_LOSSLESS_SV1,
    uids::JPEGLS_LOSSLESS,
    uids::JPEGLS_NEAR_LOSSLESS,
    uids::JPEG2000_LOSSLESS,
    uids::JPEG2000,
];

#[test]
fn every_transfer_syntax_arrives_byte_for_byte() {
    let rig = Rig::new();
    let files: Vec<Vec<u8>> =
        ENCODINGS.iter().enumerate().map(|(i, syntax)| file(OPT, &format!("1.2.3.{i}"), syntax, i as u8)).collect();
    let paths: Vec<_> = files.iter().enumerate().map(|(i, bytes)| rig.put(&format!("{i}.dcm"), bytes)).collect();
    let outcomes = send(&rig.target(), &paths, &sender("TEST")).unwrap();
    for (outcome, path) in outcomes.iter().zip(&paths) {
        assert_eq!((&outcome.path, outcome.result.as_ref().ok()), (path, Some(&0)), "{outcome:?}");
    }
    for (i, sent) in files.iter().enumerate() {
        let received = fs::read(rig.inbox().join(format!("1.2.3.{i}.dcm"))).unwrap();
        assert!(data_set(&received) == data_set(sent), "{}", ENCODINGS[i]);
        let object = dicom_object::from_reader(&received[..]).unwrap();
        let meta = object.meta();
        assert_eq!(meta.transfer_syntax(), ENCODINGS[i]);
        assert_eq!((meta.media_storage_sop_class_uid(), meta.source_application_entity_title()), (OPT, None));
    }
    assert_eq!(rig.received().len(), files.len(), "nothing else is left: {:?}", rig.received());
    let NodeEvent::Ended { stored, refused, end, .. } = rig.ended() else { unreachable!() };
    assert_eq!((stored, refused, end), (11, 0, AssociationEnd::Released));
}

#[test]
fn duplicates_are_recognised_and_other_contents_kept() {
    let rig = Rig::new();
    let one = rig.put("a.dcm", &file(OPT, "1.2.3", uids::EXPLICIT_VR_LITTLE_ENDIAN, 1));
    let other = rig.put("b.dcm", &file(OPT, "1.2.3", uids::EXPLICIT_VR_LITTLE_ENDIAN, 2));
    let paths = [one.clone(), one, other.clone(), other];
    let outcomes = send(&rig.target(), &paths, &sender("TEST")).unwrap();
    assert!(outcomes.iter().all(|outcome| matches!(outcome.result, Ok(0))), "{outcomes:?}");
    let received = rig.received();
    assert_eq!(received.len(), 2, "{received:?}");
    assert!(received.contains(&"1.2.3.dcm".to_owned()), "{received:?}");
    let beside = received.iter().find(|name| name.starts_with("1.2.3-")).unwrap();
    assert_eq!(beside.len(), "1.2.3-01234567.dcm".len());
    assert_eq!(rig.wait(|e| matches!(e, NodeEvent::Stored { duplicate: true, .. })).file(), Some("1.2.3.dcm"));
}

#[test]
fn an_unsupported_class_fails_without_the_others() {
    let rig = Rig::new();
    let ct = rig.put("ct.dcm", &file(uids::CT_IMAGE_STORAGE, "1.2.3", uids::EXPLICIT_VR_LITTLE_ENDIAN, 1));
    let opt = rig.put("opt.dcm", &file(OPT, "1.2.4", uids::EXPLICIT_VR_LITTLE_ENDIAN, 1));
    let none = rig.put("none.dcm", b"no DICOM at all");
    let outcomes = send(&rig.target(), &[ct, none, opt], &sender("TEST")).unwrap();
    let codes: Vec<_> = outcomes.iter().map(|o| o.result.as_ref().map_err(NodeError::code).copied()).collect();
    assert_eq!(codes, [Err(ErrorCode::NodeNotTaken), Err(ErrorCode::NodeFile), Ok(0)]);
    assert_eq!(rig.received(), ["1.2.4.dcm"]);
}

#[test]
fn only_allowed_titles_may_connect() {
    let rig = Rig::with(|options| options.allowed = vec![title("FRIEND"), title("OTHER")]);
    echo(&rig.target(), &sender("OTHER")).unwrap();
    let code = |error: &NodeError| (error.code(), error.is_transient(), error.to_string());
    let (kind, transient, text) = code(&echo(&rig.target(), &sender("STRANGER")).unwrap_err());
    assert_eq!((kind, transient), (ErrorCode::NodeRejected, false));
    assert!(text.contains("calling AE title not recognized"), "{text}");
    let wrong = format!("PACS@{}", rig.listener.address()).parse().unwrap();
    let (_, _, text) = code(&echo(&wrong, &sender("FRIEND")).unwrap_err());
    assert!(text.contains("called AE title not recognized"), "{text}");
    rig.wait(|event| matches!(event, NodeEvent::TurnedAway { peer, .. } if peer.title == "STRANGER"));
}

#[test]
fn a_reachable_address_needs_allowed_titles() {
    let dir = tempfile::tempdir().unwrap();
    let open = octrls_dicom_net::ListenerOptions { address: "0.0.0.0:0".parse().unwrap(), ..options() };
    let refused = Listener::start(dir.path(), open.clone(), |_| ()).unwrap_err();
    assert_eq!(refused.code(), "E-NODE-OPEN");
    let named = octrls_dicom_net::ListenerOptions { allowed: vec![title("SCANNER")], ..open };
    let listener = Listener::start(dir.path(), named.clone(), |_| ()).unwrap();
    let second = Listener::start(dir.path(), named, |_| ()).unwrap_err();
    assert_eq!(second.code(), "E-NODE-LOCKED");
    listener.stopper().drain();
    listener.join();
}

#[test]
fn only_unfinished_files_of_a_crash_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    for name in [".octrls-receive-Ab12", ".hidden", "1.2.3.dcm"] {
        fs::write(dir.path().join(name), "x").unwrap();
    }
    let _listener = Listener::start(dir.path(), options(), |_| ()).unwrap();
    assert_eq!(crate::dicom_net::rig::names(dir.path()), [".hidden", "1.2.3.dcm"]);
}

#[test]
fn an_unreachable_node_is_an_error_after_all_attempts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.dcm");
    fs::write(&path, file(OPT, "1.2.3", uids::EXPLICIT_VR_LITTLE_ENDIAN, 1)).unwrap();
    let nobody = format!("PACS@127.0.0.1:{}", free_port()).parse().unwrap();
    assert_eq!(send(&nobody, &[path], &sender("TEST")).unwrap_err().code(), "E-NODE-CONNECT");
}

#[test]
fn a_missing_folder_is_a_status_and_a_retry_succeeds() {
    let rig = Rig::new();
    let path = rig.put("a.dcm", &file(OPT, "1.2.3", uids::EXPLICIT_VR_LITTLE_ENDIAN, 1));
    let away = rig.dir.path().join("away");
    fs::rename(rig.inbox(), &away).unwrap();
    let impatient = octrls_dicom_net::SendOptions { retries: 0, ..sender("TEST") };
    let outcomes = send(&rig.target(), std::slice::from_ref(&path), &impatient).unwrap();
    let Err(error @ NodeError::Status { status: 0xa700, .. }) = &outcomes[0].result else { panic!("{outcomes:?}") };
    assert!(error.is_transient() && !error.to_string().contains("/in"), "no path of ours: {error}");

    let patient = octrls_dicom_net::SendOptions { retries: 5, backoff: Duration::from_millis(200), ..sender("TEST") };
    let (target, inbox) = (rig.target(), rig.inbox());
    let sending = std::thread::spawn(move || send(&target, &[path], &patient).unwrap());
    std::thread::sleep(Duration::from_millis(100));
    fs::rename(&away, inbox).unwrap();
    assert!(matches!(sending.join().unwrap()[0].result, Ok(0)));
    assert_eq!(rig.received(), ["1.2.3.dcm"]);
}
