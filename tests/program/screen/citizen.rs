//! The dashboard as one program among others: suspend, redraw, hang-up, quit.

use std::{path::PathBuf, thread, time::Duration};

use super::{Folders, LARGE};
use crate::support::{scans::scan, terminal::Terminal};

fn demo() -> Terminal {
    let terminal = Terminal::start(&["demo", "--scans", "1", "--model", "edge", "--image", "text"], LARGE);
    terminal.wait_for("research use only");
    terminal
}

/// The temporary folder that the demo watches.
fn demo_folder(terminal: &Terminal) -> PathBuf {
    let open = std::fs::read_dir(format!("/proc/{}/fd", terminal.id())).expect("open files");
    let links = open.filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok());
    let inside = links.map(|path| path.display().to_string()).find(|path| path.contains("octrls-demo-"));
    let path = inside.expect("a file in the demo's folder");
    let start = path.find("octrls-demo-").expect("its name");
    let end = path[start..].find('/').map_or(path.len(), |at| start + at);
    PathBuf::from(&path[..end])
}

#[test]
fn ctrl_z_gives_the_terminal_back_and_fg_returns() {
    let mut terminal = demo();
    assert!(terminal.look(vt100::Screen::alternate_screen));
    terminal.press("\x1a");
    terminal.wait_until("the shell's screen", |screen| !screen.alternate_screen());
    while terminal.process_state() != 'T' {
        thread::sleep(Duration::from_millis(20));
    }
    terminal.signal("CONT");
    terminal.wait_until("the dashboard", |screen| {
        screen.alternate_screen() && screen.contents().contains("research use only")
    });
    // The same by a signal from outside.
    terminal.signal("TSTP");
    terminal.wait_until("the shell's screen", |screen| !screen.alternate_screen());
    terminal.signal("CONT");
    terminal.wait_until("the dashboard", |screen| {
        screen.alternate_screen() && screen.contents().contains("research use only")
    });
    terminal.press("?");
    terminal.wait_for("Help");
}

#[test]
fn sighup_drains_restores_the_terminal_and_removes_the_folder_of_the_demo() {
    let mut terminal = demo();
    let folder = demo_folder(&terminal);
    assert!(folder.is_dir(), "{folder:?}");
    terminal.signal("HUP");
    terminal.wait();
    terminal.wait_until("the shell's screen", |screen| !screen.alternate_screen() && !screen.hide_cursor());
    assert!(!folder.exists());
}

#[test]
fn browsing_ends_by_a_signal_with_the_terminal_restored() {
    let folders = Folders::new();
    std::fs::write(folders.path("in/a.png"), scan(1)).unwrap();
    folders.process_once();
    for signal in ["TERM", "HUP"] {
        let mut terminal = Terminal::start(&["browse", &folders.out(), "--image", "text"], LARGE);
        terminal.wait_for("BROWSE");
        terminal.signal(signal);
        terminal.wait();
        terminal.wait_until("the shell's screen", |screen| !screen.alternate_screen());
    }
}

#[test]
fn a_tiny_terminal_lists_the_scans_under_different_names() {
    let folders = Folders::new();
    for eye in ["OD", "OS"] {
        let seed = if eye == "OD" { 1 } else { 2 };
        std::fs::write(folders.path(&format!("in/patient_0036_{eye}_macula_line.png")), scan(seed)).unwrap();
    }
    folders.process_once();
    let terminal = Terminal::start(&["browse", &folders.out(), "--image", "text"], (40, 10));
    terminal.wait_until("both eyes", |screen| {
        let text = screen.contents();
        text.contains("OD") && text.contains("OS")
    });
}

#[test]
fn a_click_selects_a_scan_unless_the_mouse_is_left_to_the_terminal() {
    let folders = Folders::new();
    for (name, seed) in [("a.png", 1), ("b.png", 2)] {
        std::fs::write(folders.path("in").join(name), scan(seed)).unwrap();
    }
    folders.process_once();
    let mut terminal = Terminal::start(&["browse", &folders.out(), "--image", "text"], LARGE);
    terminal.wait_for("a.png");
    terminal.wait_for("b.png");
    assert_ne!(terminal.look(vt100::Screen::mouse_protocol_mode), vt100::MouseProtocolMode::None);
    let is_selected =
        |screen: &vt100::Screen, name: &str| screen.rows(0, 40).any(|row| row.contains('>') && row.contains(name));
    for name in ["a.png", "b.png", "a.png"] {
        let rows: Vec<String> = terminal.look(|screen| screen.rows(0, 40).collect());
        let row = 1 + rows.iter().position(|row| row.contains(name)).unwrap();
        if terminal.look(|screen| is_selected(screen, name)) {
            continue;
        }
        terminal.press(&format!("\x1b[<0;8;{row}M\x1b[<0;8;{row}m"));
        terminal.wait_until(name, |screen| is_selected(screen, name));
    }
    let terminal = Terminal::start(&["browse", &folders.out(), "--image", "text", "--no-mouse"], LARGE);
    terminal.wait_for("a.png");
    assert_eq!(terminal.look(vt100::Screen::mouse_protocol_mode), vt100::MouseProtocolMode::None);
}
