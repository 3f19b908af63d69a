//! Finished scans on the screen: what it wishes for, and what the archive answers.

use jiff::Timestamp;
use octrls_engine::{Level, is_in_use};

use super::{
    app::{App, Flow},
    render_context::shown_bscan,
};
use crate::{
    archive::{Answer, ScanWish},
    display_path::display_path,
    state::ScanRecord,
};

impl App {
    /// Opens the archive of the engine's results, once these are known.
    pub(crate) fn open_archive(&mut self) {
        if let Some(session) = &self.model.session
            && !self.shelf.is_open()
        {
            self.shelf.open(&session.out);
        }
    }

    /// Takes what the archive found.
    pub(crate) fn handle_answer(&mut self, answer: Answer) {
        match answer {
            Answer::Ledger(Ok(scans)) => {
                let out = self.model.session.as_ref().map(|session| session.out.clone());
                let in_use = !self.view.browsing || out.is_some_and(|out| is_in_use(&out));
                for renewed in self.model.set_past(&scans, in_use) {
                    self.shelf.forget(renewed);
                    self.end_correction_of(renewed);
                }
                self.reviewed.clear();
                if self.view.selected.is_none_or(|id| self.model.scan(id).is_none()) {
                    self.view.selected = self.model.rows(&self.view.query).first().map(|scan| scan.id);
                }
            }
            Answer::Ledger(Err(reason)) => {
                let text = format!("earlier scans are not shown: {reason}");
                self.model.journal.push(Timestamp::now(), Level::Warning, text);
            }
            Answer::Summary { name, facts } => self.model.add_facts(&name, &facts),
            Answer::Opened { id, scan } => {
                if let Some(record) = self.model.scan(id) {
                    let name = record.name.clone();
                    self.model.add_facts(&name, &scan.facts);
                }
                self.shelf.put_result(id, scan);
            }
            Answer::BScan { id, bscan } => self.shelf.put_bscan(id, bscan),
            Answer::Lines { wish, lines } => self.take_lines(wish, lines),
            Answer::Failed { wish, reason } => self.shelf.put_failure(wish, reason),
        }
    }

    /// Wishes for what the screen shows and memory no longer holds.
    pub(super) fn want_shown(&mut self) {
        let Some(scan) = self.view.selected.and_then(|id| self.model.scan(id)) else { return };
        if !scan.state.is_finished() {
            return;
        }
        let wish = ScanWish { id: scan.id, name: scan.name.clone(), folder: scan.result_folder() };
        if let Some(correction) = self.view.correction.as_ref().filter(|correction| correction.scan == scan.id) {
            return self.shelf.want(wish, Some(correction.bscan()));
        }
        let shown = shown_bscan(scan, &self.shelf, self.view.bscan_index);
        if shown.is_some_and(|(_, bscan)| bscan.segmented.is_some()) && !self.view.needs_result() {
            return;
        }
        let index = self.view.bscan_index.or(scan.latest).or(shown.map(|(index, _)| index));
        self.shelf.want(wish, index);
    }

    /// Opens the report of the selected scan, or its folder.
    pub(super) fn open_report(&mut self) -> Flow {
        let folder = self.view.selected.and_then(|id| self.model.scan(id)).and_then(ScanRecord::result_folder);
        let Some(folder) = folder else {
            self.say("the scan has no results");
            return Flow::Continue;
        };
        let report = folder.join("report.pdf");
        Flow::Open(if report.is_file() { report } else { folder })
    }

    /// Copies the path of the selected scan, or of its result folder.
    pub(super) fn copy(&mut self, folder: bool) -> Flow {
        let scan = self.view.selected.and_then(|id| self.model.scan(id));
        let text = match scan {
            Some(scan) if folder => scan.result_folder().map(|folder| display_path(&folder)),
            scan => scan.map(|scan| scan.name.clone()),
        };
        if let Some(text) = text {
            self.say(format!("copied {text}"));
            Flow::Copy(text)
        } else {
            self.say("the scan has no results");
            Flow::Continue
        }
    }
}
