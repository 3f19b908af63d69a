//! The clipboard of the terminal, and the programs of the desktop.

use std::{
    env,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use data_encoding::BASE64;

/// The sequence that puts `text` into the terminal's clipboard (OSC 52), also over ssh.
pub(super) fn copy_sequence(text: &str) -> String {
    format!("\x1b]52;c;{}\x1b\\", BASE64.encode(text.as_bytes()))
}

/// Opens `path` with the desktop's program for it.
///
/// # Errors
/// Why it cannot, in words.
pub(super) fn open_with_desktop(path: &Path) -> Result<(), String> {
    let has = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    if !has("DISPLAY") && !has("WAYLAND_DISPLAY") {
        return Err(format!("there is no desktop here; it is in {}", path.display()));
    }
    let mut command = Command::new("xdg-open");
    command.arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| format!("cannot start xdg-open: {error}"))?;
    // Whoever starts a process must wait for it, so that it does not stay as a zombie.
    thread::spawn(move || child.wait());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_one_sequence() {
        assert_eq!(copy_sequence("a/b.vol"), "\x1b]52;c;YS9iLnZvbA==\x1b\\");
    }
}
