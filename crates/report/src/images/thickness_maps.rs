//! Thickness maps of a volume: en-face images of every layer and the retina, each with its own scale.

use image::{Rgb, RgbImage};
use octrls_core::{
    layer::{Layer, Measured},
    measure::enface::{
        Centre, Coverage, ETDRS_RADII_MM, EtdrsGrid, Side, SubfieldThickness, ThicknessMap, VolumeMeasures,
    },
    scan::{Eye, Place},
};

use super::canvas::{self, BACKGROUND, FAINT_TEXT, TEXT};
use crate::summarise::ScanMaps;

/// Colour where thickness is unknown.
const UNKNOWN: [u8; 3] = [60, 60, 66];
/// Longer side of a map in pixels.
const LONGER_SIDE: f64 = 360.0;
const MARGIN: u32 = 14;
const TITLE_HEIGHT: u32 = 26;
const BAR_WIDTH: u32 = 14;
/// Enlargement of letters, so that they are legible in the report too.
const TEXT_SCALE: u32 = 2;
/// Width of a colour bar's numbers.
const NUMBERS_WIDTH: u32 = 70;
const COLUMNS: u32 = 3;
/// Largest number of points drawn along a circle.
const MAX_RING_STEPS: f64 = 16_384.0;
/// Smallest extent of a map in either direction, in millimetres; a smaller area is not drawn.
const MIN_EXTENT_MM: f64 = 0.5;
/// Distance of the lines of the hatching, in pixels along a row.
const HATCHING: u32 = 8;
/// Width of these lines.
const HATCHING_WIDTH: u32 = 2;
/// Lines of notes below the maps.
const NOTES: u32 = 3;
/// Length in pixels of the marks of millimetres.
const TICK: u32 = 5;
/// The ends of a scale are rounded to a multiple of this, in micrometres.
const SCALE_STEP_UM: f32 = 10.0;
/// Smallest range of a scale in micrometres.
const LEAST_RANGE_UM: f32 = 20.0;

/// Position of a map in the picture.
struct Panel {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
    /// Upper left corner on the retina, in millimetres.
    corner: Place,
    mm_per_pixel: f64,
    eye: Option<Eye>,
}

/// A map without text, for a page that writes it in its own type. Positions are shares of width and height.
pub(crate) struct MapPanel {
    pub(crate) of: Measured,
    pub(crate) image: RgbImage,
    /// Micrometres at the lower and upper end of the scale.
    pub(crate) scale_um: [f32; 2],
    /// Middle of each subfield, with its mean.
    pub(crate) means: Vec<([f32; 2], String)>,
    /// What is left and right.
    pub(crate) sides: [Side; 2],
}

/// The maps of a volume of `eye` for a page, in the order of [`Measured::all`]; `None` as for [`thickness_maps`].
pub(crate) fn map_panels(maps: &ScanMaps, measures: &VolumeMeasures, eye: Option<Eye>) -> Option<Vec<MapPanel>> {
    let (mm_per_pixel, [width, height], corner) = size_of(maps)?;
    let panel = Panel { left: 0, top: 0, width, height, corner, mm_per_pixel, eye };
    let all = Measured::all().into_iter().zip(&maps.thickness).map(|(of, field)| {
        let mut image = RgbImage::new(width, height);
        let scale_um = panel.draw_thickness(&mut image, field);
        if let Some(visible) = maps.choroid_visible.as_ref().filter(|_| of == Measured::Layer(Layer::Choroid)) {
            panel.hatch(&mut image, |place| field.at(place).is_some() && visible.at(place).is_some_and(|v| v < 0.5));
        }
        panel.draw_rings(&mut image, measures.centre.place);
        let grid = measures.etdrs.iter().find(|g| g.layer == of.key()).map(|g| &g.grid);
        let share = |(x, y): (u32, u32)| [x as f32 / width as f32, y as f32 / height as f32];
        let means = grid.map(|grid| panel.means(grid, measures.centre)).unwrap_or_default();
        let means = means.into_iter().map(|(at, text)| (share(at), text)).collect();
        let sides = [-1.0, 1.0].map(|right| Side::of_direction((right, 0.0), eye));
        MapPanel { of, image, scale_um, means, sides }
    });
    Some(all.collect())
}

