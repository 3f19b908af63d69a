//! Plays the sample events through a screen, to develop screens without scans or a model.
//!
//! ```text
//! cargo run --example dashboard_replay [-- [--speed 4] [plain | json | IMAGE]]
//! ```
//! `IMAGE` is one of the values of `--image`: auto, kitty, sixel, iterm, half, text, off.

use std::{
    io::{self, stdout},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use clap::ValueEnum;
use crossbeam_channel::{Sender, bounded};
use jiff::Timestamp;
use octrls_engine::{Event, EventKind, ScanChange, ScanId, Totals};
use octrls_tui::{
    Controls,
    dashboard::{DashboardOptions, ImageMode, TerminalSession},
    fixtures, json, plain,
};

/// A stand-in for the engine's handle.
#[derive(Clone, Default)]
struct Player {
    stop: Arc<AtomicBool>,
    paused: Arc<AtomicBool>,
}

impl Controls for Player {
    fn drain(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    fn abort(&self) {
        self.drain();
    }

    fn pause(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
    }

    fn rescan(&self) {}

    fn retry(&self, _: ScanId) {}

    fn change_ledger(&self, _: octrls_tui::LedgerChange) {}
}

impl Player {
    fn play(&self, speed: f64, events: &Sender<Event>) {
        let send = |kind| {
            let _ = events.send(Event { at: Timestamp::now(), kind });
        };
        let mut clock = fixtures::start();
        let finish = |id, bscans, seconds| EventKind::Scan { id: ScanId(id), change: fixtures::done(bscans, seconds) };
        let sample = fixtures::sample_events().into_iter().map(|event| (event.at, event.kind));
        let rest = (31..49).map(|index| {
            let bscan = Arc::new(fixtures::segmented_bscan(index, Some(fixtures::AXIAL)));
            let seconds = 7.0 + 0.2 * index as f64;
            let event = fixtures::scan_event(seconds, 4, ScanChange::BScan(bscan));
            (event.at, event.kind)
        });
        let end = fixtures::event(18.0, finish(4, 49, 10.7));
        for (at, kind) in sample.chain(rest).chain([(end.at, end.kind)]) {
            let wait = at.duration_since(clock).as_secs_f64().max(0.0) / speed;
            clock = clock.max(at);
            thread::sleep(Duration::from_secs_f64(wait));
            while self.paused.load(Ordering::Relaxed) && !self.stop.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(20));
            }
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            send(kind);
        }
        while !self.stop.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(20));
        }
        send(EventKind::Draining { running: 1 });
        thread::sleep(Duration::from_millis(800));
        send(EventKind::Stopped(Totals { done: 3, already_done: 1, quarantined: 1, left: 5 }));
    }
}

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (mut speed, mut screen) = (1.0, "auto".to_owned());
    while let Some(argument) = arguments.next() {
        if argument == "--speed" {
            speed = arguments.next().and_then(|s| s.parse().ok()).unwrap_or(1.0);
        } else {
            screen = argument;
        }
    }
    let (send, events) = bounded(64);
    let player = Player::default();
    let engine = player.clone();
    let engine = thread::spawn(move || engine.play(speed, &send));
    match screen.as_str() {
        "plain" => drop(plain::run(&events, stdout().lock(), &player)?),
        "json" => drop(json::run(&events, stdout().lock(), &player)?),
        image => {
            let image = ImageMode::from_str(image, true).map_err(io::Error::other)?;
            TerminalSession::start()?.run(
                &events,
                &player,
                &DashboardOptions { image, ..DashboardOptions::default() },
            )?;
        }
    }
    drop(events);
    let _ = engine.join();
    Ok(())
}
