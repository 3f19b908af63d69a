//! Edits the lines of a scan: moves, redraws, copies and marks stretches of boundaries, with undo. It does no IO and
//! knows no screen.
//!
//! In every A-scan the boundaries stay in order: a line that is moved ends at its neighbours.

mod snap;

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use octrls_core::{layer::Boundary, scan::BScan};
use octrls_report::{BScanLines, Grid, LineStretch, corrected_mask};

/// Steps that can be undone.
const MAX_STEPS: usize = 200;
/// A-scans between two edited ones that are saved with them, in one stretch.
const GAP: usize = 16;

/// What a step did, to tell whether the next one continues it.
#[derive(Clone, Debug, PartialEq)]
enum Run {
    /// Moves of the same stretch are one step.
    Move(usize, Boundary, Range<usize>),
    /// A redrawn line is redrawn from the start when it gets another point.
    Redraw(usize, Boundary),
}

/// The lines of a B-scan before a step; `None` if they were those of the result.
#[derive(Clone, Debug)]
struct Step {
    bscan: usize,
    before: Option<BScanLines>,
    run: Option<Run>,
}

/// The lines of a scan while a person edits them.
#[derive(Clone, Debug)]
pub(crate) struct LineEditor {
    grid: Grid,
    /// The lines of the result.
    stored: Arc<Vec<BScanLines>>,
    edited: BTreeMap<usize, BScanLines>,
    undo: Vec<Step>,
    redo: Vec<Step>,
    /// Counts all changes of the lines.
    revision: u64,
}

impl LineEditor {
    /// Edits `stored`, the lines of every B-scan of a scan of this `grid`.
    pub(crate) const fn new(stored: Arc<Vec<BScanLines>>, grid: Grid) -> Self {
        Self { grid, stored, edited: BTreeMap::new(), undo: Vec::new(), redo: Vec::new(), revision: 0 }
    }

    pub(crate) const fn grid(&self) -> Grid {
        self.grid
    }

    /// A number that differs after each change of the lines.
    pub(crate) const fn revision(&self) -> u64 {
        self.revision
    }

    /// The present lines of a B-scan.
    pub(crate) fn lines(&self, bscan: usize) -> &BScanLines {
        self.edited.get(&bscan).unwrap_or_else(|| &self.stored[bscan.min(self.stored.len() - 1)])
    }

    /// The present row of a boundary.
    pub(crate) fn row(&self, bscan: usize, boundary: Boundary, ascan: usize) -> Option<f32> {
        self.lines(bscan).rows[boundary.index()].get(ascan).copied().flatten()
    }

    /// Number of points that differ from the result.
    pub(crate) fn changed(&self) -> usize {
        let of = |(bscan, lines): (&usize, &BScanLines)| {
            corrected_mask(&self.stored[*bscan], lines).iter().flatten().filter(|changed| **changed).count()
        };
        self.edited.iter().map(of).sum()
    }

    /// Moves a boundary down by `by` rows in `ascans`, up if it is negative.
    pub(crate) fn shift(&mut self, bscan: usize, boundary: Boundary, ascans: Range<usize>, by: f32) {
        let run = Run::Move(bscan, boundary, ascans.clone());
        self.change(bscan, Some(run), |lines, height| {
            for x in ascans {
                if let Some(row) = lines.rows[boundary.index()][x] {
                    lines.set_in_order(boundary, x, Some(row + by), height);
                }
            }
        });
    }

    /// Redraws a boundary through `points`, A-scans and rows, in place of what was redrawn since [`Self::end_run`]. With an
    /// `image`, the line follows its gradient between the points, else it is straight.
    pub(crate) fn redraw(&mut self, bscan: usize, boundary: Boundary, points: &[(usize, f32)], image: Option<&BScan>) {
        let mut points = points.to_vec();
        points.sort_by_key(|(x, _)| *x);
        points.dedup_by_key(|(x, _)| *x);
        let run = Run::Redraw(bscan, boundary);
        if self.undo.last().is_some_and(|step| step.run.as_ref() == Some(&run)) {
            self.undo();
            self.redo.clear();
        }
        if points.len() < 2 || points.iter().any(|(x, _)| *x >= self.grid.width) {
            return;
        }
        let fits = |image: &&BScan| (image.width, image.height) == (self.grid.width, self.grid.height);
        let image = image.filter(fits);
        self.change(bscan, Some(run), |lines, height| {
            for pair in points.windows(2) {
                let bounds = |x: usize| lines.bounds(boundary, x, height);
                for (x, row) in (pair[0].0..).zip(snap::path(image, boundary, pair[0], pair[1], bounds)) {
                    lines.set_in_order(boundary, x, Some(row), height);
                }
            }
        });
    }

    /// Ends what further points or moves would continue.
    pub(crate) fn end_run(&mut self) {
        if let Some(step) = self.undo.last_mut() {
            step.run = None;
        }
    }

    /// Ends what further moves would continue; a line that is redrawn goes on.
    pub(crate) fn end_run_of_moves(&mut self) {
        if let Some(step) = self.undo.last_mut().filter(|step| matches!(step.run, Some(Run::Move(..)))) {
            step.run = None;
        }
    }

