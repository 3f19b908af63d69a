//! Sets up the terminal, and restores it on every exit.

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

/// Time until the key reader notices that it should stop.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// A hook as [`panic::set_hook`] takes it.
type Hook = dyn Fn(&panic::PanicHookInfo<'_>) + Send + Sync;

/// The terminal in raw mode; restored on drop.
pub(crate) struct RawTerminal {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    previous_hook: Arc<Hook>,
    /// Panic messages of other threads, printed after the terminal is restored.
    deferred_messages: Arc<Mutex<Vec<String>>>,
}

impl RawTerminal {
    pub(crate) fn enter() -> io::Result<Self> {
        enable_raw_mode()?;
        let entered = execute!(stdout(), EnterAlternateScreen);
        let terminal = entered.and_then(|()| Terminal::new(CrosstermBackend::new(stdout())));
        let mut terminal = terminal.inspect_err(|_| restore_terminal())?;
        terminal.clear().inspect_err(|_| restore_terminal())?;
        let deferred_messages = Arc::new(Mutex::new(Vec::new()));
        let previous_hook: Arc<Hook> = Arc::from(panic::take_hook());
        panic::set_hook(panic_hook(Arc::clone(&previous_hook), Arc::clone(&deferred_messages)));
        Ok(Self { terminal, previous_hook, deferred_messages })
    }

    /// Draws a frame in one step, so that the terminal never shows a partial one.
    pub(crate) fn draw(&mut self, draw: impl FnOnce(&mut Frame)) -> io::Result<()> {
        queue!(stdout(), BeginSynchronizedUpdate)?;
        let drawn = self.terminal.draw(draw).map(|_| ());
        execute!(stdout(), EndSynchronizedUpdate)?;
        drawn
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        restore_terminal();
        // A panicking thread may not change the hook.
        if !thread::panicking() {
            let previous_hook = Arc::clone(&self.previous_hook);
            panic::set_hook(Box::new(move |info| previous_hook(info)));
        }
        for text in self.deferred_messages.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            eprintln!("{text}");
        }
    }
}

/// The panic hook. A panic of the dashboard's own thread restores the terminal before the message is printed. Other
/// threads' messages wait, and the dashboard stays.
fn panic_hook(previous_hook: Arc<Hook>, deferred_messages: Arc<Mutex<Vec<String>>>) -> Box<Hook> {
    let own = thread::current().id();
    Box::new(move |info| {
        if thread::current().id() == own {
            restore_terminal();
            previous_hook(info);
        } else {
            let name = thread::current().name().unwrap_or("unnamed").to_owned();
            deferred_messages.lock().unwrap_or_else(PoisonError::into_inner).push(format!("thread '{name}': {info}"));
        }
    })
}

fn restore_terminal() {
    // The terminal may be gone; there is nothing to do then.
    let _ = disable_raw_mode();
    let _ = execute!(stdout(), EndSynchronizedUpdate, LeaveAlternateScreen, Show);
}

/// An input from the terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input {
    Key(KeyEvent),
    /// The terminal was resized or focused.
    Redraw,
    /// The terminal is gone.
    Gone,
}

/// A thread that reads keys; stopped on drop.
pub(crate) struct KeyReader {
    pub(crate) input: Receiver<Input>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl KeyReader {
    pub(crate) fn start() -> io::Result<Self> {
        let (send, input) = bounded(64);
        let stop = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&stop);
        let work = move || {
            while !ended.load(Ordering::Relaxed) {
                let input = match event::poll(POLL_INTERVAL).and_then(|any| any.then(event::read).transpose()) {
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

impl Drop for KeyReader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A full channel would block the thread.
        while self.input.try_recv().is_ok() {}
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
