//! The thread that reads ledger, results and scan files.

use std::{
    collections::{HashMap, VecDeque},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded, unbounded};
use jiff::Timestamp;
use octrls_engine::LedgerAdmin;
use octrls_report::StoredResult;

use super::{
    Answer, BScanWish, Facts, LedgerScan, LedgerState, OpenedResult, ScanWish, Wish, ledger_scans::ledger_scans,
    open_scan::OpenScan,
};

/// Answers that wait for the screen; the thread waits when there are more.
const UNREAD_ANSWERS: usize = 64;

/// The thread's state.
struct Worker {
    out: PathBuf,
    answers: Sender<Answer>,
    /// The scan whose B-scans were wanted last.
    open: Option<(ScanWish, OpenScan)>,
    /// Scans whose summaries are read while nothing else is wanted.
    unsummarised: VecDeque<(String, PathBuf)>,
    /// Those whose summaries were sent, with the times of their results.
    summarised: HashMap<String, Timestamp>,
}

/// The screen is gone.
struct Gone;

/// Starts the thread for the results folder `out`; it ends when the sender is dropped.
pub(super) fn start(out: &Path) -> io::Result<(Sender<Wish>, Receiver<Answer>)> {
    let (wishes, wanted) = unbounded();
    let (answers, answered) = bounded(UNREAD_ANSWERS);
    let mut worker =
        Worker { out: out.to_owned(), answers, open: None, unsummarised: VecDeque::new(), summarised: HashMap::new() };
    let work = move || while worker.step(&wanted).is_ok() {};
    thread::Builder::new().name("octrls-archive".into()).spawn(work)?;
    Ok((wishes, answered))
}

impl Worker {
    /// Fulfils the wishes that are there, or reads one summary.
    fn step(&mut self, wanted: &Receiver<Wish>) -> Result<(), Gone> {
        let first = if self.unsummarised.is_empty() {
            Some(wanted.recv().map_err(|_| Gone)?)
        } else {
            match wanted.try_recv() {
                Ok(wish) => Some(wish),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => return Err(Gone),
            }
        };
        let Some(first) = first else { return self.summarise_next() };
        let (mut latest, mut ledger) = (None, false);
        for wish in std::iter::once(first).chain(wanted.try_iter()) {
            match wish {
                Wish::Ledger => ledger = true,
                Wish::BScan(wish) => latest = Some(wish),
            }
        }
        if let Some(wish) = latest {
            self.read_bscan(wish)?;
        }
        if ledger { self.read_ledger() } else { Ok(()) }
    }

    fn send(&self, answer: Answer) -> Result<(), Gone> {
        self.answers.send(answer).map_err(|_| Gone)
    }

    fn read_ledger(&mut self) -> Result<(), Gone> {
        let ledger = LedgerAdmin::open(&self.out).and_then(|ledger| ledger_scans(&ledger, &self.out));
        let scans = ledger.map_err(|error| error.to_string());
        if let Ok(scans) = &scans {
            let is_new = |scan: &&LedgerScan| self.summarised.get(&scan.name) != Some(&scan.at);
            let done: Vec<_> = scans.iter().filter(|scan| scan.state == LedgerState::Done).filter(is_new).collect();
            self.summarised.extend(done.iter().map(|scan| (scan.name.clone(), scan.at)));
            let wanted = done.into_iter().filter_map(|scan| Some((scan.name.clone(), scan.folder.clone()?)));
            self.unsummarised.extend(wanted);
        }
        self.send(Answer::Ledger(scans))
    }

    /// Reads the next summary. A result that cannot be read says why when it is opened.
    fn summarise_next(&mut self) -> Result<(), Gone> {
        let Some((name, folder)) = self.unsummarised.pop_front() else { return Ok(()) };
        match StoredResult::open(&folder) {
            Ok(result) => self.send(Answer::Summary { name, facts: facts(&result) }),
            Err(_) => Ok(()),
        }
    }

    fn read_bscan(&mut self, wish: BScanWish) -> Result<(), Gone> {
        let same = self.open.as_ref().is_some_and(|(open, _)| *open == wish.scan);
        if !same {
            self.open = None;
            match self.open_scan(&wish.scan) {
                Ok(open) => {
                    let scan = Arc::new(OpenedResult {
                        facts: facts(&open.result),
                        maps: open.result.maps(&open.surfaces),
                        without_pixels: open.without_pixels().map(str::to_owned),
                        result: open.result.clone(),
                    });
                    self.open = Some((wish.scan.clone(), open));
                    self.send(Answer::Opened { id: wish.scan.id, scan })?;
                }
                Err(reason) => return self.send(Answer::Failed { wish, reason }),
            }
        }
        let Some((_, open)) = &mut self.open else { return Ok(()) };
        let index = wish.index.unwrap_or(open.result.grid().bscans / 2);
        let answer = match open.bscan(index) {
            Ok(bscan) => Answer::BScan { id: wish.scan.id, bscan: Arc::new(bscan) },
            Err(error) => Answer::Failed { wish, reason: error.to_string() },
        };
        self.send(answer)
    }

    fn open_scan(&self, scan: &ScanWish) -> Result<OpenScan, String> {
        let ledger = LedgerAdmin::open(&self.out).map_err(|error| error.to_string())?;
        let name = Path::new(&scan.name);
        let folder = if let Some(folder) = &scan.folder {
            folder.clone()
        } else {
            let entries = ledger.entries_at(name).map_err(|error| error.to_string())?;
            let result = entries.into_iter().rev().find_map(|entry| entry.result);
            self.out.join(result.ok_or("the ledger knows no results of it")?)
        };
        OpenScan::open(&folder, &ledger.file_of(name)).map_err(|error| error.to_string())
    }
}

fn facts(result: &StoredResult) -> Facts {
    Facts { header: Arc::new(result.header().clone()), summary: Arc::new(result.summary()) }
}