/// Millimetres of a pixel, width and height of a map in pixels, and its upper left corner; `None` if the area is too small.
fn size_of(maps: &ScanMaps) -> Option<(f64, [u32; 2], Place)> {
    let (low, high) = maps.thickness.first()?.extent();
    let (across, down) = (high.x - low.x, high.y - low.y);
    let mm_per_pixel = across.max(down) / LONGER_SIDE;
    let size = |mm: f64| ((mm / mm_per_pixel).round() as u32).max(1);
    (across.min(down) >= MIN_EXTENT_MM).then(|| (mm_per_pixel, [size(across), size(down)], low))
}

/// Draws the maps of a volume of `eye` from its `maps`; `None` if the area is too small. The choroid is hatched where its
/// end is inferred; `visible` is the share of A-scans in which it can be seen.
#[must_use]
pub(crate) fn thickness_maps(
    maps: &ScanMaps,
    visible: Option<f32>,
    measures: &VolumeMeasures,
    eye: Option<Eye>,
) -> Option<RgbImage> {
    let (mm_per_pixel, [width, height], corner) = size_of(maps)?;
    let cell = (width + MARGIN + BAR_WIDTH + NUMBERS_WIDTH, height + TITLE_HEIGHT + MARGIN);
    let rows = (Measured::all().len() as u32).div_ceil(COLUMNS);
    let size = (MARGIN + COLUMNS * cell.0, MARGIN + rows * cell.1 + NOTES * TITLE_HEIGHT);
    let mut image = RgbImage::from_pixel(size.0, size.1, Rgb(BACKGROUND));
    for (i, (of, field)) in (0..).zip(Measured::all().into_iter().zip(&maps.thickness)) {
        let (left, top) = (MARGIN + i % COLUMNS * cell.0, MARGIN + i / COLUMNS * cell.1 + TITLE_HEIGHT);
        let panel = Panel { left, top, width, height, corner, mm_per_pixel, eye };
        let grid = measures.etdrs.iter().find(|g| g.layer == of.key()).map(|g| &g.grid);
        panel.draw(&mut image, of, field, grid, measures.centre);
        if let Some(visible) = maps.choroid_visible.as_ref().filter(|_| of == Measured::Layer(Layer::Choroid)) {
            panel.hatch(&mut image, |place| field.at(place).is_some() && visible.at(place).is_some_and(|v| v < 0.5));
            panel.draw_rings(&mut image, measures.centre.place);
            if let Some(grid) = grid {
                panel.draw_means(&mut image, grid, measures.centre);
            }
            panel.draw_sides(&mut image);
        }
    }
    let centre = format!("circles: 1, 3, 6 mm about {}", measures.centre.from.words());
    let choroid = match visible {
        Some(share) => format!("choroid: end visible in {:.0} % of A-scans; hatched: inferred", 100.0 * share),
        None => "choroid: end not found".to_owned(),
    };
    let notes = [
        format!("\u{b5}m; {centre}"),
        format!("{}; grey: unknown", Coverage::LEGEND),
        format!("{choroid}; research use only"),
    ];
    for (note, above) in notes.into_iter().zip((1..=NOTES).rev()) {
        let scale =
            if canvas::text_width(note.chars().count() as u32, TEXT_SCALE) + MARGIN < size.0 { TEXT_SCALE } else { 1 };
        canvas::text(&mut image, MARGIN, size.1 - above * TITLE_HEIGHT + 4, scale, FAINT_TEXT, &note);
    }
    Some(image)
}

impl Panel {
    fn draw(&self, image: &mut RgbImage, of: Measured, map: &ThicknessMap, grid: Option<&EtdrsGrid>, centre: Centre) {
        let scale = self.draw_thickness(image, map);
        canvas::text(image, self.left, self.top - TITLE_HEIGHT + 5, TEXT_SCALE, TEXT, of.name());
        self.draw_rings(image, centre.place);
        if let Some(grid) = grid {
            self.draw_means(image, grid, centre);
        }
        self.draw_millimetres(image);
        self.draw_sides(image);
        self.draw_scale(image, scale);
    }

