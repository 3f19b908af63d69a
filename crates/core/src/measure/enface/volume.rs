//! Measures of a whole scan: grids for volumes, a profile for circles.

use serde::Serialize;

use super::{
    Centre, CircleProfile, EtdrsGrid, GccThickness, GciplThickness, LesionGrid, PosteriorPole, Slice, Subfield,
    ThicknessMap, find_fovea, lesion_volume::LesionMaps,
};
use crate::{
    layer::{Layer, MEASURED, Measured},
    lesion::{LESIONS, Lesion},
    measure::{
        ThicknessUnit, Thicknesses,
        uncertainty::{MeanError, gcc_deviations, thickness_deviations},
    },
    scan::{BScanPosition, Eye, Place, Spacing},
    surface::{Height, LesionMask, Surfaces},
};

/// Most A-scans of a volume that its uncertainties are computed from: some hundred in the smallest subfield.
const MAX_ASCANS: usize = 20_000;

/// Collects the thicknesses of a scan, B-scan by B-scan.
#[derive(Clone, Debug)]
pub struct Volume {
    eye: Option<Eye>,
    /// The centre that a person stated: the fovea, or the middle of the disc in a circle.
    stated: Option<Place>,
    /// In the order of [`Measured::all`].
    slices: [Vec<Slice>; MEASURED],
    /// 1 where the choroid's end can be seen, 0 where it is inferred.
    choroid_visible: Vec<Slice>,
    /// Standard deviations of thickness in micrometres: of each layer and the retina, in the order of
    /// [`Measured::all`], then of the ganglion cell complex.
    deviations: [Vec<Slice>; MEASURED + 1],
    /// For each lesion, its likely, least and most height. Empty while no B-scan shows the lesion.
    lesions: [[Vec<Slice>; 3]; LESIONS],
    /// Tracks and widths of the B-scans that were searched for lesions.
    searched: Vec<(BScanPosition, usize)>,
}

/// The measures of a volume of parallel or radial B-scans.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VolumeMeasures {
    /// The centre of the grids.
    pub centre: Centre,
    /// The ETDRS grid of every layer and of the retina.
    pub etdrs: Vec<MeasuredGrid>,
    /// The ganglion cell annulus; needs the eye and a found or stated fovea.
    pub gcipl: Option<GciplThickness>,
    /// The ganglion cell complex; needs a found or stated fovea.
    pub gcc: Option<GccThickness>,
    /// The posterior pole; needs a found or stated fovea.
    pub posterior_pole: Option<PosteriorPole>,
    /// The lesions that were found; `None` if no B-scan was searched for lesions.
    pub lesions: Option<Vec<LesionGrid>>,
    /// For each subfield, the share of its area with a choroid in which the choroid's end can be seen; `None` if that
    /// was not collected.
    pub choroid_visible: Option<Vec<SubfieldShare>>,
}

/// A share in one subfield.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SubfieldShare {
    /// The subfield.
    #[serde(rename = "subfield")]
    pub at: Subfield,
    /// The share, 0 to 1; `None` if nothing is known there.
    pub share: Option<f32>,
}

/// The ETDRS grid of one layer, or of the retina.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MeasuredGrid {
    /// Layer key, see [`Measured::key`].
    pub layer: &'static str,
    /// The grid.
    #[serde(flatten)]
    pub grid: EtdrsGrid,
}

impl VolumeMeasures {
    /// The measures of a volume of which only the `grid` of the retina around a found fovea is known.
    #[cfg(test)]
    pub(crate) fn of_retina(grid: EtdrsGrid) -> Self {
        let centre = Centre { place: Place::default(), from: super::CentreSource::Fovea, confidence: Some(1.0) };
        Self {
            centre,
            etdrs: vec![MeasuredGrid { layer: "retina", grid }],
            gcipl: None,
            gcc: None,
            posterior_pole: None,
            lesions: None,
            choroid_visible: None,
        }
    }

    /// Distance of the fovea from the middle of the area of `maps`, in millimetres; `None` if no fovea was found.
    #[must_use]
    pub fn decentration_mm(&self, maps: &[ThicknessMap]) -> Option<f32> {
        let middle = maps[Measured::Retina.index()].middle();
        self.centre.from.is_fovea().then(|| self.centre.place.distance(middle) as f32)
    }
}

