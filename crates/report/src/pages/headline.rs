//! The headline of the report: the verdict on the lines, and what a clinician should look at.

use octrls_core::measure::Verdict;

use crate::{findings::FindingSummary, record::ResultRecord};

/// Most ranges of B-scans that a finding lists.
const MAX_RANGES: usize = 4;

/// The paragraphs of the headline; the first is the most important.
pub(super) fn headline(record: &ResultRecord<'_>) -> Vec<String> {
    let findings: Vec<String> = record.findings.iter().map(|f| finding(f, record.scan.bscans)).collect();
    let lines = match record.verdict {
        Verdict::Good => "Lines good",
        Verdict::Doubtful => "Lines doubtful, check them before you use them",
        Verdict::NotARetina => return vec!["This scan shows no layers of a retina; it has no lines.".to_owned()],
    };
    let searched = record.lesions.is_some();
    let first = match (findings.is_empty(), searched) {
        (false, _) => format!("{lines}; findings to be read by a clinician: {}.", findings.join(", ")),
        (true, true) => format!("{lines}; the program has no findings."),
        (true, false) => format!("{lines}."),
    };
    let mut paragraphs = vec![first];
    if !searched {
        paragraphs.push("This model does not look for fluid and other lesions.".to_owned());
    }
    if let Some(visible) = record.choroid_visible.filter(|_| record.quality.doubts_choroid()) {
        let percent = 100.0 * visible;
        paragraphs.push(format!(
            "Do not rely on the choroid's thickness: its end is visible in {percent:.0} % of the A-scans, and inferred in \
             the others."
        ));
    }
    paragraphs
}

/// A finding with the B-scans that show it, if the scan has several.
fn finding(finding: &FindingSummary, count: usize) -> String {
    let words = finding.words();
    if count > 1 { format!("{words} ({})", bscans(&finding.bscans)) } else { words.to_owned() }
}

/// B-scans in words, counted from 1 as everywhere in the report.
fn bscans(indices: &[usize]) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for &index in indices {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == index => *last = index,
            _ => ranges.push((index, index)),
        }
    }
    let range = |&(first, last): &(usize, usize)| {
        if first == last { format!("{}", first + 1) } else { format!("{} to {}", first + 1, last + 1) }
    };
    let listed: Vec<String> = ranges.iter().take(MAX_RANGES).map(range).collect();
    let left = ranges.iter().skip(MAX_RANGES).map(|(first, last)| last - first + 1).sum::<usize>();
    let more = if left > 0 { format!(" and {left} more") } else { String::new() };
    let name = if indices.len() == 1 { "B-scan" } else { "B-scans" };
    format!("{name} {}{more}", listed.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bscans_are_counted_from_one_and_joined_to_ranges() {
        assert_eq!(bscans(&[3]), "B-scan 4");
        assert_eq!(bscans(&[0, 1, 2, 7]), "B-scans 1 to 3, 8");
        assert_eq!(bscans(&[0, 2, 4, 6, 8, 9, 11]), "B-scans 1, 3, 5, 7 and 3 more");
    }
}
