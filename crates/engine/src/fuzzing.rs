//! Fuzz target for ledgers: arbitrary files, arbitrary rows in each schema version, quarantine notes and rows of the
//! follow-up history. The input must be rejected with a code or processed, and nothing outside the two folders may
//! change.

#![allow(clippy::unwrap_used, reason = "a failure here is a bug for the fuzzer to find")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use octrls_core::{
    ErrorCode,
    measure::{
        Verdict,
        follow_up::{Measures, Protocol, Repeatability, Visit},
    },
    scan::{Eye, Moment, Pattern, Subject},
};
use octrls_report::{RESULT_FILE, Staging};
use rusqlite::{Connection, ToSql, types::Value};

use super::{
    EyeScan, History, LedgerAdmin, LedgerError,
    folders::{LEDGER_FILE, QUARANTINE_FOLDER, STATE_FOLDER},
    intake::stamp::Stamp,
    ledger::{Fingerprint, Ledger, STEPS, StableFile, open_database},
    work::content::Content,
};

/// Texts that the code treats specially: states, paths, times, content keys.
const WORDS: [&str; 24] = [
    "a.png",
    "ward/b.png",
    "../elsewhere",
    "/elsewhere",
    "",
    "..",
    ".octrls",
    "hashed",
    "running",
    "written",
    "quarantined",
    "superseded",
    "expired",
    "queued",
    "done",
    "delivered",
    "2026-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999Z",
    FINGERPRINT,
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "unreadable:a.png",
    "too-large:1:2:a.png",
    "E-CRASH",
    "a.png.toml",
];

const FINGERPRINT: &str = "octrls.result/1 abc";

/// Paths to query.
const PATHS: [&str; 5] = ["a.png", "ward/b.png", "../elsewhere", "/elsewhere", ""];

/// Tables to fill with their column counts, for each schema version. The table of roots is left out: operator commands
/// move files back into these folders, so whoever writes it chooses where.
const TABLES: [&[(&str, usize)]; 5] = [
    &[("scans", 10), ("paths", 6)],
    &[("scans", 10), ("paths", 6), ("visits", 9)],
    &[("scans", 16), ("paths", 6), ("visits", 9), ("requests", 1)],
    &[("scans", 16), ("paths", 6), ("visits", 11), ("requests", 1)],
    &[("scans", 16), ("paths", 7), ("visits", 11), ("requests", 1)],
];

/// The first byte selects how the rest is used: 0 the ledger file, 1 to 3 rows of that schema version, 4 a quarantine
/// note, 5 the columns of a history row, separated by zeros, 6 rows of schema version 5.
pub fn run(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let folders = Folders::new();
    match kind % 7 {
        0 => fs::write(folders.ledger(), rest).unwrap(),
        version @ 1..=3 => fill(&folders.ledger(), version.into(), rest),
        4 => folders.quarantine("a.png", rest),
        6 => fill(&folders.ledger(), 5, rest),
        _ => return history(&folders, rest),
    }
    if kind % 7 != 4 {
        folders.quarantine(
            "a.png",
            br#"{"code":"E-X","reason":"","attempts":1,"path":"a.png","time":"2026-01-01T00:00:00Z"}"#,
        );
    }
    assert_has_code(as_engine(&folders));
    assert_has_code(as_operator(&folders));
    folders.assert_untouched_elsewhere();
}

fn assert_has_code(result: Result<(), LedgerError>) {
    if let Err(error) = result {
        assert!(error.code().as_str().starts_with("E-LEDGER") && !error.to_string().is_empty());
    }
}

/// A watched folder, a results folder, and a folder that must stay untouched.
struct Folders(tempfile::TempDir);

impl Folders {
    fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let folders = Self(dir.unwrap());
        for folder in ["in", "elsewhere", "out/.octrls", "out/quarantine", "out/a.png"] {
            fs::create_dir_all(folders.path(folder)).unwrap();
        }
        for file in ["in/a.png", "out/a.png/result.json", "elsewhere/result.json", "elsewhere/precious"] {
            fs::write(folders.path(file), "{}").unwrap();
        }
        folders
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    fn ledger(&self) -> PathBuf {
        self.path("out").join(STATE_FOLDER).join(LEDGER_FILE)
    }

    fn quarantine(&self, name: &str, note: &[u8]) {
        let folder = self.path("out").join(QUARANTINE_FOLDER);
        fs::write(folder.join(name), "scan").unwrap();
        fs::write(folder.join(format!("{name}.reason.json")), note).unwrap();
    }