impl Volume {
    /// An empty collection for a scan of `eye`.
    #[must_use]
    pub fn new(eye: Option<Eye>) -> Self {
        let (slices, deviations, lesions) = Default::default();
        Self { eye, stated: None, slices, choroid_visible: Vec::new(), deviations, lesions, searched: Vec::new() }
    }

    /// Takes `place` as the fovea, or as the middle of the optic disc if the scan is a circle, if a person stated it. A place
    /// outside the scan is not used.
    #[must_use]
    pub fn with_centre(self, place: Option<Place>) -> Self {
        Self { stated: place, ..self }
    }

    /// The same B-scans with all lateral distances multiplied by `factor`, for an eye that is longer or shorter than the
    /// scanner takes it to be.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        let mut scaled = self.clone();
        let lesions = scaled.lesions.iter_mut().flatten();
        let slices = scaled.slices.iter_mut().chain(&mut scaled.deviations);
        let slices = slices.chain([&mut scaled.choroid_visible]).chain(lesions);
        slices.flatten().for_each(|slice| slice.track = slice.track.scaled(factor));
        scaled.searched.iter_mut().for_each(|(track, _)| *track = track.scaled(factor));
        scaled.stated = scaled.stated.map(|place| place.scaled(factor));
        scaled
    }

    /// Adds where the choroid's end can be seen in the B-scan along `track`.
    pub fn add_choroid_visible(&mut self, track: BScanPosition, surfaces: &Surfaces) {
        let thickness = surfaces.csb_visible().map(|visible| visible.map(|v| f32::from(u8::from(v)))).collect();
        self.choroid_visible.push(Slice { track, thickness });
    }

    /// Adds how certain the thicknesses of the B-scan along `track` are, whose axial spacing is `axial`.
    pub fn add_deviations(&mut self, track: BScanPosition, surfaces: &Surfaces, axial: Spacing) {
        let um = |deviation: Option<f32>| deviation.map(|rows| rows * axial.um as f32);
        for (slices, of) in self.deviations.iter_mut().zip(Measured::all()) {
            slices.push(Slice { track, thickness: thickness_deviations(surfaces, of).map(um).collect() });
        }
        self.deviations[MEASURED].push(Slice { track, thickness: gcc_deviations(surfaces).map(um).collect() });
    }

    /// Half of the 95 % interval of the mean of `of` over all A-scans, in micrometres; `None` if the uncertainties of
    /// B-scans with places were not collected.
    #[must_use]
    pub fn mean_half_width_um(&self, of: Measured) -> Option<f32> {
        self.half_width_um(of.index(), of, |_| true)
    }

    /// The same over the A-scans at the places that `is_meant` names, for the slices at `index`.
    fn half_width_um(&self, index: usize, of: Measured, is_meant: impl Fn(Place) -> bool) -> Option<f32> {
        let slices = &self.deviations[index];
        let all: usize = slices.iter().map(|slice| slice.thickness.count()).sum();
        let mut error = MeanError::default();
        for slice in slices {
            let count = slice.thickness.count();
            for (ascan, deviation) in slice.thickness.iter().enumerate().step_by(all.div_ceil(MAX_ASCANS)) {
                let place = slice.track.at(ascan, count);
                if let Some(deviation) = deviation.filter(|_| is_meant(place)) {
                    error.add(place, deviation);
                }
            }
        }
        error.half_width_um(of)
    }

    /// Adds the lesions of the B-scan along `track`, whose axial spacing is `axial`.
    pub fn add_lesions(&mut self, track: BScanPosition, mask: &LesionMask, axial: Spacing) {
        let um = axial.um as f32;
        for (lesion, slices) in Lesion::ALL.into_iter().zip(&mut self.lesions) {
            let heights = mask.heights_px(lesion);
            if heights.iter().all(|height| height.most == 0.0) && slices[0].is_empty() {
                continue;
            }
            if slices[0].is_empty() {
                for slices in slices.iter_mut() {
                    slices.extend(self.searched.iter().map(|&(track, width)| without(track, width)));
                }
            }
            let parts: [fn(&Height) -> f32; 3] = [|h| h.likely, |h| h.least, |h| h.most];
            for (slices, part) in slices.iter_mut().zip(parts) {
                slices.push(Slice { track, thickness: heights.iter().map(|h| Some(part(h) * um)).collect() });
            }
        }
        self.searched.push((track, mask.width()));
    }

    /// Adds the B-scan along `track`. Thicknesses in pixels are ignored, since places are in millimetres.
    pub fn add(&mut self, track: BScanPosition, thicknesses: &Thicknesses) {
        if thicknesses.unit == ThicknessUnit::Micrometres {
            for (slices, of) in self.slices.iter_mut().zip(thicknesses.iter()) {
                slices.push(Slice { track, thickness: of.profile.iter().copied().collect() });
            }
        }
    }

    /// Thickness over the scanned area, in the order of [`Measured::all`]; `None` unless the B-scans are parallel or
    /// radial lines.
    #[must_use]
    pub fn thickness_maps(&self) -> Option<Vec<ThicknessMap>> {
        self.slices.iter().map(|slices| ThicknessMap::new(slices)).collect()
    }

    /// Where the choroid's end can be seen: 1 there, 0 where it is inferred, linear between; `None` as for
    /// [`Volume::thickness_maps`].
    #[must_use]
    pub fn choroid_visible_map(&self) -> Option<ThicknessMap> {
        ThicknessMap::new(&self.choroid_visible)
    }

    /// Measures the area of `maps`, which are [`Volume::thickness_maps`].
    #[must_use]
    pub fn measure(&self, maps: &[ThicknessMap]) -> VolumeMeasures {
        let map = |of: Measured| &maps[of.index()];
        let retina = map(Measured::Retina);
        let stated = self.stated.filter(|place| retina.contains(*place));
        let centre = stated.map_or_else(|| find_fovea(retina), Centre::stated);
        let around = |index: usize, of: Measured| {
            move |area: &dyn Fn((f64, f64)) -> bool| {
                let is_meant = |place: Place| area((place.x - centre.place.x, place.y - centre.place.y));
                self.half_width_um(index, of, is_meant)
            }
        };
        let grid = |of: Measured| {
            let grid = EtdrsGrid::measure(map(of), centre.place, self.eye);
            MeasuredGrid { layer: of.key(), grid: grid.with_uncertainty(self.eye, around(of.index(), of)) }
        };
        let eye = self.eye.filter(|_| centre.from.is_fovea());
        let cells = Measured::Layer(Layer::GclIpl);
        let gcipl = |eye| {
            let gcipl = GciplThickness::measure(map(cells), centre.place, eye);
            gcipl.with_uncertainty(eye, around(cells.index(), cells))
        };
        let gcc = |map: ThicknessMap| {
            GccThickness::measure(&map, centre.place).with_uncertainty(around(MEASURED, Measured::Retina))
        };
        VolumeMeasures {
            centre,
            etdrs: Measured::all().map(grid).into(),
            gcipl: eye.map(gcipl),
            gcc: self.gcc_map().filter(|_| centre.from.is_fovea()).map(gcc),
            posterior_pole: centre.from.is_fovea().then(|| PosteriorPole::measure(retina, centre.place)),
            lesions: (!self.searched.is_empty()).then(|| self.lesions(centre)),
            choroid_visible: self.choroid_visible_map().map(|map| self.shares(&map, centre)),
        }
    }

    /// Thickness of nerve fibres, ganglion cells and inner plexiform layer together.
    fn gcc_map(&self) -> Option<ThicknessMap> {
        let [fibres, cells] = [Layer::Nfl, Layer::GclIpl].map(|layer| &self.slices[layer.index()]);
        let sum = |(fibres, cells): (&Slice, &Slice)| Slice {
            track: fibres.track,
            thickness: fibres.thickness.iter().zip(cells.thickness.iter()).map(|(a, b)| Some(a? + b?)).collect(),
        };
        ThicknessMap::new(&fibres.iter().zip(cells).map(sum).collect::<Vec<_>>())
    }

    fn shares(&self, map: &ThicknessMap, centre: Centre) -> Vec<SubfieldShare> {
        let fields = EtdrsGrid::measure(map, centre.place, self.eye).subfields;
        fields.into_iter().map(|field| SubfieldShare { at: field.at, share: field.mean_um }).collect()
    }

    fn lesions(&self, centre: Centre) -> Vec<LesionGrid> {
        let grid = |(lesion, [likely, least, most]): (Lesion, &[Vec<Slice>; 3])| {
            let map = |slices: &[Slice]| ThicknessMap::new(slices);
            let maps = LesionMaps { likely: map(likely)?, least: map(least)?, most: map(most)? };
            Some(LesionGrid::measure(lesion, &maps, centre.place, self.eye))
        };
        Lesion::ALL.into_iter().zip(&self.lesions).filter_map(grid).collect()
    }

    /// The nerve fibre profile along a circular B-scan; needs the eye.
    #[must_use]
    pub fn circle(&self) -> Option<CircleProfile> {
        let [slice] = self.slices[Layer::Nfl.index()].as_slice() else { return None };
        let thickness: Vec<_> = slice.thickness.iter().collect();
        let within = |place: &Place| match slice.track {
            BScanPosition::Circle { centre, start, .. } => place.distance(centre) < start.distance(centre),
            BScanPosition::Line { .. } => false,
        };
        let eye = self.eye?;
        let profile = CircleProfile::measure(&slice.track, &thickness, eye, self.stated.filter(within))?;
        Some(match self.deviations[Layer::Nfl.index()].as_slice() {
            [own] => profile.with_uncertainty(&own.track, &own.thickness.iter().collect::<Vec<_>>(), eye),
            _ => profile,
        })
    }
}

