//! Sends DICOM files to a node.

use std::{
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use dicom_dictionary_std::uids;

use super::{
    AeTitle, NodeError, Stop, Target,
    association::{Association, MAX_CONTEXTS},
    negotiation::Context,
    uid,
};
use octrls_readers::dicom::Meta;

/// Settings for sending.
#[derive(Clone, Debug)]
pub struct SendOptions {
    /// Our own title.
    pub title: AeTitle,
    /// Number of retries after a transient failure.
    pub retries: u32,
    /// Wait before the first retry; it doubles with each further one.
    pub backoff: Duration,
    /// Time limit for connecting and for each answer of the target.
    pub timeout: Duration,
    /// Stops sending: after the current file, or at once.
    pub stop: Stop,
}

impl SendOptions {
    /// Default settings with our title `title`.
    #[must_use]
    pub fn new(title: AeTitle) -> Self {
        let (backoff, timeout) = (Duration::from_secs(1), Duration::from_secs(30));
        Self { title, retries: 3, backoff, timeout, stop: Stop::default() }
    }
}

/// The outcome of sending one file.
#[derive(Debug)]
pub struct Outcome {
    /// The file.
    pub path: PathBuf,
    /// The target's status, 0 or a warning; or why the file was not stored.
    pub result: Result<u16, NodeError>,
}

/// A file still to be sent.
struct Item {
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
pub fn send(target: &Target, files: &[PathBuf], options: &SendOptions) -> Result<Vec<Outcome>, NodeError> {
    let mut results: Vec<Option<Result<u16, NodeError>>> = Vec::with_capacity(files.len());
    let mut items = Vec::new();
    for (index, path) in files.iter().enumerate() {
        results.push(match examine(path) {
            Ok(meta) => {
                items.push(Item { index, meta, failure: None });
                None
            }
            Err(error) => Some(Err(error)),
        });
    }

    let mut associated = items.is_empty();
    let mut attempt = 0;
    let trouble = loop {
        let round = Round { target, files, options };
        let trouble = round.run(&mut items, &mut results, &mut associated).err();
        let hopeless = trouble.as_ref().is_some_and(|error| !error.is_transient());
        if items.is_empty() || hopeless || attempt >= options.retries || options.stop.draining() {
            break trouble;
        }
        pause(options.backoff.saturating_mul(1 << attempt.min(16)), &options.stop);
        attempt += 1;
    };
    match trouble {
        Some(error) if !associated => return Err(error),
        _ => {}
    }
    let reason = trouble.map_or_else(|| "octrls is stopping".to_owned(), |error| error.to_string());
    for Item { index, failure, .. } in items {
        results[index] = Some(Err(failure.unwrap_or_else(|| NodeError::Unsent(reason.clone()))));
    }
    let unsent = || Err(NodeError::Unsent(reason.clone()));
    let outcome =
        |(path, result): (&PathBuf, Option<_>)| Outcome { path: path.clone(), result: result.unwrap_or_else(unsent) };
    Ok(files.iter().zip(results).map(outcome).collect())
}

/// Reads the UIDs of a file and checks that it can be sent.
fn examine(path: &std::path::Path) -> Result<Meta, NodeError> {
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
struct Round<'a> {
    target: &'a Target,
    files: &'a [PathBuf],
    options: &'a SendOptions,
}

impl Round<'_> {
    /// Sends `items`, and leaves in it those to retry.
    ///
    /// # Errors
    /// Why an association was not made or broke off; the rest was then not tried.
    fn run(
        &self,
        items: &mut Vec<Item>,
        results: &mut [Option<Result<u16, NodeError>>],
        associated: &mut bool,
    ) -> Result<(), NodeError> {
        let mut todo = std::mem::take(items).into_iter().peekable();
        while todo.peek().is_some() {
            let mut contexts: Vec<Context> = Vec::new();
            let mut batch = Vec::new();
            while let Some(item) =
                todo.next_if(|item| contexts.contains(&Context::of(&item.meta)) || contexts.len() < MAX_CONTEXTS)
            {
                let context = Context::of(&item.meta);
                if !contexts.contains(&context) {
                    contexts.push(context);
                }
                batch.push(item);
            }
            let done = self.associate(contexts, batch, items, results, associated);
            if done.is_err() || self.options.stop.draining() {
                items.extend(todo);
                return done;
            }
        }
        Ok(())
    }

    /// Sends a batch through one association.
    fn associate(
        &self,
        contexts: Vec<Context>,
        batch: Vec<Item>,
        left: &mut Vec<Item>,
        results: &mut [Option<Result<u16, NodeError>>],
        associated: &mut bool,
    ) -> Result<(), NodeError> {
        let mut association = match Association::request(self.target, contexts, self.options) {
            Ok(association) => association,
            Err(error) => {
                left.extend(batch);
                return Err(error);
            }
        };
        *associated = true;
        let mut batch = batch.into_iter();
        while let Some(item) = batch.next() {
            if self.options.stop.draining() {
                left.push(item);
                break;
            }
            match association.store(&self.files[item.index], &item.meta) {
                Err(NodeError::Broken { target, reason }) => {
                    // Last in the next attempt: if this file is the cause, the others are sent first.
                    left.extend(batch);
                    let failure = NodeError::Broken { target: target.clone(), reason: reason.clone() };
                    left.push(Item { failure: Some(failure), ..item });
                    return Err(NodeError::Broken { target, reason });
                }
                Err(error) if error.is_transient() => left.push(Item { failure: Some(error), ..item }),
                result => results[item.index] = Some(result),
            }
        }
        left.extend(batch);
        association.release();
        Ok(())
    }
}

/// Waits for `time`, or until a stop is requested.
fn pause(time: Duration, stop: &Stop) {
    const TICK: Duration = Duration::from_millis(100);
    let end = Instant::now() + time;
    while !stop.draining() && Instant::now() < end {
        thread::sleep(TICK.min(end.saturating_duration_since(Instant::now())));
    }
}
