//! Names of the queue's streams, stores and subjects.

use super::server::QueueName;

/// Version of the messages. It is part of the subjects, so that versions never mix.
const VERSION: u32 = 1;
/// Leading hexadecimal digits of a model's hash in a subject.
const MODEL_DIGITS: usize = 16;

/// Names of a queue's streams, stores and subjects.
#[derive(Clone, Debug)]
pub(crate) struct QueueNames(String);

/// Identifies a job: its watcher and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JobAddress {
    /// The watcher's name: [`JobAddress::WATCHER_DIGITS`] hexadecimal digits.
    pub(crate) watcher: String,
    /// SHA-256 of all inputs of the result, in hexadecimal.
    pub(crate) key: String,
}

impl QueueNames {
    /// The names of the queue `queue`.
    pub(crate) fn new(queue: &QueueName) -> Self {
        Self(queue.to_string())
    }

    /// The stream of jobs.
    pub(crate) fn job_stream(&self) -> String {
        format!("{}-jobs", self.0)
    }

    /// The stream of outcomes.
    pub(crate) fn outcome_stream(&self) -> String {
        format!("{}-outcomes", self.0)
    }

    /// The object store of scans.
    pub(crate) fn scan_store(&self) -> String {
        format!("{}-scans", self.0)
    }

    /// The object store of results.
    pub(crate) fn result_store(&self) -> String {
        format!("{}-results", self.0)
    }

    /// The consumer that all workers with this model share.
    pub(crate) fn consumer(model: &str) -> String {
        format!("v{VERSION}-{}", digits(model))
    }

    /// Subjects of all jobs.
    pub(crate) fn all_jobs(&self) -> String {
        format!("{}.jobs.>", self.0)
    }

    /// Subjects of all outcomes.
    pub(crate) fn all_outcomes(&self) -> String {
        format!("{}.outcomes.>", self.0)
    }

    /// Subjects of all jobs for workers with `model`.
    pub(crate) fn jobs_of(&self, model: &str) -> String {
        format!("{}.jobs.{VERSION}.{}.>", self.0, digits(model))
    }

    /// Subjects of one watcher's jobs for workers with `model`.
    pub(crate) fn jobs_for(&self, model: &str, watcher: &str) -> String {
        format!("{}.jobs.{VERSION}.{}.{watcher}.*", self.0, digits(model))
    }

    /// Subject of a job.
    pub(crate) fn job(&self, model: &str, JobAddress { watcher, key }: &JobAddress) -> String {
        format!("{}.jobs.{VERSION}.{}.{watcher}.{key}", self.0, digits(model))
    }

    /// Subject of the outcome of a job.
    pub(crate) fn outcome(&self, JobAddress { watcher, key }: &JobAddress) -> String {
        format!("{}.outcomes.{watcher}.{key}", self.0)
    }

    /// Subject of the signals of a job.
    pub(crate) fn signal(&self, JobAddress { watcher, key }: &JobAddress) -> String {
        format!("{}.signals.{watcher}.{key}", self.0)
    }

    /// Subjects of all outcomes and signals for a watcher.
    pub(crate) fn messages_for(&self, watcher: &str) -> [String; 2] {
        [format!("{}.outcomes.{watcher}.*", self.0), format!("{}.signals.{watcher}.*", self.0)]
    }
}

/// The digits of a model's hash that subjects contain.
fn digits(model: &str) -> &str {
    model.get(..MODEL_DIGITS).unwrap_or(model)
}

impl JobAddress {
    /// Length of a watcher's name.
    pub(crate) const WATCHER_DIGITS: usize = 16;
    const KEY_DIGITS: usize = 64;

    /// Parses the address at the end of a subject.
    pub(crate) fn of_subject(subject: &str) -> Option<Self> {
        let mut last = subject.rsplit('.');
        let (key, watcher) = (last.next()?, last.next()?);
        let is_hexadecimal = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let fits = key.len() == Self::KEY_DIGITS && watcher.len() == Self::WATCHER_DIGITS;
        (fits && is_hexadecimal(key) && is_hexadecimal(watcher))
            .then(|| Self { watcher: watcher.to_owned(), key: key.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_contain_the_address_of_their_job() {
        let names = QueueNames::new(&"octrls".parse().unwrap());
        let address = JobAddress { watcher: "0123456789abcdef".into(), key: "a".repeat(64) };
        let model = "f".repeat(64);
        assert_eq!(JobAddress::of_subject(&names.job(&model, &address)), Some(address.clone()));
        for wrong in ["", "a", "x.y", &names.signal(&JobAddress { key: "A".repeat(64), ..address.clone() })] {
            assert_eq!(JobAddress::of_subject(wrong), None);
        }
        assert!(names.job(&model, &address).starts_with(names.jobs_of(&model).trim_end_matches('>')));
    }
}
