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
    Answer, BScanWish, Facts, LedgerScan, LedgerState, OpenedResult, ScanLines, ScanWish, Wish,
    ledger_scans::ledger_scans, open_scan::OpenScan,
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
        let (mut latest, mut lines, mut ledger) = (None, None, false);
        for wish in std::iter::once(first).chain(wanted.try_iter()) {
            match wish {
                Wish::Ledger => ledger = true,
                Wish::BScan(wish) => latest = Some(wish),
                Wish::Lines(wish) => lines = Some(wish),
            }
        }
        if let Some(wish) = lines {
            self.read_lines(wish)?;
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
            // A result that was made anew is opened anew.
            self.open = self.open.take().filter(|(open, _)| done.iter().all(|scan| scan.name != open.name));
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

    /// Reads the lines of a scan, which can be corrected if its pixels can be read.
    fn read_lines(&mut self, wish: ScanWish) -> Result<(), Gone> {
        // The result may have been made anew by another program.
        self.open = None;
        let lines = match self.open(&wish)? {
            Err(reason) => Err(reason),
            Ok(open) => match open.without_pixels() {
                Some(reason) => Err(reason.to_owned()),
                None => open.result.lines().map_err(|error| error.to_string()).map(|lines| ScanLines {
                    lines,
                    grid: open.result.grid(),
                    created: open.result.created(),
                }),
            },
        };
        self.send(Answer::Lines { wish, lines })
    }

    /// Opens a scan, unless it is open; tells the screen of it, or why it cannot be opened.
    fn open(&mut self, scan: &ScanWish) -> Result<Result<&mut OpenScan, String>, Gone> {
        if self.open.as_ref().is_none_or(|(open, _)| open != scan) {
            self.open = None;
            match self.open_scan(scan) {
                Ok(open) => {
                    let opened = Arc::new(OpenedResult {
                        facts: facts(&open.result),
                        maps: open.result.maps(&open.surfaces),
                        without_pixels: open.without_pixels().map(str::to_owned),
                        result: open.result.clone(),
                    });
                    self.open = Some((scan.clone(), open));
                    self.send(Answer::Opened { id: scan.id, scan: opened })?;
                }
                Err(reason) => return Ok(Err(reason)),
            }
        }
        Ok(self.open.as_mut().map(|(_, open)| open).ok_or_else(String::new))
    }

    fn read_bscan(&mut self, wish: BScanWish) -> Result<(), Gone> {
        let open = match self.open(&wish.scan)? {
            Ok(open) => open,
            Err(reason) => return self.send(Answer::Failed { wish, reason }),
        };
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
