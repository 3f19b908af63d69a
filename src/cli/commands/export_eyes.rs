//! `octrls export --csv`: the table with one row per scan of an eye.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, SystemTime},
};

use octrls_engine::{Pseudonyms, STATE_FOLDER};
use octrls_report::{
    EyePatient, EyeRow, EyeTable, RESULT_FILE, ScanIdentity, is_result, patient_identity, write_dictionary,
};

use super::export::{search, write_atomically};
use crate::cli::{error::coded, exit_code::some_failed_if, output::counted, signals::on_signals};

/// Interval between two looks at the results.
const INTERVAL: Duration = Duration::from_secs(2);
/// Poll interval for a stop request.
const TICK: Duration = Duration::from_millis(100);

/// One export of the table.
pub(super) struct EyeExport<'a> {
    file: &'a Path,
    inputs: &'a [PathBuf],
    identify: bool,
    table: EyeTable,
    results: BTreeMap<PathBuf, KnownResult>,
    histories: Histories,
}

/// The follow-up histories of the results folders, by folder.
#[derive(Default)]
struct Histories(BTreeMap<PathBuf, Option<Pseudonyms>>);

/// A result as it was read.
struct KnownResult {
    stamp: Stamp,
    /// `None` if it cannot be read.
    row: Option<EyeRow>,
}

/// Tells whether a result was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    bytes: u64,
}

impl<'a> EyeExport<'a> {
    /// An export of the results in `inputs` to `file`, with what identifies patients if `identify`.
    pub(super) fn new(file: &'a Path, inputs: &'a [PathBuf], identify: bool) -> Self {
        let table = EyeTable::new(identify);
        Self { file, inputs, identify, table, results: BTreeMap::new(), histories: Histories::default() }
    }

    /// Writes the table, and `dictionary`; goes on until a stop is requested if `follow`.
    pub(super) fn run(mut self, dictionary: Option<&Path>, follow: bool) -> anyhow::Result<ExitCode> {
        if let Some(file) = dictionary {
            write_atomically(file, |staged| write_dictionary(&self.table, staged))?;
        }
        self.update()?;
        if !follow {
            anyhow::ensure!(!self.results.is_empty(), "{}: no results found", octrls_core::ErrorCode::ArgsEmpty);
            self.write()?;
            return Ok(some_failed_if(self.unreadable() > 0));
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (first, second) = (Arc::clone(&stop), Arc::clone(&stop));
        on_signals(true, move || first.store(true, Ordering::Relaxed), move || second.store(true, Ordering::Relaxed))?;
        self.write()?;
        while !stop.load(Ordering::Relaxed) {
            let mut waited = Duration::ZERO;
            while waited < INTERVAL && !stop.load(Ordering::Relaxed) {
                thread::sleep(TICK);
                waited += TICK;
            }
            if self.update()? {
                self.write()?;
            }
        }
        Ok(some_failed_if(self.unreadable() > 0))
    }

    fn unreadable(&self) -> usize {
        self.results.values().filter(|known| known.row.is_none()).count()
    }

    /// Reads new and replaced results; returns whether anything changed.
    fn update(&mut self) -> anyhow::Result<bool> {
        let found = search(self.inputs, &is_result)?;
        let before = self.results.len();
        self.results.retain(|folder, _| found.contains(folder));
        let mut has_changed = self.results.len() < before;
        for folder in found {
            let Ok(metadata) = fs::metadata(folder.join(RESULT_FILE)) else { continue };
            let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let stamp = Stamp { modified, bytes: metadata.len() };
            if self.results.get(&folder).is_some_and(|known| known.stamp == stamp) {
                continue;
            }
            let row = self.read(&folder)?;
            self.results.insert(folder, KnownResult { stamp, row });
            has_changed = true;
        }
        Ok(has_changed)
    }

    fn read(&mut self, folder: &Path) -> anyhow::Result<Option<EyeRow>> {
        let identity = if self.identify { patient_identity(folder) } else { None };
        let pseudonyms = self.histories.of(folder)?;
        let mut failed = None;
        let patient = |scan: &ScanIdentity<'_>| {
            let found = pseudonyms.map(|of| of.of_scan(scan.series_uid.unwrap_or(scan.sha256), scan.series));
            let pseudonym = found.transpose().unwrap_or_else(|error| {
                failed = Some(error);
                None
            });
            EyePatient { pseudonym: pseudonym.flatten(), identity }
        };
        let row = self.table.read(folder, patient);
        if let Some(error) = failed {
            return Err(coded(error.code(), error));
        }
        match row {
            Ok(row) => Ok(Some(row)),
            Err(error) => {
                eprintln!("{}: {error}", error.code());
                Ok(None)
            }
        }
    }

    /// Writes the table; of several results of one scan the newest is in it.
    fn write(&self) -> anyhow::Result<()> {
        let mut rows: BTreeMap<&str, &EyeRow> = BTreeMap::new();
        let mut older = 0;
        for row in self.results.values().filter_map(|known| known.row.as_ref()) {
            let newest = rows.entry(&row.record_id).or_insert(row);
            if !std::ptr::eq(*newest, row) {
                older += 1;
                if row.created > newest.created {
                    *newest = row;
                }
            }
        }
        write_atomically(self.file, |staged| {
            let mut out = BufWriter::new(staged);
            self.table.write_csv(&mut out, rows.values().copied())?;
            out.flush()
        })?;
        println!("exported {}", counted(rows.len(), "scan"));
        if older > 0 {
            eprintln!("{} left out: there is a newer result of the same scan", counted(older, "result"));
        }
        Ok(())
    }
}

impl Histories {
    /// The pseudonyms of the results folder that contains `folder`: the nearest folder above it with a ledger.
    fn of(&mut self, folder: &Path) -> anyhow::Result<Option<&Pseudonyms>> {
        let Some(out) = folder.ancestors().find(|above| above.join(STATE_FOLDER).is_dir()) else { return Ok(None) };
        if !self.0.contains_key(out) {
            let opened = Pseudonyms::open(out).map_err(|error| coded(error.code(), error))?;
            self.0.insert(out.to_owned(), opened);
        }
        Ok(self.0.get(out).and_then(Option::as_ref))
    }
}
