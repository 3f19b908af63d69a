//! Notices to the operator about the queue.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use octrls_core::ErrorCode;
use octrls_engine::Level;

/// Least time between two notices of the same problem.
const REPEAT_INTERVAL: Duration = Duration::from_mins(10);

type Listener = Box<dyn Fn(Level, Option<ErrorCode>, String) + Send + Sync>;

/// Sends notices to the operator; keeps them until a listener is set.
#[derive(Clone, Default)]
pub struct Notifier(Arc<Mutex<NotifierState>>);

#[derive(Default)]
struct NotifierState {
    listener: Option<Listener>,
    /// Notices sent before there was a listener.
    pending: Vec<(Level, Option<ErrorCode>, String)>,
    /// Continuing problems, and when they were reported.
    reported: Vec<(ErrorCode, Instant)>,
}

impl Notifier {
    fn state(&self) -> MutexGuard<'_, NotifierState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the listener and sends it the kept notices.
    pub fn listen(&self, listener: impl Fn(Level, Option<ErrorCode>, String) + Send + Sync + 'static) {
        let mut state = self.state();
        for (level, code, text) in state.pending.drain(..) {
            listener(level, code, text);
        }
        state.listener = Some(Box::new(listener));
    }

    /// Sends a notice.
    pub(crate) fn notice(&self, level: Level, code: Option<ErrorCode>, text: String) {
        let mut state = self.state();
        match &state.listener {
            Some(listener) => listener(level, code, text),
            None => state.pending.push((level, code, text)),
        }
    }

    /// Sends a warning about a continuing problem, at most once in [`REPEAT_INTERVAL`].
    pub(crate) fn warn_once(&self, code: ErrorCode, text: String) {
        {
            let mut state = self.state();
            if state.reported.iter().any(|(reported, at)| *reported == code && at.elapsed() < REPEAT_INTERVAL) {
                return;
            }
            state.reported.retain(|(reported, _)| *reported != code);
            state.reported.push((code, Instant::now()));
        }
        self.notice(Level::Warning, Some(code), text);
    }

    /// Marks a problem as solved, so that the next is reported at once. Returns whether this one was reported.
    pub(crate) fn resolve(&self, code: ErrorCode) -> bool {
        let mut state = self.state();
        let before = state.reported.len();
        state.reported.retain(|(reported, _)| *reported != code);
        state.reported.len() < before
    }
}
