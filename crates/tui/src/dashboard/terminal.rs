//! Sets up the terminal, and restores it on every exit.

use std::{
    cell::Cell,
    io::{self, BufWriter, IsTerminal, Write, stdin, stdout},
    panic,
    rc::Rc,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crossbeam_channel::{Receiver, bounded};
use octrls_engine::describe_panic;
use octrls_fs::platform::is_hung_up;
use ratatui::{
    Frame, Terminal,
    backend::CrosstermBackend,
    crossterm::{
        cursor::Show,
        event::{self, DisableMouseCapture, EnableMouseCapture, Event, KeyEvent, MouseEvent},
        execute, queue,
        terminal::{
            BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
            LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
        },
    },
};
use signal_hook::{
    consts::{SIGCONT, SIGHUP, SIGTERM, SIGTSTP},
    iterator::{Handle, Signals},
    low_level::emulate_default_handler,
};

use super::pacer::{MeteredOutput, Written};

/// Bytes of a frame that are collected before they are written.
const BUFFER_BYTES: usize = 1 << 16;

/// Time until the key reader notices that it should stop.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// A hook as [`panic::set_hook`] takes it.
type Hook = dyn Fn(&panic::PanicHookInfo<'_>) + Send + Sync;

/// The terminal in raw mode; restored on drop.
pub(crate) struct RawTerminal {
    terminal: Terminal<CrosstermBackend<BufWriter<MeteredOutput>>>,
    written: Rc<Cell<Written>>,
    /// Whether the terminal reports the mouse.
    mouse: bool,
    previous_hook: Arc<Hook>,
    /// Panic messages of other threads, printed after the terminal is restored.
    deferred_messages: Arc<Mutex<Vec<String>>>,
}

impl RawTerminal {
    pub(crate) fn enter() -> io::Result<Self> {
        enable_raw_mode()?;
        let entered = execute!(stdout(), EnterAlternateScreen);
        let (output, written) = MeteredOutput::new();
        let output = BufWriter::with_capacity(BUFFER_BYTES, output);
        let terminal = entered.and_then(|()| Terminal::new(CrosstermBackend::new(output)));
        let mut terminal = terminal.inspect_err(|_| restore_terminal())?;
        clear(&mut terminal).inspect_err(|_| restore_terminal())?;
        let deferred_messages = Arc::new(Mutex::new(Vec::new()));
        let previous_hook: Arc<Hook> = Arc::from(panic::take_hook());
        panic::set_hook(panic_hook(Arc::clone(&previous_hook), Arc::clone(&deferred_messages)));
        Ok(Self { terminal, written, mouse: false, previous_hook, deferred_messages })
    }

    /// Draws a frame in one step, so that the terminal never shows a partial one; returns what was written.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame)) -> io::Result<Written> {
        self.written.set(Written::default());
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        let drawn = self.terminal.draw(draw).map(|_| ());
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate)?;
        drawn.map(|()| self.written.get())
    }

    /// Receives the mouse, or leaves it to the terminal.
    pub(crate) fn set_mouse(&mut self, on: bool) -> io::Result<()> {
        self.mouse = on;
        if on {
            execute!(self.terminal.backend_mut(), EnableMouseCapture)
        } else {
            execute!(self.terminal.backend_mut(), DisableMouseCapture)
        }
    }

    /// Writes a control sequence that draws nothing.
    pub(crate) fn control(&mut self, sequence: &str) -> io::Result<()> {
        let out = self.terminal.backend_mut();
        out.write_all(sequence.as_bytes())?;
        Write::flush(out)
    }

    /// Clears the screen, so that the next frame draws all of it.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        clear(&mut self.terminal)
    }

    /// Gives the terminal back to the shell and stops the program, until the shell continues it.
    pub(crate) fn suspend(&mut self) -> io::Result<()> {
        restore_terminal();
        emulate_default_handler(SIGTSTP)?;
        self.resume()
    }

    /// Takes the terminal again after the program was stopped; the shell may have changed its modes.
    pub(crate) fn resume(&mut self) -> io::Result<()> {
        disable_raw_mode()?;
        enable_raw_mode()?;
        execute!(self.terminal.backend_mut(), EnterAlternateScreen)?;
        if self.mouse {
            self.set_mouse(true)?;
        }
        self.clear()
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
            deferred_messages
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(format!("thread '{name}': {}", describe_panic(info)));
        }
    })
}

