//! Reviews of results: which scan is next, and what is said of it.

use octrls_engine::{Review, ReviewState, ScanId};

use super::{app::App, view::Popup};
use crate::{Controls, LedgerChange, state::ScanRecord};

impl App {
    /// The selected scan, if it has a result that can be reviewed; otherwise says why not.
    pub(super) fn reviewable(&mut self) -> Option<(ScanId, String)> {
        let scan = self.view.selected.and_then(|id| self.model.scan(id)).filter(|scan| scan.state.is_finished());
        let found = scan.map(|scan| (scan.id, scan.name.clone()));
        if found.is_none() {
            self.say("only a finished scan can be reviewed");
        } else if self.view.reviewer.is_empty() {
            self.say("who are you? start with --reviewer NAME");
            return None;
        }
        found
    }

    pub(super) fn ask_for_comment(&mut self, state: ReviewState) {
        if self.reviewable().is_some() {
            self.view.comment.clear();
            self.view.popup = Some(Popup::Review(state));
        }
    }

    /// Reviews the selected scan, and goes on to the next.
    pub(super) fn review(&mut self, state: ReviewState, comment: String, controls: &dyn Controls) {
        let Some((id, path)) = self.reviewable() else { return };
        if let Err(error) = Review::new(state, &self.view.reviewer, &comment) {
            self.say(error.to_string());
            return;
        }
        let reviewer = self.view.reviewer.clone();
        self.say(format!("{path} {}", state.name()));
        controls.change_ledger(LedgerChange::Review { path, state, reviewer, comment });
        if state.is_decision() {
            self.reviewed.insert(id);
            self.select_next_to_review();
        }
    }

    /// Selects the next scan that a person should look at, after the selected one and around.
    pub(super) fn select_next_to_review(&mut self) {
        let rows = self.model.rows(&self.view.query);
        let at = rows.iter().position(|scan| Some(scan.id) == self.view.selected).map_or(0, |at| at + 1);
        let wants = |scan: &&&ScanRecord| scan.wants_eyes() && !self.reviewed.contains(&scan.id);
        let count = rows.iter().filter(wants).count();
        let next = rows[at..].iter().chain(&rows[..at]).find(wants).map(|scan| scan.id);
        match next {
            Some(scan) => {
                self.select(scan);
                let scans = if count == 1 { "1 scan wants".to_owned() } else { format!("{count} scans want") };
                self.say(format!("{scans} a look"));
            }
            None => self.say("no scan wants a look"),
        }
    }
}
