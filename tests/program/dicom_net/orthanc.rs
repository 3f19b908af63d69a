//! Interoperation with Orthanc: a scan goes from there to us and back, and is read again over DICOMweb. Skipped if
//! Orthanc is not installed.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    thread,
};

use dicom_dictionary_std::uids;
use octrls_core::ErrorCode;
use octrls_dicom_net::{ClientTls, NodeEvent, SendOptions, TlsFiles, WebAddress, check_web, echo, send, store_by_web};

use crate::dicom_net::command::{listening, octrls, terminate};
use crate::dicom_net::rig::{BackgroundProcess, OPT, PATIENCE, Rig, data_set, file, free_port, program, sender, until};
use crate::support::{certificates::certificate, missing};

const NAME: &str = "orthanc_sends_a_scan_and_receives_it_back";

/// Sends an HTTP request; returns status and body.
fn http(port: u16, method: &str, path: &str, accept: &str, body: &[u8]) -> Option<(u16, Vec<u8>)> {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: localhost\r\nAccept: {accept}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).ok()?;
    socket.write_all(body).ok()?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).ok()?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let status = String::from_utf8_lossy(&answer[..end]).split_whitespace().nth(1)?.parse().ok()?;
    Some((status, answer[end + 4..].to_vec()))
}

/// The folder with the DICOMweb plugin, in the installation tree of the program.
fn plugins(orthanc: &Path) -> Option<PathBuf> {
    let found = orthanc.ancestors().map(|dir| dir.join("share/orthanc/plugins")).find(|dir| dir.is_dir())?;
    found.join("libOrthancDicomWeb.so").is_file().then_some(found)
}

/// An Orthanc server with a storage folder of its own.
struct Orthanc {
    _server: BackgroundProcess,
    web: u16,
    dicom: u16,
}

impl Orthanc {
    /// Starts a server that knows our node at port `us`. If Orthanc is not installed, prints that the test is skipped
    /// and returns `None`.
    fn start(test: &str, folder: &Path, us: u16) -> Option<Self> {
        let orthanc = program("Orthanc", test)?;
        let Some(plugins) = plugins(&orthanc) else {
            missing(test, "orthanc-dicomweb");
            return None;
        };
        let (web, dicom, store) = (free_port(), free_port(), folder.join("orthanc"));
        let configuration = serde_json::json!({
            "Name": "test", "StorageDirectory": store, "IndexDirectory": store,
            "HttpPort": web, "DicomPort": dicom, "DicomAet": "ORTHANC",
            "RemoteAccessAllowed": false, "AuthenticationEnabled": false, "HttpBindAddresses": ["127.0.0.1"],
            "DicomAlwaysAllowStore": true, "DicomAlwaysAllowEcho": true, "DicomCheckCalledAet": false,
            "UnknownSopClassAccepted": true, "DicomModalities": { "us": ["OCTRLS", "127.0.0.1", us] },
            "Plugins": [plugins], "DicomWeb": { "Enable": true, "Root": "/dicom-web/" },
        });
        let path = folder.join("orthanc.json");
        fs::write(&path, configuration.to_string()).unwrap();
        let server =
            BackgroundProcess::start(Command::new(&orthanc).arg(path).stdout(Stdio::null()).stderr(Stdio::null()));
        until(|| http(web, "GET", "/system", "*/*", b"").filter(|(status, _)| *status == 200));
        Some(Self { _server: server, web, dicom })
    }

    /// Uploads a file by HTTP and makes the server send it to us.
    fn route(&self, scan: &[u8]) {
        let (status, answer) = http(self.web, "POST", "/instances", "*/*", scan).unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(status, 200, "{answer}");
        let id = answer["ID"].as_str().unwrap().as_bytes();
        let (status, _) = http(self.web, "POST", "/modalities/us/store", "*/*", id).unwrap();
        assert_eq!(status, 200);
    }
}

