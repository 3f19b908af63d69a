//! Result folders of an eye with earlier visits.

use std::sync::Mutex;

use octrls_core::{
    measure::{
        Verdict,
        follow_up::{FollowUp, FoveaMap, InterEye, Measures, Repeatability, Visit},
    },
    scan::Moment,
};

use super::{tests::write, *};
use crate::fixtures::segmented;

/// An eye with three earlier visits, at which it was thinner by some micrometres within 1 mm of the fovea.
#[derive(Default)]
struct Earlier(Mutex<Vec<Visit>>);

impl EyeVisits for Earlier {
    fn acquired(&self) -> Moment {
        moment(2026)
    }

    fn compare(&self, now: &Visit) -> Result<Option<FollowUp>, OutputError> {
        let visit = |(year, less): (i64, f32)| Visit { acquired: moment(year), map: thinner(now, less), ..now.clone() };
        let visits: Vec<Visit> = [(2021, 1.0), (2024, 3.0), (2025, 25.0)].map(visit).into();
        let table = Repeatability::published().expect("the shipped table");
        Ok(FollowUp::of(now, &visits, &table))
    }

    fn compare_eyes(&self, _: &Visit) -> Result<Option<InterEye>, OutputError> {
        Ok(None)
    }

    fn enter(&self, now: &Visit) -> Result<(), OutputError> {
        self.0.lock().expect("a lock").push(now.clone());
        Ok(())
    }
}

fn moment(year: i64) -> Moment {
    Moment::new((year, 5, 4), (10, 0, 0)).expect("a moment")
}

fn thinner(now: &Visit, less: f32) -> Option<FoveaMap> {
    let cells: Vec<Option<f32>> = now.map.clone()?.into();
    let side = cells.len().isqrt();
    let near = |i: usize| (i / side).abs_diff(side / 2) < 4 && (i % side).abs_diff(side / 2) < 4;
    let earlier: Vec<_> = (0..).zip(cells).map(|(i, um)| if near(i) { um.map(|um| um - less) } else { um }).collect();
    FoveaMap::try_from(earlier).ok()
}

#[test]
fn the_course_and_the_change_place_by_place_are_in_result_and_folder() {
    let out = tempfile::tempdir().expect("tempdir");
    let eye = Earlier::default();
    let result = write(out.path(), (0..13).map(|index| segmented(index, false)).collect(), None, Some(&eye));
    let entered = eye.0.lock().expect("a lock");
    assert!(entered[0].map.is_some(), "the next visit needs it");
    let follow_up = &result["follow_up"];
    let points = follow_up["trends"][0]["points"].as_array().expect("points");
    assert_eq!((points.len(), points[0]["acquired"].as_str()), (4, Some("2021-05-04T10:00:00")));
    let map = follow_up["difference_map"].as_array().expect("a map");
    let middle = map[12 * 24 + 12].as_f64().expect("known");
    assert!((middle - 25.0).abs() < 0.11, "against the previous visit: {middle}");
    assert!(map[12 * 24 + 2].as_f64().is_some_and(|um| um.abs() < 0.01));
    assert!(result["files"].as_array().is_some_and(|files| files.iter().any(|name| name == "difference-map.png")));
    let picture = image::open(out.path().join("scan/difference-map.png")).expect("a picture").into_rgb8();
    let at = |column: u32| picture.get_pixel(16 + 18 * column + 3, 38 + 18 * 12 + 3).0;
    let [thicker, same] = [at(12), at(2)];
    assert!(thicker[0] > thicker[2] + 60 && same.iter().all(|&c| c > 230), "{thicker:?} {same:?}");
}

#[test]
fn a_measure_unlike_itself_is_no_course() {
    let visit = |year, name: &str| Visit {
        acquired: moment(year),
        verdict: Verdict::Good,
        measures: serde_json::from_value::<Measures>(serde_json::json!({ name: 300.0, "mean/retina": 290.0 }))
            .expect("measures"),
        map: None,
    };
    let table = Repeatability::published().expect("a table");
    let trends = FollowUp::of(&visit(2026, "etdrs/retina/C"), &[visit(2025, "gcipl/average")], &table)
        .expect("in common")
        .trends;
    let names: Vec<&str> = trends.iter().map(|trend| trend.measure.as_str()).collect();
    assert_eq!(names, ["mean/retina"]);
}
