//! Hostile clients of the DICOM node and of the metrics.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Sends nonsense to `address` from a few connections, in the background: noise, headers that declare too much, single
/// bytes, or nothing at all.
pub(crate) fn annoy(address: SocketAddr, seed: u64) {
    for number in 0..4 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ number);
        thread::spawn(move || {
            let Ok(mut peer) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) else { return };
            let _ = peer.set_read_timeout(Some(Duration::from_secs(1)));
            let bytes: Vec<u8> = match number {
                0 => (0..rng.random_range(1..4000)).map(|_| rng.random()).collect(),
                1 => vec![1, 0, 0xff, 0xff, 0xff, 0xff, 0, 1],
                2 => b"GET /healthz HTTP/1.1\r\n".to_vec(),
                _ => Vec::new(),
            };
            for part in bytes.chunks(rng.random_range(1..2000)) {
                if peer.write_all(part).is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(20));
            }
            let _ = peer.read(&mut [0; 100]);
        });
    }
}
