//! Finished scans open again, and old quarantine entries can be retried.

use super::{Folders, LARGE, write_volume};
use crate::support::{scans::scan, terminal::Terminal};

/// More than the dashboard keeps of a running volume.
const PAGES: u64 = 20;

#[test]
fn a_finished_volume_shows_all_its_bscans_without_a_watcher() {
    let folders = Folders::new();
    write_volume(&folders.path("in/volume.tif"), PAGES);
    folders.process_once();
    let out = folders.out();
    let mut terminal = Terminal::start(&["browse", &out, "--image", "text"], LARGE);
    terminal.wait_for("BROWSE");
    terminal.wait_for("11/20 volume.tif");
    terminal.wait_for("conf.");
    terminal.press(&"\x1b[D".repeat(10));
    terminal.wait_for("1/20 volume.tif");
    terminal.press(&"\x1b[C".repeat(19));
    terminal.wait_for("20/20 volume.tif");
    terminal.wait_until("the lines of the last B-scan", |screen| {
        let text = screen.contents();
        text.contains("conf.") && ["1", "4", "8"].iter().all(|line| text.matches(line).count() > 20)
    });
    // Without the file, the lines are still there.
    std::fs::remove_file(folders.path("in/volume.tif")).unwrap();
    drop(terminal);
    let mut terminal = Terminal::start(&["browse", &out, "--image", "text"], LARGE);
    terminal.wait_for("no image");
    terminal.press("q");
    assert!(terminal.wait().success());
}

#[test]
fn another_file_at_the_same_path_is_not_shown_under_the_old_lines() {
    let folders = Folders::new();
    std::fs::write(folders.path("in/a.png"), scan(1)).unwrap();
    folders.process_once();
    std::fs::write(folders.path("in/a.png"), scan(2)).unwrap();
    let terminal = Terminal::start(&["browse", &folders.out(), "--image", "text"], LARGE);
    terminal.wait_for("no image");
}

#[test]
fn after_a_restart_the_queue_is_full_and_old_quarantine_entries_can_be_retried() {
    let folders = Folders::new();
    std::fs::write(folders.path("in/good.png"), scan(1)).unwrap();
    std::fs::write(folders.path("in/bad.png"), b"\x89PNG\r\n\x1a\nno picture").unwrap();
    folders.process_once();
    assert!(!folders.path("in/bad.png").exists(), "it is in quarantine");
    let arguments = folders.watch();
    let mut terminal = Terminal::start(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), LARGE);
    terminal.wait_for("1 done");
    terminal.wait_for("1 quarantined");
    terminal.wait_for("bad.png");
    // The filter leaves the quarantined scan alone.
    terminal.press("/quarantined\r");
    terminal.wait_for("E-READ");
    terminal.press("R");
    terminal.wait_for("bad.png will be processed again");
    // It fails again, now seen by this engine.
    terminal.wait_until("a new failure", |screen| {
        screen.contents().contains("E-READ") && screen.contents().contains("bad.png")
    });
    terminal.press("q");
    terminal.wait_until("the end, or the question", |screen| {
        !screen.alternate_screen() || screen.contents().contains("Quit?")
    });
    terminal.press("d");
    terminal.wait();
}
