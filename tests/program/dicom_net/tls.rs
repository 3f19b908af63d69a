//! Associations with TLS: between our nodes, with certificates that do not fit, and with dcmtk. Skipped without openssl.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use dicom_dictionary_std::uids;
use octrls_core::ErrorCode;
use octrls_dicom_net::{ClientTls, NodeError, NodeEvent, SendOptions, ServerTls, TlsFiles, echo, send};

use crate::dicom_net::command::{listening, octrls};
use crate::dicom_net::rig::{BackgroundProcess, OPT, Rig, data_set, file, free_port, program, sender, until};
use crate::support::{certificates::certificate, missing};

/// An authority with a certificate for us and one for a peer, and one from nowhere.
struct Certificates(tempfile::TempDir);

impl Certificates {
    fn new(test: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let made = certificate(dir.path(), "ca", None)
            .and_then(|()| certificate(dir.path(), "node", Some("ca")))
            .and_then(|()| certificate(dir.path(), "peer", Some("ca")))
            .and_then(|()| certificate(dir.path(), "stranger", None));
        if made.is_none() {
            missing(test, "openssl");
        }
        made.map(|()| Self(dir))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn files(&self, own: Option<&str>, authority: Option<&str>) -> TlsFiles {
        TlsFiles {
            certificate: own.map(|own| self.path(&format!("{own}.pem"))),
            key: own.map(|own| self.path(&format!("{own}.key"))),
            authorities: authority.map(|authority| self.path(&format!("{authority}.pem"))),
        }
    }

    /// A node that only accepts peers with a certificate of the authority.
    fn rig(&self) -> Rig {
        let tls = ServerTls::new(&self.files(Some("node"), Some("ca"))).unwrap();
        Rig::with(|options| options.tls = Some(tls))
    }

    fn sender(&self, own: Option<&str>, authority: &str) -> SendOptions {
        let tls = ClientTls::new(&self.files(own, Some(authority))).unwrap();
        SendOptions { tls: Some(tls), ..sender("TEST") }
    }
}

#[test]
fn instances_arrive_by_tls_unchanged() {
    let Some(certificates) = Certificates::new("instances_arrive_by_tls_unchanged") else { return };
    let rig = certificates.rig();
    let sent = file(OPT, "1.2.3", uids::EXPLICIT_VR_LITTLE_ENDIAN, 1);
    let options = certificates.sender(Some("peer"), "ca");
    let outcomes = send(&rig.target(), &[rig.put("a.dcm", &sent)], &options).unwrap();
    assert!(matches!(outcomes[0].result, Ok(0)), "{outcomes:?}");
    assert!(data_set(&fs::read(rig.inbox().join("1.2.3.dcm")).unwrap()) == data_set(&sent));
    echo(&rig.target(), &options).unwrap();
}

#[test]
fn a_peer_that_cannot_prove_itself_gets_no_association() {
    let Some(certificates) = Certificates::new("a_peer_that_cannot_prove_itself_gets_no_association") else { return };
    let rig = certificates.rig();
    // Without a certificate, with one of nowhere, and without TLS.
    for options in [certificates.sender(None, "ca"), certificates.sender(Some("stranger"), "ca"), sender("TEST")] {
        let error = echo(&rig.target(), &options).unwrap_err();
        assert!(matches!(error, NodeError::Tls { .. } | NodeError::Broken { .. }), "{error}");
    }
    until(|| (rig.count(|event| matches!(event, NodeEvent::TurnedAway { .. })) >= 3).then_some(()));
    // We do not know the authority of the node.
    let error = echo(&rig.target(), &certificates.sender(Some("peer"), "stranger")).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NodeTls);
    assert!(!error.is_transient() && error.to_string().contains("UnknownIssuer"), "{error}");
    // The node's certificate is for 127.0.0.1.
    let port = rig.listener.address().port();
    let by_name = format!("OCTRLS@localhost:{port}").parse().unwrap();
    let error = echo(&by_name, &certificates.sender(Some("peer"), "ca")).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NodeTls, "{error}");
    assert!(rig.received().is_empty());
}

#[test]
fn a_node_without_tls_is_no_peer_of_one_with_it() {
    let Some(certificates) = Certificates::new("a_node_without_tls_is_no_peer_of_one_with_it") else { return };
    let rig = Rig::new();
    let error = echo(&rig.target(), &certificates.sender(Some("peer"), "ca")).unwrap_err();
    assert!(matches!(error, NodeError::Tls { .. } | NodeError::Broken { .. }), "{error}");
}