    fn assert_untouched_elsewhere(&self) {
        let names = |folder: &Path| {
            let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(names(self.0.path()), ["elsewhere", "in", "out"]);
        assert_eq!(names(&self.path("elsewhere")), ["precious", RESULT_FILE]);
    }
}

/// Decodes values one after the other until the bytes run out.
struct Values<'a>(&'a [u8]);

impl Values<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn value(&mut self) -> Option<Value> {
        let kind = self.byte()?;
        Some(match kind {
            0 => Value::Null,
            1 => Value::Integer(self.byte()?.into()),
            2 => {
                let (bytes, rest) = self.0.split_first_chunk::<8>()?;
                self.0 = rest;
                Value::Integer(i64::from_le_bytes(*bytes))
            }
            3 | 4 => {
                let length = usize::from(self.byte()?).min(self.0.len());
                let (bytes, rest) = self.0.split_at(length);
                self.0 = rest;
                if kind == 3 { Value::Blob(bytes.into()) } else { Value::Text(String::from_utf8_lossy(bytes).into()) }
            }
            5 => Value::Real(f64::from(self.byte()?) - 128.5),
            word => Value::Text(WORDS[usize::from(word) % WORDS.len()].into()),
        })
    }
}

/// Creates a ledger of this version with rows of these values. Rows that violate the schema are skipped.
fn fill(file: &Path, version: usize, bytes: &[u8]) {
    let db = Connection::open(file).unwrap();
    STEPS[..version].iter().for_each(|step| db.execute_batch(step).unwrap());
    let mut values = Values(bytes);
    while let Some(table) = values.byte() {
        let tables = TABLES[version - 1];
        let (name, columns) = tables[usize::from(table) % tables.len()];
        let row: Vec<Value> = std::iter::from_fn(|| values.value()).take(columns).collect();
        let marks = vec!["?"; columns].join(", ");
        let row: Vec<&dyn ToSql> = row.iter().map(|value| value as &dyn ToSql).collect();
        let _ = db.execute(&format!("INSERT OR REPLACE INTO {name} VALUES ({marks})"), row.as_slice());
    }
}

fn as_engine(folders: &Folders) -> Result<(), LedgerError> {
    let (out, root) = (folders.path("out"), folders.path("in"));
    let fingerprint = Fingerprint { fingerprint: FINGERPRINT.into(), model: "abc".into() };
    let mut ledger = Ledger::open(&folders.ledger(), &out, fingerprint, &[(String::new(), root.clone())])?;
    let staging = Staging::of(&out);
    let stamp = Stamp::take(&root.join("a.png")).unwrap().unwrap();
    ledger.take_requests()?;
    for path in PATHS.map(Path::new) {
        ledger.status_of(path, stamp)?;
        for word in &WORDS[18..22] {
            let content = Content::of_key(word);
            ledger.begin(StableFile { path, stamp, queued: Timestamp::UNIX_EPOCH }, &content, 3)?;
            if let Some(earlier) = ledger.earlier_result(&content)? {
                let _ = staging.discard(&out.join(earlier));
            }
            ledger.failed(&content, ErrorCode::ReadIo, "why")?;
        }
    }
    let mut last = i64::MIN;
    while let Some((row, _)) = ledger.outdated(Duration::ZERO, last)?.last() {
        for (row, result) in ledger.outdated(Duration::ZERO, last)? {
            let _ = staging.discard(&out.join(&result));
            ledger.expire(row, &result)?;
        }
        last = *row;
    }
    Ok(())
}

fn as_operator(folders: &Folders) -> Result<(), LedgerError> {
    let mut admin = LedgerAdmin::open(&folders.path("out"))?;
    let mut count = 0;
    admin.each(&mut |entry| count += usize::from(!entry.config.is_empty()))?;
    for path in PATHS.map(Path::new) {
        let _ = admin.redo(&admin.below_root(path));
    }
    let _ = admin.redo_all();
    for scan in admin.quarantined() {
        let _ = admin.release(&scan);
    }
    for scan in admin.quarantined() {
        let _ = admin.drop_quarantined(&scan);
    }
    Ok(())
}

