//! Plain lines: one stable, greppable line per state change.
//!
//! ```text
//! 2026-11-23T10:00:00Z started root=/srv/in out=/srv/out model=unet-640 sha256=9f2c1ab workers=2
//! 2026-11-23T10:00:01Z seen a/b.png bytes=380928
//! 2026-11-23T10:00:02Z done a/b.png bscans=1 seconds=1.9 verdict=good confidence=0.93 nfl=31.2um gcl_ipl=68.9um ...
//! 2026-11-23T10:00:09Z done c.png bscans=1 seconds=1.7 verdict=good findings="SRF,no EZ" confidence=0.91 nfl=29.8um ...
//! ```
//!
//! A line has the time in UTC, a word, the path if it is about a scan, and `key=value` pairs. A path or value with a
//! space, a quote or a control character is in double quotes with Rust's escapes. The words are `started`, `seen`,
//! `queued`, `known`, `vanished`, `running`, `done`, `retry`, `quarantined`, `offline`, `online`, `paused`, `resumed`,
//! `info`, `warning`, `error`, `draining` and `stopped`. An unknown thickness is `-`. `findings` are for a clinician to
//! read: lesions (IRF, SRF, sub-RPE, hole, SHRM), absent layers and the optic disc.

use std::{
    fmt::{Display, Write as _},
    io::{self, Write},
};

use crossbeam_channel::Receiver;
use jiff::Timestamp;
use octrls_core::{
    layer::Layer,
    shown::{is_unsafe, shown},
};
use octrls_engine::{Event, EventKind, Level, ScanChange, ScanSummary, Totals};

use super::{scan_names::ScanNames, writer};
use crate::{
    Controls,
    display_path::{display_path, display_paths},
    short_findings::short_findings,
};

/// Writes lines to `out` until the engine has stopped.
///
/// If `out` is a closed pipe, the engine is drained and the call then returns without an error.
///
/// # Errors
/// When writing fails for another reason.
pub fn run(events: &Receiver<Event>, out: impl Write, controls: &dyn Controls) -> io::Result<Totals> {
    let mut lines = PlainLines::new(out);
    writer::run(events, |event| lines.write_event(event), controls)
}

/// Turns events into plain lines.
#[derive(Debug)]
pub struct PlainLines<W> {
    out: W,
    names: ScanNames,
}

impl<W: Write> PlainLines<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, names: ScanNames::default() }
    }

    /// Writes the line of `event`, if it changes a state.
    ///
    /// # Errors
    /// When writing fails.
    pub fn write_event(&mut self, event: &Event) -> io::Result<()> {
        if let Some(text) = self.line(&event.kind) {
            writeln!(self.out, "{} {text}", utc(event.at))?;
            self.out.flush()?;
        }
        Ok(())
    }

    fn line(&mut self, kind: &EventKind) -> Option<String> {
        Some(match kind {
            EventKind::Started(session) => format!(
                "started root={} out={} model={} sha256={} workers={}",
                quoted(&display_paths(&session.roots)),
                quoted(&display_path(&session.out)),
                quoted(&session.model),
                session.model_sha256,
                session.workers
            ),
            EventKind::Scan { id, change } => {
                let (name, first) = self.names.update(*id, change);
                if !first {
                    return None;
                }
                let (word, fields) = scan_line(change)?;
                format!("{word} {}{fields}", quoted(&name))
            }
            EventKind::RootOnline(online) => if *online { "online" } else { "offline" }.into(),
            EventKind::Paused(paused) => if *paused { "paused" } else { "resumed" }.into(),
            EventKind::Notice { level, code, text } => {
                let word = match level {
                    Level::Info => "info",
                    Level::Warning => "warning",
                    Level::Error => "error",
                };
                let code = code.map(|c| format!(" code={c}")).unwrap_or_default();
                format!("{word}{code} text={}", quoted(text))
            }
            EventKind::Draining { running } => format!("draining running={running}"),
            EventKind::Stopped(totals) => format!(
                "stopped done={} known={} quarantined={} left={}",
                totals.done, totals.already_done, totals.quarantined, totals.left
            ),
        })
    }
}

fn scan_line(change: &ScanChange) -> Option<(&'static str, String)> {
    Some(match change {
        ScanChange::Seen { bytes, .. } => ("seen", format!(" bytes={bytes}")),
        ScanChange::Queued => ("queued", String::new()),
        ScanChange::AlreadyDone => ("known", String::new()),
        ScanChange::Vanished => ("vanished", String::new()),
        ScanChange::Running { attempt } => ("running", format!(" attempt={attempt}")),
        ScanChange::Opened(_) | ScanChange::BScan(_) => return None,
        ScanChange::Done(summary) => ("done", summary_fields(summary)),
        ScanChange::Retrying { code, reason, next_attempt, after } => {
            let after = after.as_secs_f64();
            ("retry", format!(" attempt={next_attempt} after={after:.1} code={code} reason={}", quoted(reason)))
        }
        ScanChange::Quarantined { code, reason } => ("quarantined", format!(" code={code} reason={}", quoted(reason))),
    })
}

fn summary_fields(summary: &ScanSummary) -> String {
    let seconds = summary.elapsed.as_secs_f64();
    let verdict = quoted(summary.verdict.words());
    let mut text = format!(" bscans={} seconds={seconds:.1} verdict={verdict}", summary.bscans);
    // Writing to a string cannot fail.
    if !summary.findings.is_empty() {
        let _ = write!(text, " findings={}", quoted(&short_findings(&summary.findings, ",")));
    }
    if summary.series > 1 {
        let _ = write!(text, " series={}", summary.series);
    }
    if !summary.flags.is_empty() {
        let _ = write!(text, " flags={}", summary.flags);
    }
    let _ = write!(text, " confidence={:.2}", summary.confidence);
    for (layer, mean) in Layer::ALL.iter().zip(summary.mean_thickness) {
        let value = mean.map_or_else(|| "-".into(), |mean| format!("{mean:.1}{}", summary.unit.symbol()));
        let _ = write!(text, " {}={value}", layer.key());
    }
    if let Some(words) = &summary.follow_up {
        let _ = write!(text, " follow_up={}", quoted(words));
    }
    text
}

fn utc(at: Timestamp) -> impl Display {
    at.strftime("%Y-%m-%dT%H:%M:%SZ")
}

/// `text`, quoted if it would otherwise split into several words.
fn quoted(text: &str) -> String {
    let splits = |c: char| c.is_whitespace() || is_unsafe(c) || c == '"';
    if text.is_empty() || text.contains(splits) { shown(&format!("{text:?}")).into_owned() } else { text.into() }
}
