//! The state that all jobs of a watcher share.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::unbounded;
use octrls_core::network::Network;
use octrls_engine::{Processor as _, STATE_FOLDER, Segmenter, SegmenterOptions};
use octrls_fs::durable;
use octrls_report::Staging;

use super::{cleanup::start_cleanup, message_router::MessageRouter};
use crate::{
    FleetError,
    queue::{link::Link, names::JobAddress},
};

/// File in the state folder with this watcher's name in the queue.
const NAME_FILE: &str = "fleet-name";

/// What all jobs of a watcher share.
pub(super) struct WatcherState {
    pub(super) link: Arc<Link>,
    pub(super) router: MessageRouter,
    /// This watcher's name in the queue.
    pub(super) name: String,
    /// SHA-256 of the model.
    pub(super) model: String,
    /// Identifies model and settings.
    pub(super) fingerprint: String,
    pub(super) options: SegmenterOptions,
    /// Folder on storage that workers share.
    pub(super) share: Option<PathBuf>,
    pub(super) staging: Staging,
    /// Time limit for a scan.
    pub(super) limit: Option<Duration>,
    draining: AtomicBool,
}

impl WatcherState {
    /// Opens the watcher's side of the queue; see [`Dispatcher::start`](super::dispatcher::Dispatcher::start).
    pub(super) fn start(
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
        let (name, model) = (watcher_name(&out.join(STATE_FOLDER))?, network.file_sha256().to_owned());
        let (late_sender, late) = unbounded();
        let router = MessageRouter::open(&link, &name, late_sender);
        start_cleanup(&link, model.clone(), name.clone(), late, router.clone())?;
        let fingerprint = Segmenter::new(network.clone(), options.clone(), out).fingerprint();
        let (staging, draining) = (Staging::of(out), AtomicBool::new(false));
        Ok(Self { link, router, name, model, fingerprint, options, share, staging, limit, draining })
    }

    /// Returns waiting scans to the engine from now on.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether waiting scans are returned to the engine.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

/// Reads the watcher's name from `folder`, or creates a random one.
fn watcher_name(folder: &Path) -> Result<String, FleetError> {
    let path = folder.join(NAME_FILE);
    let failed = |source| FleetError::Folder { path: path.clone(), source };
    match fs::read_to_string(&path) {
        Ok(name) if name.len() == JobAddress::WATCHER_DIGITS && name.bytes().all(|b| b.is_ascii_hexdigit()) => {
            return Ok(name);
        }
        Ok(_) => fs::remove_file(&path).map_err(failed)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let mut random = [0; JobAddress::WATCHER_DIGITS / 2];
    getrandom::fill(&mut random).map_err(|e| failed(io::Error::other(e.to_string())))?;
    let name = hex::encode(random);
    fs::create_dir_all(folder).and_then(|()| durable::write_new(&path, name.as_bytes())).map_err(failed)?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watcher_keeps_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let name = watcher_name(dir.path()).unwrap();
        assert_eq!(watcher_name(dir.path()).unwrap(), name);
        fs::write(dir.path().join(NAME_FILE), "x").unwrap();
        assert_ne!(watcher_name(dir.path()).unwrap(), name);
    }
}
