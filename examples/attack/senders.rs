//! Peers that send scans to the DICOM node: well, slowly, or with a connection that breaks; and again with another
//! patient.

use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    thread,
    time::Duration,
};

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use octrls_readers::dicom::Meta;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::{
    contents::{IDENTITIES, Kind},
    tomography,
    world::World,
};

/// What happens to the bytes that a peer sends.
#[derive(Clone, Copy, Debug)]
enum Line {
    Good,
    /// They come in small parts, with pauses.
    Slow,
    /// The connection breaks after so many bytes.
    Breaks(usize),
}

/// Identifier of what is sent; a number follows.
fn prefix() -> String {
    format!("{}.8.", tomography::INSTANCE)
}

/// A port of this machine that leads to `node` for one connection.
fn lead_to(node: SocketAddr, line: Line) -> Option<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").ok()?;
    let address = listener.local_addr().ok()?;
    thread::spawn(move || {
        let Ok((peer, _)) = listener.accept() else { return };
        let Ok(node) = TcpStream::connect_timeout(&node, Duration::from_secs(1)) else { return };
        let (Ok(answers), Ok(back)) = (node.try_clone(), peer.try_clone()) else { return };
        thread::spawn(move || pass_on(answers, back, Line::Good));
        pass_on(peer, node, line);
    });
    Some(address)
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, line: Line) {
    let mut left = if let Line::Breaks(bytes) = line { bytes } else { usize::MAX };
    let size = if matches!(line, Line::Slow) { 3000 } else { 65_536 };
    let mut block = vec![0; size];
    while let Ok(count @ 1..) = from.read(&mut block) {
        let count = count.min(left);
        left -= count;
        if to.write_all(&block[..count]).is_err() || left == 0 {
            break;
        }
        if matches!(line, Line::Slow) {
            thread::sleep(Duration::from_millis(5));
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// A scan of one instance, of the planted patient or of another one.
fn object(number: u64, corrected: bool) -> Vec<u8> {
    let mut object = tomography::bscan();
    let mut put = |tag, vr, value: &str| _ = object.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
    put(tags::PATIENT_NAME, VR::PN, IDENTITIES[0]);
    put(tags::PATIENT_ID, VR::LO, &format!("{}{}", IDENTITIES[1], if corrected { "-B" } else { "" }));
    put(tags::SOP_INSTANCE_UID, VR::UI, &format!("{}{number}", prefix()));
    put(tags::SERIES_INSTANCE_UID, VR::UI, &format!("{}.8.{number}", tomography::SERIES));
    tomography::bytes(&object)
}

impl World {
    /// A peer sends a scan; maybe, it then sends it again with another patient.
    pub(crate) fn send(&mut self, rng: &mut ChaCha8Rng) -> String {
        self.sent += 1;
        let number = self.sent;
        let line = match rng.random_range(0..3) {
            0 => Line::Good,
            1 => Line::Slow,
            _ => Line::Breaks(rng.random_range(1..400_000)),
        };
        let mut text = format!("send {number} {line:?}: {}", self.send_once(number, false, line));
        if rng.random_bool(0.4) {
            let is_taken = self.send_once(number, true, Line::Good);
            text = format!("{text}, again for another patient: {is_taken}");
            let digests = self.received(number);
            self.contents.corrects(&digests);
        }
        text
    }

    /// Sends a scan; returns whether the node took it. What it took must be in its folder.
    fn send_once(&mut self, number: u64, corrected: bool, line: Line) -> bool {
        let file = self.outbox.path().join("scan.dcm");
        let before = self.received(number);
        let ready = fs::write(&file, object(number, corrected)).is_ok();
        let Some(address) = lead_to(self.watcher.node, line).filter(|_| ready) else { return false };
        let is_taken = self.watcher.send(&file, address);
        let after = self.received(number);
        if is_taken && after.len() == before.len() {
            self.watcher.faults.push(format!("the instance {number} was acknowledged and is not there"));
        }
        is_taken
    }

    /// The files of what was sent under `number`, by their digests. They are scans.
    fn received(&mut self, number: u64) -> Vec<String> {
        let uid = format!("{}{number}", prefix());
        let entries = fs::read_dir(&self.roots[0]).into_iter().flatten().filter_map(Result::ok);
        // The node writes to hidden files first.
        let entries = entries.filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
        let paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        let of_instance =
            |path: &&PathBuf| path.is_file() && Meta::of_file(path).is_ok_and(|meta| meta.instance == uid);
        let files = paths.iter().filter(of_instance).filter_map(|path| fs::read(path).ok());
        files.map(|bytes| self.contents.adopt(&bytes, Kind::Good)).collect()
    }

    /// Takes what the node has stored, though the peer did not learn of it, for the scans that they are.
    pub(crate) fn adopt_received(&mut self) {
        for number in 1..=self.sent {
            self.received(number);
        }
    }
}
