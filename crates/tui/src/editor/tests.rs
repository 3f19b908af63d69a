use proptest::prelude::*;

use super::*;

const GRID: Grid = Grid { bscans: 2, width: 32, height: 200 };

/// Boundaries 10 rows apart; the second B-scan is 7 rows lower.
fn editor() -> LineEditor {
    let lines = |bscan: usize| {
        let line = |k: usize| vec![Some(20.0 + 10.0 * k as f32 + 7.0 * bscan as f32); GRID.width];
        BScanLines {
            rows: std::array::from_fn(line),
            ez_end: line(Boundary::EzRpe.index()),
            rpe_outer: line(Boundary::RpeBm.index()),
            choroid_visible: vec![true; GRID.width],
        }
    };
    LineEditor::new(Arc::new((0..GRID.bscans).map(lines).collect()), GRID)
}

fn rows(editor: &LineEditor, boundary: Boundary, ascans: Range<usize>) -> Vec<Option<f32>> {
    ascans.map(|x| editor.row(0, boundary, x)).collect()
}

#[test]
fn a_stretch_is_moved_up_to_its_neighbours_and_back_by_one_undo() {
    let mut editor = editor();
    for _ in 0..3 {
        editor.shift(0, Boundary::NflGcl, 4..6, 2.0);
    }
    assert_eq!(rows(&editor, Boundary::NflGcl, 3..7), [Some(30.0), Some(36.0), Some(36.0), Some(30.0)]);
    assert_eq!(editor.changed(), 2);
    editor.shift(0, Boundary::NflGcl, 4..6, 100.0);
    assert_eq!(editor.row(0, Boundary::NflGcl, 4), Some(40.0), "it ends at the next boundary");
    assert_eq!(editor.undo(), Some(0));
    assert_eq!((editor.row(0, Boundary::NflGcl, 4), editor.changed()), (Some(30.0), 0));
    assert_eq!(editor.undo(), None);
    assert_eq!(editor.redo(), Some(0));
    assert_eq!(editor.row(0, Boundary::NflGcl, 4), Some(40.0));
}

#[test]
fn the_ends_of_ez_and_rpe_follow_and_stay_in_their_layers() {
    let mut editor = editor();
    editor.shift(0, Boundary::EzRpe, 0..1, -4.0);
    assert_eq!(editor.lines(0).ez_end[0], Some(76.0));
    editor.shift(0, Boundary::RpeBm, 0..1, 3.0);
    assert_eq!(editor.lines(0).rpe_outer[0], Some(93.0));
    editor.mark_unseen(0, Boundary::RpeBm, 0..1);
    assert_eq!((editor.row(0, Boundary::RpeBm, 0), editor.lines(0).rpe_outer[0]), (None, None));
}

#[test]
fn a_line_is_redrawn_from_the_start_with_each_point() {
    let mut editor = editor();
    editor.redraw(0, Boundary::Ilm, &[(2, 10.0)], None);
    assert_eq!(editor.changed(), 0, "one point is no line");
    editor.redraw(0, Boundary::Ilm, &[(2, 10.0), (6, 14.0)], None);
    let line = [10.0, 11.0, 12.0, 13.0, 14.0].map(Some);
    assert_eq!(rows(&editor, Boundary::Ilm, 2..7), line);
    editor.redraw(0, Boundary::Ilm, &[(2, 10.0), (6, 14.0), (4, 8.0)], None);
    assert_eq!(rows(&editor, Boundary::Ilm, 2..7), [10.0, 9.0, 8.0, 11.0, 14.0].map(Some));
    assert_eq!(editor.undo(), Some(0));
    assert_eq!(editor.changed(), 0, "all points are one step");
    editor.redraw(0, Boundary::Ilm, &[(2, 10.0), (6, 14.0)], None);
    editor.end_run();
    editor.redraw(0, Boundary::Ilm, &[(10, 10.0), (12, 14.0)], None);
    assert_eq!(editor.changed(), 8);
}

#[test]
fn a_copy_is_moved_to_the_height_of_the_other_lines() {
    let mut editor = editor();
    editor.shift(1, Boundary::InlOpl, 0..8, -3.0);
    editor.copy(0, Boundary::InlOpl, 0..8, 1);
    assert_eq!(editor.row(0, Boundary::InlOpl, 3), Some(47.0), "3 rows above its place, as in the neighbour");
    assert_eq!(editor.row(0, Boundary::InlOpl, 9), Some(50.0));
}

#[test]
fn layers_are_absent_and_lines_cannot_be_seen() {
    let mut editor = editor();
    assert!(editor.mark_absent(0, Boundary::OnlEz, 3..5));
    assert_eq!(rows(&editor, Boundary::OnlEz, 2..5), [Some(70.0), Some(80.0), Some(80.0)]);
    assert!(!editor.mark_absent(0, Boundary::Csb, 3..5));
    editor.mark_unseen(0, Boundary::NflGcl, 3..5);
    assert_eq!(rows(&editor, Boundary::NflGcl, 2..5), [Some(30.0), None, None]);
    editor.mark_unseen(0, Boundary::Csb, 0..2);
    assert_eq!((editor.row(0, Boundary::Csb, 0), editor.lines(0).choroid_visible[0]), (Some(100.0), false));
}

#[test]
fn what_was_edited_is_saved_in_stretches() {
    let mut editor = editor();
    editor.shift(0, Boundary::Ilm, 1..3, 2.0);
    editor.shift(0, Boundary::Csb, 28..30, 2.0);
    editor.shift(1, Boundary::Ilm, 0..1, 2.0);
    editor.undo();
    let stretches = editor.stretches();
    let places: Vec<_> = stretches.iter().map(|s| (s.bscan, s.first_ascan, s.lines.width())).collect();
    assert_eq!(places, [(0, 1, 2), (0, 28, 2)]);
    let edited = octrls_report::with_stretches(editor.stored.to_vec(), &stretches, GRID).unwrap();
    assert_eq!(&edited[0], editor.lines(0));
}

proptest! {
    /// Whatever is done, the lines can be saved.
    #[test]
    fn the_lines_stay_in_order(edits in prop::collection::vec((0..7_u8, 0..9_usize, 0..32_usize, 0..32_usize, -90.0..220.0_f32), 1..60)) {
        let mut editor = editor();
        for (kind, boundary, a, b, by) in edits {
            let (boundary, ascans) = (Boundary::ALL[boundary], a.min(b)..a.max(b));
            match kind {
                0 => editor.shift(0, boundary, ascans, by),
                1 => editor.redraw(0, boundary, &[(a, by), (b, 220.0 - by)], None),
                2 => editor.copy(0, boundary, ascans, 1),
                3 => { editor.mark_absent(0, boundary, ascans); }
                4 => editor.mark_unseen(0, boundary, ascans),
                5 => { editor.undo(); }
                _ => editor.end_run(),
            }
            prop_assert!(editor.lines(0).check(GRID.height).is_ok(), "{:?}", editor.lines(0).check(GRID.height));
        }
    }
}
