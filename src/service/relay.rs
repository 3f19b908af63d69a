//! Distributes the engine's events to all readers.

use std::{
    collections::BTreeMap,
    io,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, never, select, unbounded};

use octrls_engine::{Event, EventSink, is_due};

/// Time between two ticks.
const TICK: Duration = Duration::from_secs(1);

/// Kind of a sink; a relay has at most one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Slot {
    Attach,
    Log,
    Metrics,
    MetricsFile,
    ResultHook,
    Systemd,
}

type Sinks = BTreeMap<Slot, Box<dyn EventSink>>;

/// A thread that passes events to sinks and a screen.
pub(crate) struct Relay {
    /// Events for the screen.
    pub(crate) events: Receiver<Event>,
    thread: JoinHandle<()>,
}

/// Replaces sinks of a running relay.
#[derive(Clone)]
pub(crate) struct Switch(Sender<(Slot, Option<Box<dyn EventSink>>)>);

impl Switch {
    /// Replaces the sink in `slot`; `None` removes it.
    pub(crate) fn put(&self, slot: Slot, sink: Option<Box<dyn EventSink>>) {
        // Fails only after the relay has ended.
        let _ = self.0.send((slot, sink));
    }
}

impl Relay {
    /// Starts to pass `events` to `sinks`, until the events end. The switch can change the sinks later.
    ///
    /// # Errors
    /// If no thread can be started.
    pub(crate) fn start(events: Receiver<Event>, sinks: Vec<(Slot, Box<dyn EventSink>)>) -> io::Result<(Self, Switch)> {
        let (screen, screen_events) = unbounded();
        let (switch, mut changes) = unbounded();
        let mut sinks = Sinks::from_iter(sinks);
        let work = move || {
            let mut last_tick = Instant::now();
            loop {
                select! {
                    recv(events) -> event => {
                        let Ok(event) = event else { return };
                        for sink in sinks.values_mut() {
                            sink.event(&event);
                        }
                        send_to_screen(&screen, event);
                    }
                    recv(changes) -> change => match change {
                        Ok((slot, Some(sink))) => _ = sinks.insert(slot, sink),
                        Ok((slot, None)) => _ = sinks.remove(&slot),
                        Err(_) => changes = never(),
                    },
                    default(TICK) => {}
                }
                if last_tick.elapsed() >= TICK {
                    last_tick = Instant::now();
                    for sink in sinks.values_mut() {
                        sink.tick();
                    }
                }
            }
        };
        let thread = thread::Builder::new().name("octrls-relay".into()).spawn(work)?;
        Ok((Self { events: screen_events, thread }, Switch(switch)))
    }

    /// Waits until all sinks have handled the last event and are dropped.
    pub(crate) fn finish(self) {
        drop(self.events);
        // The panic hook has already reported a panic.
        let _ = self.thread.join();
    }
}

/// Sends to the screen, which may lag or be gone.
fn send_to_screen(screen: &Sender<Event>, event: Event) {
    if is_due(&event.kind, screen.len()) {
        let _ = screen.send(event);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;
    use octrls_tui::fixtures;

    struct Counter(Arc<AtomicUsize>);

    impl EventSink for Counter {
        fn event(&mut self, _: &Event) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn every_sink_and_the_screen_get_every_event() {
        let (sender, events) = unbounded();
        let counts = [Arc::<AtomicUsize>::default(), Arc::default()];
        let sink = |i: usize| Box::new(Counter(Arc::clone(&counts[i]))) as Box<dyn EventSink>;
        let (relay, switch) = Relay::start(events, vec![(Slot::Log, sink(0)), (Slot::Metrics, sink(1))]).unwrap();
        for event in fixtures::sample_events().iter().take(3) {
            sender.send(event.clone()).unwrap();
        }
        let shown: Vec<Event> = relay.events.iter().take(3).collect();
        switch.put(Slot::Log, None);
        drop(sender);
        relay.finish();
        assert_eq!((shown.len(), counts[0].load(Ordering::Relaxed), counts[1].load(Ordering::Relaxed)), (3, 3, 3));
    }
}
