//! The details of the selected scan: what it is, why it is judged so, what changed, where its files are.

use octrls_core::{
    measure::{ThicknessUnit, flag_words},
    scan::{Pattern, Provenance, Spacing},
};
use octrls_report::StoredCriterion;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use super::frame::draw_popup_frame;
use crate::{
    dashboard::{
        keymap::{Action, KeyContext},
        render_context::{RenderContext, unit_symbol},
        text,
    },
    display_path::display_path,
    state::{ScanRecord, ScanState},
};

/// Cells of the names of the facts.
const NAMES: usize = 11;
/// Widest text, so that lines stay readable.
const MAX_WIDTH: u16 = 96;

/// Draws the details, scrolled so that they start at `first_line`; returns the number of lines.
pub(crate) fn draw(ctx: &RenderContext, first_line: usize, area: Rect, buf: &mut Buffer) {
    let width = area.width.min(MAX_WIDTH);
    let lines = lines(ctx, usize::from(width.saturating_sub(4)));
    let height = (lines.len() as u16 + 2).min(area.height);
    let shown = usize::from(height.saturating_sub(2));
    let first = first_line.min(lines.len().saturating_sub(shown));
    let close = ctx.keys.key_of(KeyContext::Help, Action::Close);
    let title = if shown < lines.len() {
        let [up, down] = [Action::Up, Action::Down].map(|action| ctx.keys.key_of(KeyContext::Help, action));
        format!("Details · {up} {down} scroll · {close} closes")
    } else {
        format!("Details · {close} closes")
    };
    let inner = draw_popup_frame(ctx, &title, (width, height), area, buf);
    for (line, y) in lines.iter().skip(first).zip(inner.top()..inner.bottom()) {
        buf.set_line(inner.x, y, line, inner.width);
    }
}

/// All lines, none wider than `width`.
pub(crate) fn lines(ctx: &RenderContext, width: usize) -> Vec<Line<'static>> {
    let Some(scan) = ctx.scan else { return vec![Line::raw("no scan is selected")] };
    let mut facts: Vec<(&str, String)> = vec![("scan", scan.name.clone()), ("state", state(ctx, scan))];
    if let Some(header) = &scan.header {
        facts.push(("format", format!("{}, {} × {} px", header.format, header.width, header.height)));
        let pattern = pattern(header.pattern).map_or_else(String::new, |words| format!(", {words}"));
        facts.push(("B-scans", format!("{}{pattern}{}", header.bscans, from(header.pattern_from))));
        let eye = header.eye.map_or_else(|| "unknown".to_owned(), |eye| eye.code().to_owned());
        facts.push(("eye", format!("{eye}{}", from(header.eye_from))));
        let spacings = [("axial", header.axial), ("lateral", header.lateral)];
        facts.extend(spacings.map(|(name, value)| (name, spacing(value))));
        if let Some(places) = header.places {
            facts.push(("positions", format!("known{}", from(Some(places)))));
        }
    }
    if let Some(summary) = &scan.summary {
        facts.push(("verdict", format!("{}, confidence {:.2}", summary.verdict.words(), summary.confidence)));
        let flags = flag_words(&summary.flags);
        facts.push(("flags", if flags.is_empty() { "none".into() } else { format!("{flags} ({})", summary.flags) }));
        let findings: Vec<String> = summary.findings.iter().map(|finding| finding.words()).collect();
        facts.push(("findings", if findings.is_empty() { "none".into() } else { findings.join(", ") }));
        facts.extend(summary.notes.iter().map(|note| ("note", note.words().into_owned())));
        if let Some(change) = &summary.follow_up {
            facts.push(("change", change.clone()));
        }
        if summary.unit == ThicknessUnit::Pixels {
            facts.push(("thickness", format!("in {}: no axial spacing is known", unit_symbol(summary.unit))));
        }
    }
    facts.extend(scan.reviews.iter().map(|review| {
        let comment = if review.comment.is_empty() { String::new() } else { format!(": {}", review.comment) };
        ("review", format!("{} by {}, {}{comment}", review.state.name(), review.reviewer, ctx.day_and_time(review.at)))
    }));
    if let Some(opened) = ctx.result() {
        let result = &opened.result;
        facts.extend(result.criteria().iter().filter(|c| c.outcome == "flagged").map(|c| ("quality", reason(c))));
        let unjudged: Vec<&str> =
            result.criteria().iter().filter(|c| c.outcome == "not_judged").map(|c| measure_words(&c.measure)).collect();
        if !unjudged.is_empty() {
            facts.push(("not judged", unjudged.join(", ")));
        }
        if let Some(previous) = result.follow_up().and_then(previous_visit) {
            facts.push(("visit", previous));
        }
        facts.push(("written", ctx.day_and_time(result.created())));
        if let Some(reason) = &opened.without_pixels {
            facts.push(("image", format!("not shown: {reason}")));
        }
        facts.push(("folder", display_path(result.folder())));
        facts.push(("files", result.files().join(", ")));
    } else if let Some(folder) = scan.result_folder() {
        facts.push(("folder", display_path(&folder)));
    }
    let room = width.saturating_sub(NAMES);
    facts
        .into_iter()
        .flat_map(|(name, value)| {
            let style = ctx.theme.dim();
            text::wrap(&value, room).into_iter().enumerate().map(move |(i, line)| {
                let name = if i == 0 { name } else { "" };
                Line::from(vec![Span::styled(text::pad(name, NAMES), style), Span::raw(line)])
            })
        })
        .collect()
}

