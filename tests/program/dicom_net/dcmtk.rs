//! Interoperation with dcmtk; skipped if it is not installed.

use std::{fs, process::Command};

use dicom_dictionary_std::uids;
use octrls_dicom_net::{NodeEvent, echo, send};

use crate::dicom_net::rig::{BackgroundProcess, OPT, Rig, data_set, file, free_port, program, sender, until};

#[test]
fn dcmtk_tools_can_echo_and_store() {
    let name = "dcmtk_tools_can_echo_and_store";
    let (Some(echoscu), Some(dcmsend), Some(storescu)) =
        (program("echoscu", name), program("dcmsend", name), program("storescu", name))
    else {
        return;
    };
    let rig = Rig::new();
    let port = rig.listener.address().port().to_string();
    let to_us = |tool: &std::path::Path| {
        let mut command = Command::new(tool);
        command.args(["-aec", "OCTRLS", "127.0.0.1", &port]);
        command
    };
    assert!(to_us(&echoscu).output().unwrap().status.success());
    assert!(!Command::new(&echoscu).args(["-aec", "OTHER", "127.0.0.1", &port]).output().unwrap().status.success());

    let files: Vec<(Vec<u8>, _)> = [
        uids::EXPLICIT_VR_LITTLE_ENDIAN,
        uids::JPEG2000_LOSSLESS,
        uids::JPEG_BASELINE8_BIT,
        uids::RLE_LOSSLESS,
        uids::JPEGLS_LOSSLESS,
    ]
    .iter()
    .enumerate()
    .map(|(i, syntax)| {
        let bytes = file(OPT, &format!("1.2.3.{i}"), syntax, i as u8);
        let path = rig.put(&format!("{i}.dcm"), &bytes);
        (bytes, path)
    })
    .collect();
    assert!(to_us(&dcmsend).args(files.iter().map(|(_, path)| path)).output().unwrap().status.success());
    for (i, (bytes, _)) in files.iter().enumerate() {
        let received = fs::read(rig.inbox().join(format!("1.2.3.{i}.dcm"))).unwrap();
        assert!(data_set(&received) == data_set(bytes), "{i}");
    }

    // `-xi`: by default, storescu chooses among the uncompressed transfer syntaxes itself.
    let implicit = file(OPT, "1.2.4", uids::IMPLICIT_VR_LITTLE_ENDIAN, 9);
    assert!(
        to_us(&storescu).args(["-R", "-xi"]).arg(rig.put("implicit.dcm", &implicit)).output().unwrap().status.success()
    );
    let received = fs::read(rig.inbox().join("1.2.4.dcm")).unwrap();
    assert!(data_set(&received) == data_set(&implicit));
    assert!(to_us(&storescu).args(["-R"]).arg(&files[0].1).output().unwrap().status.success());
    rig.wait(|event| matches!(event, NodeEvent::Stored { duplicate: true, .. }));
    let ct = rig.put("ct.dcm", &file(uids::CT_IMAGE_STORAGE, "1.2.9", uids::EXPLICIT_VR_LITTLE_ENDIAN, 1));
    // dcmsend reports no failure for a refused context, so count the files.
    to_us(&dcmsend).arg(ct).output().unwrap();
    assert_eq!(rig.received().len(), files.len() + 1);
}

#[test]
fn dcmtk_storage_accepts_our_files() {
    let Some(storescp) = program("storescp", "dcmtk_storage_accepts_our_files") else { return };
    let dir = tempfile::tempdir().unwrap();
    let (port, received) = (free_port(), dir.path().join("received"));
    fs::create_dir(&received).unwrap();
    let mut command = Command::new(storescp);
    let _archive = BackgroundProcess::start(
        command.args(["-pm", "+xa", "-aet", "SCP", "-od"]).arg(&received).arg(port.to_string()),
    );
    let target = format!("SCP@127.0.0.1:{port}").parse().unwrap();
    until(|| echo(&target, &sender("TEST")).ok());

    // The SOP classes of our result objects.
    let classes = [OPT, uids::ENCAPSULATED_PDF_STORAGE, uids::COMPREHENSIVE_SR_STORAGE, uids::SEGMENTATION_STORAGE];
    let files: Vec<_> = classes
        .iter()
        .enumerate()
        .map(|(i, class)| {
            let path = dir.path().join(format!("{i}.dcm"));
            fs::write(&path, file(class, &format!("1.2.3.{i}"), uids::EXPLICIT_VR_LITTLE_ENDIAN, i as u8)).unwrap();
            path
        })
        .collect();
    let outcomes = send(&target, &files, &sender("TEST")).unwrap();
    assert!(outcomes.iter().all(|outcome| matches!(outcome.result, Ok(0))), "{outcomes:?}");
    for path in &files {
        let sent = fs::read(path).unwrap();
        let entries = fs::read_dir(&received).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
        assert!(entries.into_iter().any(|file| data_set(&file) == data_set(&sent)), "{}", path.display());
    }
}