    /// Draws the colours; returns the ends of their scale.
    fn draw_thickness(&self, image: &mut RgbImage, map: &ThicknessMap) -> [f32; 2] {
        let values: Vec<Option<f32>> = (0..self.height)
            .flat_map(|y| (0..self.width).map(move |x| (x, y)))
            .map(|(x, y)| map.at(self.place(x, y)))
            .collect();
        let [bottom, top] = scale_of(&values);
        for (i, value) in (0..).zip(&values) {
            let colour = value.map_or(UNKNOWN, |v| viridis((v - bottom) / (top - bottom)));
            image.put_pixel(self.left + i % self.width, self.top + i / self.width, Rgb(colour));
        }
        [bottom, top]
    }

    /// Marks the millimetres of the scan's own places along the left and the lower edge, and numbers every second.
    fn draw_millimetres(&self, image: &mut RgbImage) {
        let far = self.place(self.width - 1, self.height - 1);
        for mm in self.corner.x.ceil() as i64..=far.x.floor() as i64 {
            let Some((x, _)) = self.pixel(Place { x: mm as f64, y: far.y }) else { continue };
            let edge = self.top + self.height;
            canvas::fill(image, x, edge.saturating_sub(TICK), 1, TICK, TEXT);
            if mm % 2 == 0 {
                let width = canvas::text_width(mm.to_string().len() as u32, 1);
                canvas::text(image, x.saturating_sub(width / 2), edge + 2, 1, FAINT_TEXT, &mm.to_string());
            }
        }
        for mm in self.corner.y.ceil() as i64..=far.y.floor() as i64 {
            let Some((_, y)) = self.pixel(Place { x: self.corner.x, y: mm as f64 }) else { continue };
            canvas::fill(image, self.left, y, TICK, 1, TEXT);
            if mm % 2 == 0 && y > self.top + 24 {
                canvas::text(image, self.left + TICK + 1, y.saturating_sub(4), 1, FAINT_TEXT, &mm.to_string());
            }
        }
    }

    /// Marks nasal and temporal in the upper corners; left and right of the image if the eye is unknown.
    fn draw_sides(&self, image: &mut RgbImage) {
        let letter = |right: f64| match Side::of_direction((right, 0.0), self.eye) {
            Side::Nasal => "N",
            Side::Temporal => "T",
            Side::Left => "left",
            _ => "right",
        };
        let width = canvas::text_width(letter(1.0).len() as u32, TEXT_SCALE);
        let left_width = canvas::text_width(letter(-1.0).len() as u32, TEXT_SCALE);
        let sides = [
            (self.left + 3, left_width, letter(-1.0)),
            (self.left + self.width.saturating_sub(width + 3), width, letter(1.0)),
        ];
        for (x, width, text) in sides {
            canvas::fill(image, x - 1, self.top + 2, width + 1, 8 * TEXT_SCALE + 1, BACKGROUND);
            canvas::text(image, x, self.top + 3, TEXT_SCALE, TEXT, text);
        }
    }

    /// Place at the centre of a pixel.
    fn place(&self, x: u32, y: u32) -> Place {
        let mm = |pixel: u32| (f64::from(pixel) + 0.5) * self.mm_per_pixel;
        Place { x: self.corner.x + mm(x), y: self.corner.y + mm(y) }
    }

    /// Pixel of a place, from the picture's corner; `None` outside the map.
    fn pixel(&self, place: Place) -> Option<(u32, u32)> {
        let at = |mm: f64, side: u32| {
            let pixel = mm / self.mm_per_pixel;
            (0.0..f64::from(side)).contains(&pixel).then_some(pixel as u32)
        };
        let (x, y) = (at(place.x - self.corner.x, self.width)?, at(place.y - self.corner.y, self.height)?);
        Some((self.left + x, self.top + y))
    }

    /// Draws diagonal lines over the places that `is_hatched`.
    fn hatch(&self, image: &mut RgbImage, is_hatched: impl Fn(Place) -> bool) {
        for (x, y) in (0..self.height).flat_map(|y| (0..self.width).map(move |x| (x, y))) {
            if (x + y) % HATCHING < HATCHING_WIDTH && is_hatched(self.place(x, y)) {
                image.put_pixel(self.left + x, self.top + y, Rgb(UNKNOWN));
            }
        }
    }

    fn draw_rings(&self, image: &mut RgbImage, centre: Place) {
        for radius in ETDRS_RADII_MM {
            self.draw_ring(image, centre, radius);
        }
    }