fn state(ctx: &RenderContext, scan: &ScanRecord) -> String {
    let at = ctx.day_and_time(scan.changed);
    match &scan.state {
        ScanState::Quarantined { code, reason } | ScanState::Retry { code, reason, .. } => {
            format!("{} since {at} after {} attempts: {code} {reason}", scan.state.word(), scan.attempt)
        }
        state => format!("{} since {at}", state.word()),
    }
}

const fn pattern(pattern: Pattern) -> Option<&'static str> {
    match pattern {
        Pattern::Line => Some("a line"),
        Pattern::RasterVolume => Some("parallel"),
        Pattern::Radial => Some("radial"),
        Pattern::Circle => Some("a circle"),
        Pattern::Unknown => None,
    }
}

fn spacing(spacing: Option<Spacing>) -> String {
    spacing.map_or_else(|| "unknown".to_owned(), |s| format!("{:.2} µm/px{}", s.um, from(Some(s.from))))
}

/// Where a fact comes from.
fn from(source: Option<Provenance>) -> String {
    let words = match source {
        None => return String::new(),
        Some(Provenance::Header) => "stated by the scanner",
        Some(Provenance::Sidecar) => "from the sidecar",
        Some(Provenance::Operator) => "from the command line",
        Some(Provenance::Format) => "the same for every scan of this format",
        Some(Provenance::Name) => "from the file's name",
        Some(Provenance::Convention) => "by convention, not stated",
        Some(Provenance::Default) => "a usual value, not stated",
    };
    format!(" ({words})")
}

/// Why a criterion is flagged.
fn reason(criterion: &StoredCriterion) -> String {
    let what = measure_words(&criterion.measure);
    match (criterion.measured, criterion.gate) {
        (Some(measured), Some(gate)) => {
            let side = if measured < gate { "below" } else { "above" };
            format!("{what} is {}, {side} the limit of {}", number(measured), number(gate))
        }
        (Some(measured), None) => format!("{what} is {}", number(measured)),
        _ => what.to_owned(),
    }
}

fn number(value: f32) -> String {
    let digits = if value.abs() < 9.95 { 2 } else { 1 };
    format!("{value:.digits$}")
}

/// What a measure of `result.json` is.
fn measure_words(measure: &str) -> &str {
    match measure {
        "cut_off" => "share of the retina cut off",
        "coverage" => "share with a retina",
        "device_signal_db" => "signal (dB, scanner)",
        "snr_db" => "signal-to-noise ratio (dB)",
        "contrast" => "contrast",
        "decentration_mm" => "distance of the fovea from the middle (mm)",
        "verdict" => "verdict",
        "confidence" => "confidence",
        "none" => "not measured",
        "dark" => "share of dark A-scans",
        "tilt" => "tilt of the beam",
        "choroid_visible" => "share with a visible choroid",
        "axial_um" => "axial spacing (µm)",
        "lateral_um" => "lateral spacing (µm)",
        "retina_um" => "thickness of the retina (µm)",
        other => other,
    }
}

/// When the previous visit was, from the follow-up of `result.json`.
fn previous_visit(follow_up: &serde_json::Value) -> Option<String> {
    let previous = follow_up.get("previous")?;
    let acquired = previous.get("acquired").or(Some(previous))?.as_str()?;
    Some(format!("compared with {acquired}"))
}
