//! The program on a pseudo terminal, and what a person would see there.

use std::{
    io::{Read, Write},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};

/// Time limit for each wait, also on a machine under load.
const TIMEOUT: Duration = Duration::from_mins(2);

/// A running program and its screen.
pub(crate) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    screen: Arc<Mutex<vt100::Parser>>,
    /// Closing it hangs up.
    _pty: Box<dyn MasterPty + Send>,
}

impl Terminal {
    /// Runs octrls with `arguments` on a terminal of `(columns, rows)` without colours or graphics.
    pub(crate) fn start(arguments: &[&str], size: (u16, u16)) -> Self {
        Self::with_environment(arguments, size, &[("NO_COLOR", "1")])
    }

    /// The same with the variables `environment`.
    pub(crate) fn with_environment(arguments: &[&str], (cols, rows): (u16, u16), environment: &[(&str, &str)]) -> Self {
        let pair = native_pty_system().openpty(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).expect("a pty");
        let mut command = CommandBuilder::new(assert_cmd::cargo::cargo_bin("octrls"));
        command.args(arguments);
        command.env_remove("NO_COLOR");
        command.env_remove("COLORTERM");
        command.env("TERM", "xterm-256color");
        command.env("TZ", "UTC");
        for (name, value) in environment {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).expect("the program starts");
        drop(pair.slave);
        let mut output = pair.master.try_clone_reader().expect("a reader");
        let keys = pair.master.take_writer().expect("a writer");
        let screen = Arc::new(Mutex::new(vt100::Parser::new(rows, cols, 0)));
        let drawn = Arc::clone(&screen);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n) = output.read(&mut bytes) {
                if n == 0 {
                    break;
                }
                drawn.lock().unwrap_or_else(PoisonError::into_inner).process(&bytes[..n]);
            }
        });
        Self { child, keys, screen, _pty: pair.master }
    }

    /// The id of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.process_id().expect("a process")
    }

    /// Types `keys`.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).and_then(|()| self.keys.flush()).expect("the terminal is open");
    }

    /// Sends the signal `name`, such as `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let sent = std::process::Command::new("kill").args(["-s", name, &id]).status().expect("kill");
        assert!(sent.success(), "SIG{name}");
    }

    /// What `look` sees on the screen now.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.screen.lock().unwrap_or_else(PoisonError::into_inner).screen())
    }

    /// The text on the screen.
    pub(crate) fn text(&self) -> String {
        self.look(vt100::Screen::contents)
    }

    /// Waits until the screen shows `text`.
    pub(crate) fn wait_for(&self, text: &str) {
        self.wait_until(text, |screen| screen.contents().contains(text));
    }

    /// Waits until `holds` is true of the screen.
    pub(crate) fn wait_until(&self, what: &str, holds: impl Fn(&vt100::Screen) -> bool) {
        let start = Instant::now();
        while !self.look(&holds) {
            assert!(start.elapsed() < TIMEOUT, "waited for {what:?} on\n{}", self.text());
            thread::sleep(Duration::from_millis(30));
        }
    }

    /// Waits until the program has ended.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(start.elapsed() < TIMEOUT, "it does not end; the screen is\n{}", self.text());
            thread::sleep(Duration::from_millis(30));
        }
    }

    /// The letter of the process's state, such as `T` for stopped.
    pub(crate) fn process_state(&self) -> char {
        let stat = std::fs::read_to_string(Path::new("/proc").join(self.id().to_string()).join("stat")).expect("stat");
        stat.rsplit(") ").next().and_then(|rest| rest.chars().next()).expect("a state")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