    fn draw_ring(&self, image: &mut RgbImage, centre: Place, radius: f64) {
        let around = std::f64::consts::TAU * radius / self.mm_per_pixel;
        let steps = (2.0 * around.ceil()).min(MAX_RING_STEPS) as u32;
        for step in 0..steps {
            let (sin, cos) = (std::f64::consts::TAU * f64::from(step) / f64::from(steps)).sin_cos();
            if let Some((x, y)) = self.pixel(Place { x: centre.x + radius * cos, y: centre.y + radius * sin }) {
                image.put_pixel(x, y, Rgb(TEXT));
            }
        }
    }

    /// Writes the mean of each subfield at its middle, with a star if it is partly covered and a question mark if the grid
    /// is not centred on the fovea.
    fn draw_means(&self, image: &mut RgbImage, grid: &EtdrsGrid, centre: Centre) {
        // Neighbouring subfield middles are 1 mm apart.
        let room = (1.0 / self.mm_per_pixel) as u32;
        let scale = if canvas::text_width(3, TEXT_SCALE) + 4 <= room { TEXT_SCALE } else { 1 };
        for ((x, y), text) in self.means(grid, centre) {
            let width = canvas::text_width(text.len() as u32, scale);
            let (x, y) = (x.saturating_sub(width / 2), y.saturating_sub(4 * scale));
            canvas::fill(image, x.saturating_sub(1), y.saturating_sub(1), width + 1, 8 * scale + 1, BACKGROUND);
            canvas::text(image, x, y, scale, TEXT, &text);
        }
    }

    /// Pixel at the middle of each subfield, with its mean as text.
    fn means(&self, grid: &EtdrsGrid, centre: Centre) -> Vec<((u32, u32), String)> {
        let doubt = if centre.from.is_fovea() { "" } else { "?" };
        let mean = |field: &SubfieldThickness| {
            let (right, down) = field.at.middle(self.eye);
            let at = self.pixel(Place { x: centre.place.x + right, y: centre.place.y + down })?;
            Some((at, format!("{:.0}{}{doubt}", field.mean_um?, Coverage::of(field.coverage).mark())))
        };
        grid.subfields.iter().filter_map(mean).collect()
    }

    fn draw_scale(&self, image: &mut RgbImage, [bottom, top]: [f32; 2]) {
        let x = self.left + self.width + 6;
        for y in 0..self.height {
            let share = 1.0 - (y as f32 + 0.5) / self.height as f32;
            canvas::fill(image, x, self.top + y, BAR_WIDTH, 1, viridis(share));
        }
        for (share, value) in [(0.0, top), (0.5, f32::midpoint(bottom, top)), (1.0, bottom)] {
            let y = self.top + (share * self.height.saturating_sub(8 * TEXT_SCALE) as f32) as u32;
            canvas::text(image, x + BAR_WIDTH + 4, y, TEXT_SCALE, FAINT_TEXT, &format!("{value:.0}"));
        }
    }
}

/// Viridis (van der Walt and Smith, 2015): legible for colour-blind readers and in grey.
#[must_use]
pub fn viridis(share: f32) -> [u8; 3] {
    let c = colorous::VIRIDIS.eval_continuous(f64::from(share.clamp(0.0, 1.0)));
    [c.r, c.g, c.b]
}

/// Round numbers below and above nearly all values.
fn scale_of(values: &[Option<f32>]) -> [f32; 2] {
    let mut known: Vec<f32> = values.iter().flatten().copied().collect();
    known.sort_by(f32::total_cmp);
    let high = known.get(known.len() * 99 / 100).copied().unwrap_or(SCALE_STEP_UM);
    let low = known.get(known.len() / 100).copied().unwrap_or_default();
    let top = ((high / SCALE_STEP_UM).ceil() * SCALE_STEP_UM).max(LEAST_RANGE_UM);
    let bottom = ((low / SCALE_STEP_UM).floor() * SCALE_STEP_UM).min(top - LEAST_RANGE_UM).max(0.0);
    [bottom, top]
}

#[cfg(test)]
mod tests {
    use super::*;
    use octrls_core::{
        measure::{Thicknesses, enface::Volume},
        scan::{BScanPosition, Provenance, Spacing},
        surface::Surfaces,
    };

