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
const POLL: Duration = Duration::from_millis(50);

type Hook = dyn Fn(&panic::PanicHookInfo<'_>) + Send + Sync;

/// The terminal in raw mode; restored on drop.
pub(crate) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    previous: Arc<Hook>,
    /// Panic messages of other threads, printed after the terminal is restored.
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

    /// Draws a frame in one step, so that the terminal never shows a partial one.
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
        // A panicking thread may not change the hook.
        if !thread::panicking() {
            let previous = Arc::clone(&self.previous);
            panic::set_hook(Box::new(move |info| previous(info)));
        }
        for text in self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            eprintln!("{text}");
        }
    }
}

/// The panic hook. A panic of the screen's own thread restores the terminal before the message is printed. Other
/// threads' messages wait, and the dashboard stays.
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
        // A full channel would block the thread.
        while self.input.try_recv().is_ok() {}
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