/// Enters a visit, overwrites columns of its row, and compares another visit with it.
fn history(folders: &Folders, bytes: &[u8]) {
    let table = Arc::new(Repeatability::published().unwrap());
    let history = History::open(&folders.path("out"), table).unwrap();
    let subject = |date| Subject::new("P", "", Moment::of_digits(date, "").unwrap(), "device").unwrap();
    let (before, after) = (subject("20250101"), subject("20260101"));
    let protocol =
        Protocol { pattern: Pattern::Line, bscans: 1, width: 9, length_mm: None, direction_deg: None, across_mm: None };
    let scan = |subject| EyeScan {
        subject,
        eye: Eye::Right,
        scan: String::new(),
        model: String::new(),
        protocol: protocol.clone(),
        name: PathBuf::from("a.png"),
    };
    let visit = |acquired| Visit { acquired, verdict: Verdict::Good, measures: Measures::default(), map: None };
    history.lock().enter(&scan(&before), &visit(before.acquired)).unwrap();
    let db = open_database(&folders.ledger()).unwrap();
    let mut columns = bytes.splitn(4, |byte| *byte == 0).map(String::from_utf8_lossy);
    let mut next = || columns.next().unwrap_or_default().into_owned();
    let seconds = next().parse::<i64>().unwrap_or_default();
    let row: [&dyn ToSql; 4] = [&seconds, &next(), &next(), &next()];
    db.execute("UPDATE visits SET acquired = ?1, protocol = ?2, verdict = ?3, measures = ?4", row).unwrap();
    let other = EyeScan { scan: "other".into(), ..scan(&after) };
    if let Err(error) = history.lock().compare(&other, &visit(after.acquired)) {
        assert_eq!(error.code(), "E-LEDGER");
    }
}

#[cfg(test)]
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let word = |text: &str| WORDS.iter().position(|word| *word == text).unwrap() as u8 + WORDS.len() as u8;
    let words = |texts: &[&str]| texts.iter().map(|text| word(text)).collect::<Vec<u8>>();
    let text = |text: &str| [&[4, text.len() as u8], text.as_bytes()].concat();
    let time = "2026-01-01T00:00:00Z";
    let old =
        [vec![0], text("x"), words(&[FINGERPRINT, "done"]), vec![1, 1, 0, 0], words(&["a.png", "a.png", time, time])]
            .concat();
    let new = [
        vec![0],
        text("x"),
        words(&[FINGERPRINT, "written"]),
        vec![1, 1, 0, 0],
        words(&["a.png", "../elsewhere"]),
        vec![1, 9],
        text("abc"),
        words(&[time, time, time]),
        vec![5, 200],
        words(&[time, time]),
    ]
    .concat();
    let path = [vec![1], words(&["a.png"]), vec![1, 2, 1, 0, 0, 0], text("x")].concat();
    let whole = {
        let folders = Folders::new();
        let db = Connection::open(folders.ledger()).unwrap();
        db.pragma_update(None, "page_size", 512).unwrap();
        drop(db);
        fill(&folders.ledger(), 3, &[new.clone(), path.clone()].concat());
        fs::read(folders.ledger()).unwrap()
    };
    let note = br#"{"code":"E-READ-FORMAT","reason":"why","attempts":3,"path":"../elsewhere/a.png","sha256":null,"time":"2026-01-01T00:00:00Z"}"#;
    let visit = b"1735689600\0{\"pattern\":\"line\",\"bscans\":1,\"width\":9,\"length_mm\":8.8,\"direction_deg\":0.0,\"across_mm\":null}\0\"good\"\0{\"mean/retina\":300.0}";
    let now = [new.clone(), vec![1], words(&["a.png"]), vec![1, 2, 1, 0, 0, 0], text("x"), vec![1, 1]].concat();
    let kinds: [(u8, Vec<u8>); 7] = [
        (0, whole),
        (1, [old.clone(), path.clone()].concat()),
        (2, [old, path.clone()].concat()),
        (3, [new, path, vec![3], words(&["a.png"])].concat()),
        (4, note.to_vec()),
        (5, visit.to_vec()),
        (6, now),
    ];
    kinds.map(|(kind, rest)| [vec![kind], rest].concat()).into()
}

#[cfg(test)]
mod tests {
    use octrls_testing::{Target, assert_never_panics, write_corpora};

    const TARGETS: [Target; 1] = [("ledger", super::run, super::seeds)];

    #[test]
    fn seeds_and_changed_seeds_keep_all_promises() {
        assert_never_panics(&TARGETS);
    }

    #[test]
    #[ignore = "writes the first inputs of the fuzz targets"]
    fn write_fuzz_corpora() {
        write_corpora(&TARGETS);
    }
}
