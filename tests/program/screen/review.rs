//! Reviews in the terminal: in the ledger, beside the result, and on the screen after a restart.

use super::{Folders, write_volume};
use crate::support::terminal::Terminal;

/// The smallest usual terminal, as over ssh.
const SMALL: (u16, u16) = (80, 24);

#[test]
fn a_result_is_rejected_with_a_reason_and_stays_so() {
    let folders = Folders::new();
    write_volume(&folders.path("in/volume.tif"), 2);
    folders.process_once();
    let out = folders.out();
    let mut terminal = Terminal::start(&["browse", &out, "--image", "text", "--reviewer", "Eva"], SMALL);
    terminal.wait_for("BROWSE");
    terminal.wait_for("2/2 volume.tif");
    terminal.press("x");
    terminal.wait_for("reason:");
    terminal.press("the ILM is off\r");
    terminal.wait_for("rejected");
    let file = folders.path("out/volume.tif/review.json");
    terminal.wait_until("the file", |_| file.is_file());
    terminal.press("q");
    terminal.wait();
    let review: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!((review["state"].as_str(), review["reviewer"].as_str()), (Some("rejected"), Some("Eva")));
    assert_eq!(review["reviews"][0]["comment"].as_str(), Some("the ILM is off"));
    let mut terminal = Terminal::start(&["browse", &out, "--image", "text"], SMALL);
    terminal.wait_for("rejected");
    terminal.press("\r");
    terminal.wait_for("rejected by Eva");
    drop(terminal);
    let ledger = rusqlite::Connection::open(folders.path("out/.octrls/ledger.sqlite")).unwrap();
    let count: i64 = ledger.query_row("SELECT count(*) FROM reviews", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 1);
    for change in ["DELETE FROM reviews", "UPDATE reviews SET reviewer = 'nobody'"] {
        let error = ledger.execute(change, []).unwrap_err();
        assert!(error.to_string().contains("only added"), "{error}");
    }
}