    /// Copies a boundary in `ascans` from another B-scan, moved by as much as the other boundaries differ: neighbours are
    /// rarely at the same height.
    pub(crate) fn copy(&mut self, bscan: usize, boundary: Boundary, ascans: Range<usize>, from: usize) {
        let source = self.lines(from).clone();
        let offset = self.offset(bscan, boundary, &ascans, &source);
        self.change(bscan, None, |lines, height| {
            for x in ascans {
                if let Some(row) = source.rows[boundary.index()][x] {
                    lines.set_in_order(boundary, x, Some(row + offset), height);
                }
            }
        });
    }

    /// Median distance of the other boundaries from those of `source`.
    fn offset(&self, bscan: usize, boundary: Boundary, ascans: &Range<usize>, source: &BScanLines) -> f32 {
        let lines = self.lines(bscan);
        let others = Boundary::ALL.into_iter().filter(|other| *other != boundary && *other != Boundary::Csb);
        let distances = others.flat_map(|other| {
            let (own, theirs) = (&lines.rows[other.index()], &source.rows[other.index()]);
            ascans.clone().filter_map(|x| Some(own[x]? - theirs[x]?)).collect::<Vec<_>>()
        });
        let mut distances: Vec<f32> = distances.collect();
        distances.sort_by(f32::total_cmp);
        distances.get(distances.len() / 2).copied().unwrap_or(0.0)
    }

    /// Marks the layer below a boundary absent in `ascans`: the boundary lies on the layer's end. False for the last
    /// boundary, which has no layer below it.
    pub(crate) fn mark_absent(&mut self, bscan: usize, boundary: Boundary, ascans: Range<usize>) -> bool {
        if boundary == Boundary::Csb {
            return false;
        }
        self.change(bscan, None, |lines, height| {
            for x in ascans {
                if let Some(end) = lines.end_of_layer(boundary, x) {
                    lines.set_in_order(boundary, x, Some(end), height);
                }
            }
        });
        true
    }

    /// Marks a boundary in `ascans` as not to be seen: it has no row. The end of the choroid keeps its row, as inferred.
    pub(crate) fn mark_unseen(&mut self, bscan: usize, boundary: Boundary, ascans: Range<usize>) {
        self.change(bscan, None, |lines, height| {
            for x in ascans {
                if boundary == Boundary::Csb && lines.choroid_visible[x] {
                    lines.choroid_visible[x] = false;
                } else {
                    lines.set_in_order(boundary, x, None, height);
                }
            }
        });
    }

    /// Makes a step; one that continues the last is no step of its own, and one that changes nothing is none.
    fn change(&mut self, bscan: usize, run: Option<Run>, edit: impl FnOnce(&mut BScanLines, usize)) {
        if bscan >= self.stored.len() {
            return;
        }
        let before = self.edited.get(&bscan).cloned();
        let mut lines = before.clone().unwrap_or_else(|| self.stored[bscan].clone());
        edit(&mut lines, self.grid.height);
        if lines == *self.lines(bscan) {
            return;
        }
        self.redo.clear();
        let continues = run.is_some() && self.undo.last().is_some_and(|step| step.run == run);
        if !continues {
            if self.undo.len() == MAX_STEPS {
                self.undo.remove(0);
            }
            self.undo.push(Step { bscan, before, run });
        }
        self.edited.insert(bscan, lines);
        self.revision += 1;
    }

    /// Takes the last step back; the B-scan that changed.
    pub(crate) fn undo(&mut self) -> Option<usize> {
        let step = self.undo.pop()?;
        let (bscan, back) = self.restore(step);
        self.redo.push(back);
        Some(bscan)
    }

    /// Makes the step again that was taken back last; the B-scan that changed.
    pub(crate) fn redo(&mut self) -> Option<usize> {
        let step = self.redo.pop()?;
        let (bscan, back) = self.restore(step);
        self.undo.push(back);
        Some(bscan)
    }

    fn restore(&mut self, Step { bscan, before, .. }: Step) -> (usize, Step) {
        let present = match before {
            Some(lines) => self.edited.insert(bscan, lines),
            None => self.edited.remove(&bscan),
        };
        self.revision += 1;
        (bscan, Step { bscan, before: present, run: None })
    }

    /// What was edited, to be saved.
    pub(crate) fn stretches(&self) -> Vec<LineStretch> {
        let mut stretches = Vec::new();
        for (bscan, lines) in &self.edited {
            let changed = corrected_mask(&self.stored[*bscan], lines);
            let is_changed = |x: &usize| changed.iter().any(|of_boundary| of_boundary[*x]);
            let mut runs: Vec<Range<usize>> = Vec::new();
            for x in (0..self.grid.width).filter(is_changed) {
                match runs.last_mut() {
                    Some(run) if x <= run.end + GAP => run.end = x + 1,
                    _ => runs.push(x..x + 1),
                }
            }
            let stretch = |ascans: Range<usize>| LineStretch {
                bscan: *bscan,
                first_ascan: ascans.start,
                lines: lines.part(ascans),
            };
            stretches.extend(runs.into_iter().map(stretch));
        }
        stretches
    }
}

#[cfg(test)]
mod tests;
