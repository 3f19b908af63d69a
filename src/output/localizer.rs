//! The image of the fundus with the lines along which the B-scans lie.

use super::page::{Page, Picture};
use crate::scan::{FundusImage, Place, Track};

/// Points that a circle is drawn through.
const STEPS: usize = 90;
const LINE: [u8; 3] = [0, 158, 115];
const SHOWN: [u8; 3] = [240, 228, 66];
/// Most lines that are drawn each; of denser volumes, evenly chosen ones.
const MOST_LINES: usize = 13;

/// What the fundus shows of a scan.
pub(super) struct Localizer<'a> {
    pub(super) fundus: &'a FundusImage,
    pub(super) tracks: &'a [Track],
    /// The B-scan that the report shows.
    pub(super) shown: usize,
}

impl Localizer<'_> {
    /// Draws it with its upper left corner at `at`, at most `room` wide and high; returns its size in points.
    pub(super) fn draw(&self, page: &mut Page, at: (f32, f32), room: f32) -> (f32, f32) {
        let FundusImage { width, height, pixels, pixel_mm } = self.fundus;
        let [mm_x, mm_y] = pixel_mm.map(|mm| mm as f32);
        let (width_mm, height_mm) = (*width as f32 * mm_x, *height as f32 * mm_y);
        let scale = room / width_mm.max(height_mm);
        let size = (scale * width_mm, scale * height_mm);
        let picture = Picture { width: *width as u32, height: *height as u32, pixels: pixels.clone(), coloured: false };
        page.picture(at, size, picture);
        let inside = |place: Place| {
            let (x, y) = (scale * place.x as f32, scale * place.y as f32);
            ((0.0..=size.0).contains(&x) && (0.0..=size.1).contains(&y)).then_some((at.0 + x, at.1 + y))
        };
        let mut curve = |track: &Track, width: f32, colour: [u8; 3]| {
            page.curve((0..=STEPS).map(|i| inside(track.at(i, STEPS))), width, colour);
        };
        let every = self.tracks.len().div_ceil(MOST_LINES).max(1);
        self.tracks.iter().step_by(every).for_each(|track| curve(track, 0.3, LINE));
        if let Some(track) = self.tracks.get(self.shown) {
            curve(track, 0.8, SHOWN);
        }
        size
    }
}
