//! Sends DICOM files to a node, in as few associations as possible, with retries.

use std::{
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use dicom_dictionary_std::uids;
use octrls_readers::dicom::Meta;

use super::{
    NodeError, SendOptions, Stop, Target,
    association::{Association, MAX_CONTEXTS},
    negotiation::Context,
    uid,
};

/// The outcome of sending one file.
#[derive(Debug)]
pub struct SendOutcome {
    /// The file.
    pub path: PathBuf,
    /// The target's status, 0 or a warning; or why the file was not stored.
    pub result: Result<u16, NodeError>,
}

/// A file still to be sent.
struct PendingFile {
    index: usize,
    meta: Meta,
    /// Why the last attempt failed.
    failure: Option<NodeError>,
}

/// Checks once whether `target` answers (C-ECHO).
///
/// # Errors
/// [`NodeError`] if it cannot be reached or refuses.
pub fn echo(target: &Target, options: &SendOptions) -> Result<(), NodeError> {
    let syntax = uids::IMPLICIT_VR_LITTLE_ENDIAN.to_owned();
    let context = Context { class: uids::VERIFICATION.to_owned(), syntax };
    let mut association = Association::request(target, vec![context], options)?;
    association.echo()?;
    association.release();
    Ok(())
}

/// Sends DICOM files as stored (C-STORE). The outcomes are in the order of `files`.
///
/// # Errors
/// [`NodeError`] if no attempt made an association; then nothing was sent.
pub fn send(target: &Target, files: &[PathBuf], options: &SendOptions) -> Result<Vec<SendOutcome>, NodeError> {
    let mut results: Vec<Option<Result<u16, NodeError>>> = Vec::with_capacity(files.len());
    let mut pending = Vec::new();
    for (index, path) in files.iter().enumerate() {
        results.push(match check_file(path) {
            Ok(meta) => {
                pending.push(PendingFile { index, meta, failure: None });
                None
            }
            Err(error) => Some(Err(error)),
        });
    }

    let mut associated = pending.is_empty();
    let mut retry = 0;
    let last_error = loop {
        let attempt = Attempt { target, files, options };
        let error = attempt.run(&mut pending, &mut results, &mut associated).err();
        let is_permanent = error.as_ref().is_some_and(|error| !error.is_transient());
        if pending.is_empty() || is_permanent || retry >= options.retries || options.stop.draining() {
            break error;
        }
        pause(options.backoff.saturating_mul(1 << retry.min(16)), &options.stop);
        retry += 1;
    };
    match last_error {
        Some(error) if !associated => return Err(error),
        _ => {}
    }
    let reason = last_error.map_or_else(|| "octrls is stopping".to_owned(), |error| error.to_string());
    for PendingFile { index, failure, .. } in pending {
        results[index] = Some(Err(failure.unwrap_or_else(|| NodeError::Unsent(reason.clone()))));
    }
    let unsent = || Err(NodeError::Unsent(reason.clone()));
    let outcome = |(path, result): (&PathBuf, Option<_>)| SendOutcome {
        path: path.clone(),
        result: result.unwrap_or_else(unsent),
    };
    Ok(files.iter().zip(results).map(outcome).collect())
}

/// Reads the UIDs of a file and checks that it can be sent.
pub(super) fn check_file(path: &Path) -> Result<Meta, NodeError> {
    let meta = Meta::of_file(path).map_err(|e| NodeError::File(e.to_string()))?;
    for (uid, name) in [(&meta.class, "SOP class"), (&meta.instance, "SOP instance"), (&meta.syntax, "transfer syntax")]
    {
        if uid::checked(uid).is_none() {
            return Err(NodeError::File(format!("no valid {name} UID")));
        }
    }
    Ok(meta)
}

/// One attempt to send all remaining files.
struct Attempt<'a> {
    target: &'a Target,
    files: &'a [PathBuf],
    options: &'a SendOptions,
}

impl Attempt<'_> {
    /// Sends the files in `pending`, and leaves in it those to retry.
    ///
    /// # Errors
    /// Why an association was not made or broke off; the rest was then not tried.
    fn run(
        &self,
        pending: &mut Vec<PendingFile>,
        results: &mut [Option<Result<u16, NodeError>>],
        associated: &mut bool,
    ) -> Result<(), NodeError> {
        let mut todo = std::mem::take(pending).into_iter().peekable();
        while todo.peek().is_some() {
            let mut contexts: Vec<Context> = Vec::new();
            let mut batch = Vec::new();
            while let Some(file) =
                todo.next_if(|file| contexts.contains(&Context::of(&file.meta)) || contexts.len() < MAX_CONTEXTS)
            {
                let context = Context::of(&file.meta);
                if !contexts.contains(&context) {
                    contexts.push(context);
                }
                batch.push(file);
            }
            let sent = self.send_batch(contexts, batch, pending, results, associated);
            if sent.is_err() || self.options.stop.draining() {
                pending.extend(todo);
                return sent;
            }
        }
        Ok(())
    }

    /// Sends a batch through one association.
    fn send_batch(
        &self,
        contexts: Vec<Context>,
        batch: Vec<PendingFile>,
        pending: &mut Vec<PendingFile>,
        results: &mut [Option<Result<u16, NodeError>>],
        associated: &mut bool,
    ) -> Result<(), NodeError> {
        let mut association = match Association::request(self.target, contexts, self.options) {
            Ok(association) => association,
            Err(error) => {
                pending.extend(batch);
                return Err(error);
            }
        };
        *associated = true;
        let mut batch = batch.into_iter();
        while let Some(file) = batch.next() {
            if self.options.stop.draining() {
                pending.push(file);
                break;
            }
            match association.store(&self.files[file.index], &file.meta) {
                Err(NodeError::Broken { target, reason }) => {
                    // Last in the next attempt: if this file is the cause, the others are sent first.
                    pending.extend(batch);
                    let failure = NodeError::Broken { target: target.clone(), reason: reason.clone() };
                    pending.push(PendingFile { failure: Some(failure), ..file });
                    return Err(NodeError::Broken { target, reason });
                }
                Err(error) if error.is_transient() => pending.push(PendingFile { failure: Some(error), ..file }),
                result => results[file.index] = Some(result),
            }
        }
        pending.extend(batch);
        association.release();
        Ok(())
    }
}

/// Waits for `time`, or until a stop is requested.
pub(super) fn pause(time: Duration, stop: &Stop) {
    const TICK: Duration = Duration::from_millis(100);
    let end = Instant::now() + time;
    while !stop.draining() && Instant::now() < end {
        thread::sleep(TICK.min(end.saturating_duration_since(Instant::now())));
    }
}
