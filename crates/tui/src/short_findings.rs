//! Findings in short words, the same on all screens.

use octrls_core::measure::FindingKind;

/// The short words of `findings`, joined by `separator`.
pub(crate) fn short_findings(findings: &[FindingKind], separator: &str) -> String {
    findings.iter().map(|finding| finding.short()).collect::<Vec<_>>().join(separator)
}
