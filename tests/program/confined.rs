//! The program writes only in its own folders, whatever names and links say, and never blocks on something that is not
//! a file.
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::octrls;
use serde_json::Value;
use tempfile::TempDir;

/// A watched folder, a results folder, and a third folder that must stay untouched.
struct Rig(TempDir);

impl Rig {
    fn new() -> Self {
        let rig = Self(tempfile::tempdir().unwrap());
        for folder in ["in", "out", "elsewhere/ward", "elsewhere/results"] {
            fs::create_dir_all(rig.path(folder)).unwrap();
        }
        // Looks like results of the program, but outside its folder.
        fs::write(rig.path("elsewhere/results/result.json"), "{}").unwrap();
        fs::write(rig.path("elsewhere/ward/precious.txt"), "x").unwrap();
        rig
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a phantom scan into the watched folder.
    fn scan(&self, name: &str, seed: u32) {
        let folder = tempfile::tempdir().unwrap();
        octrls().args(["phantom", "--seed", &seed.to_string()]).arg(folder.path()).assert().success();
        let path = self.path("in").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(folder.path().join(format!("phantom-{seed:06}.png")), path).unwrap();
    }

    fn link(&self, to: &str, at: &str) {
        symlink(self.path(to), self.path(at)).unwrap();
    }

    /// All entries of the third folder with their content.
    fn elsewhere(&self) -> BTreeMap<PathBuf, String> {
        let entries = walkdir::WalkDir::new(self.path("elsewhere")).into_iter().map(Result::unwrap);
        entries
            .map(|entry| (entry.path().to_owned(), octrls_fs::digest::sha256_of_file(entry.path()).unwrap_or_default()))
            .collect()
    }

    /// Processes the watched folder; returns the exit code and all output.
    fn watch(&self, more: &[&str]) -> (Option<i32>, String) {
        let before = self.elsewhere();
        let mut command = octrls();
        command.args([
            "watch",
            "--once",
            "--plain",
            "--model",
            "edge",
            "--jobs",
            "1",
            "--stable",
            "0.2",
            "--min-free",
            "0",
        ]);
        let output = command.args(more).arg("--out").arg(self.path("out")).arg(self.path("in")).output().unwrap();
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(self.elsewhere(), before, "{text}");
        (output.status.code(), text)
    }

    /// State, path and error code of each scan in the ledger.
    fn ls(&self) -> Vec<String> {
        let output = octrls().args(["ls", "--json", "--out"]).arg(self.path("out")).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let objects = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let word = |object: &Value, key: &str| object[key].as_str().unwrap_or("-").to_owned();
        objects.map(|o| ["state", "path", "code"].map(|key| word(&o, key)).join(" ")).collect()
    }
}

#[test]
fn results_do_not_follow_planted_links() {
    let rig = Rig::new();
    rig.scan("ward/a.png", 1);
    rig.scan("b.png", 2);
    rig.scan("c.png", 3);
    rig.link("elsewhere/ward", "out/ward");
    rig.link("elsewhere/results", "out/b.png");
    let (code, text) = rig.watch(&[]);
    assert_eq!(code, Some(1), "{text}");
    assert_eq!(
        rig.ls(),
        ["quarantined b.png E-OUT-FOREIGN", "written c.png -", "quarantined ward/a.png E-OUT-OUTSIDE"],
        "{text}"
    );
    assert!(rig.path("out/quarantine/ward/a.png").is_file());
    // Without the links the scans succeed.
    fs::remove_file(rig.path("out/ward")).unwrap();
    fs::remove_file(rig.path("out/b.png")).unwrap();
    octrls().args(["redo", "--failed", "--out"]).arg(rig.path("out")).assert().success();
    rig.watch(&[]);
    assert_eq!(rig.ls(), ["written b.png -", "written c.png -", "written ward/a.png -"]);
}

#[test]
fn neither_quarantine_nor_retention_follow_links() {
    let rig = Rig::new();
    fs::write(rig.path("in/bad.png"), "no image").unwrap();
    rig.scan("ward/a.png", 1);
    rig.link("elsewhere", "out/quarantine");
    let (_, text) = rig.watch(&[]);
    assert!(text.contains("E-QUARANTINE") && rig.path("in/bad.png").is_file(), "{text}");
    assert_eq!(rig.ls().len(), 2);

    // Old results are removed, but not what a link puts in their place.
    let before = rig.elsewhere();
    fs::rename(rig.path("out/ward"), rig.path("moved")).unwrap();
    fs::create_dir(rig.path("elsewhere/ward/a.png")).unwrap();
    fs::write(rig.path("elsewhere/ward/a.png/result.json"), "{}").unwrap();
    rig.link("elsewhere/ward", "out/ward");
    let ledger = rusqlite::Connection::open(rig.path("out/.octrls/ledger.sqlite")).unwrap();
    ledger.execute("UPDATE scans SET finished = '2001-01-01T00:00:00Z' WHERE state = 'written'", []).unwrap();
    drop(ledger);
    // Processing a scan leaves time for the removal of old results.
    rig.scan("later.png", 2);
    let (_, text) = rig.watch(&["--keep-days", "1"]);
    assert!(text.contains("E-OUT-OUTSIDE"), "{text}");
    assert_eq!(rig.elsewhere().len(), before.len() + 2);
}

#[test]
fn links_in_place_of_state_files_are_rejected() {
    let rig = Rig::new();
    rig.link("elsewhere", "out/.octrls");
    let (code, text) = rig.watch(&[]);
    assert!(code == Some(3) && text.contains("E-LEDGER: ") && text.contains("leads out of"), "{text}");
    let (code, text) = rig.watch(&["--no-follow-up"]);
    assert!(code == Some(3) && text.contains("E-ENGINE-OUT"), "{text}");
    for (name, error) in [("lock", "E-ENGINE-OUT"), ("ledger.sqlite", "E-LEDGER"), ("follow-up.key", "E-LEDGER-SECRET")]
    {
        let rig = Rig::new();
        fs::create_dir(rig.path("out/.octrls")).unwrap();
        rig.link("elsewhere/made", &format!("out/.octrls/{name}"));
        let (code, text) = rig.watch(&[]);
        assert!(code == Some(3) && text.contains(error), "{name}: {text}");
        assert!(!rig.path("elsewhere/made").exists());
    }
    // A link in place of the staging folder is replaced; its target is not cleared.
    let rig = Rig::new();
    fs::create_dir(rig.path("out/.octrls")).unwrap();
    rig.link("elsewhere", "out/.octrls/staging");
    rig.scan("a.png", 1);
    rig.watch(&[]);
    assert_eq!(rig.ls(), ["written a.png -"]);
}

#[test]
fn sidecars_that_are_not_files_are_ignored() {
    let rig = Rig::new();
    for (number, name) in ["pipe.png", "link.png", "folder.png"].iter().enumerate() {
        rig.scan(name, number as u32 + 1);
    }
    let made = Command::new("mkfifo").arg(rig.path("in/pipe.png.toml")).status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("sidecars_that_are_not_files_are_ignored: without a pipe, there is no mkfifo");
    }
    fs::write(rig.path("elsewhere/secret.toml"), "axial_um = 'secret'").unwrap();
    rig.link("elsewhere/secret.toml", "in/link.png.toml");
    fs::create_dir(rig.path("in/folder.png.toml")).unwrap();
    let (_, text) = rig.watch(&[]);
    assert_eq!(rig.ls(), ["written folder.png -", "written link.png -", "written pipe.png -"], "{text}");
    assert!(!text.contains("secret"), "{text}");
}