/// A B-scan of `width` A-scans without a lesion.
fn without(track: BScanPosition, width: usize) -> Slice {
    Slice { track, thickness: std::iter::repeat_n(Some(0.0), width).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        layer::Boundary,
        measure::enface::CentreSource,
        phantom::{Phantom, PhantomOptions, PhantomScan},
        scan::{Place, Provenance, Spacing},
        surface::Surfaces,
    };

    const BSCANS: usize = 25;
    const APART_UM: f64 = 240.0;

    /// The B-scans of one phantom eye from above to below the fovea, with their tracks; the fovea is at (5, 4) mm.
    fn eye(nasal_right: bool) -> Vec<(BScanPosition, PhantomScan)> {
        (0..BSCANS)
            .map(|i| {
                let offset = (i as f64 - (BSCANS / 2) as f64) * APART_UM;
                let options = PhantomOptions {
                    width: 256,
                    lateral_um: 26.0,
                    fovea_um: 0.0,
                    fovea_offset_um: offset,
                    nasal_right,
                    anatomy_seed: Some(11),
                    pathology: 0.0,
                    ..PhantomOptions::spectralis()
                };
                let half = 0.5 * 256.0 * 0.026;
                let y = 4.0 + offset / 1000.0;
                let track = BScanPosition::Line { start: Place { x: 5.0 - half, y }, end: Place { x: 5.0 + half, y } };
                (track, Phantom::generate(&options, 100 + i as u64))
            })
            .collect()
    }

    fn measured(scans: &[(BScanPosition, PhantomScan)], eye: Option<Eye>) -> (Volume, VolumeMeasures) {
        let mut volume = Volume::new(eye);
        for (track, scan) in scans {
            let axial = Spacing { um: scan.axial_um, from: Provenance::Header };
            volume.add(*track, &Thicknesses::measure(&scan.surfaces, Some(axial)));
        }
        let measures = volume.measure(&volume.thickness_maps().expect("a volume"));
        (volume, measures)
    }

    fn mean(measures: &VolumeMeasures, layer: &str, subfield: &str) -> f32 {
        let grid = &measures.etdrs.iter().find(|g| g.layer == layer).expect("a layer").grid;
        grid.subfields.iter().find(|s| s.at.name() == subfield).and_then(|s| s.mean_um).expect("covered")
    }

    #[test]
    fn a_phantom_eye_has_its_fovea_and_its_thickness_where_they_are() {
        let scans = eye(true);
        let (_, measures) = measured(&scans, Some(scans[0].1.eye));
        assert_eq!(measures.centre.from, CentreSource::Fovea);
        assert!(measures.centre.place.distance(Place { x: 5.0, y: 4.0 }) < 0.15, "{:?}", measures.centre);
        // Along the horizontal, the inner nasal field spans 0.5 to 1.5 mm to the right of the fovea.
        let middle = &scans[BSCANS / 2].1;
        let columns = |from: f64, to: f64| {
            let column = |mm: f64| (127.5 + mm / 0.026) as usize;
            let nfl = &middle.thickness_um[Layer::Nfl.index()][column(from)..column(to)];
            nfl.iter().sum::<f32>() / nfl.len() as f32
        };
        assert!(columns(0.5, 1.5) > columns(-1.5, -0.5), "nerve fibres are thicker towards the nose");
        assert!(mean(&measures, "nfl", "N1") > mean(&measures, "nfl", "T1"));
        assert!(mean(&measures, "retina", "C") < mean(&measures, "retina", "S1"));
        let sum: f32 =
            ["nfl", "gcl_ipl", "inl", "opl", "onl", "ez", "rpe"].map(|l| mean(&measures, l, "I2")).iter().sum();
        assert!((sum - mean(&measures, "retina", "I2")).abs() < 0.5, "the layers add up to the retina");
        assert!(measures.gcipl.as_ref().is_some_and(|g| g.coverage > 0.99 && g.minimum_um < g.average_um));
    }

    #[test]
    fn the_other_eye_has_its_nose_on_the_other_side() {
        let scans = eye(false);
        assert_eq!(scans[0].1.eye, Eye::Left);
        let (_, measures) = measured(&scans, Some(Eye::Left));
        assert!(mean(&measures, "nfl", "N1") > mean(&measures, "nfl", "T1"));
        assert!(measures.lesions.is_none() && measures.choroid_visible.is_none(), "neither was collected");
        let (_, unnamed) = measured(&scans, None);
        assert!((mean(&unnamed, "nfl", "L1") - mean(&measures, "nfl", "N1")).abs() < 1e-3);
        assert!(unnamed.gcipl.is_none());
    }

    #[test]
    fn a_lesion_counts_also_between_bscans_without_it() {
        let scans = eye(true);
        let mut volume = Volume::new(Some(scans[0].1.eye));
        let axial = Spacing { um: scans[0].1.axial_um, from: Provenance::Header };
        for (i, (track, scan)) in scans.iter().enumerate() {
            let (width, height) = (scan.bscan.width, scan.bscan.height);
            // A box of 20 rows and 40 A-scans in the middle of three B-scans.
            let is_inside = |p: usize| (108..148).contains(&(p % width)) && (100..120).contains(&(p / width));
            let shown = (BSCANS / 2 - 1..=BSCANS / 2 + 1).contains(&i);
            let class = |p: usize| if shown && is_inside(p) { Lesion::Srf.class() } else { 0 };
            volume.add(*track, &Thicknesses::measure(&scan.surfaces, Some(axial)));
            volume.add_lesions(
                *track,
                &LesionMask::new(width, (0..width * height).map(class).collect()).expect("a mask"),
                axial,
            );
        }
        let measures = volume.measure(&volume.thickness_maps().expect("a volume"));
        let Some([srf]) = measures.lesions.as_deref() else { panic!("one lesion: {:?}", measures.lesions) };
        // Linear between the B-scans: as if the box reached half a spacing beyond the outer two.
        let expected = 20.0 * axial.um * (40.0 * 0.026) * (3.0 * APART_UM / 1000.0);
        let whole = srf.circles[2].volume.volume_nl;
        assert!((whole / expected - 1.0).abs() < 0.05, "{whole} for {expected}");
    }

    #[test]
    fn the_choroid_is_visible_in_the_share_of_a_subfield_that_shows_it() {
        let scans = eye(true);
        let mut volume = Volume::new(Some(scans[0].1.eye));
        let axial = Spacing { um: scans[0].1.axial_um, from: Provenance::Header };
        for (track, scan) in &scans {
            let visible = (0..scan.bscan.width).map(|x| x < scan.bscan.width / 2).collect();
            let surfaces = scan.surfaces.clone().with_choroid_visible(visible);
            volume.add(*track, &Thicknesses::measure(&surfaces, Some(axial)));
            volume.add_choroid_visible(*track, &surfaces);
        }
        let measures = volume.measure(&volume.thickness_maps().expect("a volume"));
        let shares = measures.choroid_visible.expect("collected");
        let share = |name: &str| shares.iter().find(|s| s.at.name() == name).and_then(|s| s.share).expect("known");
        assert!((share("C") - 0.5).abs() < 0.15 && share("T2") > 0.99 && share("N2") < 0.01, "{shares:?}");
    }

    #[test]
    fn a_volume_is_more_certain_than_its_subfields_and_less_where_lines_are_doubtful() {
        let scans = eye(true);
        let mut volume = Volume::new(Some(scans[0].1.eye));
        let axial = Spacing { um: scans[0].1.axial_um, from: Provenance::Header };
        for (track, scan) in &scans {
            let width = scan.bscan.width;
            // The left half is as doubtful as the right half is certain.
            let doubt: Vec<f32> = (0..width).map(|x| if x < width / 2 { 4.0 } else { 0.5 }).collect();
            let (confidence, disc) = (vec![1.0; width], vec![false; width]);
            let surfaces =
                scan.surfaces.clone().with_estimates(std::array::from_fn(|_| doubt.clone()), confidence, disc);
            volume.add(*track, &Thicknesses::measure(&surfaces, Some(axial)));
            volume.add_deviations(*track, &surfaces, axial);
        }
        let measures = volume.measure(&volume.thickness_maps().expect("a volume"));
        let grid = &measures.etdrs[Measured::Retina.index()].grid;
        let of = |name: &str| {
            let field = grid.subfields.iter().find(|s| s.at.name() == name).expect("a subfield");
            f64::from(field.half_width_um.expect("known"))
        };
        assert!(of("T2") > 1.5 * of("N2") && of("C") > of("N2"), "{grid:?}");
        assert!(of("N2") > 1.96 * 1.5, "what all A-scans share remains");
        let whole = grid.volume_half_width_mm3.expect("known") / (std::f64::consts::PI * 9.0) * 1000.0;
        assert!(whole < of("C") && whole > 1.96 * 1.5, "{whole}");
        let gcipl = measures.gcipl.expect("a fovea");
        assert!(gcipl.average_half_width_um.is_some_and(|um| um > 2.9));
        assert!(gcipl.sectors.iter().all(|sector| sector.half_width_um.is_some()));
        assert!(measures.gcc.and_then(|gcc| gcc.average_half_width_um).is_some());
        assert!(volume.mean_half_width_um(Measured::Retina).is_some());
    }

    #[test]
    fn thickness_in_pixels_has_no_area() {
        let scans = eye(true);
        let mut volume = Volume::new(Some(Eye::Right));
        for (track, scan) in &scans {
            volume.add(*track, &Thicknesses::measure(&scan.surfaces, None));
        }
        assert!(volume.thickness_maps().is_none() && volume.circle().is_none());
    }

    #[test]
    fn a_circle_has_a_profile_and_no_grid() {
        let rows = std::array::from_fn(|k| vec![Some(10.0 * (k + 1) as f32); 96]);
        let surfaces = Surfaces::exact(100, rows);
        assert_eq!(surfaces.rows(Boundary::Ilm)[0], Some(10.0));
        let (centre, start) = (Place { x: 3.0, y: 3.0 }, Place { x: 1.27, y: 3.0 });
        let mut volume = Volume::new(Some(Eye::Right));
        let axial = Spacing { um: 4.0, from: Provenance::Header };
        volume.add(
            BScanPosition::Circle { centre, start, clockwise: true },
            &Thicknesses::measure(&surfaces, Some(axial)),
        );
        let circle = volume.circle().expect("a circle");
        assert!(circle.quadrants.iter().all(|q| q.mean_um == Some(40.0)));
        assert!(volume.thickness_maps().is_none());
    }
}
