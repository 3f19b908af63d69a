//! The watcher's side: a processor that sends scans to remote workers.

use std::{
    collections::HashSet,
    fs, io,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::unbounded;

use super::{
    FleetError, archive::Part, cleanup::sweep, inbox::Inbox, link::Link, remote_job::RemoteJob, wire::Address,
};
use octrls_core::network::Network;
use octrls_engine::{
    Cancelled, ProcessError, Processor, STATE_FOLDER, ScanChange, ScanSummary, ScanTask, Segmenter, SegmenterOptions,
};
use octrls_fs::digest::{hex, sha256, sha256_of_file};
use octrls_fs::durable;
use octrls_readers as scan;
use octrls_readers::{ReadError, ScanFiles};
use octrls_report::Staging;

/// File in the state folder with this watcher's name in the queue.
const NAME_FILE: &str = "fleet-name";

/// Publishes scans as jobs and fetches their results.
pub struct Dispatcher {
    pub(super) link: Arc<Link>,
    pub(super) inbox: Inbox,
    /// This watcher's name in the queue.
    pub(super) watcher: String,
    /// SHA-256 of the model.
    pub(super) model: String,
    pub(super) fingerprint: String,
    pub(super) options: SegmenterOptions,
    /// Folder on storage that workers share.
    share: Option<PathBuf>,
    pub(super) staging: Staging,
    /// Time limit for a scan.
    pub(super) limit: Option<Duration>,
    draining: AtomicBool,
}

/// The input of a job: a scan and its files.
pub(super) struct JobInput {
    /// The scan first.
    pub(super) parts: Vec<Part>,
    /// Total size of all parts.
    pub(super) bytes: u64,
    /// SHA-256 of the scan.
    pub(super) content: String,
    pub(super) address: Address,
    /// Path of the scan below the shared folder, if it lies there.
    pub(super) shared: Option<PathBuf>,
    /// File names of all instances of a series, including the scan's own.
    pub(super) instances: Vec<PathBuf>,
}

impl Dispatcher {
    /// Starts a processor that puts results below `out`. `network` only identifies the model; it is not run.
    ///
    /// # Errors
    /// [`FleetError::Folder`] if the watcher's name cannot be stored or the shared folder does not exist.
    pub fn start(
        link: Arc<Link>,
        network: &Network,
        options: SegmenterOptions,
        out: &Path,
        share: Option<&Path>,
        limit: Option<Duration>,
    ) -> Result<Self, FleetError> {
        let resolved =
            |path: &Path| fs::canonicalize(path).map_err(|source| FleetError::Folder { path: path.to_owned(), source });
        let share = share.map(resolved).transpose()?;
        let watcher = name_in(&out.join(STATE_FOLDER))?;
        let (stray, strays) = unbounded();
        let inbox = Inbox::open(&link, &watcher, stray);
        sweep(&link, network.file_sha256().to_owned(), watcher.clone(), strays, inbox.clone())?;
        let fingerprint = Segmenter::new(network.clone(), options.clone(), out).fingerprint();
        Ok(Self {
            inbox,
            link,
            watcher,
            model: network.file_sha256().to_owned(),
            fingerprint,
            options,
            share,
            staging: Staging::of(out),
            limit,
            draining: AtomicBool::new(false),
        })
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    fn cargo(&self, task: &ScanTask<'_>) -> Result<JobInput, ProcessError> {
        let ScanTask { files: scan, name, sha256: content, .. } = *task;
        let unreadable = |source| ReadError::Io { path: name.to_owned(), source };
        let parts = parts_of(scan).map_err(unreadable)?;
        let mut words = format!("{}\n{}\n{content}\n", self.fingerprint, hex(name.as_os_str().as_encoded_bytes()));
        for part in &parts[1..] {
            let digest = sha256_of_file(&part.path).map_err(unreadable)?;
            words.extend([&hex(part.name.as_os_str().as_encoded_bytes()), " ", &digest, "\n"]);
        }
        let address = Address { watcher: self.watcher.clone(), key: sha256(words.as_bytes()) };
        let shared = self.share.as_ref().and_then(|share| scan.path().strip_prefix(share).ok()).map(Path::to_owned);
        let instances = scan.instances().iter().filter_map(|file| Some(file.file_name()?.into())).collect();
        let bytes = parts.iter().map(|part| fs::metadata(&part.path).map_or(0, |m| m.len())).sum();
        Ok(JobInput { parts, bytes, content: content.to_owned(), address, shared, instances })
    }
}

impl Processor for Dispatcher {
    fn process(
        &self,
        task: &ScanTask<'_>,
        report: &mut dyn FnMut(ScanChange) -> ControlFlow<Cancelled>,
    ) -> Result<ScanSummary, ProcessError> {
        if let ControlFlow::Break(cancelled) = report(ScanChange::Queued) {
            return Err(cancelled.into());
        }
        let cargo = self.cargo(task)?;
        let mailbox = self.inbox.of(&cargo.address.key);
        RemoteJob::new(self, &cargo, task.name, report).run(&mailbox, task.out)
    }

    fn recover(&self) -> Result<(), ProcessError> {
        Ok(self.staging.clear()?)
    }

    fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    fn works_elsewhere(&self) -> bool {
        true
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }
}

/// All files of a scan, the scan's own first: sidecar, images of an export, other instances of a series. Names are
/// relative to the scan's folder.
fn parts_of(files: &ScanFiles) -> io::Result<Vec<Part>> {
    let scan = files.path();
    let folder = scan.parent().unwrap_or(Path::new("."));
    let part = |path: &Path| {
        let name = path.strip_prefix(folder).map_err(io::Error::other)?.to_owned();
        Ok::<_, io::Error>(Part { name, path: path.to_owned() })
    };
    let mut parts = vec![part(scan)?];
    let sidecar = scan.with_added_extension("toml");
    if sidecar.is_file() {
        parts.push(part(&sidecar)?);
    }
    for instance in files.instances().iter().filter(|file| *file != scan) {
        parts.push(part(instance)?);
    }
    if scan::may_have_parts(scan) {
        let listed = scan::parts(scan);
        let mut seen: HashSet<PathBuf> = parts.iter().map(|part| part.path.clone()).collect();
        for entry in walkdir::WalkDir::new(folder).min_depth(1).max_depth(2).sort_by_file_name() {
            let entry = entry.map_err(io::Error::from)?;
            if entry.file_type().is_file() && listed.contains(entry.path()) && seen.insert(entry.path().to_owned()) {
                parts.push(part(entry.path())?);
            }
        }
    }
    Ok(parts)
}

/// Reads the watcher's name from `folder`, or creates a random one.
fn name_in(folder: &Path) -> Result<String, FleetError> {
    let path = folder.join(NAME_FILE);
    let failed = |source| FleetError::Folder { path: path.clone(), source };
    match fs::read_to_string(&path) {
        Ok(name) if name.len() == Address::WATCHER_DIGITS && name.bytes().all(|b| b.is_ascii_hexdigit()) => {
            return Ok(name);
        }
        Ok(_) => fs::remove_file(&path).map_err(failed)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let mut random = [0; Address::WATCHER_DIGITS / 2];
    getrandom::fill(&mut random).map_err(|e| failed(io::Error::other(e.to_string())))?;
    let name = hex(&random);
    fs::create_dir_all(folder).and_then(|()| durable::write_new(&path, name.as_bytes())).map_err(failed)?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watcher_keeps_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let name = name_in(dir.path()).unwrap();
        assert_eq!(name_in(dir.path()).unwrap(), name);
        fs::write(dir.path().join(NAME_FILE), "x").unwrap();
        assert_ne!(name_in(dir.path()).unwrap(), name);
    }

    #[test]
    fn an_export_takes_its_images_along_and_a_scan_its_sidecar() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("a.png", "x");
        write("a.png.toml", "axial_um = 3.87");
        write("b.png", "x");
        let image = |name: &str| format!("<Image><ImageData><ExamURL>D:\\x\\{name}</ExamURL></ImageData></Image>");
        write("e.xml", &format!("<HEDX><BODY><Series>{}{}</Series></BODY></HEDX>", image("1.tif"), image("2.tif")));
        write("1.tif", "x");
        write("deep/2.tif", "x");
        let names = |scan: &ScanFiles| {
            let parts = parts_of(scan).unwrap();
            parts.iter().map(|part| part.name.to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        let at = |name: &str| dir.path().join(name);
        assert_eq!(names(&ScanFiles::one(at("a.png"))), ["a.png", "a.png.toml"]);
        assert_eq!(names(&ScanFiles::one(at("b.png"))), ["b.png"]);
        assert_eq!(names(&ScanFiles::one(at("e.xml"))), ["e.xml", "1.tif", "deep/2.tif"]);
        write("s1.dcm.toml", "axial_um = 3.87");
        let series = ScanFiles::series(["s10.dcm", "s2.dcm", "s1.dcm"].map(at).to_vec()).unwrap();
        for name in ["s1.dcm", "s2.dcm", "s10.dcm"] {
            write(name, "x");
        }
        assert_eq!(names(&series), ["s1.dcm", "s1.dcm.toml", "s2.dcm", "s10.dcm"]);
    }
}
