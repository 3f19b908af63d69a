//! The terminal: taken over, and given back on every way out.

use std::{
    io::{self, Stdout, stdout},
    panic,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crossbeam_channel::{Receiver, bounded};
use ratatui::{
    Frame, Terminal,
    backend::CrosstermBackend,
    crossterm::{
        cursor::Show,
        event::{self, Event, KeyEvent},
        execute, queue,
        terminal::{
            BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
            disable_raw_mode, enable_raw_mode,
        },
    },
};

/// How soon the reader of keys notices that it is to end.
const POLL: Duration = Duration::from_millis(50);

type Hook = dyn Fn(&panic::PanicHookInfo<'_>) + Send + Sync;

/// The screen, in raw mode, until dropped.
pub(crate) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    previous: Arc<Hook>,
    /// Panics of other threads, to be told once the screen is given back.
    elsewhere: Arc<Mutex<Vec<String>>>,
}

impl Screen {
    pub(crate) fn enter() -> io::Result<Self> {
        enable_raw_mode()?;
        let entered = execute!(stdout(), EnterAlternateScreen);
        let terminal = entered.and_then(|()| Terminal::new(CrosstermBackend::new(stdout())));
        let mut terminal = terminal.inspect_err(|_| give_back())?;
        terminal.clear().inspect_err(|_| give_back())?;
        let elsewhere = Arc::new(Mutex::new(Vec::new()));
        let previous: Arc<Hook> = Arc::from(panic::take_hook());
        panic::set_hook(hook(Arc::clone(&previous), Arc::clone(&elsewhere)));
        Ok(Self { terminal, previous, elsewhere })
    }

    /// Draws at once: the terminal shows the old picture or the new one, never a mixture.
    pub(crate) fn draw(&mut self, draw: impl FnOnce(&mut Frame)) -> io::Result<()> {
        queue!(stdout(), BeginSynchronizedUpdate)?;
        let drawn = self.terminal.draw(draw).map(|_| ());
        execute!(stdout(), EndSynchronizedUpdate)?;
        drawn
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
        // A thread that panics may not touch the hook; the process ends with the one that is set.
        if !thread::panicking() {
            let previous = Arc::clone(&self.previous);
            panic::set_hook(Box::new(move |info| previous(info)));
        }
        for text in self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            eprintln!("{text}");
        }
    }
}

/// A panic of the screen's own thread gives the terminal back before its message is printed. One of another thread
/// leaves the dashboard up, and its message waits.
fn hook(previous: Arc<Hook>, elsewhere: Arc<Mutex<Vec<String>>>) -> Box<Hook> {
    let own = thread::current().id();
    Box::new(move |info| {
        if thread::current().id() == own {
            give_back();
            previous(info);
        } else {
            let name = thread::current().name().unwrap_or("unnamed").to_owned();
            elsewhere.lock().unwrap_or_else(PoisonError::into_inner).push(format!("thread '{name}': {info}"));
        }
    })
}

fn give_back() {
    // Nothing is left to do about a terminal that went away.
    let _ = disable_raw_mode();
    let _ = execute!(stdout(), EndSynchronizedUpdate, LeaveAlternateScreen, Show);
}

/// What came from the terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input {
    Key(KeyEvent),
    /// The size changed, or the terminal came to the front.
    Redraw,
    /// The terminal went away.
    Gone,
}

/// A thread that reads keys until dropped.
pub(crate) struct Keys {
    pub(crate) input: Receiver<Input>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Keys {
    pub(crate) fn read() -> io::Result<Self> {
        let (send, input) = bounded(64);
        let stop = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&stop);
        let work = move || {
            while !ended.load(Ordering::Relaxed) {
                let input = match event::poll(POLL).and_then(|any| any.then(event::read).transpose()) {
                    Ok(None) => continue,
                    Ok(Some(Event::Key(key))) => Input::Key(key),
                    Ok(Some(_)) => Input::Redraw,
                    Err(_) => Input::Gone,
                };
                if send.send(input).is_err() || matches!(input, Input::Gone) {
                    break;
                }
            }
        };
        let thread = Some(thread::Builder::new().name("keys".into()).spawn(work)?);
        Ok(Self { input, stop, thread })
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A full channel would keep the thread from noticing.
        while self.input.try_recv().is_ok() {}
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
