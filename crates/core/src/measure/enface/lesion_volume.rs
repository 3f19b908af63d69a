//! Volume of lesions in a scanned area.

use serde::Serialize;

use super::{
    Subfield, ThicknessMap,
    cells::{CELL_MM, parts_of},
    etdrs::ETDRS_RADII_MM,
};
use crate::{
    lesion::Lesion,
    scan::{Eye, Place},
};

/// Radii in millimetres of the circles within which volumes are given: those of the ETDRS grid, and the one of 5 mm
/// diameter that is usual for drusen (Gregori et al., Ophthalmology 2011).
const RADII_MM: [f64; 4] = [ETDRS_RADII_MM[0], ETDRS_RADII_MM[1], 2.5, ETDRS_RADII_MM[2]];
/// Nanolitres of a column of one micrometre on a square millimetre.
const NL_PER_UM_MM2: f64 = 1.0;

/// Volume and height of a lesion in an area.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct LesionVolume {
    /// Volume in nanolitres.
    pub volume_nl: f64,
    /// That of the parts that are certain, and of those that are possible: the bounds of the volume.
    pub bounds_nl: [f64; 2],
    /// Largest height in micrometres.
    pub height_um: f64,
    /// Share of the area that was scanned, 0 to 1.
    pub coverage: f64,
}

/// The volume of a lesion within a circle around the centre.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CircleVolume {
    /// Diameter of the circle in millimetres.
    pub diameter_mm: f64,
    /// The volume.
    #[serde(flatten)]
    pub volume: LesionVolume,
}

/// The volume of a lesion in a subfield.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SubfieldVolume {
    /// The subfield.
    #[serde(rename = "subfield")]
    pub at: Subfield,
    /// The volume.
    #[serde(flatten)]
    pub volume: LesionVolume,
}

/// A lesion in the circles and subfields of the ETDRS grid.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LesionGrid {
    /// The lesion.
    pub lesion: Lesion,
    /// Circles of 1, 3, 5 and 6 mm diameter.
    pub circles: Vec<CircleVolume>,
    /// Subfields in the order of [`Subfield::all`].
    pub subfields: Vec<SubfieldVolume>,
}

/// Heights of a lesion over the scanned area: likely, least and most.
pub(super) struct LesionMaps {
    pub(super) likely: ThicknessMap,
    pub(super) least: ThicknessMap,
    pub(super) most: ThicknessMap,
}

/// Sum over an area of `all` square millimetres.
#[derive(Clone, Copy)]
struct Sum {
    volume: LesionVolume,
    known: f64,
    all: f64,
}

impl Sum {
    fn over(area_mm2: f64) -> Self {
        Self { volume: LesionVolume::default(), known: 0.0, all: area_mm2 }
    }

    fn add(&mut self, [likely, least, most]: [f64; 3], area_mm2: f64) {
        self.known += area_mm2;
        self.volume.volume_nl += likely * area_mm2 * NL_PER_UM_MM2;
        self.volume.bounds_nl[0] += least * area_mm2 * NL_PER_UM_MM2;
        self.volume.bounds_nl[1] += most * area_mm2 * NL_PER_UM_MM2;
        self.volume.height_um = self.volume.height_um.max(likely);
    }

    fn volume(self) -> LesionVolume {
        LesionVolume { coverage: (self.known / self.all).min(1.0), ..self.volume }
    }
}

impl LesionGrid {
    /// Measures `lesion` around `centre`.
    pub(super) fn measure(lesion: Lesion, maps: &LesionMaps, centre: Place, eye: Option<Eye>) -> Self {
        let order = Subfield::all(eye);
        let mut circles = RADII_MM.map(|radius| Sum::over(std::f64::consts::PI * radius * radius));
        let mut subfields = order.map(|subfield| Sum::over(subfield.area_mm2()));
        for (place, area) in maps.likely.cells(CELL_MM, (centre, ETDRS_RADII_MM[2] + CELL_MM)) {
            let (dx, dy) = (place.x - centre.x, place.y - centre.y);
            let at = |map: &ThicknessMap| map.at(place).map(f64::from);
            let heights = at(&maps.likely).zip(at(&maps.least)).zip(at(&maps.most));
            let Some(((likely, least), most)) = heights else { continue };
            for ((dx, dy), area) in parts_of((dx, dy), area, &RADII_MM) {
                for (circle, _) in circles.iter_mut().zip(RADII_MM).filter(|(_, radius)| dx.hypot(dy) <= *radius) {
                    circle.add([likely, least, most], area);
                }
                let subfield = Subfield::of((dx, dy), eye);
                if let Some(index) = subfield.and_then(|s| order.iter().position(|&o| o == s)) {
                    subfields[index].add([likely, least, most], area);
                }
            }
        }
        let circle = |(sum, radius): (Sum, f64)| CircleVolume { diameter_mm: 2.0 * radius, volume: sum.volume() };
        let subfield = |(at, sum): (Subfield, Sum)| SubfieldVolume { at, volume: sum.volume() };
        Self {
            lesion,
            circles: circles.into_iter().zip(RADII_MM).map(circle).collect(),
            subfields: order.into_iter().zip(subfields).map(subfield).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::enface::fixtures::raster;

    #[test]
    fn a_dome_has_its_volume_where_it_is() {
        // A paraboloid of 100 um height and 0.8 mm radius, 1 mm to the right of the centre: half its cylinder.
        let (centre, middle) = (Place { x: 4.0, y: 3.0 }, Place { x: 5.0, y: 3.0 });
        let dome = |scale: f32| {
            let slices = raster((200, 97), 6.4, centre, 0.0, |p| {
                Some(scale * 100.0 * (1.0 - (p.distance(middle) / 0.8).powi(2)).max(0.0) as f32)
            });
            ThicknessMap::new(&slices).expect("a map")
        };
        let maps = LesionMaps { likely: dome(1.0), least: dome(0.8), most: dome(1.1) };
        let grid = LesionGrid::measure(Lesion::SubRpe, &maps, centre, Some(Eye::Right));
        let whole = grid.circles.last().expect("6 mm").volume;
        let expected = 100.0 * std::f64::consts::PI * 0.64 / 2.0;
        assert!((whole.volume_nl / expected - 1.0).abs() < 0.01, "{} for {expected}", whole.volume_nl);
        assert!(
            (whole.bounds_nl[0] / expected - 0.8).abs() < 0.01 && (whole.bounds_nl[1] / expected - 1.1).abs() < 0.01
        );
        assert!((whole.height_um - 100.0).abs() < 1.0 && whole.coverage > 0.99);
        let sum: f64 = grid.subfields.iter().map(|s| s.volume.volume_nl).sum();
        assert!((sum - whole.volume_nl).abs() < 1e-6);
        let nasal = grid.subfields.iter().find(|s| s.at.name() == "N1").expect("N1");
        assert!(nasal.volume.volume_nl > 0.6 * expected, "right of the centre is nasal in a right eye");
    }
}
