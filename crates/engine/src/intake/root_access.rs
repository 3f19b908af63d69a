//! How a watcher reaches its root: change events or polling, and whether the root is there.

use std::{
    fs, io,
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use crossbeam_channel::TrySendError;
use notify::{
    Config, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode},
};
use octrls_core::ErrorCode;
use octrls_fs::{mounts::Mount, platform::FileId};

use super::watcher::{Finding, Hint, PROBE_EVERY, Stopped, Watcher};
use crate::Level;

/// Time between two walks of a network share, which sends no events and reports no error.
const SHARE_POLL: Duration = Duration::from_secs(10);

impl Watcher {
    /// Subscribes to change events, unless polling is configured.
    pub(super) fn subscribe(&mut self) -> Result<(), Stopped> {
        self.native = None;
        if self.root.is_none() {
            return Ok(());
        }
        if !self.poll_configured {
            self.detect_share()?;
        }
        if self.poll.is_some() {
            return Ok(());
        }
        let (hints, missed) = (self.hints.0.clone(), Arc::clone(&self.missed));
        let on_event = move |event: notify::Result<notify::Event>| {
            for hint in hints_of(event) {
                if let Err(TrySendError::Full(_)) = hints.try_send(hint) {
                    missed.store(true, Ordering::Relaxed);
                }
            }
        };
        let config = Config::default().with_follow_symlinks(false);
        let subscribed = RecommendedWatcher::new(on_event, config).and_then(|mut native| {
            native.watch(self.scope.root(), RecursiveMode::Recursive)?;
            Ok(native)
        });
        match subscribed {
            Ok(native) => self.native = Some(native),
            Err(error) => self.fall_back(&error.to_string())?,
        }
        Ok(())
    }

    /// Polls the root if it is a share. A share may be mounted long after the start.
    fn detect_share(&mut self) -> Result<(), Stopped> {
        let Some(share) = Mount::of(self.scope.root()).filter(Mount::is_share) else {
            self.poll = None;
            return Ok(());
        };
        self.poll = Some(SHARE_POLL);
        let seconds = SHARE_POLL.as_secs();
        let text = format!("a network share ({}) sends no change events; polling it every {seconds} s", share.kind);
        self.report(Finding::Notice(Level::Info, ErrorCode::WatchPolling, text))
    }

    pub(super) fn fall_back(&mut self, problem: &str) -> Result<(), Stopped> {
        self.native = None;
        self.next_walk = self.next_walk.min(Instant::now() + self.interval());
        let text = format!("cannot receive change events ({problem}); polling the folder instead");
        self.report(Finding::Notice(Level::Warning, ErrorCode::WatchPolling, text))
    }

    /// Checks whether the root is reachable and still the same folder.
    pub(super) fn probe(&mut self) -> Result<(), Stopped> {
        self.next_probe = Instant::now() + PROBE_EVERY.min(self.interval());
        let found = identity(self.scope.root());
        let before = std::mem::replace(&mut self.root, found.as_ref().ok().copied());
        if before == self.root {
            return Ok(());
        }
        // Events of the old folder, or of the mount point below a share, say nothing about the new one.
        self.subscribe()?;
        self.next_walk = Instant::now();
        if before.is_some() && self.root.is_some() {
            let text = "another folder has replaced the watched one; check whether a share was mounted or unmounted";
            return self.report(Finding::Notice(Level::Warning, ErrorCode::WatchReplaced, text.into()));
        }
        self.report(Finding::Root(found.map(drop).map_err(|error| error.to_string())))
    }
}

fn hints_of(event: notify::Result<notify::Event>) -> Vec<Hint> {
    match event {
        Err(error) => vec![Hint::Failed(error.to_string())],
        Ok(event) if event.need_rescan() => vec![Hint::Missed],
        Ok(event) => match event.kind {
            // The walks themselves cause these events.
            EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write) => Vec::new(),
            _ => event.paths.into_iter().map(Hint::Path).collect(),
        },
    }
}

/// Tells a folder from another of the same name, such as a share mounted over it. Fails if the folder cannot be read.
pub(super) fn identity(folder: &Path) -> io::Result<FileId> {
    let metadata = fs::metadata(folder)?;
    if !metadata.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    fs::read_dir(folder)?;
    Ok(FileId::of(&metadata))
}
