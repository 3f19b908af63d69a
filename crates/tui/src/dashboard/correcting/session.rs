//! From the first key to the saved result.

use std::sync::Arc;

use octrls_engine::{EventKind, Level, ReviewState, ScanId};

use super::Correction;
use crate::{
    Controls, LedgerChange,
    archive::{ScanLines, ScanWish},
    dashboard::{app::App, panel::Panel, render_context::shown_bscan, view::Popup},
    editor::LineEditor,
};

impl App {
    /// Asks for the lines of the selected scan, to correct them.
    pub(in crate::dashboard) fn start_correction(&mut self) {
        let Some((id, name)) = self.reviewable() else { return };
        if self.images.is_off() {
            self.say("images are off (--image)");
            return;
        }
        let folder = self.model.scan(id).and_then(crate::state::ScanRecord::result_folder);
        self.view.focus_panel(Panel::Preview);
        (self.view.zoomed, self.view.following) = (true, false);
        self.shelf.want_lines(ScanWish { id, name, folder });
        self.say("reading its lines");
    }

    /// Begins to correct the lines that the archive found.
    pub(in crate::dashboard) fn take_lines(&mut self, wish: ScanWish, lines: Result<ScanLines, String>) {
        if self.view.selected != Some(wish.id) || self.view.correction.is_some() {
            return;
        }
        let lines = match lines {
            Ok(lines) => lines,
            Err(reason) => return self.say(format!("its lines cannot be corrected: {reason}")),
        };
        let Some(scan) = self.model.scan(wish.id) else { return };
        let shown = shown_bscan(scan, &self.shelf, self.view.bscan_index).map(|(index, _)| index);
        let index = self.view.bscan_index.or(shown).unwrap_or(lines.grid.bscans / 2);
        let editor = LineEditor::new(Arc::new(lines.lines), lines.grid);
        let layer = self.view.render_style.layer;
        self.view.correction = Some(Correction::new((wish.id, wish.name), lines.created, editor, index, layer));
        self.view.message = None;
    }

    /// Puts the present lines over the B-scan that is shown.
    pub(in crate::dashboard) fn prepare_correction(&mut self) {
        let Some(correction) = &mut self.view.correction else { return };
        self.view.bscan_index = Some(correction.bscan());
        self.view.render_style.layer = correction.layer();
        let Some((_, record)) = self.shelf.bscan(correction.scan, Some(correction.bscan())) else { return };
        let header = self.shelf.result(correction.scan).map(|result| Arc::clone(&result.facts.header));
        if let Some(source) = &record.segmented {
            correction.prepare(&Arc::clone(source), header.as_deref());
        }
    }

    /// Cancels points, then the stretch, then leaves; asks if corrections would be lost.
    pub(super) fn leave_correction(&mut self) {
        let Some(correction) = &mut self.view.correction else { return };
        if !correction.points.is_empty() {
            correction.points.clear();
            correction.editor.redraw(correction.bscan, correction.boundary, &[], None);
        } else if correction.anchor.is_some() {
            correction.anchor = None;
        } else if correction.editor.changed() > 0 && !correction.leaving {
            correction.leaving = true;
            self.say("the corrections are not saved: w saves, Esc again drops them");
        } else {
            self.view.correction = None;
        }
    }

    /// Asks why the lines are corrected, before they are saved.
    pub(super) fn ask_to_save(&mut self) {
        let Some(correction) = &mut self.view.correction else { return };
        correction.finish();
        if correction.editor.changed() == 0 {
            self.say("nothing is changed yet");
        } else {
            self.ask_for_comment(ReviewState::Corrected);
        }
    }

    /// Sends the corrections to the owner of the results.
    pub(in crate::dashboard) fn save_correction(&mut self, comment: String, controls: &dyn Controls) {
        let Some(correction) = &mut self.view.correction else { return };
        correction.saving = true;
        controls.change_ledger(LedgerChange::Correct {
            path: correction.path.clone(),
            created: correction.created,
            stretches: correction.editor.stretches(),
            reviewer: self.view.reviewer.clone(),
            comment,
        });
        self.say("making the results anew");
    }

    /// A notice that tells why the corrections were not saved; they can be edited further.
    pub(in crate::dashboard) fn hear_of_correction(&mut self, event: &EventKind) {
        let EventKind::Notice { level: Level::Error, text, .. } = event else { return };
        if let Some(correction) = self.view.correction.as_mut().filter(|correction| correction.saving) {
            correction.saving = false;
            self.say(text.clone());
        }
    }

    /// The scan has new results; if these are the corrected ones, the work is done.
    pub(in crate::dashboard) fn end_correction_of(&mut self, renewed: ScanId) {
        if self.view.correction.as_ref().is_some_and(|correction| correction.scan == renewed && correction.saving) {
            self.view.correction = None;
            if matches!(self.view.popup, Some(Popup::Review(ReviewState::Corrected))) {
                self.view.popup = None;
            }
            self.say("corrected");
        }
    }
}