#[test]
fn forged_quarantine_notes_move_nothing_elsewhere() {
    let rig = Rig::new();
    fs::write(rig.path("in/bad.png"), "no image").unwrap();
    rig.watch(&[]);
    let (note, folder) = (rig.path("out/quarantine/bad.png.reason.json"), rig.path("out/quarantine"));
    let text = fs::read_to_string(&note).unwrap();
    for (number, path) in
        ["../elsewhere/x.png", "/tmp/octrls-test-escape.png", "ward/../../elsewhere/x.png", ""].iter().enumerate()
    {
        let forged = text.replace("\"bad.png\"", &format!("{path:?}"));
        assert_ne!(forged, text);
        fs::write(folder.join(format!("{number}.png")), "forged").unwrap();
        fs::write(folder.join(format!("{number}.png.reason.json")), forged).unwrap();
    }
    fs::write(folder.join("long.png.reason.json"), " ".repeat(2 << 20) + &text).unwrap();
    // A link in the watched folder leads elsewhere, and a note names a path through it.
    rig.link("elsewhere", "in/linked");
    fs::write(folder.join("5.png"), "forged").unwrap();
    fs::write(folder.join("5.png.reason.json"), text.replace("\"bad.png\"", "\"linked/x.png\"")).unwrap();

    let before = rig.elsewhere();
    let output =
        octrls().args(["quarantine", "retry", "--all", "--json", "--out"]).arg(rig.path("out")).output().unwrap();
    assert_eq!((output.status.code(), rig.elsewhere()), (Some(1), before));
    assert!(!Path::new("/tmp/octrls-test-escape.png").exists());
    let text = String::from_utf8(output.stdout).unwrap();
    let objects = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let outcomes: Vec<_> =
        objects.map(|o| format!("{} {}", o["place"].as_str().unwrap(), o["outcome"].as_str().unwrap())).collect();
    // Scans with plain names return to the watched folder.
    let expected = ["0.png asked", "1.png asked", "2.png asked", "3.png asked", "5.png failed", "bad.png asked"];
    assert_eq!(outcomes, expected, "{text}");
    for name in ["0.png", "1.png", "2.png", "3.png", "bad.png"] {
        assert!(rig.path("in").join(name).is_file(), "{name}");
    }
}