#[test]
fn orthanc_sends_a_scan_and_receives_it_back() {
    let rig = Rig::new();
    let Some(orthanc) = Orthanc::start(NAME, rig.dir.path(), rig.listener.address().port()) else { return };
    let (web, dicom) = (orthanc.web, orthanc.dicom);
    let scan = file(OPT, "1.2.3.4.5.6", uids::EXPLICIT_VR_LITTLE_ENDIAN, 1);
    orthanc.route(&scan);
    let told = rig.wait(|event| matches!(event, NodeEvent::Stored { .. }));
    assert!(matches!(&told, NodeEvent::Stored { peer, .. } if peer.title == "ORTHANC"), "{told}");
    let received = rig.inbox().join("1.2.3.4.5.6.dcm");
    assert!(data_set(&fs::read(&received).unwrap()) == data_set(&scan));

    // Send a result to the server.
    let target = format!("ORTHANC@127.0.0.1:{dicom}").parse().unwrap();
    echo(&target, &sender("OCTRLS")).unwrap();
    let back = rig.put("back.dcm", &file(OPT, "1.2.3.4.5.7", uids::EXPLICIT_VR_LITTLE_ENDIAN, 2));
    let outcomes = send(&target, &[received, back.clone()], &sender("OCTRLS")).unwrap();
    assert!(outcomes.iter().all(|outcome| matches!(outcome.result, Ok(0))), "{outcomes:?}");
    let wado = "/dicom-web/studies/1.2.3.4/series/1.2.3.4.5/instances/1.2.3.4.5.7";
    let accept = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";
    let (status, body) = until(|| http(web, "GET", wado, accept, b""));
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    let (sent, wanted) = (fs::read(&back).unwrap(), data_set(&fs::read(&back).unwrap()).to_vec());
    assert!(body.windows(wanted.len()).any(|window| window == wanted), "{} of {} bytes", body.len(), sent.len());
}

/// A watcher receives a scan from the archive by C-STORE and sends the results back; the test reads them over DICOMweb.
#[test]
fn orthanc_receives_results_in_the_study_of_the_scan() {
    let (dir, us) = (tempfile::tempdir().unwrap(), free_port());
    let name = "orthanc_receives_results_in_the_study_of_the_scan";
    let Some(orthanc) = Orthanc::start(name, dir.path(), us) else { return };
    let (root, scan) = (dir.path().join("in"), dir.path().join("scan.dcm"));
    fs::create_dir(&root).unwrap();
    crate::dicom_net::scan::write(&crate::dicom_net::scan::bscan(), &scan);
    let mut watch = octrls();
    watch.args(["watch", "--plain", "--stable", "0.2", "--receive", &format!("127.0.0.1:{us}")]);
    watch.args(["--send-to", &format!("ORTHANC@127.0.0.1:{}", orthanc.dicom)]);
    let (watcher, _) = listening(watch.arg(&root), " at=");
    orthanc.route(&fs::read(&scan).unwrap());
    let query = format!("/dicom-web/studies/{}/instances", crate::dicom_net::scan::STUDY);
    let modalities = || {
        let (_, body) = http(orthanc.web, "GET", &query, "application/dicom+json", b"")?;
        let found: serde_json::Value = serde_json::from_slice(&body).ok()?;
        let of = |instance: &serde_json::Value| instance["00080060"]["Value"][0].as_str().map(str::to_owned);
        let mut all: Vec<String> = found.as_array()?.iter().filter_map(of).collect();
        all.sort();
        (all.len() == 4).then_some(all)
    };
    assert_eq!(until(modalities), ["DOC", "OPT", "SEG", "SR"]);
    assert!(terminate(watcher));
}

