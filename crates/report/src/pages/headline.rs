//! The headline of the report: the verdict on the lines, and what a clinician should look at.

use octrls_core::measure::{NoRetina, Verdict};

use crate::{correction::CorrectionRecord, findings::FindingSummary, record::ResultRecord};

/// Most ranges of B-scans that a finding lists.
const MAX_RANGES: usize = 4;

/// The paragraphs of the headline; the first is the most important.
pub(crate) fn headline(record: &ResultRecord<'_>) -> Vec<String> {
    let findings: Vec<String> = record.findings.iter().map(|f| finding(f, record.scan.bscans)).collect();
    let hidden_choroid = record.choroid_visible.filter(|_| record.quality.doubts_choroid());
    let mut said = match record.verdict {
        Verdict::NotARetina => vec![no_lines(record.no_retina)],
        verdict => paragraphs(verdict == Verdict::Good, &findings, record.lesions.is_some(), hidden_choroid),
    };
    said.extend(record.correction.as_ref().map(CorrectionRecord::words));
    said
}

/// The paragraph for a scan without lines.
fn no_lines(why: Option<NoRetina>) -> String {
    let why = why.map_or(String::new(), |reason| format!(" ({})", reason.words()));
    format!("This scan shows no layers of a retina{why}; it has no lines.")
}

/// The paragraphs for a scan that has lines and was or was not `searched` for lesions. `hidden_choroid` is the share of
/// the choroid that is visible, if it is too small.
fn paragraphs(good: bool, findings: &[String], searched: bool, hidden_choroid: Option<f32>) -> Vec<String> {
    let lines = if good { "Lines good" } else { "Lines doubtful, check them before you use them" };
    let first = match (findings, searched) {
        ([], true) => format!("{lines}; the program has no findings."),
        ([], false) => format!("{lines}."),
        _ => format!("{lines}; findings to be read by a clinician: {}.", findings.join(", ")),
    };
    let not_searched = (!searched).then(|| "This model does not look for fluid and other lesions.".to_owned());
    let choroid = hidden_choroid.map(|visible| {
        let percent = 100.0 * visible;
        format!(
            "Do not rely on the choroid's thickness: its end is visible in {percent:.0} % of the A-scans, and inferred in \
             the others."
        )
    });
    [Some(first), not_searched, choroid].into_iter().flatten().collect()
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
    fn good_lines_never_stand_alone_over_findings() {
        let findings = ["subretinal fluid (B-scan 4)".to_owned(), "optic disc (B-scan 1)".to_owned()];
        let words = |good| paragraphs(good, &findings, true, None);
        let expected =
            "Lines good; findings to be read by a clinician: subretinal fluid (B-scan 4), optic disc (B-scan 1).";
        assert_eq!(words(true), [expected]);
        assert!(words(false)[0].contains("check them before you use them; findings"));
    }

    #[test]
    fn the_reason_for_missing_lines_is_named() {
        assert_eq!(
            no_lines(Some(NoRetina::UpsideDown)),
            "This scan shows no layers of a retina (the image is upside down); it has no lines."
        );
        assert_eq!(no_lines(None), "This scan shows no layers of a retina; it has no lines.");
    }

    #[test]
    fn what_was_not_searched_or_is_hidden_is_said() {
        assert_eq!(paragraphs(true, &[], true, None), ["Lines good; the program has no findings."]);
        let [lines, not_searched, choroid] = &paragraphs(true, &[], false, Some(0.12))[..] else {
            panic!("three paragraphs")
        };
        assert_eq!(lines, "Lines good.");
        assert!(not_searched.contains("does not look for") && choroid.contains("visible in 12 %"));
    }

    #[test]
    fn bscans_are_counted_from_one_and_joined_to_ranges() {
        assert_eq!(bscans(&[3]), "B-scan 4");
        assert_eq!(bscans(&[0, 1, 2, 7]), "B-scans 1 to 3, 8");
        assert_eq!(bscans(&[0, 2, 4, 6, 8, 9, 11]), "B-scans 1, 3, 5, 7 and 3 more");
    }
}
