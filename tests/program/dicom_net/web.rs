//! STOW-RS with a scripted service: proof of storage, retries, tokens.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
};

use dicom_dictionary_std::uids;
use octrls_core::ErrorCode;
use octrls_dicom_net::{ResultSender, SendOptions, WebAddress, is_delivered, store_by_web};

use crate::dicom_net::rig::{OPT, file, sender};

/// A service that gives one answer after the other, the last one for ever.
struct Service {
    address: WebAddress,
    requests: Arc<Mutex<Vec<Request>>>,
}

/// Head and body.
type Request = (String, Vec<u8>);

impl Service {
    fn start(answers: Vec<(u16, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/rs/", listener.local_addr().unwrap()).parse().unwrap();
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            let mut answers = answers.into_iter().peekable();
            for connection in listener.incoming() {
                let mut reader = BufReader::new(connection.unwrap());
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
                let lower = head.to_lowercase();
                let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next()).unwrap();
                let mut body = vec![0; length.parse().unwrap()];
                reader.read_exact(&mut body).unwrap();
                seen.lock().unwrap().push((head, body));
                let (status, text) = answers.next().unwrap();
                if answers.peek().is_none() {
                    answers = vec![(status, text.clone())].into_iter().peekable();
                }
                let length = text.len();
                let answer = format!(
                    "HTTP/1.1 {status} X\r\nContent-Type: application/dicom+json\r\nContent-Length: {length}\r\n\
                     Connection: close\r\n\r\n{text}"
                );
                reader.get_mut().write_all(answer.as_bytes()).unwrap();
            }
        });
        Self { address, requests }
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

/// An answer that says that `instance` is stored.
fn stored(instance: &str) -> (u16, String) {
    let item = serde_json::json!({ "00081155": { "vr": "UI", "Value": [instance] } });
    (200, serde_json::json!({ "00081199": { "vr": "SQ", "Value": [item] } }).to_string())
}

fn scan(folder: &tempfile::TempDir) -> PathBuf {
    let path = folder.path().join("a.dcm");
    fs::write(&path, file(OPT, "1.2.3", uids::EXPLICIT_VR_LITTLE_ENDIAN, 1)).unwrap();
    path
}

#[test]
fn an_object_is_sent_as_it_is_with_its_token() {
    let dir = tempfile::tempdir().unwrap();
    let (path, token) = (scan(&dir), dir.path().join("token"));
    fs::write(&token, "s3cret\n").unwrap();
    let service = Service::start(vec![stored("1.2.3")]);
    let options = SendOptions { token: Some(token), ..sender("OCTRLS") };
    let outcomes = store_by_web(&service.address, std::slice::from_ref(&path), &options).unwrap();
    assert!(matches!(outcomes[0].result, Ok(0)), "{outcomes:?}");
    let (head, body) = service.requests().remove(0);
    assert!(head.starts_with("POST /rs/studies HTTP/1.1"), "{head}");
    let lower = head.to_lowercase();
    assert!(
        lower.contains("authorization: bearer s3cret") && lower.contains("accept: application/dicom+json"),
        "{head}"
    );
    assert!(lower.contains("multipart/related; type=\"application/dicom\"; boundary=octrls-"), "{head}");
    let sent = fs::read(&path).unwrap();
    assert!(body.windows(sent.len()).any(|window| window == sent));
}

#[test]
fn without_proof_an_object_is_sent_again_and_then_not_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = scan(&dir);
    let busy = || (503, String::new());
    let service = Service::start(vec![busy(), stored("1.2.3")]);
    let outcomes = store_by_web(&service.address, std::slice::from_ref(&path), &sender("OCTRLS")).unwrap();
    assert!(outcomes[0].result.is_ok() && service.requests().len() == 2, "{outcomes:?}");

    for unproven in [(200, "{}".to_owned()), (200, "stored!".to_owned()), stored("1.2.4")] {
        let service = Service::start(vec![unproven]);
        let outcomes = store_by_web(&service.address, std::slice::from_ref(&path), &sender("OCTRLS")).unwrap();
        let error = outcomes[0].result.as_ref().unwrap_err();
        assert!(error.code() == ErrorCode::NodeWeb && error.to_string().contains("confirm"), "{error}");
        assert_eq!(service.requests().len(), 2, "one retry");
    }
    let service = Service::start(vec![(403, String::new())]);
    let outcomes = store_by_web(&service.address, std::slice::from_ref(&path), &sender("OCTRLS")).unwrap();
    assert!(outcomes[0].result.as_ref().is_err_and(|e| !e.is_transient()) && service.requests().len() == 1);

    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody: WebAddress = format!("http://{free}/rs").parse().unwrap();
    let error = store_by_web(&nobody, &[path], &sender("OCTRLS")).unwrap_err();
    assert!(error.code() == ErrorCode::NodeConnect && error.is_transient(), "{error}");
}

#[test]
fn a_delivery_to_a_service_is_recorded_once() {
    let dir = tempfile::tempdir().unwrap();
    scan(&dir);
    let service = Service::start(vec![stored("1.2.3")]);
    let target = service.address.to_string().parse().unwrap();
    let results = ResultSender { target, options: sender("OCTRLS") };
    assert_eq!(results.deliver(dir.path()).unwrap().len(), 1);
    assert!(is_delivered(dir.path()) && results.is_complete(dir.path()));
    assert!(results.deliver(dir.path()).unwrap().is_empty());
    assert_eq!(service.requests().len(), 1);
}
