use octrls_testing::pictures;

use super::*;
use crate::phantom::{Phantom, PhantomOptions};

/// A picture to paint panels on.
struct Canvas(BScan);

impl Canvas {
    fn new(width: usize, height: usize, grey: f32) -> Self {
        Self(BScan { width, height, intensity: vec![grey; width * height] })
    }

    fn put(&mut self, panel: &BScan, left: usize, top: usize) {
        for y in 0..panel.height {
            for x in 0..panel.width {
                self.dot(left + x, top + y, panel.intensity[y * panel.width + x]);
            }
        }
    }

    fn dot(&mut self, x: usize, y: usize, grey: f32) {
        self.0.intensity[y * self.0.width + x] = grey;
    }

    fn text(&mut self, left: usize, top: usize, letters: usize, grey: f32) {
        for (x, y) in pictures::text(letters) {
            self.dot(left + x, top + y, grey);
        }
    }
}

fn fundus(side: usize) -> BScan {
    BScan { width: side, height: side, intensity: pictures::fundus(side) }
}

fn retina(seed: u64) -> BScan {
    Phantom::generate(&PhantomOptions::spectralis(), seed).bscan
}

fn panel(picture: &BScan) -> Crop {
    match layout(picture) {
        Layout::Panel(crop) => crop,
        other => panic!("{other:?}"),
    }
}

/// Checks that `found` is the panel at this place, but for a few flat lines at its sides.
fn assert_near(found: Crop, left: usize, top: usize, panel: &BScan) {
    let near = |a: usize, b: usize| a.abs_diff(b) <= 6;
    let right = (found.right(), left + panel.width);
    let bottom = (found.bottom(), top + panel.height);
    assert!(near(found.left, left) && near(found.top, top) && near(right.0, right.1), "{found:?}");
    assert!(near(bottom.0, bottom.1), "{found:?}");
}

#[test]
fn a_fundus_beside_a_bscan_is_cut_off() {
    for seed in 1..4 {
        let bscan = retina(seed);
        let slo = fundus(bscan.height);
        for (gap, grey) in [(0, 0.0), (18, 0.0), (6, 1.0), (10, 0.5)] {
            let mut canvas = Canvas::new(slo.width + gap + bscan.width, bscan.height, grey);
            canvas.put(&slo, 0, 0);
            canvas.put(&bscan, slo.width + gap, 0);
            assert_near(panel(&canvas.0), slo.width + gap, 0, &bscan);
            let mut canvas = Canvas::new(slo.width + gap + bscan.width, bscan.height, grey);
            canvas.put(&bscan, 0, 0);
            canvas.put(&slo, bscan.width + gap, 0);
            assert_near(panel(&canvas.0), 0, 0, &bscan);
        }
    }
}

#[test]
fn captions_and_scale_bars_on_the_panels_change_nothing() {
    let bscan = retina(3);
    let slo = fundus(bscan.height);
    for gap in [0, 6] {
        let mut canvas = Canvas::new(slo.width + gap + bscan.width, bscan.height, 0.0);
        canvas.put(&slo, 0, 0);
        canvas.put(&bscan, slo.width + gap, 0);
        let height = bscan.height;
        for left in [12, slo.width + gap + 12] {
            canvas.text(left, height - 14, 9, 1.0);
            canvas.text(left, 6, 24, 1.0);
            for i in 0..40 {
                canvas.dot(left + i, height - 20, 1.0);
                canvas.dot(left, height - 20 - i, 1.0);
            }
        }
        assert_near(panel(&canvas.0), slo.width + gap, 0, &bscan);
        // A line of text across both panels.
        canvas.text(slo.width - 90, 20, 30, 1.0);
        assert_near(panel(&canvas.0), slo.width + gap, 0, &bscan);
    }
    let mut lone = Canvas(bscan);
    lone.text(12, 6, 24, 1.0);
    assert_eq!(layout(&lone.0), Layout::Whole);
}

#[test]
fn frames_captions_and_a_fundus_above_are_cut_off() {
    let (bscan, slo) = (retina(1), fundus(400));
    let (width, height) = (slo.width + bscan.width + 60, bscan.height + 140);
    for (ground, ink) in [(1.0, 0.0), (0.9, 0.2), (0.2, 1.0)] {
        let mut canvas = Canvas::new(width, height, ground);
        canvas.text(30, 20, 40, ink);
        canvas.put(&slo, 20, 60);
        canvas.put(&bscan, slo.width + 40, 60);
        canvas.text(30, height - 40, 60, ink);
        let found = panel(&canvas.0);
        assert!(found.left.abs_diff(slo.width + 40) <= 6 && found.right().abs_diff(width - 20) <= 6, "{found:?}");
    }
    let mut canvas = Canvas::new(bscan.width, bscan.height + slo.height + 20, 0.9);
    canvas.put(&slo, 0, 0);
    canvas.put(&bscan, 0, slo.height + 20);
    assert_near(panel(&canvas.0), 0, slo.height + 20, &bscan);
}

#[test]
fn a_caption_below_a_lone_bscan_is_cut_off() {
    let bscan = retina(2);
    let mut canvas = Canvas::new(bscan.width, bscan.height + 60, 1.0);
    canvas.put(&bscan, 0, 0);
    canvas.text(20, bscan.height + 20, 50, 0.0);
    assert_near(panel(&canvas.0), 0, 0, &bscan);
}

#[test]
fn ordinary_scans_are_left_alone() {
    for seed in 1..6 {
        let bscan = retina(seed);
        assert_eq!(layout(&bscan), Layout::Whole);
        let mut strip = Canvas::new(bscan.width, bscan.height + 20, 1.0);
        strip.put(&bscan, 0, 0);
        assert_eq!(layout(&strip.0), Layout::Whole, "a strip without text");
        let mut wedge = Canvas(bscan);
        for y in 0..60 {
            for x in 0..wedge.0.width.saturating_sub(8 * y) {
                wedge.dot(x, y, 1.0);
            }
        }
        assert_eq!(layout(&wedge.0), Layout::Whole, "a white wedge");
    }
    assert_eq!(layout(&fundus(400)), Layout::Whole, "a fundus alone");
    for (width, height) in [(2, 2), (300, 3), (3, 300), (128, 64)] {
        assert_eq!(layout(&Canvas::new(width, height, 0.5).0), Layout::Whole);
    }
}

#[test]
fn two_bscans_with_a_gap_beside_a_fundus_are_unclear() {
    let (first, second) = (retina(1), retina(2));
    let slo = fundus(first.height);
    let mut canvas = Canvas::new(slo.width + 4 + first.width, 2 * first.height + 6, 0.0);
    canvas.put(&slo, 0, 0);
    canvas.put(&first, slo.width + 4, 0);
    canvas.put(&second, slo.width + 4, first.height + 6);
    assert_eq!(layout(&canvas.0), Layout::Unclear);
}

#[test]
fn two_bscans_side_by_side_are_never_taken_with_their_fundus() {
    let (first, second) = (retina(1), retina(2));
    let slo = fundus(first.height);
    let mut canvas = Canvas::new(slo.width + first.width + second.width, first.height, 0.0);
    canvas.put(&slo, 0, 0);
    canvas.put(&first, slo.width, 0);
    canvas.put(&second, slo.width + first.width, 0);
    // Nothing tells two B-scans side by side from one of twice the width, but their fundus is never part of it.
    match layout(&canvas.0) {
        Layout::Panel(found) => assert!(found.left.abs_diff(slo.width) <= 6, "{found:?}"),
        other => assert_eq!(other, Layout::Unclear),
    }
}