/// Objects go to the archive by STOW-RS through a proxy with TLS, since some builds of Orthanc crash on HTTPS. The archive
/// confirms each object, and shows it.
#[test]
fn orthanc_stores_objects_by_dicomweb_with_tls() {
    let name = "orthanc_stores_objects_by_dicomweb_with_tls";
    let dir = tempfile::tempdir().unwrap();
    let made = certificate(dir.path(), "ca", None).and_then(|()| certificate(dir.path(), "server", Some("ca")));
    if made.is_none() {
        missing(name, "openssl");
        return;
    }
    let at = |name: &str| dir.path().join(name);
    let Some(orthanc) = Orthanc::start(name, dir.path(), free_port()) else { return };
    let proxy = tls_proxy(&at("server.pem"), &at("server.key"), orthanc.web);
    let address: WebAddress = format!("https://127.0.0.1:{proxy}/dicom-web").parse().unwrap();
    let tls = |authority: &str| {
        ClientTls::new(&TlsFiles { authorities: Some(at(authority)), ..TlsFiles::default() }).unwrap()
    };
    let options = SendOptions { tls: Some(tls("ca.pem")), ..sender("OCTRLS") };
    check_web(&address, &options).unwrap();

    let files: Vec<PathBuf> = [(OPT, "1.2.3.7"), (uids::ENCAPSULATED_PDF_STORAGE, "1.2.3.8")]
        .iter()
        .map(|(class, instance)| {
            let path = at(instance);
            fs::write(&path, file(class, instance, uids::EXPLICIT_VR_LITTLE_ENDIAN, 3)).unwrap();
            path
        })
        .chain([at("ca.pem")])
        .collect();
    let outcomes = store_by_web(&address, &files, &options).unwrap();
    let [scan, pdf, certificate] = &outcomes[..] else { panic!("three outcomes") };
    assert!(matches!((&scan.result, &pdf.result), (Ok(_), Ok(_))), "{outcomes:?}");
    assert!(certificate.result.as_ref().is_err_and(|e| e.code() == ErrorCode::NodeFile), "{certificate:?}");
    let wado = "/dicom-web/studies/1.2.3.4/series/1.2.3.4.5/instances/1.2.3.7";
    let accept = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";
    let (status, body) = http(orthanc.web, "GET", wado, accept, b"").unwrap();
    let sent = fs::read(&files[0]).unwrap();
    let wanted = data_set(&sent);
    assert!(status == 200 && body.windows(wanted.len()).any(|window| window == wanted));
    // Sent again, they are stored, too.
    assert!(store_by_web(&address, &files[..1], &options).unwrap()[0].result.is_ok());

    // The archive's certificate is of another authority.
    let stranger = SendOptions { tls: Some(tls("server.pem")), ..sender("OCTRLS") };
    let refused = store_by_web(&address, &files[..1], &stranger).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::NodeTls, "{refused}");
    assert!(!refused.is_transient());
    // Nothing is at this path.
    let elsewhere: WebAddress = format!("https://127.0.0.1:{proxy}/elsewhere").parse().unwrap();
    let outcomes = store_by_web(&elsewhere, &files[..1], &options).unwrap();
    let error = outcomes[0].result.as_ref().unwrap_err();
    assert!(error.code() == ErrorCode::NodeWeb && error.to_string().contains("404"), "{error}");
}

/// Forwards each request that comes by TLS to `port`; returns its own port.
fn tls_proxy(certificate: &Path, key: &Path, port: u16) -> u16 {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let config = Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            // A client that refuses the certificate breaks off.
            let _ = forward(rustls::StreamOwned::new(connection, socket.unwrap()), port);
        }
    });
    own
}

fn forward(mut client: rustls::StreamOwned<rustls::ServerConnection, TcpStream>, port: u16) -> std::io::Result<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let text = String::from_utf8_lossy(&head).to_lowercase();
    let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next());
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    client.read_exact(&mut body)?;
    head.truncate(head.len() - 2);
    head.extend(b"Connection: close\r\n\r\n");
    let mut server = TcpStream::connect(("127.0.0.1", port))?;
    server.write_all(&[head, body].concat())?;
    std::io::copy(&mut server, &mut client)?;
    client.conn.send_close_notify();
    client.flush()
}