#[test]
fn files_that_are_no_certificates_are_named() {
    let Some(certificates) = Certificates::new("files_that_are_no_certificates_are_named") else { return };
    fs::write(certificates.path("empty.pem"), "nothing").unwrap();
    let error = |files: TlsFiles| ServerTls::new(&files).unwrap_err().to_string();
    assert!(error(certificates.files(None, None)).contains("needs a certificate"));
    assert!(error(certificates.files(Some("absent"), None)).contains("absent"));
    assert!(error(certificates.files(Some("node"), Some("empty"))).contains("empty.pem contains no certificate"));
    let mixed = TlsFiles { key: Some(certificates.path("peer.key")), ..certificates.files(Some("node"), None) };
    assert!(error(mixed).contains("do not fit"));
}

#[test]
fn commands_take_certificates() {
    let Some(certificates) = Certificates::new("commands_take_certificates") else { return };
    let dir = tempfile::tempdir().unwrap();
    let inbox = dir.path().join("in");
    let sent = dir.path().join("a.dcm");
    fs::write(&sent, file(OPT, "1.2.3", uids::EXPLICIT_VR_LITTLE_ENDIAN, 1)).unwrap();
    let with = |command: &mut Command, own: &str| {
        command.arg("--tls").arg("--tls-certificate").arg(certificates.path(&format!("{own}.pem")));
        command.arg("--tls-key").arg(certificates.path(&format!("{own}.key")));
        command.arg("--tls-authorities").arg(certificates.path("ca.pem"));
    };
    let mut receive = octrls();
    receive.args(["receive", "--listen", "127.0.0.1:0"]).arg(&inbox);
    with(&mut receive, "node");
    let (_receiver, address) = listening(&mut receive, " at=");
    let mut command = octrls();
    command.args(["send", &format!("OCTRLS@{address}")]).arg(&sent);
    with(&mut command, "peer");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(inbox.join("1.2.3.dcm").is_file());
    let refused = octrls()
        .args(["receive", "--tls", "--tls-certificate", "/absent", "--tls-key", "/absent"])
        .arg(&inbox)
        .output();
    let refused = refused.unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("E-NODE-TLS"), "{refused:?}");
}

/// Whether this build of a dcmtk tool has TLS.
fn has_tls(tool: &Path) -> bool {
    Command::new(tool).arg("--help").output().is_ok_and(|o| String::from_utf8_lossy(&o.stdout).contains("--enable-tls"))
}

#[test]
fn dcmtk_sends_and_receives_with_tls() {
    let name = "dcmtk_sends_and_receives_with_tls";
    let (Some(storescu), Some(storescp)) = (program("storescu", name), program("storescp", name)) else { return };
    let Some(certificates) = Certificates::new(name) else { return };
    if !has_tls(&storescu) {
        missing(name, "dcmtk with TLS");
        return;
    }
    let rig = certificates.rig();
    let sent = file(OPT, "1.2.3", uids::EXPLICIT_VR_LITTLE_ENDIAN, 1);
    let path = rig.put("a.dcm", &sent);
    let tls = |command: &mut Command| {
        let key = [certificates.path("peer.key"), certificates.path("peer.pem")];
        command.arg("--enable-tls").args(key).arg("--add-cert-file").arg(certificates.path("ca.pem"));
    };
    let mut command = Command::new(storescu);
    tls(&mut command);
    let port = rig.listener.address().port();
    command.args(["-R", "-aec", "OCTRLS", "127.0.0.1", &port.to_string()]).arg(&path);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(data_set(&fs::read(rig.inbox().join("1.2.3.dcm")).unwrap()) == data_set(&sent));

    let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
    let mut command = Command::new(storescp);
    tls(&mut command);
    let archive = command.args(["-pm", "+xa", "-aet", "SCP", "-od"]).arg(dir.path()).arg(port.to_string());
    let _archive = BackgroundProcess::start(archive);
    let target = format!("SCP@127.0.0.1:{port}").parse().unwrap();
    let options = certificates.sender(Some("node"), "ca");
    until(|| echo(&target, &options).ok());
    let outcomes = send(&target, &[path], &options).unwrap();
    assert!(matches!(outcomes[0].result, Ok(0)), "{outcomes:?}");
    let received = fs::read_dir(dir.path()).unwrap().next().expect("a file").unwrap().path();
    assert!(data_set(&fs::read(received).unwrap()) == data_set(&sent));
}