#[test]
fn a_forged_ledger_removes_nothing_elsewhere() {
    let rig = Rig::new();
    rig.scan("a.png", 1);
    rig.watch(&[]);
    let ledger = rusqlite::Connection::open(rig.path("out/.octrls/ledger.sqlite")).unwrap();
    let absolute = rig.path("elsewhere/results");
    for (content, result) in [("x", "../elsewhere/results"), ("y", absolute.to_str().unwrap()), ("z", "")] {
        let row =
            "INSERT INTO scans (content, fingerprint, state, attempts, path, result, finished, first_taken, changed)
                   VALUES (?1, 'f', 'written', 1, 'a.png', ?2, '2001-01-01T00:00:00Z', '2001', '2001')";
        ledger.execute(row, [content, result]).unwrap();
    }
    drop(ledger);
    rig.scan("later.png", 2);
    let (_, text) = rig.watch(&["--keep-days", "1"]);
    assert_eq!(text.matches("E-OUT-OUTSIDE").count(), 3, "{text}");
    assert!(rig.path("out/a.png/result.json").is_file() && rig.path("out/.octrls/ledger.sqlite").is_file());
}

#[test]
fn control_characters_in_names_are_escaped() {
    let rig = Rig::new();
    let name = "a\n2026-01-01T00:00:00Z done forged.png \u{1b}[2J.png";
    fs::write(rig.path("in").join(name), "no image").unwrap();
    let (_, text) = rig.watch(&[]);
    let clean = |text: &str| {
        !text.contains('\u{1b}') && !text.lines().any(|line| line.starts_with("2026-01-01T00:00:00Z done forged"))
    };
    assert!(clean(&text), "{text}");
    for command in [&["ls"][..], &["quarantine", "list"], &["quarantine", "retry", "--all"], &["redo", name]] {
        let output = octrls().args(command).arg("--out").arg(rig.path("out")).output().unwrap();
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(text.contains("forged") && clean(&text), "{command:?}: {text:?}");
    }
}
