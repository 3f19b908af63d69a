//! JSON lines: one object per event, for other programs.
//!
//! Every object has `schema` (`"octrls.event/1"`), `at` (RFC 3339, UTC, milliseconds) and `event`. Objects about a scan
//! also have `id` and `path`. The other fields depend on `event`:
//!
//! | `event` | further fields |
//! | --- | --- |
//! | `started` | `root`, `roots`, `out`, `model`, `model_sha256`, `workers` |
//! | `seen` | `bytes` |
//! | `queued`, `known`, `vanished` | - |
//! | `running` | `attempt` |
//! | `opened` | `format`, `bscans`, `width`, `height`, `axial`, `lateral` (`um` and `from`, or null), `eye`, `pattern` |
//! | `bscan` | `index`, `verdict`, `confidence`, `unit`, `layers` (`mean`, `min`, `max`, `coverage` by layer), `network_seconds`, `surface_seconds` |
//! | `done` | `bscans`, `eye`, `unit`, `mean_thickness` (by layer), `verdict`, `flags` (letters of OSCAR-IB), `findings` (keys: `irf`, `srf`, `sub_rpe`, `hole`, `shrm`, `no_onl`, `no_ez`, `no_rpe`, `optic_disc`), `confidence`, `out`, `seconds` |
//! | `retry` | `code`, `reason`, `next_attempt`, `after_seconds` |
//! | `quarantined` | `code`, `reason` |
//! | `online` | `online` (false when the watched folder disappears) |
//! | `paused` | `paused` (false when the watcher resumes) |
//! | `notice` | `level`, `code`, `text` |
//! | `draining` | `running` |
//! | `stopped` | `done`, `already_done`, `quarantined`, `left` |
//!
//! Layers are named by [`Layer::key`]. Unknown values are null. Pixels are never included. New fields may be added
//! under the same schema name.

use std::io::{self, Write};

use crossbeam_channel::Receiver;
use octrls_core::{layer::Layer, segment::SegmentedBScan};
use octrls_engine::{Event, EventKind, ScanChange, Totals};
use serde_json::{Map, Value, json};

use super::{scan_names::ScanNames, writer};
use crate::{
    Controls,
    display_path::{display_path, display_paths},
};

/// Name and version of the schema, in every object.
pub(super) const SCHEMA: &str = "octrls.event/1";

/// Writes one object per line to `out` until the engine has stopped.
///
/// If `out` is a closed pipe, the engine is drained and the call then returns without an error.
///
/// # Errors
/// When writing fails for another reason.
pub fn run(events: &Receiver<Event>, out: impl Write, controls: &dyn Controls) -> io::Result<Totals> {
    let mut lines = JsonLines::new(out);
    writer::run(events, |event| lines.write_event(event), controls)
}

/// Turns events into JSON lines.
#[derive(Debug)]
pub struct JsonLines<W> {
    out: W,
    names: ScanNames,
}

impl<W: Write> JsonLines<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, names: ScanNames::default() }
    }

    /// Writes `event` as one object.
    ///
    /// # Errors
    /// When writing fails.
    pub fn write_event(&mut self, event: &Event) -> io::Result<()> {
        let (word, fields) = self.fields(&event.kind);
        let mut object = Map::new();
        object.insert("schema".into(), SCHEMA.into());
        object.insert("at".into(), format!("{:.3}", event.at).into());
        object.insert("event".into(), word.into());
        if let Value::Object(fields) = fields {
            object.extend(fields);
        }
        serde_json::to_writer(&mut self.out, &object)?;
        self.out.write_all(b"\n")?;
        self.out.flush()
    }

    fn fields(&mut self, kind: &EventKind) -> (&'static str, Value) {
        match kind {
            // Field by field, because a path that is not Unicode cannot be serialized.
            EventKind::Started(session) => (
                "started",
                json!({
                    "root": display_paths(&session.roots),
                    "roots": session.roots.iter().map(|root| display_path(root)).collect::<Vec<_>>(),
                    "out": display_path(&session.out),
                    "model": session.model,
                    "model_sha256": session.model_sha256,
                    "workers": session.workers,
                }),
            ),
            EventKind::Scan { id, change } => {
                let (path, _) = self.names.update(*id, change);
                let mut object = Map::from_iter([("id".into(), json!(id)), ("path".into(), json!(path))]);
                let (word, fields) = scan_fields(change);
                if let Value::Object(fields) = fields {
                    object.extend(fields);
                }
                (word, Value::Object(object))
            }
            EventKind::RootOnline(online) => ("online", json!({ "online": online })),
            EventKind::Paused(paused) => ("paused", json!({ "paused": paused })),
            EventKind::Notice { level, code, text } => {
                ("notice", json!({ "level": level, "code": code, "text": text }))
            }
            EventKind::Draining { running } => ("draining", json!({ "running": running })),
            EventKind::Stopped(totals) => ("stopped", json!(totals)),
        }
    }
}

