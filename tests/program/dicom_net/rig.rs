//! Test fixtures: DICOM files, a listening node, and a scripted peer.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use dicom_core::{DataElement, PrimitiveValue, VR, value::PixelFragmentSequence};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use dicom_transfer_syntax_registry::entries::IMPLICIT_VR_LITTLE_ENDIAN;
use dicom_ul::pdu::{
    AssociationRQ, PDataValue, PDataValueType, Pdu, PresentationContextProposed, UserVariableItem, read_pdu, write_pdu,
};
use octrls_dicom_net::{AeTitle, Listener, ListenerOptions, NodeEvent, SendOptions, Target};
use tempfile::TempDir;

use crate::support::missing;

/// Time limit for tests that hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const OPT: &str = uids::OPHTHALMIC_TOMOGRAPHY_IMAGE_STORAGE;

pub(crate) fn title(text: &str) -> AeTitle {
    text.parse().unwrap()
}

pub(crate) fn us(tag: dicom_core::Tag, value: u16) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, VR::US, PrimitiveValue::from(value))
}

pub(crate) fn text(tag: dicom_core::Tag, vr: VR, value: &str) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, vr, PrimitiveValue::from(value))
}

/// An image object of the SOP class `class`, without pixels.
pub(crate) fn image(class: &str, instance: &str) -> InMemDicomObject {
    InMemDicomObject::from_element_iter([
        text(tags::SOP_CLASS_UID, VR::UI, class),
        text(tags::SOP_INSTANCE_UID, VR::UI, instance),
        text(tags::STUDY_DATE, VR::DA, ""),
        text(tags::MODALITY, VR::CS, "OPT"),
        text(tags::PATIENT_NAME, VR::PN, "Doe^Jane"),
        text(tags::PATIENT_ID, VR::LO, "P1"),
        text(tags::STUDY_INSTANCE_UID, VR::UI, "1.2.3.4"),
        text(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3.4.5"),
        us(tags::SAMPLES_PER_PIXEL, 1),
        text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"),
        text(tags::NUMBER_OF_FRAMES, VR::IS, "1"),
        us(tags::ROWS, 256),
        us(tags::COLUMNS, 300),
        us(tags::BITS_ALLOCATED, 8),
        us(tags::BITS_STORED, 8),
        us(tags::HIGH_BIT, 7),
        us(tags::PIXEL_REPRESENTATION, 0),
    ])
}

/// The bytes of an image file; its pixels depend on `seed`.
pub(crate) fn file(class: &str, instance: &str, syntax: &str, seed: u8) -> Vec<u8> {
    let mut object = image(class, instance);
    let pixels: Vec<u8> = (0..256 * 300_u32).map(|i| (i % 300 * (i / 300) / 7 + u32::from(seed)) as u8).collect();
    let native = [uids::IMPLICIT_VR_LITTLE_ENDIAN, uids::EXPLICIT_VR_LITTLE_ENDIAN].contains(&syntax);
    if native {
        object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::from(pixels)));
    } else {
        // Raw pixels will do, since nothing decodes them here.
        object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PixelFragmentSequence::new(vec![], vec![pixels])));
    }
    let meta = FileMetaTableBuilder::new().transfer_syntax(syntax);
    let mut bytes = Vec::new();
    object.with_meta(meta).unwrap().write_all(&mut bytes).unwrap();
    bytes
}

/// The data set of a file: the bytes after its meta information.
pub(crate) fn data_set(file: &[u8]) -> &[u8] {
    let length = u32::from_le_bytes(file[140..144].try_into().unwrap()) as usize;
    &file[144 + length..]
}

/// A listening node, its folder and its events.
pub(crate) struct Rig {
    pub(crate) dir: TempDir,
    pub(crate) listener: Listener,
    events: Arc<Mutex<Vec<NodeEvent>>>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    pub(crate) fn with(change: impl FnOnce(&mut ListenerOptions)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("in")).unwrap();
        let mut options = options();
        change(&mut options);
        let events = Arc::<Mutex<Vec<NodeEvent>>>::default();
        let told = Arc::clone(&events);
        let report = move |event| told.lock().unwrap().push(event);
        let listener = Listener::start(&dir.path().join("in"), options, report).unwrap();
        Self { dir, listener, events }
    }

    pub(crate) fn inbox(&self) -> PathBuf {
        self.dir.path().join("in")
    }

    pub(crate) fn target(&self) -> Target {
        format!("OCTRLS@{}", self.listener.address()).parse().unwrap()
    }

    /// Writes a file beside the inbox.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// File names in the inbox, except the lock.
    pub(crate) fn received(&self) -> Vec<String> {
        names(&self.inbox())
    }

    /// Waits for an event that `wanted` accepts.
    pub(crate) fn wait(&self, wanted: impl Fn(&NodeEvent) -> bool) -> NodeEvent {
        until(|| self.events.lock().unwrap().iter().find(|event| wanted(event)).cloned())
    }

    /// Number of events that `wanted` accepts.
    pub(crate) fn count(&self, wanted: impl Fn(&NodeEvent) -> bool) -> usize {
        self.events.lock().unwrap().iter().filter(|event| wanted(event)).count()
    }

    /// Waits until the listener has stopped after a request.
    pub(crate) fn finish(self) {
        self.listener.join();
    }

    pub(crate) fn ended(&self) -> NodeEvent {
        self.wait(|event| matches!(event, NodeEvent::Ended { .. }))
    }
}