/// Clears the screen and forgets what was drawn. Unlike [`Terminal::clear`], asks the terminal nothing: over a slow link
/// the answer would come too late.
fn clear(terminal: &mut Terminal<CrosstermBackend<BufWriter<MeteredOutput>>>) -> io::Result<()> {
    execute!(terminal.backend_mut(), Clear(ClearType::All))?;
    terminal.swap_buffers();
    Ok(())
}

fn restore_terminal() {
    // The terminal may be gone; there is nothing to do then.
    let _ = disable_raw_mode();
    let _ = execute!(stdout(), EndSynchronizedUpdate, DisableMouseCapture, LeaveAlternateScreen, Show);
}

/// An input from the terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input {
    Key(KeyEvent),
    Mouse(MouseEvent),
    /// The terminal was resized or focused.
    Redraw,
    /// The system asks to stop until the program is continued.
    Suspend,
    /// The program was stopped and continued.
    Continued,
    /// The system asks to end.
    End,
    /// The terminal is gone.
    Gone,
}

/// A thread that reads keys, and one that waits for signals; stopped on drop.
pub(crate) struct KeyReader {
    pub(crate) input: Receiver<Input>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    signals: Handle,
}

impl KeyReader {
    /// `ends`: whether the signals that end a program do so here. A watcher handles them elsewhere.
    pub(crate) fn start(ends: bool) -> io::Result<Self> {
        let (send, input) = bounded(64);
        let mut signals = Signals::new([SIGTSTP, SIGCONT])?;
        if ends {
            signals.add_signal(SIGTERM)?;
            signals.add_signal(SIGHUP)?;
        }
        let (handle, of_signals) = (signals.handle(), send.clone());
        let wait = move || {
            for signal in signals.forever() {
                let input = match signal {
                    SIGTSTP => Input::Suspend,
                    SIGCONT => Input::Continued,
                    _ => Input::End,
                };
                if of_signals.send(input).is_err() {
                    break;
                }
            }
        };
        thread::Builder::new().name("terminal-signals".into()).spawn(wait)?;
        let stop = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&stop);
        // A terminal that is gone is no longer recognised as one.
        let from_stdin = stdin().is_terminal();
        let work = move || {
            while !ended.load(Ordering::Relaxed) {
                let input = match next_event(from_stdin) {
                    Ok(None) => continue,
                    Ok(Some(Event::Key(key))) => Input::Key(key),
                    Ok(Some(Event::Mouse(mouse))) => Input::Mouse(mouse),
                    Ok(Some(_)) => Input::Redraw,
                    Err(_) => Input::Gone,
                };
                if send.send(input).is_err() || matches!(input, Input::Gone) {
                    break;
                }
            }
        };
        let thread = Some(thread::Builder::new().name("keys".into()).spawn(work)?);
        Ok(Self { input, stop, thread, signals: handle })
    }
}

/// The next event within [`POLL_INTERVAL`]. An error if standard input is the terminal and the terminal is gone:
/// crossterm would read for ever. So it gets no time to wait in, in which the terminal could go.
fn next_event(from_stdin: bool) -> io::Result<Option<Event>> {
    let mut patience = POLL_INTERVAL;
    if from_stdin {
        if is_hung_up(&stdin(), POLL_INTERVAL)? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        patience = Duration::ZERO;
    }
    event::poll(patience)?.then(event::read).transpose()
}

impl Drop for KeyReader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.signals.close();
        // A full channel would block the thread.
        while self.input.try_recv().is_ok() {}
        // With the terminal gone, the thread may be held in a read that never ends.
        let is_gone = is_hung_up(&stdin(), Duration::ZERO).unwrap_or(true);
        if let Some(thread) = self.thread.take()
            && !is_gone
        {
            let _ = thread.join();
        }
    }
}
