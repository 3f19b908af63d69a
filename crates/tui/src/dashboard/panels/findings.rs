//! Lines below the B-scan that name its lesions and findings, and those of the whole scan once it is done.
//!
//! ```text
//!  good · ■IRF 0.017 mm², 54 µm  ■SRF 0.031 mm², 62 µm  no EZ
//!  scan, 6 mm · ■SRF 41 nl, 118 µm  no EZ  disc
//! ```
//! The lesions have the colours of the image, or its letters. A volume is that within a circle around the centre, whose
//! diameter is named; a height is the largest of the whole scan. Narrow lines leave out figures, then count what remains.

use octrls_core::{
    lesion::Lesion,
    measure::{FindingKind, LesionFigures, Verdict},
};
use octrls_report::LesionSummary;
use ratatui::text::{Line, Span};

use crate::dashboard::{images::letter, render_context::RenderContext};

/// Levels of detail, from bounds to the name alone.
const LEVELS: usize = 4;

/// Cells between two parts.
const GAP: &str = "  ";

/// A lesion with its figures at each level of detail, or another finding.
enum Part {
    Lesion(Lesion, [String; LEVELS]),
    Finding(FindingKind),
}

/// The lines for the shown B-scan and its scan, each entry in up to `rows` lines; `letters` replace the marks of the
/// lesions.
pub(super) fn lines(ctx: &RenderContext, letters: bool, width: usize, rows: usize) -> Vec<Line<'static>> {
    let entry = |start: &str, verdict: Verdict, parts: Vec<Part>| {
        let style = if verdict == Verdict::Good { ctx.theme.success() } else { ctx.theme.warning() };
        let start = Span::styled(format!("{start} · "), style);
        let entry = Entry { ctx, start, parts, letters, width };
        if entry.parts.is_empty() { Vec::new() } else { entry.lines(rows) }
    };
    let of_bscan = ctx.bscan.map(|(_, bscan)| {
        let measurements = &bscan.measurements;
        let lesions = measurements.lesions.iter().map(|figures| (figures.lesion, of_bscan(figures)));
        entry(measurements.verdict.words(), measurements.verdict, parts(lesions, &measurements.findings))
    });
    // A single B-scan is the scan.
    let summary = ctx.scan.and_then(|scan| scan.summary.as_deref());
    let of_scan = summary.filter(|summary| summary.bscans > 1 || ctx.bscan.is_none()).map(|summary| {
        let lesions = summary.lesions.iter().map(|lesion| (lesion.lesion, of_scan(lesion)));
        let word = if summary.verdict == Verdict::Good { "scan" } else { summary.verdict.words() };
        let diameter = summary.lesions.iter().find_map(|lesion| lesion.volume).map(|volume| volume.diameter_mm);
        let within = diameter.map_or_else(String::new, |mm| format!(", {mm} mm"));
        entry(&format!("{word}{within}"), summary.verdict, parts(lesions, &summary.findings))
    });
    of_bscan.into_iter().chain(of_scan).flatten().collect()
}

/// The lesions, and the findings that are none of them.
fn parts(lesions: impl Iterator<Item = (Lesion, [String; LEVELS])>, findings: &[FindingKind]) -> Vec<Part> {
    let mut parts: Vec<Part> = lesions.map(|(lesion, figures)| Part::Lesion(lesion, figures)).collect();
    let named = |kind: &FindingKind, parts: &[Part]| {
        parts.iter().any(|part| matches!(part, Part::Lesion(lesion, _) if FindingKind::Lesion(*lesion) == *kind))
    };
    let others: Vec<Part> = findings.iter().filter(|kind| !named(kind, &parts)).map(|k| Part::Finding(*k)).collect();
    parts.extend(others);
    parts
}

fn of_bscan(figures: &LesionFigures) -> [String; LEVELS] {
    let (area, bounds) = area(figures.area_px, figures.area_mm2, figures.area_bounds_mm2);
    let height = height(figures.height_um);
    [format!("{area}{bounds}{height}"), format!("{area}{height}"), area, String::new()]
}

