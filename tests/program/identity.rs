//! What leaves the program names no patient, whatever broken files hold.

use std::{fs, path::Path};

use crate::support::octrls;

const PARTS: [&[u8]; 2] = [b"Jane", b"Doe"];

/// A Topcon file whose first chunk has a name that reaches into the patient's.
fn topcon() -> Vec<u8> {
    let start = [&b"FOCTFDA"[..], &[1, 0, 0, 0, 0xe9, 3, 0, 0]].concat();
    [start, vec![40], b"@PATIENT_INFO_02Jane^Doe PID-Jane-Doe-1975".to_vec(), vec![b'D'; 400]].concat()
}

/// A DICOM file whose `element` of two numbers holds the name.
fn dicom(syntax: &str, group: u16, number: u16, kind: &[u8]) -> Vec<u8> {
    let element = |group: u16, number: u16, kind: &[u8], value: &[u8]| {
        let mut value = value.to_vec();
        value.resize(value.len().next_multiple_of(2), if kind == b"UI" { 0 } else { b' ' });
        let head = [&group.to_le_bytes()[..], &number.to_le_bytes(), kind].concat();
        [head, (value.len() as u16).to_le_bytes().to_vec(), value].concat()
    };
    let meta = element(2, 0x10, b"UI", syntax.as_bytes());
    let length = element(2, 0, b"UL", &(meta.len() as u32).to_le_bytes());
    let word = |value: u16| value.to_le_bytes();
    let mut elements = vec![
        ((8, 0x16), element(8, 0x16, b"UI", b"1.2.840.10008.5.1.4.1.1.7")),
        ((8, 0x60), element(8, 0x60, b"CS", b"OT")),
        ((0x10, 0x10), element(0x10, 0x10, b"PN", b"Doe^Jane")),
        ((0x28, 2), element(0x28, 2, b"US", &word(1))),
        ((0x28, 4), element(0x28, 4, b"CS", b"MONOCHROME2")),
        ((0x28, 0x10), element(0x28, 0x10, b"US", &word(8))),
        ((0x28, 0x11), element(0x28, 0x11, b"US", &word(8))),
        ((0x28, 0x100), element(0x28, 0x100, b"US", &word(8))),
    ];
    elements.retain(|(tag, _)| *tag != (group, number));
    elements.push(((group, number), element(group, number, kind, b"Jane^Doe")));
    elements.sort();
    let body: Vec<u8> = elements.into_iter().flat_map(|(_, bytes)| bytes).collect();
    [vec![0; 128], b"DICM".to_vec(), length, meta, body].concat()
}

/// Every file below `folder` except the scans themselves, and its content.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !entry.file_name().to_string_lossy().starts_with("scan-")
            || path.extension().is_some_and(|e| e == "json")
        {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    found
}

#[test]
fn nothing_that_leaves_the_program_names_the_patient_of_a_broken_file() {
    let dir = tempfile::tempdir().unwrap();
    let (scans, out, log) = (dir.path().join("in"), dir.path().join("out"), dir.path().join("octrls.log"));
    // A broken export takes the images beside it for its own.
    fs::create_dir_all(scans.join("export")).unwrap();
    let explicit = "1.2.840.10008.1.2.1";
    let broken = [
        ("scan-1.fda", topcon()),
        ("scan-2.dcm", dicom("Jane^Doe", 8, 0x60, b"CS")),
        ("scan-3.dcm", dicom(explicit, 0x28, 4, b"CS")),
        ("scan-4.dcm", dicom(explicit, 0x28, 0x10, b"US")),
        ("scan-5.dcm", dicom(explicit, 0x28, 8, b"IS")),
        ("export/scan-6.xml", b"<HEDX Jane='' Jane=''><Doe></Jane></HEDX>".to_vec()),
        ("scan-7.png", b"\x89PNG\r\n\x1a\n\0\0\0\x08JaneJane^DoeDoe".to_vec()),
        ("scan-8.tif", b"II*\0\x08\0\0\0\x01\0Jane^Doe".to_vec()),
        ("scan-9.vol", [&b"HSF-OCT-103\0"[..], &b"Jane^Doe".repeat(400)].concat()),
    ];
    for (name, bytes) in &broken {
        fs::write(scans.join(name), bytes).unwrap();
    }
    fs::write(scans.join("scan-7.png.toml"), "eye = 'Jane^Doe'").unwrap();
    let run = octrls()
        .args(["watch", "--once", "--plain", "--stable", "0.1", "--attempts", "1", "--log"])
        .arg(&log)
        .arg(&scans)
        .arg("--out")
        .arg(&out)
        .assert()
        .code(1);
    let output = run.get_output();
    let mut left = files(&out);
    left.extend([("stdout".to_owned(), output.stdout.clone()), ("stderr".to_owned(), output.stderr.clone())]);
    left.push(("log".to_owned(), fs::read(&log).unwrap()));
    for command in [&["ls", "--json"][..], &["quarantine", "list"]] {
        let listed = octrls().args(command).arg("--out").arg(&out).assert();
        left.push((command.join(" "), listed.get_output().stdout.clone()));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.matches("E-READ-").count(), broken.len(), "{text}");
    for (name, bytes) in left {
        for part in PARTS {
            assert!(!bytes.windows(part.len()).any(|window| window == part), "{name} holds {part:?}");
        }
    }
}
