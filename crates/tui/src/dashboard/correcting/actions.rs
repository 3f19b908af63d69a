//! What the keys do while lines are corrected.

use octrls_core::layer::Boundary;

use super::Correction;
use crate::dashboard::{
    app::{App, step_index},
    images::{MAX_POINTS, shown},
    keymap::Edit,
};

/// Rows and columns of a long step.
const FAR: isize = 5;
const FAR_COLUMNS: isize = 8;

impl App {
    /// Performs an action while lines are corrected.
    pub(in crate::dashboard) fn edit(&mut self, edit: Edit) {
        let Some(correction) = &mut self.view.correction else { return };
        if correction.saving && edit != Edit::Leave {
            return self.say("making the results anew");
        }
        let was_leaving = std::mem::take(&mut correction.leaving);
        match edit {
            Edit::Leave => {
                correction.leaving = was_leaving;
                self.leave_correction();
            }
            Edit::Save => self.ask_to_save(),
            Edit::Left | Edit::Right | Edit::FarLeft | Edit::FarRight => self.step_columns(edit),
            Edit::Up | Edit::Down | Edit::FarUp | Edit::FarDown => self.step_rows(edit),
            Edit::Point => self.set_point(),
            _ => {
                let message = self.view.correction.as_mut().and_then(|correction| correction.perform(edit));
                if let Some(message) = message {
                    self.say(message);
                }
            }
        }
        self.show_cursor();
    }

    /// A-scans and rows that one column and half a row of cells show.
    fn cell_size(&self) -> (usize, usize) {
        let area = self.images.area();
        let style = self.view.bscan_style();
        let bscan = self.view.correction.as_ref().and_then(Correction::record).and_then(|(_, r)| r.segmented.as_ref());
        let Some(bscan) = bscan else { return (1, 1) };
        let (rows, columns) = shown(bscan, style);
        let per = |length: usize, cells: u16| (length / usize::from(cells.max(1))).max(1);
        (per(columns.len(), area.width), per(rows.len(), 2 * area.height))
    }

    fn step_columns(&mut self, edit: Edit) {
        let columns = self.cell_size().0 as isize;
        let Some(correction) = &mut self.view.correction else { return };
        let by = match edit {
            Edit::Left => -columns,
            Edit::Right => columns,
            Edit::FarLeft => -FAR_COLUMNS * columns,
            _ => FAR_COLUMNS * columns,
        };
        correction.ascan = step_index(correction.ascan, by, correction.editor.grid().width);
        correction.editor.end_run_of_moves();
    }

    /// Moves the stretch, or without one the cursor.
    fn step_rows(&mut self, edit: Edit) {
        let rows = self.cell_size().1 as f32;
        let Some(correction) = &mut self.view.correction else { return };
        let by = match edit {
            Edit::Up => -1.0,
            Edit::Down => 1.0,
            Edit::FarUp => -(FAR as f32),
            _ => FAR as f32,
        };
        if let Some(stretch) = correction.stretch() {
            correction.editor.shift(correction.bscan, correction.boundary, stretch, by);
        } else {
            let height = correction.editor.grid().height as f32;
            correction.row = Some((correction.cursor_row() + by * rows).clamp(0.0, height));
        }
    }

    /// Redraws the line through a further point, at the cursor.
    pub(super) fn set_point(&mut self) {
        let Some(correction) = &mut self.view.correction else { return };
        if correction.points.len() == MAX_POINTS {
            return self.say("Enter keeps the line; then set further points");
        }
        let point = (correction.ascan, correction.cursor_row());
        correction.points.retain(|(ascan, _)| *ascan != point.0);
        correction.points.push(point);
        correction.anchor = None;
        correction.redraw();
        if correction.points.len() == 1 {
            self.say("move the cursor and set the next point");
        }
    }

