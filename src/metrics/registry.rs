//! The metrics, updated by the engine's events.

use std::{path::PathBuf, sync::Arc};

use jiff::Timestamp;
use prometheus::{
    Encoder, Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder, core::Collector,
};

use octrls_core::measure::Verdict;
use octrls_engine::{Event, EventKind, EventSink, Level, ScanChange};

use crate::service::ScanCounts;

/// Histogram buckets for scans, in seconds: from a line scan on a fast machine to a large volume on a slow one.
const SCAN_SECONDS: [f64; 12] = [0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0];
/// Histogram buckets for B-scans, in seconds.
const BSCAN_SECONDS: [f64; 11] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

const OUTCOMES: [&str; 5] = ["done", "known", "vanished", "quarantined", "retried"];
const LEVELS: [&str; 3] = ["info", "warning", "error"];

/// The metrics; clones share them.
#[derive(Clone)]
pub(crate) struct Metrics {
    registry: Registry,
    /// Folder whose free disk space is reported.
    out: Arc<PathBuf>,
    scans: IntCounterVec,
    verdicts: IntCounterVec,
    bscans: IntCounter,
    notices: IntCounterVec,
    queue: IntGaugeVec,
    scan_seconds: Histogram,
    bscan_seconds: Histogram,
    last_success: Gauge,
    online: IntGauge,
    paused: IntGauge,
    disk_free: Gauge,
    info: GaugeVec,
}

impl Metrics {
    /// Creates and registers all metrics; `out` is the result folder.
    ///
    /// # Errors
    /// If two metrics have the same name, which is a bug here.
    pub(crate) fn new(out: PathBuf) -> prometheus::Result<Self> {
        let counters = |name, help, label| IntCounterVec::new(Opts::new(name, help), &[label]);
        let histogram =
            |name, help, bounds: &[f64]| Histogram::with_opts(HistogramOpts::new(name, help).buckets(bounds.to_vec()));
        let metrics = Self {
            registry: Registry::new(),
            out: Arc::new(out),
            scans: counters("octrls_scans_total", "Scans by outcome; retried counts failed attempts.", "outcome")?,
            verdicts: counters("octrls_verdicts_total", "Finished scans by quality verdict.", "verdict")?,
            bscans: IntCounter::new("octrls_bscans_total", "B-scans of finished scans.")?,
            notices: counters("octrls_notices_total", "Messages for the operator.", "level")?,
            queue: IntGaugeVec::new(Opts::new("octrls_scans", "Unfinished scans by state."), &["state"])?,
            scan_seconds: histogram("octrls_scan_seconds", "Time from starting a scan to its results.", &SCAN_SECONDS)?,
            bscan_seconds: histogram(
                "octrls_bscan_seconds",
                "Computing time of a B-scan. Under load, not every B-scan is counted.",
                &BSCAN_SECONDS,
            )?,
            last_success: Gauge::new(
                "octrls_last_success_timestamp_seconds",
                "Time when a scan last finished; 0 before the first.",
            )?,
            online: IntGauge::new("octrls_root_online", "1 while the watched folder is available.")?,
            paused: IntGauge::new("octrls_paused", "1 while the watcher is paused by an operator.")?,
            disk_free: Gauge::new("octrls_disk_free_bytes", "Free disk space for results.")?,
            info: GaugeVec::new(Opts::new("octrls_info", "Version and model."), &["version", "model", "model_sha256"])?,
        };
        let started = Gauge::new("octrls_start_time_seconds", "Time when this process started to watch.")?;
        started.set(now());
        let all: [Box<dyn Collector>; 14] = [
            Box::new(metrics.scans.clone()),
            Box::new(metrics.verdicts.clone()),
            Box::new(metrics.bscans.clone()),
            Box::new(metrics.notices.clone()),
            Box::new(metrics.queue.clone()),
            Box::new(metrics.scan_seconds.clone()),
            Box::new(metrics.bscan_seconds.clone()),
            Box::new(metrics.last_success.clone()),
            Box::new(metrics.online.clone()),
            Box::new(metrics.paused.clone()),
            Box::new(metrics.disk_free.clone()),
            Box::new(metrics.info.clone()),
            Box::new(started),
            Box::new(IntGauge::new("octrls_up", "1 while this process watches.").inspect(|up| up.set(1))?),
        ];
        all.into_iter().try_for_each(|figure| metrics.registry.register(figure))?;
        // Prometheus needs a zero first: a counter that appears with 1 shows no increase.
        for outcome in OUTCOMES {
            metrics.scans.with_label_values(&[outcome]);
        }
        for verdict in [Verdict::Good, Verdict::Doubtful, Verdict::NotARetina] {
            metrics.verdicts.with_label_values(&[verdict_label(verdict)]);
        }
        for level in LEVELS {
            metrics.notices.with_label_values(&[level]);
        }
        metrics.online.set(1);
        metrics.queue(&ScanCounts::default());
        Ok(metrics)
    }