    /// Nine B-scans with layers of 10 px in the left half and 30 px in the right half. The choroid's end is visible in the
    /// left half.
    fn volume() -> Volume {
        let mut volume = Volume::new(Some(Eye::Right));
        let rows = |k: usize| (0..80).map(|x| Some(if x < 40 { 10.0 } else { 30.0 } * k as f32)).collect();
        let visible = (0..80).map(|x| x < 40).collect();
        let surfaces = Surfaces::exact(400, std::array::from_fn(rows)).with_choroid_visible(visible);
        let axial = Some(Spacing { um: 1.0, from: Provenance::Header });
        for i in 0..9 {
            let y = 0.5 * f64::from(i);
            let track = BScanPosition::Line { start: Place { x: 0.0, y }, end: Place { x: 6.0, y } };
            volume.add(track, &Thicknesses::measure(&surfaces, axial));
            volume.add_choroid_visible(track, &surfaces);
        }
        volume
    }

    fn drawn() -> RgbImage {
        let volume = volume();
        let thickness = volume.thickness_maps().expect("an area");
        let measures = volume.measure(&thickness);
        let maps = ScanMaps { thickness, choroid_visible: volume.choroid_visible_map() };
        thickness_maps(&maps, Some(0.5), &measures, Some(Eye::Right)).expect("maps")
    }

    #[test]
    fn thin_is_dark_and_thick_is_bright_on_its_side() {
        let image = drawn();
        let light =
            |x: u32| image.get_pixel(x, MARGIN + TITLE_HEIGHT + 60).0.iter().map(|&v| u32::from(v)).sum::<u32>();
        assert!(light(MARGIN + 20) + 80 < light(MARGIN + 270), "{} {}", light(MARGIN + 20), light(MARGIN + 270));
    }

    #[test]
    fn the_choroid_alone_is_hatched_where_it_is_inferred() {
        let image = drawn();
        let width = 360;
        let height = (LONGER_SIDE * 4.5 / 6.0).round() as u32;
        let cell = (width + MARGIN + BAR_WIDTH + NUMBERS_WIDTH, height + TITLE_HEIGHT + MARGIN);
        let hatched = |panel: u32, columns: std::ops::Range<u32>| {
            let (left, top) = (MARGIN + panel % COLUMNS * cell.0, MARGIN + panel / COLUMNS * cell.1 + TITLE_HEIGHT);
            let row = top + 50;
            columns.filter(|x| image.get_pixel(left + x, row).0 == UNKNOWN).count()
        };
        let (choroid, onl) = (Layer::Choroid.index() as u32, Layer::Onl.index() as u32);
        assert!(hatched(choroid, 190..270) >= 16, "{}", hatched(choroid, 190..270));
        assert_eq!((hatched(choroid, 40..170), hatched(onl, 190..270)), (0, 0));
    }

    #[test]
    fn the_scale_spans_nearly_all_values() {
        let values: Vec<_> = (0..1000).map(|i| Some(200.0 + 0.1 * i as f32)).chain([None]).collect();
        let whole = |values: &[Option<f32>]| scale_of(values).map(|um| um.round() as i32);
        assert_eq!(whole(&values), [200, 300]);
        assert_eq!(whole(&[Some(41.0); 9]), [30, 50]);
        assert_eq!(whole(&[None]), [0, 20]);
    }

    #[test]
    fn a_page_gets_maps_without_text_and_what_to_write() {
        let volume = volume();
        let thickness = volume.thickness_maps().expect("an area");
        let measures = volume.measure(&thickness);
        let maps = ScanMaps { thickness, choroid_visible: volume.choroid_visible_map() };
        let panels = map_panels(&maps, &measures, None).expect("maps");
        let retina = panels.last().expect("the retina");
        assert_eq!((panels.len(), retina.of, retina.sides), (9, Measured::Retina, [Side::Left, Side::Right]));
        let (width, height) = retina.image.dimensions();
        assert!(width == 360 && (200..=280).contains(&height), "{width} x {height}");
        assert!(
            retina
                .means
                .iter()
                .all(|([x, y], text)| (0.0..1.0).contains(x) && (0.0..1.0).contains(y) && text.ends_with('?'))
        );
        assert!(!retina.means.is_empty() && retina.scale_um[0] < retina.scale_um[1]);
    }
}