    /// Moves a magnified image so that the cursor is seen.
    pub(in crate::dashboard) fn show_cursor(&mut self) {
        let Some(correction) = &self.view.correction else { return };
        let grid = correction.editor.grid();
        let crop = correction.crop().filter(|_| self.view.render_style.crop);
        let (top, bottom) = crop.map_or((0.0, grid.height as f32), |(top, bottom)| (top as f32, bottom as f32));
        let across = (correction.ascan as f32 + 0.5) / grid.width as f32;
        let down = ((correction.cursor_row() - top) / (bottom - top).max(1.0)).clamp(0.0, 1.0);
        self.view.render_style.window = self.view.render_style.window.showing((across, down));
    }
}

impl Correction {
    /// Performs an action of the lines; returns a message for the operator.
    fn perform(&mut self, edit: Edit) -> Option<String> {
        match edit {
            Edit::Mark => {
                self.finish();
                self.anchor = if self.anchor.is_some() { None } else { Some(self.ascan) };
                self.row = None;
            }
            Edit::All => {
                self.finish();
                (self.anchor, self.ascan, self.row) = (Some(0), self.editor.grid().width - 1, None);
            }
            Edit::DropPoint => {
                self.points.pop();
                self.redraw();
            }
            Edit::Finish => self.finish(),
            Edit::Snap => {
                self.snaps = !self.snaps;
                self.redraw();
                let words =
                    if self.snaps { "between points, the line follows the image" } else { "lines are straight" };
                return Some(words.to_owned());
            }
            Edit::PreviousLine => self.choose(step_index(self.boundary.index(), -1, Boundary::ALL.len())),
            Edit::NextLine => self.choose(step_index(self.boundary.index(), 1, Boundary::ALL.len())),
            Edit::Undo | Edit::Redo => {
                self.points.clear();
                let changed = if edit == Edit::Undo { self.editor.undo() } else { self.editor.redo() };
                match changed {
                    Some(bscan) => self.bscan = bscan,
                    None => return Some("there is no further step".to_owned()),
                }
            }
            Edit::CopyPrevious | Edit::CopyNext | Edit::Absent | Edit::Unseen => return Some(self.fill(edit)),
            _ => {}
        }
        None
    }

    /// Copies or marks the stretch.
    fn fill(&mut self, edit: Edit) -> String {
        let Some(stretch) = self.stretch() else {
            return "mark a stretch first: space at both ends, or a for the whole line".to_owned();
        };
        self.finish();
        let (bscan, boundary) = (self.bscan, self.boundary);
        match edit {
            Edit::Absent if !self.editor.mark_absent(bscan, boundary, stretch.clone()) => {
                return "no layer begins at this line".to_owned();
            }
            Edit::Absent => return format!("no {} there", self.layer().long_name()),
            Edit::Unseen => {
                self.editor.mark_unseen(bscan, boundary, stretch);
                return "the line cannot be seen there".to_owned();
            }
            _ => {}
        }
        let by = if edit == Edit::CopyPrevious { -1 } else { 1 };
        let from = bscan.checked_add_signed(by).filter(|from| *from < self.editor.grid().bscans);
        let Some(from) = from else { return "there is no B-scan on that side".to_owned() };
        self.editor.copy(bscan, boundary, stretch, from);
        format!("copied from B-scan {}", from + 1)
    }

    /// Chooses a boundary by its index.
    pub(super) fn choose(&mut self, index: usize) {
        self.finish();
        (self.boundary, self.row) = (Boundary::ALL[index], None);
    }

    /// Redraws the line through the points.
    pub(super) fn redraw(&mut self) {
        let source = self.shown.as_ref().map(|shown| std::sync::Arc::clone(&shown.source));
        let image = source.as_ref().filter(|_| self.snaps).map(|source| &source.bscan);
        self.editor.redraw(self.bscan, self.boundary, &self.points, image);
    }

    /// Ends the line that is redrawn, or the move.
    pub(super) fn finish(&mut self) {
        self.points.clear();
        self.editor.end_run();
        self.row = None;
    }

    /// Goes to another B-scan.
    pub(in crate::dashboard) fn step_bscan(&mut self, by: isize) {
        self.finish();
        self.bscan = step_index(self.bscan, by, self.editor.grid().bscans);
    }
}
