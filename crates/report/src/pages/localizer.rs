//! Draws the fundus image with the lines of the B-scans.

use octrls_readers::FundusImage;

use super::layout::MARGIN;
use crate::{
    images::BACKGROUND,
    pdf::{Align, Page, Picture, PictureKind, Style},
};

const LINE_COLOUR: [u8; 3] = [0, 158, 115];
const HIGHLIGHT_COLOUR: [u8; 3] = [240, 228, 66];
const BAR_COLOUR: [u8; 3] = [255, 255, 255];
/// Largest number of lines drawn; of denser volumes, evenly spaced lines are drawn.
const MAX_LINES: usize = 13;

/// The fundus image and the B-scan to highlight.
pub(crate) struct Localizer<'a> {
    pub(crate) fundus: &'a FundusImage,
    /// Index of the B-scan shown in the report.
    pub(crate) shown: usize,
}

impl Localizer<'_> {
    /// Draws the image with its upper left corner at `at`, at most `room` wide and high; returns its size in points.
    pub(crate) fn draw(&self, page: &mut Page, at: (f32, f32), room: f32) -> (f32, f32) {
        let FundusImage { width, height, pixels, pixel_mm, lines } = self.fundus;
        // Without a scale, assume square pixels.
        let [across, down] = pixel_mm.map_or([1.0, 1.0], |mm| mm.map(|mm| mm as f32));
        let (wide, high) = (*width as f32 * across, *height as f32 * down);
        let scale = room / wide.max(high);
        let size = (scale * wide, scale * high);
        let picture =
            Picture { width: *width as u32, height: *height as u32, pixels: pixels.clone(), kind: PictureKind::Grey };
        page.picture(at, size, picture);
        let inside = |&[column, row]: &[f32; 2]| {
            let (x, y) = (scale * across * column, scale * down * row);
            ((0.0..=size.0).contains(&x) && (0.0..=size.1).contains(&y)).then_some((at.0 + x, at.1 + y))
        };
        let mut curve = |line: &[[f32; 2]], width: f32, colour: [u8; 3]| match line {
            // Clip a line that leaves the image.
            [[x0, y0], [x1, y1]] => {
                const STEPS: u8 = 90;
                let at = |t: f32| [x0 + t * (x1 - x0), y0 + t * (y1 - y0)];
                let points = (0..=STEPS).map(|i| inside(&at(f32::from(i) / f32::from(STEPS))));
                page.curve(points, width, colour);
            }
            curved => page.curve(curved.iter().map(inside), width, colour),
        };
        let every = lines.len().div_ceil(MAX_LINES).max(1);
        lines.iter().step_by(every).for_each(|line| curve(line, 0.3, LINE_COLOUR));
        if let Some(line) = lines.get(self.shown) {
            curve(line, 0.8, HIGHLIGHT_COLOUR);
            if line.len() > 2 {
                draw_start(page, line, &inside, at);
            }
        }
        if pixel_mm.is_some() && wide > 2.0 {
            let (left, below) = (at.0 + 5.0, at.1 + size.1 - 5.0);
            page.fill((left - 3.0, below - 9.0), (scale.max(17.0) + 6.0, 12.0), BACKGROUND);
            page.fill((left, below), (scale, 1.2), BAR_COLOUR);
            page.text(left, below - 2.0, Style::of(6.5).white(), Align::Left, "1 mm");
        }
        size
    }

    /// A page of its own.
    pub(crate) fn page(&self) -> Page {
        let mut page = Page::new();
        page.text(MARGIN, 58.0, Style::of(14.0).bold(), Align::Left, "Fundus");
        self.draw_with_caption(&mut page, (MARGIN, 76.0), 400.0);
        page
    }

    /// Draws the image with its caption to the right.
    pub(crate) fn draw_with_caption(&self, page: &mut Page, at: (f32, f32), room: f32) {
        let (width, _) = self.draw(page, at, room);
        for (i, words) in self.caption().iter().enumerate() {
            let place = (at.0 + width + 10.0, at.1 + 9.0 + 10.0 * i as f32);
            page.text(place.0, place.1, Style::of(7.5).quiet(), Align::Left, words);
        }
    }

    /// The caption.
    fn caption(&self) -> [&'static str; 2] {
        match self.fundus.lines.len() {
            0 => ["fundus", "position of the B-scans not known"],
            1 if self.fundus.lines[0].len() > 2 => ["fundus", "circle: the B-scan, from the square along the arrow"],
            1 => ["fundus", "line: the B-scan"],
            _ => ["fundus", "yellow line: the B-scan shown"],
        }
    }
}

/// Marks where a circle starts, and the way that it runs.
fn draw_start(
    page: &mut Page,
    circle: &[[f32; 2]],
    inside: &impl Fn(&[f32; 2]) -> Option<(f32, f32)>,
    image: (f32, f32),
) {
    const MARK: f32 = 3.0;
    const ARROW: f32 = 5.0;
    let Some(start) = circle.first().and_then(inside) else { return };
    page.fill((start.0 - 0.5 * MARK, start.1 - 0.5 * MARK), (MARK, MARK), HIGHLIGHT_COLOUR);
    // An arrow at an eighth of the way.
    let on = circle.len() / 8;
    let points = circle.get(on).and_then(inside).zip(circle.get(on + circle.len() / 60 + 1).and_then(inside));
    let Some(((x0, y0), (x1, y1))) = points else { return };
    let length = (x1 - x0).hypot(y1 - y0).max(f32::MIN_POSITIVE);
    let (along, across) = (((x1 - x0) / length, (y1 - y0) / length), ((y0 - y1) / length, (x1 - x0) / length));
    let wing = |side: f32| {
        let (back, out) = (-ARROW, 0.6 * side * ARROW);
        Some((x1 + back * along.0 + out * across.0, y1 + back * along.1 + out * across.1))
    };
    page.curve([wing(1.0), Some((x1, y1)), wing(-1.0)].into_iter(), 1.0, HIGHLIGHT_COLOUR);
    let x = (start.0 - 5.0).max(image.0 + 16.0);
    page.text(x, start.1 - 3.0, Style::of(6.5).white(), Align::Right, "start");
}
