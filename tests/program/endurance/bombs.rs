//! Decompression bombs: small files that are, or claim to be, huge in memory.

use std::{
    fs::{self, File},
    path::Path,
    process::Stdio,
    thread,
    time::Duration,
};

use crate::endurance::{listed, memory, scans::scan, watcher};

/// A PNG that declares this size.
fn png(width: u32, height: u32) -> Vec<u8> {
    let chunk = |kind: &[u8; 4], data: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(kind);
        crc.update(data);
        [&(data.len() as u32).to_be_bytes()[..], kind, data, &crc.sum().to_be_bytes()].concat()
    };
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
    let mut zeros = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut zeros, &vec![0; 16 << 20]).unwrap();
    let data = zeros.finish().unwrap();
    [b"\x89PNG\r\n\x1a\n".as_slice(), &chunk(b"IHDR", &header), &chunk(b"IDAT", &data), &chunk(b"IEND", b"")].concat()
}

/// A grey TIFF with one strip that declares this size.
fn tiff(width: u32, height: u32) -> Vec<u8> {
    let entry = |tag: u16, value: u32| {
        [&tag.to_le_bytes()[..], &4_u16.to_le_bytes(), &1_u32.to_le_bytes(), &value.to_le_bytes()].concat()
    };
    let tags =
        [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, height), (279, 64)];
    let directory: Vec<u8> = tags.iter().flat_map(|&(tag, value)| entry(tag, value)).collect();
    let start = [b"II*\0".as_slice(), &72_u32.to_le_bytes(), &[0; 64]].concat();
    [start, (tags.len() as u16).to_le_bytes().to_vec(), directory, vec![0; 4]].concat()
}

/// An Ophthalmic Tomography object that declares this number and size of frames.
fn dicom(frames: &str, side: u16) -> Vec<u8> {
    let element = |group: u16, number: u16, kind: &[u8; 2], value: &[u8]| {
        let mut value = value.to_vec();
        if value.len() % 2 == 1 {
            value.push(if kind == b"UI" { 0 } else { b' ' });
        }
        let tag = [&group.to_le_bytes()[..], &number.to_le_bytes(), kind].concat();
        let length = match kind {
            b"OB" | b"OW" => [&[0; 2][..], &(value.len() as u32).to_le_bytes()].concat(),
            _ => (value.len() as u16).to_le_bytes().to_vec(),
        };
        [tag, length, value].concat()
    };
    let class = b"1.2.840.10008.5.1.4.1.1.77.1.5.4";
    let meta = [
        element(2, 1, b"OB", &[0, 1]),
        element(2, 2, b"UI", class),
        element(2, 3, b"UI", b"1.2.3"),
        element(2, 0x10, b"UI", b"1.2.840.10008.1.2.1"),
        element(2, 0x12, b"UI", b"1.2.3.4"),
    ]
    .concat();
    let word = |value: u16| value.to_le_bytes();
    let body = [
        element(8, 0x16, b"UI", class),
        element(8, 0x18, b"UI", b"1.2.3"),
        element(0x28, 2, b"US", &word(1)),
        element(0x28, 4, b"CS", b"MONOCHROME2"),
        element(0x28, 8, b"IS", frames.as_bytes()),
        element(0x28, 0x10, b"US", &word(side)),
        element(0x28, 0x11, b"US", &word(side)),
        element(0x28, 0x100, b"US", &word(8)),
        element(0x28, 0x101, b"US", &word(8)),
        element(0x28, 0x102, b"US", &word(7)),
        element(0x28, 0x103, b"US", &word(0)),
        element(0x7fe0, 0x10, b"OW", &[0; 64]),
    ]
    .concat();
    let length = element(2, 0, b"UL", &(meta.len() as u32).to_le_bytes());
    [vec![0; 128], b"DICM".to_vec(), length, meta, body].concat()
}

/// Processes `root`; returns the peak memory in KiB.
fn peak(root: &Path, out: &Path) -> u64 {
    let mut command = watcher(root, out, "0.1", &["--once", "--jobs", "1", "--min-free", "0"]);
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        most = memory(&child.id().to_string(), "VmHWM").unwrap_or(most);
        thread::sleep(Duration::from_millis(5));
    }
    most
}

#[test]
fn decompression_bombs_fail_and_memory_stays_flat() {
    let dir = tempfile::tempdir().unwrap();
    let (usual, root, out) = (dir.path().join("usual"), dir.path().join("in"), dir.path().join("out"));
    fs::create_dir(&usual).unwrap();
    fs::create_dir(&root).unwrap();
    fs::write(usual.join("a.png"), scan(1)).unwrap();
    let usually = peak(&usual, &dir.path().join("usual-out"));

    let sparse = |name: &str, start: &[u8], bytes: u64| {
        fs::write(root.join(name), start).unwrap();
        File::options().write(true).open(root.join(name)).unwrap().set_len(bytes).unwrap();
    };
    let expected = [
        ("dicom-frames.dcm", "E-READ-"),
        ("dicom-side.dcm", "E-READ-"),
        ("png-declared.png", "E-READ-"),
        ("png-zeros.png", "E-READ-"),
        ("sparse-film.img", "E-READ-FILE-SIZE"),
        ("sparse-vol.vol", "E-READ-"),
        ("tiff-declared.tif", "E-READ-TOO-LARGE"),
        ("tiff-strip.tif", "E-READ-"),
    ];
    fs::write(root.join("dicom-frames.dcm"), dicom("2000000000", 512)).unwrap();
    fs::write(root.join("dicom-side.dcm"), dicom("1", u16::MAX)).unwrap();
    fs::write(root.join("png-declared.png"), png(2_000_000_000, 2_000_000_000)).unwrap();
    fs::write(root.join("png-zeros.png"), png(8000, 8001)).unwrap();
    fs::write(root.join("tiff-declared.tif"), tiff(100_000, 100_000)).unwrap();
    fs::write(root.join("tiff-strip.tif"), tiff(30_000, 2_000)).unwrap();
    sparse("sparse-film.img", b"", 10 << 30);
    sparse("sparse-vol.vol", b"HSF-OCT-103\0", 1 << 30);
    let most = peak(&root, &out);
    let found = listed(&out);
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (object, (name, code)) in found.iter().zip(expected) {
        assert_eq!((&object["path"], &object["state"]), (&name.into(), &"quarantined".into()));
        assert!(object["code"].as_str().unwrap().starts_with(code), "{object:#}");
    }
    eprintln!("largest memory {} MiB with {} bombs, {} MiB with a scan", most / 1024, expected.len(), usually / 1024);
    assert!(most < usually + 192 * 1024, "{most} KiB with bombs, {usually} KiB with a scan");
}
