//! Lines that were drawn in other programs, as polygons or as masks of the layers, put over those of a result.

use octrls_core::{
    layer::{BOUNDARIES, Boundary, CLASSES, LAYERS, Layer},
    measure::accuracy::{IGNORE, boundaries_of_mask},
    surface::Surfaces,
};
use octrls_readers::Polygon;

use super::BScanLines;

/// A mask cannot tell rows apart that differ by less than half a row.
const MASK_ROUNDING: f32 = 0.501;
/// Rows that two polygons may be apart, or overlap, where their layers meet.
const MAX_GAP: f64 = 3.0;
/// Rows that a polygon may reach beyond the image.
const OVERSHOOT: f64 = 1.0;

impl BScanLines {
    /// Takes the boundaries that `polygons` show. Where the polygons of neighbouring layers do not quite meet, the boundary
    /// lies in the middle. Boundaries and A-scans without a polygon stay.
    ///
    /// # Errors
    /// The A-scan in which two polygons contradict each other, and how.
    pub fn take_polygons(&mut self, polygons: &[Polygon], height: usize) -> Result<(), (usize, String)> {
        for x in 0..self.width() {
            let mut extents: [Option<(f64, f64)>; LAYERS] = [None; LAYERS];
            for polygon in polygons {
                let extent = &mut extents[polygon.layer.index()];
                for row in polygon.crossings(0, x as f64 + 0.5) {
                    let (top, bottom) = extent.unwrap_or((row, row));
                    *extent = Some((top.min(row), bottom.max(row)));
                }
            }
            for boundary in Boundary::ALL {
                let below = extents.get(boundary.index()).copied().flatten().map(|(top, _)| top);
                let above = boundary.index().checked_sub(1).and_then(|k| extents[k]).map(|(_, bottom)| bottom);
                let row = match (above, below) {
                    (Some(above), Some(below)) if (above - below).abs() > MAX_GAP => {
                        let [upper, lower] = [boundary.index() - 1, boundary.index()].map(|k| Layer::ALL[k].name());
                        return Err((
                            x,
                            format!("{upper} ends at row {above:.1}, but {lower} begins at row {below:.1}"),
                        ));
                    }
                    (Some(above), Some(below)) => f64::midpoint(above, below),
                    (Some(row), None) | (None, Some(row)) => row,
                    (None, None) => continue,
                };
                let edge = row.clamp(0.0, height as f64);
                let row = if (row - edge).abs() <= OVERSHOOT { edge } else { row };
                self.set(boundary, x, Some(row as f32));
            }
        }
        Ok(())
    }

    /// Takes the boundaries of an index `mask` of the layers, `height` rows of the classes of `mask.png`, or 255 where
    /// nothing is known. Rows that the mask cannot tell from the present ones stay.
    ///
    /// # Errors
    /// The A-scan with a value that is no class.
    pub fn take_mask(&mut self, mask: &[u8], height: usize) -> Result<(), (usize, String)> {
        let width = self.width();
        let unknown = |class: &u8| usize::from(*class) >= CLASSES && *class != IGNORE;
        if let Some(at) = mask.iter().position(unknown) {
            let most = CLASSES - 1;
            return Err((at % width, format!("{} is no layer; they are 1 to {most}, and 255 is unknown", mask[at])));
        }
        let own =
            Surfaces::exact(height, self.rows.clone()).with_fluid(self.ez_end.clone(), self.rpe_outer.clone()).mask();
        let drawn = boundaries_of_mask(mask, width);
        for x in 0..width {
            let column = |mask: &[u8]| -> Vec<u8> { mask.iter().skip(x).step_by(width).copied().collect() };
            let classes = column(mask);
            if classes == column(&own) {
                continue;
            }
            let shows = |class: u8| classes.contains(&class);
            for k in 0..BOUNDARIES {
                let boundary = Boundary::ALL[k];
                match (drawn[k][x], self.rows[k][x]) {
                    (Some(drawn), Some(own)) if (drawn - own).abs() <= MASK_ROUNDING => {}
                    (Some(drawn), _) => self.set(boundary, x, Some(drawn)),
                    (None, _) if shows(IGNORE) => {}
                    // A mask without a choroid does not say that there is none.
                    (None, _)
                        if boundary == Boundary::Csb && !shows(Layer::Choroid.class()) && shows(Layer::Rpe.class()) => {
                    }
                    (None, _) => self.set(boundary, x, None),
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEIGHT: usize = 100;
    const WIDTH: usize = 6;

    fn lines() -> BScanLines {
        let line = |k: usize| vec![Some(10.25 + 8.0 * k as f32); WIDTH];
        BScanLines {
            rows: std::array::from_fn(line),
            ez_end: line(Boundary::EzRpe.index()),
            rpe_outer: line(Boundary::RpeBm.index()),
            choroid_visible: vec![true; WIDTH],
        }
    }

    fn mask(lines: &BScanLines) -> Vec<u8> {
        Surfaces::exact(HEIGHT, lines.rows.clone()).mask()
    }

    fn band(layer: Layer, from: f64, to: f64, columns: [f64; 2]) -> Polygon {
        let [left, right] = columns;
        Polygon { layer, corners: vec![[left, from], [right, from], [right, to], [left, to]] }
    }

    #[test]
    fn an_unchanged_mask_changes_nothing() {
        let mut taken = lines();
        taken.take_mask(&mask(&lines()), HEIGHT).unwrap();
        assert_eq!(taken, lines());
    }

    #[test]
    fn a_mask_moves_only_what_it_shows_elsewhere() {
        let mut edited = lines();
        edited.rows[1][2] = Some(14.0);
        let mut mask = mask(&edited);
        // The fifth A-scan is unknown, the sixth empty.
        for y in 0..HEIGHT {
            mask[y * WIDTH + 4] = IGNORE;
            mask[y * WIDTH + 5] = 0;
        }
        let mut taken = lines();
        taken.take_mask(&mask, HEIGHT).unwrap();
        assert_eq!(taken.rows[1], [Some(18.25), Some(18.25), Some(14.0), Some(18.25), Some(18.25), None]);
        assert_eq!(taken.rows[0][..5], [Some(10.25); 5], "half a row is no correction");
        assert_eq!((taken.rows[8][4], taken.ez_end[5]), (Some(74.25), None));
        assert_eq!(taken.take_mask(&[9; WIDTH * HEIGHT], HEIGHT).unwrap_err().0, 0);
    }

    #[test]
    fn polygons_set_the_boundaries_that_they_show() {
        let mut taken = lines();
        let polygons = [band(Layer::GclIpl, 20.0, 25.0, [1.0, 3.0]), band(Layer::Inl, 26.0, 33.0, [2.0, 4.0])];
        taken.take_polygons(&polygons, HEIGHT).unwrap();
        assert_eq!(taken.rows[1], [Some(18.25), Some(20.0), Some(20.0), Some(18.25), Some(18.25), Some(18.25)]);
        assert_eq!(taken.rows[2], [Some(26.25), Some(25.0), Some(25.5), Some(26.0), Some(26.25), Some(26.25)]);
        let apart = [band(Layer::GclIpl, 20.0, 25.0, [0.0, 6.0]), band(Layer::Inl, 30.0, 33.0, [2.0, 4.0])];
        let (x, why) = lines().take_polygons(&apart, HEIGHT).unwrap_err();
        assert_eq!((x, why.as_str()), (2, "GCL+IPL ends at row 25.0, but INL begins at row 30.0"));
    }
}
