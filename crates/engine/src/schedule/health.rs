//! What keeps the engine from its work, told to operators once and to whoever asks.

use std::{path::Path, time::Duration};

use octrls_core::ErrorCode;

use super::scheduler::Scheduler;
use crate::{EventKind, Level};

/// Silence after which a watcher gets no answer from its folder. It comes round every two seconds, and after each file of
/// a walk.
const WATCHER_STUCK_AFTER: Duration = Duration::from_secs(45);

impl Scheduler {
    /// What keeps the engine from its work.
    pub(super) fn problem(&self) -> Option<&'static str> {
        if self.disk.is_gone() {
            return Some("the folder for results is unavailable");
        }
        if self.roots.iter().any(|root| !root.is_online) {
            return Some("a watched folder is unavailable");
        }
        self.roots.iter().any(|root| root.is_stuck).then_some("a watched folder does not answer")
    }

    /// Tells of watchers that get no answer, and of those that get one again.
    pub(super) fn check_watchers(&mut self) {
        for (root, folder) in self.roots.iter_mut().zip(&self.options.roots) {
            if let Some((level, code, text)) = check_watcher(&mut root.is_stuck, root.heartbeat.silence(), folder) {
                self.events.notice(level, code, text);
            }
        }
    }

    /// Records that a root became reachable, or unreachable for a reason, and tells of it.
    pub(super) fn root_changed(&mut self, root: usize, found: Result<(), String>) {
        let before = self.is_online();
        self.roots[root].is_online = found.is_ok();
        let folder = self.options.roots[root].display();
        let (level, code, text) = match found {
            Ok(()) => (Level::Info, None, format!("{folder} is reachable again")),
            Err(reason) => {
                let text = format!("cannot read {folder} ({reason}); its scans wait until it returns");
                (Level::Warning, Some(ErrorCode::WatchOffline), text)
            }
        };
        self.events.notice(level, code, text);
        if before != self.is_online() {
            self.events.emit(EventKind::RootOnline(self.is_online()));
        }
    }
}

/// What to say of the watcher of `folder` after this `silence`, if it has begun or ceased to get answers. `is_stuck` is
/// what was said last.
fn check_watcher(is_stuck: &mut bool, silence: Duration, folder: &Path) -> Option<(Level, Option<ErrorCode>, String)> {
    let was_stuck = std::mem::replace(is_stuck, silence > WATCHER_STUCK_AFTER);
    let folder = folder.display();
    match (was_stuck, *is_stuck) {
        (false, true) => {
            let seconds = silence.as_secs();
            let text = format!("{folder} has not answered for {seconds} s; nothing new in it is noticed");
            Some((Level::Error, Some(ErrorCode::WatchStuck), text))
        }
        (true, false) => Some((Level::Info, None, format!("{folder} answers again"))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watcher_that_gets_no_answer_is_told_once_and_so_is_its_return() {
        let mut is_stuck = false;
        let told = [1, 44, 46, 100, 2, 1].map(|seconds| {
            let said = check_watcher(&mut is_stuck, Duration::from_secs(seconds), Path::new("/in"));
            said.map(|(level, code, _)| (level, code))
        });
        let (stuck, back) = ((Level::Error, Some(ErrorCode::WatchStuck)), (Level::Info, None));
        assert_eq!(told, [None, None, Some(stuck), None, Some(back), None]);
    }
}