/// The volume, or without one the largest area in a B-scan.
fn of_scan(lesion: &LesionSummary) -> [String; LEVELS] {
    let (size, bounds) = if let Some(volume) = &lesion.volume {
        let [least, most] = volume.bounds_nl.map(nanolitres);
        (format!("{} nl", nanolitres(volume.nl)), format!(" ({least}–{most})"))
    } else {
        let (area, bounds) = area(lesion.area_px, lesion.area_mm2, lesion.area_bounds_mm2);
        (format!("up to {area}"), bounds)
    };
    let height = height(lesion.height_um);
    [format!("{size}{bounds}{height}"), format!("{size}{height}"), size, String::new()]
}

/// An area and its bounds.
fn area(px: f64, mm2: Option<f64>, bounds: Option<[f64; 2]>) -> (String, String) {
    let digits = |mm2: f64| if mm2 < 0.0995 { format!("{mm2:.3}") } else { format!("{mm2:.2}") };
    match (mm2, bounds) {
        (Some(mm2), Some([least, most])) => {
            (format!("{} mm²", digits(mm2)), format!(" ({}–{})", digits(least), digits(most)))
        }
        _ => (format!("{px:.0} px²"), String::new()),
    }
}

fn height(um: Option<f64>) -> String {
    um.map_or_else(String::new, |um| format!(", {um:.0} µm"))
}

fn nanolitres(nl: f64) -> String {
    if nl < 9.95 { format!("{nl:.1}") } else { format!("{nl:.0}") }
}

/// The parts of an entry, and what is the same for all of them.
struct Entry<'a> {
    ctx: &'a RenderContext<'a>,
    start: Span<'static>,
    parts: Vec<Part>,
    letters: bool,
    width: usize,
}

impl Entry<'_> {
    /// The most detailed lines that fit. Heights are worth a second line, bounds are not.
    fn lines(&self, rows: usize) -> Vec<Line<'static>> {
        let attempts = [(0, 1), (1, 1), (1, rows), (2, rows), (LEVELS - 1, rows)];
        let wrapped = |(level, rows)| self.wrapped(level).filter(|lines| lines.len() <= rows);
        attempts.into_iter().find_map(wrapped).unwrap_or_else(|| vec![self.counted()])
    }

    /// All parts at a level of detail; further lines are indented. `None` if a part is wider than a line.
    fn wrapped(&self, level: usize) -> Option<Vec<Line<'static>>> {
        let mut lines = vec![vec![self.start.clone()]];
        let indent = self.start.width();
        let mut used = indent;
        for part in &self.parts {
            let spans = self.spans(part, level);
            let cells = spans.iter().map(Span::width).sum::<usize>();
            if used > indent && used + cells - GAP.len() > self.width {
                lines.push(vec![Span::raw(" ".repeat(indent))]);
                used = indent;
            }
            used += cells;
            if let Some(line) = lines.last_mut() {
                line.extend(spans);
            }
        }
        let fits = |line: &Line| line.width() <= self.width + GAP.len();
        let lines: Vec<Line> = lines.into_iter().map(Line::from).collect();
        lines.iter().all(fits).then_some(lines)
    }

    /// The names that fit in a line, and the number of others.
    fn counted(&self) -> Line<'static> {
        let mut spans = vec![self.start.clone()];
        let mut left = self.parts.len();
        for part in &self.parts {
            let next = self.spans(part, LEVELS - 1);
            let used: usize = spans.iter().chain(&next).map(Span::width).sum();
            let count = if left > 1 { format!("+{}", left - 1).len() } else { 0 };
            if used + count > self.width {
                break;
            }
            spans.extend(next);
            left -= 1;
        }
        if left > 0 {
            spans.push(Span::raw(format!("+{left}")));
        }
        Line::from(spans)
    }

    /// A part and the gap after it.
    fn spans(&self, part: &Part, level: usize) -> Vec<Span<'static>> {
        let theme = self.ctx.theme;
        match part {
            Part::Lesion(lesion, figures) => {
                let mark = if self.letters { format!("{} ", letter(*lesion)) } else { "■".to_owned() };
                let figure = &figures[level];
                let space = if figure.is_empty() { "" } else { " " };
                vec![
                    Span::styled(mark, theme.lesion(*lesion)),
                    Span::styled(lesion.name(), theme.strong()),
                    Span::raw(format!("{space}{figure}{GAP}")),
                ]
            }
            Part::Finding(kind) => vec![Span::styled(kind.short(), theme.strong()), Span::raw(GAP)],
        }
    }
}