    /// A sink that updates the metrics.
    pub(crate) fn sink(&self) -> MetricsSink {
        MetricsSink { metrics: self.clone(), counts: ScanCounts::default() }
    }

    /// All metrics in Prometheus's text format.
    ///
    /// # Errors
    /// If encoding fails.
    pub(crate) fn text(&self) -> prometheus::Result<Vec<u8>> {
        // Zero would look like a full disk.
        self.disk_free.set(fs4::available_space(&*self.out).map_or(f64::NAN, |bytes| bytes as f64));
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }

    /// Whether the watched folder is available.
    pub(crate) fn is_online(&self) -> bool {
        self.online.get() == 1
    }

    fn queue(&self, counts: &ScanCounts) {
        for (state, count) in
            [("waiting", counts.waiting()), ("running", counts.running()), ("retrying", counts.retrying())]
        {
            self.queue.with_label_values(&[state]).set(count as i64);
        }
    }
}

/// Updates the metrics from the engine's events.
pub(crate) struct MetricsSink {
    metrics: Metrics,
    counts: ScanCounts,
}

impl EventSink for MetricsSink {
    fn event(&mut self, event: &Event) {
        self.counts.event(event);
        let metrics = &self.metrics;
        let count = |outcome| metrics.scans.with_label_values(&[outcome]).inc();
        match &event.kind {
            EventKind::Started(session) => {
                let labels = [env!("CARGO_PKG_VERSION"), &session.model, &session.model_sha256];
                metrics.info.with_label_values(&labels).set(1.0);
            }
            EventKind::RootOnline(online) => metrics.online.set((*online).into()),
            EventKind::Paused(paused) => metrics.paused.set((*paused).into()),
            EventKind::Notice { level, .. } => {
                let level = match level {
                    Level::Info => LEVELS[0],
                    Level::Warning => LEVELS[1],
                    Level::Error => LEVELS[2],
                };
                metrics.notices.with_label_values(&[level]).inc();
            }
            EventKind::Draining { .. } | EventKind::Stopped(_) => {}
            EventKind::Scan { change, .. } => match change {
                ScanChange::Done(summary) => {
                    count("done");
                    metrics.verdicts.with_label_values(&[verdict_label(summary.verdict)]).inc();
                    metrics.bscans.inc_by(summary.bscans as u64);
                    metrics.scan_seconds.observe(summary.elapsed.as_secs_f64());
                    metrics.last_success.set(event.at.as_millisecond() as f64 / 1000.0);
                }
                ScanChange::BScan(bscan) => {
                    metrics.bscan_seconds.observe((bscan.network_time + bscan.surface_time).as_secs_f64());
                }
                ScanChange::AlreadyDone => count("known"),
                ScanChange::Vanished => count("vanished"),
                ScanChange::Quarantined { .. } => count("quarantined"),
                ScanChange::Retrying { .. } => count("retried"),
                ScanChange::Seen { .. } | ScanChange::Queued | ScanChange::Running { .. } | ScanChange::Opened(_) => {}
            },
        }
    }

    fn tick(&mut self) {
        self.metrics.queue(&self.counts);
    }
}

const fn verdict_label(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "good",
        Verdict::Doubtful => "doubtful",
        Verdict::NotARetina => "not_a_retina",
    }
}

fn now() -> f64 {
    Timestamp::now().as_millisecond() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use octrls_tui::fixtures;

    #[test]
    fn events_update_the_metrics() {
        let metrics = Metrics::new(std::env::temp_dir()).unwrap();
        let mut sink = metrics.sink();
        for event in &fixtures::morning() {
            sink.event(event);
        }
        sink.tick();
        let text = String::from_utf8(metrics.text().unwrap()).unwrap();
        for line in [
            "octrls_scans_total{outcome=\"done\"} 2",
            "octrls_scans_total{outcome=\"known\"} 1",
            "octrls_scans_total{outcome=\"quarantined\"} 1",
            "octrls_scans_total{outcome=\"vanished\"} 0",
            "octrls_scans{state=\"running\"} 2",
            "octrls_scans{state=\"waiting\"} 3",
            "octrls_scans{state=\"retrying\"} 1",
            "octrls_scan_seconds_count 2",
            "octrls_root_online 1",
            "octrls_up 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
        assert!(!text.contains("P00"), "no file name: {text}");
        assert!(!text.contains("/srv"), "no folder: {text}");
    }
}
