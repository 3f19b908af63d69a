//! Volumes, radial scans and circles of eyes with thickness given by a formula: measured values must match the
//! integrals.
//!
//! Formulas use the eye's own directions (millimetres from the fovea towards the nose and upwards), to detect a swap of
//! nasal and temporal, or of superior and inferior.

use std::f64::consts::{FRAC_PI_4, PI, SQRT_2, TAU};

use octrls_core::{
    layer::{BOUNDARIES, Layer},
    measure::{
        Thicknesses,
        enface::{
            CentreSource, CircleProfile, GciplSector, GciplThickness, Slice, Subfield, ThicknessMap, Volume,
            VolumeMeasures,
        },
    },
    scan::{BScanPosition, Eye, Place, Provenance, Spacing},
    surface::Surfaces,
};

/// Position of the fovea in the fundus image.
const FOVEA: Place = Place { x: 5.0, y: 4.5 };
const EYES: [Eye; 2] = [Eye::Right, Eye::Left];
/// Depth and width of the foveal pit, in micrometres and millimetres.
const PIT: (f64, f64) = (60.0, 0.5);

/// Millimetres from the fovea towards the nose, and upwards.
fn in_eye(eye: Eye, place: Place) -> (f64, f64) {
    let right = place.x - FOVEA.x;
    (if eye == Eye::Right { right } else { -right }, FOVEA.y - place.y)
}

/// Thickness of every layer in micrometres. Nerve fibres grow towards the nose and slightly upwards, ganglion cells
/// thin out with the square of the distance, the inner nuclear layer has the pit, all others are constant.
fn layers(eye: Eye, place: Place) -> [f64; BOUNDARIES - 1] {
    let (nasal, up) = in_eye(eye, place);
    let square = nasal * nasal + up * up;
    let mut all = [30.0; BOUNDARIES - 1];
    all[Layer::Nfl.index()] = 40.0 + 6.0 * nasal + 3.0 * up;
    all[Layer::GclIpl.index()] = 70.0 - 4.0 * square;
    all[Layer::Inl.index()] = 80.0 - PIT.0 * (-square / (PIT.1 * PIT.1)).exp();
    all
}

/// A segmented B-scan along a line of the fundus image.
fn bscan(eye: Eye, track: BScanPosition, width: usize) -> Thicknesses {
    const UM: f64 = 4.0;
    let mut rows: [Vec<Option<f32>>; BOUNDARIES] = std::array::from_fn(|_| Vec::with_capacity(width));
    for x in 0..width {
        let mut row = 50.0;
        rows[0].push(Some(row as f32));
        for (boundary, um) in layers(eye, track.at(x, width)).into_iter().enumerate() {
            row += um / UM;
            rows[boundary + 1].push(Some(row as f32));
        }
    }
    let axial = Spacing { um: UM, from: Provenance::Header };
    Thicknesses::measure(&Surfaces::exact(400, rows), Some(axial))
}

/// A line of `length` mm around `middle`, rotated by `angle` from the horizontal, displaced sideways by `across` mm.
fn line(middle: Place, angle: f64, length: f64, across: f64) -> BScanPosition {
    let (sin, cos) = angle.sin_cos();
    let at = |along: f64| Place { x: middle.x + along * cos - across * sin, y: middle.y + along * sin + across * cos };
    BScanPosition::Line { start: at(-0.5 * length), end: at(0.5 * length) }
}

fn measured(eye: Eye, tracks: &[BScanPosition]) -> VolumeMeasures {
    measured_about(None, eye, tracks)
}

fn measured_about(centre: Option<Place>, eye: Eye, tracks: &[BScanPosition]) -> VolumeMeasures {
    let mut volume = Volume::new(Some(eye)).with_centre(centre);
    for &track in tracks {
        volume.add(track, &bscan(eye, track, 200));
    }
    volume.measure(&volume.thickness_maps().expect("an area"))
}

/// The B-scans of a square volume of `side` mm.
fn raster(middle: Place, angle: f64, side: f64) -> Vec<BScanPosition> {
    const BSCANS: usize = 61;
    let across = |i: usize| side * ((i as f64 + 0.5) / BSCANS as f64 - 0.5);
    (0..BSCANS).map(|i| line(middle, angle, side, across(i))).collect()
}

fn subfield(measures: &VolumeMeasures, layer: &str, name: &str) -> (f64, f64) {
    let grid = &measures.etdrs.iter().find(|g| g.layer == layer).expect("a layer").grid;
    let found = grid.subfields.iter().find(|s| s.at.name() == name).expect("a subfield");
    (f64::from(found.mean_um.expect("covered")), f64::from(found.coverage))
}