pub(crate) fn options() -> ListenerOptions {
    ListenerOptions {
        address: "127.0.0.1:0".parse().unwrap(),
        title: title("OCTRLS"),
        allowed: Vec::new(),
        max_associations: 8,
        max_instance_bytes: 1 << 20,
        timeout: Duration::from_secs(10),
        tls: None,
    }
}

/// Options for sending as `name`, with short waits.
pub(crate) fn sender(name: &str) -> SendOptions {
    let (backoff, timeout) = (Duration::from_millis(50), Duration::from_secs(10));
    SendOptions { retries: 1, backoff, timeout, ..SendOptions::new(title(name)) }
}

/// File names in a folder, except the lock.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.filter(|name| name != ".octrls-receive.lock").collect();
    names.sort();
    names
}

/// Polls `look` until it returns something.
pub(crate) fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "nothing came");
        thread::sleep(Duration::from_millis(10));
    }
}

/// An association request with one context: tomography in explicit little endian.
pub(crate) fn request(calling: &str, called: &str) -> Pdu {
    Pdu::AssociationRQ(AssociationRQ {
        protocol_version: 1,
        calling_ae_title: calling.to_owned(),
        called_ae_title: called.to_owned(),
        application_context_name: "1.2.840.10008.3.1.1.1".to_owned(),
        presentation_contexts: vec![PresentationContextProposed {
            id: 1,
            abstract_syntax: OPT.to_owned(),
            transfer_syntaxes: vec![uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned()],
        }],
        user_variables: vec![UserVariableItem::MaxLength(16384)],
    })
}

/// A scripted requester.
pub(crate) struct Peer(pub(crate) TcpStream);

impl Peer {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    /// Requests an association; returns the answer.
    pub(crate) fn associate(&mut self, calling: &str, called: &str) -> Pdu {
        self.send(&request(calling, called));
        self.receive()
    }

    pub(crate) fn send(&mut self, pdu: &Pdu) {
        let mut bytes = Vec::new();
        write_pdu(&mut bytes, pdu).unwrap();
        self.0.write_all(&bytes).unwrap();
    }

    pub(crate) fn send_fragment(&mut self, value_type: PDataValueType, is_last: bool, data: &[u8]) {
        let data = data.to_vec();
        self.send(&Pdu::PData { data: vec![PDataValue { presentation_context_id: 1, value_type, is_last, data }] });
    }

    /// Sends a C-STORE request, encoded by dicom-object instead of our own code.
    pub(crate) fn request_store(&mut self, class: &str, instance: &str) {
        let command = InMemDicomObject::command_from_element_iter([
            text(tags::AFFECTED_SOP_CLASS_UID, VR::UI, class),
            us(tags::COMMAND_FIELD, 0x0001),
            us(tags::MESSAGE_ID, 7),
            us(tags::PRIORITY, 0),
            us(tags::COMMAND_DATA_SET_TYPE, 0x0000),
            text(tags::AFFECTED_SOP_INSTANCE_UID, VR::UI, instance),
        ]);
        let mut bytes = Vec::new();
        command.write_dataset_with_ts(&mut bytes, &IMPLICIT_VR_LITTLE_ENDIAN.erased()).unwrap();
        self.send_fragment(PDataValueType::Command, true, &bytes);
    }

    /// Stores a data set as the tomography instance `instance`; returns the status.
    pub(crate) fn store(&mut self, instance: &str, data: &[u8]) -> u16 {
        self.request_store(OPT, instance);
        for piece in data.chunks(10_000) {
            self.send_fragment(PDataValueType::Data, false, piece);
        }
        self.send_fragment(PDataValueType::Data, true, &[]);
        self.status()
    }

    /// The status of the next response, parsed by dicom-object instead of our own code.
    pub(crate) fn status(&mut self) -> u16 {
        let Pdu::PData { data } = self.receive() else { panic!("no response") };
        let response =
            InMemDicomObject::read_dataset_with_ts(&data[0].data[..], &IMPLICIT_VR_LITTLE_ENDIAN.erased()).unwrap();
        let number = |tag| response.element(tag).unwrap().to_int::<u16>().unwrap();
        assert_eq!((number(tags::COMMAND_FIELD), number(tags::MESSAGE_ID_BEING_RESPONDED_TO)), (0x8001, 7));
        number(tags::STATUS)
    }

    pub(crate) fn receive(&mut self) -> Pdu {
        let mut header = [0; 6];
        self.0.read_exact(&mut header).unwrap();
        let mut unit = header.to_vec();
        unit.resize(6 + u32::from_be_bytes(header[2..].try_into().unwrap()) as usize, 0);
        self.0.read_exact(&mut unit[6..]).unwrap();
        read_pdu(&unit[..], 1 << 20, true).unwrap().unwrap()
    }
}

/// Finds an installed program; if there is none, prints that the test is skipped.
pub(crate) fn program(name: &str, test: &str) -> Option<PathBuf> {
    let found = std::env::split_paths(&std::env::var_os("PATH")?).map(|dir| dir.join(name)).find(|path| path.is_file());
    if found.is_none() {
        missing(test, name);
    }
    found
}

/// A background process, killed when dropped.
pub(crate) struct BackgroundProcess(Child);

impl BackgroundProcess {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    pub(crate) const fn of(child: Child) -> Self {
        Self(child)
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Waits until it ends; returns whether it succeeded.
    pub(crate) fn ended(mut self) -> bool {
        until(|| self.0.try_wait().unwrap()).success()
    }
}

impl Drop for BackgroundProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A free port.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