fn scan_fields(change: &ScanChange) -> (&'static str, Value) {
    match change {
        ScanChange::Seen { bytes, .. } => ("seen", json!({ "bytes": bytes })),
        ScanChange::Queued => ("queued", Value::Null),
        ScanChange::AlreadyDone => ("known", Value::Null),
        ScanChange::Vanished => ("vanished", Value::Null),
        ScanChange::Running { attempt } => ("running", json!({ "attempt": attempt })),
        ScanChange::Opened(header) => (
            "opened",
            json!({
                "format": header.format, "bscans": header.bscans, "width": header.width, "height": header.height,
                "axial": header.axial, "lateral": header.lateral, "eye": header.eye, "pattern": header.pattern,
            }),
        ),
        ScanChange::BScan(bscan) => ("bscan", bscan_fields(bscan)),
        ScanChange::Done(summary) => (
            "done",
            json!({
                "bscans": summary.bscans,
                "eye": summary.eye,
                "unit": summary.unit,
                "mean_thickness": by_layer(|layer| number(summary.mean_thickness[layer.index()])),
                "verdict": summary.verdict,
                "flags": summary.flags,
                "findings": summary.findings.iter().map(|finding| finding.key()).collect::<Vec<_>>(),
                "confidence": number(Some(summary.confidence)),
                "out": display_path(&summary.out),
                "seconds": summary.elapsed.as_secs_f64(),
            }),
        ),
        ScanChange::Retrying { code, reason, next_attempt, after } => (
            "retry",
            json!({
                "code": code, "reason": reason, "next_attempt": next_attempt, "after_seconds": after.as_secs_f64(),
            }),
        ),
        ScanChange::Quarantined { code, reason } => ("quarantined", json!({ "code": code, "reason": reason })),
    }
}

fn bscan_fields(bscan: &SegmentedBScan) -> Value {
    let layers = by_layer(|layer| {
        let thickness = &bscan.thicknesses.layers[layer.index()];
        json!({
            "mean": number(thickness.mean), "min": number(thickness.min), "max": number(thickness.max),
            "coverage": number(Some(thickness.coverage)),
        })
    });
    json!({
        "index": bscan.index, "verdict": bscan.verdict(), "confidence": number(Some(bscan.confidence())),
        "unit": bscan.thicknesses.unit,
        "layers": layers, "network_seconds": bscan.network_time.as_secs_f64(),
        "surface_seconds": bscan.surface_time.as_secs_f64(),
    })
}

fn by_layer(value: impl Fn(Layer) -> Value) -> Value {
    Layer::ALL.into_iter().map(|layer| (layer.key().to_owned(), value(layer))).collect::<Map<_, _>>().into()
}

/// A value rounded to a thousandth; further digits are single-precision noise.
fn number(value: Option<f32>) -> Value {
    value.map_or(Value::Null, |v| json!((f64::from(v) * 1000.0).round() / 1000.0))
}
