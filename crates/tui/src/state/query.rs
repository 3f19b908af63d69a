//! Which scans are listed, and in which order.

use std::cmp::{Ordering, Reverse};

use octrls_core::measure::Verdict;

use super::{Model, ScanRecord, ScanState};

/// By what the scans are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SortBy {
    /// Running ones first, then by latest change.
    #[default]
    Activity,
    Name,
    State,
    Eye,
    Findings,
    Format,
    Duration,
}

impl SortBy {
    /// All orders, in the order of the columns.
    pub(crate) const ALL: [Self; 7] =
        [Self::Activity, Self::Name, Self::State, Self::Eye, Self::Findings, Self::Format, Self::Duration];

    /// The order as a word.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Activity => "latest",
            Self::Name => "name",
            Self::State => "verdict",
            Self::Eye => "eye",
            Self::Findings => "findings",
            Self::Format => "format",
            Self::Duration => "duration",
        }
    }

    /// The next order.
    pub(crate) fn next(self) -> Self {
        let at = Self::ALL.iter().position(|by| *by == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }

    fn compare(self, a: &ScanRecord, b: &ScanRecord) -> Ordering {
        match self {
            Self::Activity => activity(a).cmp(&activity(b)),
            Self::Name => a.name.cmp(&b.name),
            Self::State => attention(a).cmp(&attention(b)),
            Self::Eye => eye(a).cmp(&eye(b)),
            Self::Findings => Reverse(findings(a)).cmp(&Reverse(findings(b))),
            Self::Format => format(a).cmp(&format(b)),
            Self::Duration => Reverse(elapsed(a)).cmp(&Reverse(elapsed(b))),
        }
    }
}

/// Filter and order of a list of scans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    /// Words that must all be found in a scan's path, state, verdict, eye, format, flags or findings, ignoring case.
    pub(crate) filter: String,
    pub(crate) sort: SortBy,
    pub(crate) reversed: bool,
    /// Only scans that a person should look at.
    pub(crate) wanting_eyes: bool,
}

impl Model {
    /// The scans that match `query`, in its order.
    pub(crate) fn rows(&self, query: &Query) -> Vec<&ScanRecord> {
        let filter = query.filter.to_lowercase();
        let words: Vec<&str> = filter.split_whitespace().collect();
        let mut rows: Vec<_> = self.scans.values().filter(|scan| matches(scan, &words)).collect();
        if query.wanting_eyes {
            rows.retain(|scan| scan.wants_eyes());
        }
        rows.sort_by(|a, b| {
            let order = query.sort.compare(a, b);
            let order = if query.reversed { order.reverse() } else { order };
            order.then_with(|| activity(a).cmp(&activity(b)))
        });
        rows
    }
}

/// Running scans first, then the latest.
fn activity(scan: &ScanRecord) -> impl Ord + use<> {
    let is_running = scan.state == ScanState::Running;
    let time = if is_running { scan.started.unwrap_or(scan.changed) } else { scan.changed };
    (!is_running, Reverse(time), scan.id)
}

/// How little a scan needs a person: 0 for one in quarantine.
fn attention(scan: &ScanRecord) -> u8 {
    let summary = scan.summary.as_deref();
    match (&scan.state, summary.map(|summary| summary.verdict)) {
        (ScanState::Quarantined { .. }, _) => 0,
        (ScanState::Retry { .. } | ScanState::Interrupted, _) => 1,
        (_, Some(Verdict::NotARetina)) => 2,
        (_, Some(Verdict::Doubtful)) => 3,
        (_, Some(Verdict::Good)) if summary.is_some_and(|summary| !summary.flags.is_empty()) => 4,
        (ScanState::Running, _) => 5,
        (ScanState::Seen | ScanState::Queued, _) => 6,
        (ScanState::Done | ScanState::Known, _) => 7,
        (ScanState::Vanished | ScanState::Expired, _) => 8,
    }
}

fn eye(scan: &ScanRecord) -> Option<&'static str> {
    scan.eye().map(octrls_core::scan::Eye::code)
}

fn findings(scan: &ScanRecord) -> usize {
    scan.summary.as_ref().map_or(0, |summary| summary.findings.len())
}

fn format(scan: &ScanRecord) -> Option<&str> {
    scan.header.as_ref().map(|header| header.format.as_ref())
}

fn elapsed(scan: &ScanRecord) -> Option<std::time::Duration> {
    scan.summary.as_ref().map(|summary| summary.elapsed)
}

/// Whether each of `words`, in lower case, is found in the scan.
fn matches(scan: &ScanRecord, words: &[&str]) -> bool {
    if words.is_empty() {
        return true;
    }
    let mut text = format!("{}\n{}\n", scan.name, scan.state.word());
    if let ScanState::Quarantined { code, .. } | ScanState::Retry { code, .. } = &scan.state {
        text.push_str(code.as_str());
    }
    for part in [eye(scan), format(scan)].into_iter().flatten() {
        text.push('\n');
        text.push_str(part);
    }
    if let Some(review) = scan.decision() {
        text.push('\n');
        text.push_str(review.state.name());
    }
    if let Some(summary) = &scan.summary {
        let flagged = if summary.flags.is_empty() { "" } else { "flagged" };
        let words = summary.findings.iter().flat_map(|finding| [finding.short(), finding.words()]);
        let flags = octrls_core::measure::flag_words(&summary.flags);
        for part in [summary.verdict.words().to_owned(), flagged.to_owned(), flags].into_iter().chain(words) {
            text.push('\n');
            text.push_str(&part);
        }
    }
    let text = text.to_lowercase();
    words.iter().all(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    fn model() -> Model {
        let mut model = Model::default();
        for event in &fixtures::sample_events() {
            model.apply(event);
        }
        model
    }

    fn ids(query: &Query) -> Vec<u64> {
        model().rows(query).iter().map(|scan| scan.id.0).collect()
    }

    #[test]
    fn all_words_of_a_filter_must_be_found_anywhere_in_a_scan() {
        let filtered = |filter: &str| ids(&Query { filter: filter.into(), ..Query::default() });
        assert_eq!(filtered("p0036"), [8, 1, 0]);
        assert_eq!(filtered("QUARANTINED"), [2]);
        assert_eq!(filtered("e-read-trunc"), [2]);
        assert_eq!(filtered("srf"), [1], "a finding");
        assert_eq!(filtered("p0036 os done"), [1]);
        assert_eq!(filtered("heidelberg running"), [4, 5]);
        assert_eq!(filtered("srf quarantined"), [0_u64; 0]);
    }

    #[test]
    fn orders_can_be_reversed_and_ties_go_by_activity() {
        let sorted = |sort, reversed| ids(&Query { sort, reversed, ..Query::default() });
        assert_eq!(sorted(SortBy::Activity, false), [4, 5, 3, 2, 8, 1, 0, 9, 7, 6]);
        assert_eq!(sorted(SortBy::State, false)[..2], [2, 3]);
        assert_eq!(sorted(SortBy::Findings, false)[0], 1);
        assert_eq!(sorted(SortBy::Name, true)[0], 9);
        assert_eq!(SortBy::ALL.iter().fold(SortBy::Activity, |by, _| by.next()), SortBy::Activity);
    }
}
