//! Misbehaving peers: only complete instances appear in the folder, and other peers are served meanwhile.

use std::{
    io::{Read, Write},
    time::{Duration, Instant},
};

use dicom_dictionary_std::uids;
use dicom_ul::pdu::{PDataValueType, Pdu};
use octrls_dicom_net::{AssociationEnd, NodeEvent, Stop, echo, send};
use rand::{Rng, SeedableRng};

use crate::dicom_net::rig::{OPT, Peer, Rig, data_set, file, sender, until};

fn explicit(instance: &str) -> Vec<u8> {
    file(OPT, instance, uids::EXPLICIT_VR_LITTLE_ENDIAN, 1)
}

fn associate_peer(rig: &Rig) -> Peer {
    let mut peer = Peer::connect(rig.listener.address());
    assert!(matches!(peer.associate("TEST", "OCTRLS"), Pdu::AssociationAC(_)));
    peer
}

#[test]
fn refused_instances_get_a_status_and_the_association_continues() {
    let rig = Rig::with(|options| options.max_instance_bytes = 100_000);
    let mut peer = associate_peer(&rig);
    let good = explicit("1.2.3");
    let data = data_set(&good);
    for hostile in ["../1.2.3", "..", "1.2.3/4", "1.2.\u{e9}", "1..2", "", &"1".repeat(65), "/etc/passwd"] {
        assert_eq!(peer.store(hostile, data), 0x0117, "{hostile:?}");
    }
    assert_eq!(peer.store("1.2.4", data), 0xa900, "another instance than announced");
    assert_eq!(peer.store("1.2.3", &data[..1000]), 0xc000, "cut short");
    assert_eq!(peer.store("1.2.3", &[0xa5; 999]), 0xc000, "no data set");
    assert_eq!(peer.store("1.2.3", &[]), 0xa900, "nothing");
    assert_eq!(peer.store("1.2.3", &vec![0; 150_000]), 0xa700, "too large");
    peer.request_store(uids::CT_IMAGE_STORAGE, "1.2.3");
    peer.send_fragment(PDataValueType::Data, true, data);
    assert_eq!(peer.status(), 0x0122, "another class than agreed on");
    assert_eq!(rig.received(), [""; 0], "nothing is left of any");

    assert_eq!(peer.store("1.2.3", data), 0);
    peer.send(&Pdu::ReleaseRQ);
    assert_eq!(peer.receive(), Pdu::ReleaseRP);
    assert_eq!(rig.received(), ["1.2.3.dcm"]);
    let NodeEvent::Ended { stored, refused, end, .. } = rig.ended() else { unreachable!() };
    assert_eq!((stored, refused, end), (1, 14, AssociationEnd::Released));
    let told = rig.wait(|event| matches!(event, NodeEvent::Stored { .. })).to_string();
    assert!(!told.contains("1.2.3") && !told.contains("Doe"), "{told}");
}

#[test]
fn an_endless_data_set_is_aborted() {
    let rig = Rig::with(|options| options.max_instance_bytes = 50_000);
    let mut peer = associate_peer(&rig);
    peer.request_store(OPT, "1.2.3");
    // A data PDU by hand: type, length, length of its value, context, control.
    let mut unit = vec![4, 0];
    unit.extend_from_slice(&10_006_u32.to_be_bytes());
    unit.extend_from_slice(&10_002_u32.to_be_bytes());
    unit.extend_from_slice(&[1, 0]);
    unit.resize(unit.len() + 10_000, 0);
    let ended = (0..1000).any(|_| peer.0.write_all(&unit).is_err());
    assert!(ended, "the connection is cut");
    assert!(matches!(rig.ended(), NodeEvent::Ended { end: AssociationEnd::Aborted(_), .. }));
    assert_eq!(rig.received(), [""; 0]);
}

#[test]
fn a_stalled_peer_leaves_no_file_and_delays_no_other() {
    let rig = Rig::with(|options| options.timeout = Duration::from_secs(2));
    let good = explicit("1.2.3");
    let mut silent = associate_peer(&rig);
    silent.request_store(OPT, "1.2.3");
    silent.send_fragment(PDataValueType::Data, false, &data_set(&good)[..5000]);
    // A PDU header without the rest.
    silent.0.write_all(&[4, 0, 0, 0, 0x40, 0, 0, 0]).unwrap();
    until(|| (rig.received().len() == 1).then_some(()));
    assert!(rig.received()[0].starts_with(".octrls-receive-"), "hidden: {:?}", rig.received());

    let path = rig.put("a.dcm", &good);
    let outcomes = send(&rig.target(), &[path], &sender("TEST")).unwrap();
    assert!(matches!(outcomes[0].result, Ok(0)));

    let aborted = rig.wait(|e| matches!(e, NodeEvent::Ended { end: AssociationEnd::Aborted(_), .. }));
    assert!(aborted.to_string().contains("timed out"), "{aborted}");
    until(|| (rig.received() == ["1.2.3.dcm"]).then_some(()));

    let mut gone = associate_peer(&rig);
    gone.request_store(OPT, "1.2.9");
    gone.send_fragment(PDataValueType::Data, false, &data_set(&good)[..5000]);
    drop(gone);
    rig.wait(|e| matches!(e, NodeEvent::Ended { end: AssociationEnd::Closed, .. }));
    assert_eq!(rig.received(), ["1.2.3.dcm"]);
}

#[test]
fn single_bytes_do_not_extend_the_time_limit() {
    let rig = Rig::with(|options| options.timeout = Duration::from_secs(1));
    let start = Instant::now();
    let mut peer = Peer::connect(rig.listener.address());
    while peer.0.write_all(&[1]).is_ok() {
        assert!(start.elapsed() < Duration::from_secs(8), "still connected");
        std::thread::sleep(Duration::from_millis(150));
    }
    rig.wait(|event| matches!(event, NodeEvent::TurnedAway { .. }));
}