/// The mean of each varying layer in a ring from `a` to `b` mm: of the whole disc for the centre, else of the quarter
/// on the side given by the signs of (nasal, up).
fn expected(layer: &str, (a, b): (f64, f64), (nasal, up): (f64, f64)) -> f64 {
    // Mean of the component along the quarter's axis in a quarter ring.
    let lever = 4.0 / 3.0 * (b.powi(3) - a.powi(3)) / (PI * (b * b - a * a)) * SQRT_2;
    let width = PIT.1 * PIT.1;
    match layer {
        "nfl" => 40.0 + lever * (6.0 * nasal + 3.0 * up),
        "gcl_ipl" => 70.0 - 4.0 * 0.5 * (a * a + b * b),
        "inl" => 80.0 - PIT.0 * width * ((-a * a / width).exp() - (-b * b / width).exp()) / (b * b - a * a),
        _ => 30.0,
    }
}

/// Name of a subfield, its radii in millimetres, and its direction (nasal, up).
type Field = (&'static str, (f64, f64), (f64, f64));

const FIELDS: [Field; 9] = [
    ("C", (0.0, 0.5), (0.0, 0.0)),
    ("S1", (0.5, 1.5), (0.0, 1.0)),
    ("N1", (0.5, 1.5), (1.0, 0.0)),
    ("I1", (0.5, 1.5), (0.0, -1.0)),
    ("T1", (0.5, 1.5), (-1.0, 0.0)),
    ("S2", (1.5, 3.0), (0.0, 1.0)),
    ("N2", (1.5, 3.0), (1.0, 0.0)),
    ("I2", (1.5, 3.0), (0.0, -1.0)),
    ("T2", (1.5, 3.0), (-1.0, 0.0)),
];

fn check_grid(measures: &VolumeMeasures, what: &str) {
    assert_eq!(measures.centre.from, CentreSource::Fovea, "{what}");
    assert!(measures.centre.place.distance(FOVEA) < 0.06, "{what}: {:?}", measures.centre);
    for layer in ["nfl", "gcl_ipl", "inl", "onl", "rpe"] {
        for (name, ring, side) in FIELDS {
            let ((mean, coverage), expected) = (subfield(measures, layer, name), expected(layer, ring, side));
            assert!((mean - expected).abs() < 1.0, "{what}, {layer} {name}: {mean:.2} for {expected:.2}");
            assert!(coverage > 0.995, "{what}, {layer} {name}: {coverage}");
        }
        let grid = &measures.etdrs.iter().find(|g| g.layer == layer).expect("a layer").grid;
        let volume: f64 = FIELDS
            .iter()
            .map(|&(name, (a, b), side)| {
                let share = if name == "C" { 1.0 } else { 0.25 };
                share * PI * (b * b - a * a) * expected(layer, (a, b), side) / 1000.0
            })
            .sum();
        assert!((grid.volume_mm3 / volume - 1.0).abs() < 0.01, "{what}, {layer}: {} for {volume}", grid.volume_mm3);
    }
}

#[test]
fn grids_of_volumes_are_exact_at_any_angle_and_place() {
    for eye in EYES {
        // Upright, rotated, vertical from below, and upside down.
        for angle in [0.0, 0.35, -0.5 * PI, PI] {
            for (right, down) in [(0.0, 0.0), (0.6, -0.4)] {
                let middle = Place { x: FOVEA.x + right, y: FOVEA.y + down };
                let measures = measured(eye, &raster(middle, angle, 8.8));
                check_grid(&measures, &format!("{eye:?} turned by {angle} at {right} {down}"));
            }
        }
    }
}

#[test]
fn grids_of_radial_scans_are_exact_for_both_eyes() {
    for eye in EYES {
        let tracks: Vec<BScanPosition> = (0..24).map(|i| line(FOVEA, PI * f64::from(i) / 24.0, 6.4, 0.0)).collect();
        check_grid(&measured(eye, &tracks), &format!("{eye:?}, star"));
    }
}

#[test]
fn a_star_of_six_lines_finds_the_fovea_in_both_eyes() {
    for eye in EYES {
        for (dx, dy) in [(0.0, 0.0), (0.3, 0.2), (-0.35, 0.1)] {
            let middle = Place { x: FOVEA.x + dx, y: FOVEA.y + dy };
            let star: Vec<_> = (0..6).map(|i| line(middle, PI * f64::from(i) / 6.0, 6.4, 0.0)).collect();
            let measures = measured(eye, &star);
            assert_eq!(measures.centre.from, CentreSource::Fovea, "{eye:?} {dx} {dy}");
            assert!(measures.centre.place.distance(FOVEA) < 0.1, "{:?}", measures.centre);
            let ((mean, coverage), expected) =
                (subfield(&measures, "inl", "C"), expected("inl", (0.0, 0.5), (0.0, 0.0)));
            assert!(coverage > 0.95 && (mean - expected).abs() < 2.0, "{mean} for {expected}, {coverage}");
        }
    }
}

#[test]
fn a_fovea_beyond_the_search_is_stated_by_hand() {
    for eye in EYES {
        let tracks = raster(Place { x: FOVEA.x - 2.15, y: FOVEA.y }, 0.0, 8.0);
        let found = measured(eye, &tracks);
        assert_eq!((found.centre.from, found.centre.confidence), (CentreSource::ScanMiddle, Some(0.0)));
        assert!(found.gcipl.is_none());
        let stated = measured_about(Some(FOVEA), eye, &tracks);
        assert_eq!((stated.centre.from, stated.centre.confidence), (CentreSource::Stated, None));
        assert!(stated.gcipl.is_some());
        for (name, ring, side) in &FIELDS[..5] {
            let ((mean, coverage), expected) = (subfield(&stated, "inl", name), expected("inl", *ring, *side));
            assert!((mean - expected).abs() < 1.0 && coverage > 0.995, "{eye:?} {name}: {mean} for {expected}");
        }
    }
}

#[test]
fn a_decentred_volume_states_its_coverage() {
    for eye in EYES {
        // The right edge lies 2.3 mm to the right of the fovea.
        let middle = Place { x: FOVEA.x - 0.7, y: FOVEA.y };
        let measures = measured(eye, &raster(middle, 0.0, 6.0));
        let (mut inside, mut all) = (0.0, 0.0);
        for i in 0..1200 {
            for j in 0..1200 {
                let (x, y) = (f64::from(i) * 0.0025, (f64::from(j) - 600.0) * 0.005);
                if x.hypot(y) <= 3.0 && x.hypot(y) > 1.5 && y.abs() < x {
                    all += 1.0;
                    inside += if x <= 2.3 { 1.0 } else { 0.0 };
                }
            }
        }
        let cut = if eye == Eye::Right { "N2" } else { "T2" };
        let whole = if eye == Eye::Right { "T2" } else { "N2" };
        let coverage = subfield(&measures, "retina", cut).1;
        assert!((coverage - inside / all).abs() < 0.02, "{eye:?}: {coverage} for {}", inside / all);
        assert!(subfield(&measures, "retina", whole).1 > 0.995, "{eye:?}");
        assert!(subfield(&measures, "retina", "S1").1 > 0.995);
    }
}

#[test]
fn ganglion_cell_sectors_are_exact_for_both_eyes() {
    for eye in EYES {
        for angle in [0.0, 0.4, PI] {
            let tracks = raster(Place { x: FOVEA.x + 0.3, y: FOVEA.y }, angle, 8.0);
            let slope = |place: Place| {
                let (nasal, up) = in_eye(eye, place);
                Some((80.0 + 8.0 * nasal + 5.0 * up) as f32)
            };
            let slice = |&track: &BScanPosition| Slice {
                track,
                thickness: (0..200).map(|x| slope(track.at(x, 200))).collect(),
            };
            let slices: Vec<Slice> = tracks.iter().map(slice).collect();
            let field = ThicknessMap::new(&slices).expect("a field");
            let out = GciplThickness::measure(&field, FOVEA, eye);
            // The same annulus by definition: places at the share t between the ellipses, weighted by area.
            let mean = |from: f64, to: f64| {
                let (mut sum, mut weights) = (0.0, 0.0);
                for i in 0..400 {
                    let angle = (from + (to - from) * (f64::from(i) + 0.5) / 400.0).to_radians();
                    for j in 0..100 {
                        let t = (f64::from(j) + 0.5) / 100.0;
                        let (rx, ry) = (0.6 + 1.8 * t, 0.5 + 1.5 * t);
                        let weight = (rx * ry).sqrt();
                        sum += weight * (80.0 + 8.0 * rx * angle.sin() + 5.0 * ry * angle.cos());
                        weights += weight;
                    }
                }
                sum / weights
            };
            // Degrees from superior, round by the nose.
            for (sector, from) in [
                (GciplSector::Superior, -30.0),
                (GciplSector::SuperoNasal, 30.0),
                (GciplSector::InferoNasal, 90.0),
                (GciplSector::Inferior, 150.0),
                (GciplSector::InferoTemporal, 210.0),
                (GciplSector::SuperoTemporal, 270.0),
            ] {
                let found = out.sectors.iter().find(|s| s.sector == sector).and_then(|s| s.mean_um).expect("covered");
                let expected = mean(from, from + 60.0);
                assert!((f64::from(found) - expected).abs() < 0.3, "{eye:?} {sector:?}: {found} for {expected}");
            }
            assert!((f64::from(out.average_um.expect("covered")) - 80.0).abs() < 0.2);
            // Thinnest opposite to the slope.
            assert!(out.minimum_um.expect("covered") < 70.0 && out.coverage > 0.999);
        }
    }
}

#[test]
fn circles_are_exact_from_any_start() {
    let centre = Place { x: 8.0, y: 4.0 };
    for eye in EYES {
        for (begins, clockwise) in [(PI, true), (0.0, false), (1.1, true), (4.0, false)] {
            let (sin, cos) = begins.sin_cos();
            let start = Place { x: centre.x + 1.73 * cos, y: centre.y + 1.73 * sin };
            let track = BScanPosition::Circle { centre, start, clockwise };
            // Thickest temporal, then superior.
            let thickness = |place: Place| {
                let right = (place.x - centre.x) / 1.73;
                let nasal = if eye == Eye::Right { right } else { -right };
                let up = (centre.y - place.y) / 1.73;
                Some((90.0 - 20.0 * nasal + 10.0 * up) as f32)
            };
            let ascans: Vec<_> = (0..1440).map(|x| thickness(track.at(x, 1440))).collect();
            let out = CircleProfile::measure(&track, &ascans, eye, None).expect("a circle");
            let what = format!("{eye:?} from {begins}, clockwise {clockwise}");
            let near = |found: Option<f32>, expected: f64, of: &str| {
                let found = f64::from(found.expect("covered"));
                assert!((found - expected).abs() < 0.15, "{what}, {of}: {found} for {expected}");
            };
            // Mean cosine over a quarter, and over a twelfth of the circle.
            let (quarter, twelfth) = (FRAC_PI_4.sin() / FRAC_PI_4, (TAU / 24.0).sin() / (TAU / 24.0));
            for (quadrant, expected) in out.quadrants.iter().zip([20.0, 10.0, -20.0, -10.0]) {
                near(quadrant.mean_um, 90.0 + quarter * expected, quadrant.side.key());
            }
            for hour in &out.clock_hours {
                let (sin, cos) = (TAU * f64::from(hour.hour) / 12.0).sin_cos();
                let nasal = if eye == Eye::Right { sin } else { -sin };
                near(hour.mean_um, 90.0 + twelfth * (-20.0 * nasal + 10.0 * cos), &format!("hour {}", hour.hour));
            }
            for (degree, um) in out.tsnit_um.iter().enumerate() {
                // From temporal over superior, nasal and inferior.
                let (sin, cos) = (degree as f64 + 0.5).to_radians().sin_cos();
                near(*um, 90.0 + 20.0 * cos + 10.0 * sin, &format!("degree {degree}"));
            }
            near(out.mean_um, 90.0, "mean");
        }
    }
}

#[test]
fn an_unknown_eye_has_left_and_right_instead_of_nasal_and_temporal() {
    let mut volume = Volume::new(None);
    for &track in &raster(FOVEA, 0.0, 8.0) {
        volume.add(track, &bscan(Eye::Right, track, 200));
    }
    let measures = volume.measure(&volume.thickness_maps().expect("an area"));
    assert!(measures.gcipl.is_none());
    let (right, left) = (subfield(&measures, "nfl", "R2").0, subfield(&measures, "nfl", "L2").0);
    assert!((right - expected("nfl", (1.5, 3.0), (1.0, 0.0))).abs() < 1.0 && right > left + 20.0);
    let names: Vec<String> = Subfield::all(None).map(Subfield::name).into();
    assert!(!names.iter().any(|n| n.contains(['N', 'T'])), "{names:?}");
    let field = ThicknessMap::new(&[Slice {
        track: line(FOVEA, 0.0, 6.0, 0.0),
        thickness: std::iter::repeat_n(Some(1.0), 9).collect(),
    }]);
    assert!(field.is_none(), "one B-scan has no area");
}