#[test]
fn too_many_associations_are_rejected_as_transient() {
    let rig = Rig::with(|options| options.max_associations = 1);
    let held = associate_peer(&rig);
    let error = echo(&rig.target(), &sender("TEST")).unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("local limit exceeded"), "{error}");
    drop(held);
    until(|| echo(&rig.target(), &sender("TEST")).ok());
}

#[test]
fn invalid_bytes_cause_no_panic() {
    let rig = Rig::with(|options| options.timeout = Duration::from_millis(500));
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let mut request = Vec::new();
    dicom_ul::write_pdu(&mut request, &crate::dicom_net::rig::request("TEST", "OCTRLS")).unwrap();
    for round in 0..60 {
        let bytes: Vec<u8> = match round % 4 {
            0 => (0..random.random_range(1..2000)).map(|_| random.random()).collect(),
            1 => {
                // A valid type and a plausible length.
                let body: Vec<u8> = (0..random.random_range(0..300_u32)).map(|_| random.random()).collect();
                let mut unit = vec![random.random_range(1..8), 0];
                unit.extend_from_slice(&(body.len() as u32).to_be_bytes());
                unit.extend(body);
                unit
            }
            2 => b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
            _ => {
                let mut bytes = request.clone();
                for _ in 0..4 {
                    let at = random.random_range(0..bytes.len());
                    bytes[at] = random.random();
                }
                bytes
            }
        };
        let mut peer = Peer::connect(rig.listener.address());
        let _ = peer.0.write_all(&bytes);
        let _ = peer.0.shutdown(std::net::Shutdown::Write);
        let _ = peer.0.read_to_end(&mut Vec::new());
    }
    echo(&rig.target(), &sender("TEST")).unwrap();
    assert_eq!(rig.received(), [""; 0]);
    let internal = |event: &NodeEvent| event.to_string().contains("internal error");
    rig.wait(|event| matches!(event, NodeEvent::TurnedAway { .. }) && !internal(event));
    assert_eq!(rig.count(internal), 0);
}

#[test]
fn a_drain_finishes_the_current_instance() {
    let rig = Rig::new();
    let good = explicit("1.2.3");
    let data = data_set(&good);
    let mut busy = associate_peer(&rig);
    let mut idle = associate_peer(&rig);
    busy.request_store(OPT, "1.2.3");
    busy.send_fragment(PDataValueType::Data, false, &data[..9000]);
    until(|| (rig.received().len() == 1).then_some(()));
    let stop: Stop = rig.listener.stopper();
    stop.drain();
    assert!(matches!(idle.receive(), Pdu::AbortRQ { .. }));
    for piece in data[9000..].chunks(10_000) {
        busy.send_fragment(PDataValueType::Data, false, piece);
    }
    busy.send_fragment(PDataValueType::Data, true, &[]);
    assert_eq!(busy.status(), 0);
    assert_eq!(rig.received(), ["1.2.3.dcm"]);
    rig.finish();
}

#[test]
fn an_abort_drops_the_current_instance() {
    let rig = Rig::new();
    let good = explicit("1.2.3");
    let mut busy = associate_peer(&rig);
    busy.request_store(OPT, "1.2.3");
    busy.send_fragment(PDataValueType::Data, false, &data_set(&good)[..9000]);
    until(|| (rig.received().len() == 1).then_some(()));
    rig.listener.stopper().abort();
    assert!(matches!(busy.receive(), Pdu::AbortRQ { .. }));
    until(|| rig.received().is_empty().then_some(()));
    rig.finish();
}

#[test]
fn idle_peers_make_room_for_others() {
    let rig = Rig::with(|options| options.max_associations = 2);
    let good = explicit("1.2.3");
    let mut oldest = associate_peer(&rig);
    let mut busy = associate_peer(&rig);
    busy.request_store(OPT, "1.2.3");
    busy.send_fragment(PDataValueType::Data, false, &data_set(&good)[..9000]);
    // Requests that never come are as idle.
    let mut nothing: Vec<Peer> = (0..2).map(|_| Peer::connect(rig.listener.address())).collect();
    std::thread::sleep(Duration::from_millis(2200));
    echo(&rig.target(), &sender("TEST")).unwrap();
    assert!(matches!(oldest.receive(), Pdu::AbortRQ { .. }), "the oldest idle one goes");
    for peer in &mut nothing {
        let _ = peer.0.write_all(&[1]);
    }
    echo(&rig.target(), &sender("TEST")).unwrap();
    busy.send_fragment(PDataValueType::Data, false, &data_set(&good)[9000..]);
    busy.send_fragment(PDataValueType::Data, true, &[]);
    assert_eq!(busy.status(), 0, "what is in transfer stays");
}

#[test]
fn a_whole_message_has_a_time_limit() {
    let rig = Rig::with(|options| options.timeout = Duration::from_secs(1));
    let start = Instant::now();
    let mut peer = associate_peer(&rig);
    peer.request_store(OPT, "1.2.3");
    let mut fragment = vec![4, 0, 0, 0, 0, 7, 0, 0, 0, 3, 1, 0, 0xa5];
    while peer.0.write_all(&fragment).is_ok() {
        assert!(start.elapsed() < Duration::from_secs(8), "still connected");
        std::thread::sleep(Duration::from_millis(200));
        fragment[12] ^= 1;
    }
    assert!(rig.ended().to_string().contains("timed out"));
    assert_eq!(rig.received(), [""; 0]);
}
