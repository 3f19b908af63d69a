use super::*;
use crate::measure::{LayerThickness, enface::Quadrant};

fn visit(date: &str, measures: &[(&str, f32)]) -> Visit {
    let acquired = Moment::of_digits(date, "100000").expect("a moment");
    at(acquired, measures)
}

fn at(acquired: Moment, measures: &[(&str, f32)]) -> Visit {
    let measures = Measures(measures.iter().map(|&(name, um)| (name.to_owned(), um)).collect());
    Visit { acquired, verdict: Verdict::Good, measures }
}

fn table() -> Repeatability {
    let text = "name = \"t\"\n[[measures]]\nnames = [\"mean/nfl\"]\num = 4.0\nsource = \"s\"";
    Repeatability::parse(text).expect("a table")
}

#[test]
fn changes_are_from_the_visit_before_and_from_the_first_in_whatever_order_they_come() {
    let others = [
        visit("20250601", &[("mean/nfl", 40.0), ("mean/inl", 33.0)]),
        visit("20270101", &[("mean/nfl", 10.0)]),
        visit("20240101", &[("mean/nfl", 44.5)]),
        visit("20250101", &[("mean/nfl", 42.0)]),
    ];
    let now = visit("20260101", &[("mean/nfl", 38.0), ("mean/inl", 30.0), ("mean/opl", 20.0)]);
    let out = FollowUp::of(&now, &others, &table()).expect("a follow-up");
    assert_eq!(
        (out.previous.acquired.as_str(), out.first.acquired.as_str()),
        ("2025-06-01T10:00:00", "2024-01-01T10:00:00")
    );
    let [inl, nfl] = out.changes.as_slice() else { panic!("{:?}", out.changes) };
    assert_eq!((nfl.change_um, nfl.standing), (-2.0, Some(Standing::Within)));
    assert_eq!((nfl.change_from_first_um, nfl.standing_from_first), (Some(-6.5), Some(Standing::Thinner)));
    assert_eq!((inl.change_um, inl.first_um, inl.standing), (-3.0, None, None), "no repeatability known");
    assert_eq!(out.words(), "since 2025-06-01: 0 of 1 beyond repeatability");
}

#[test]
fn the_limit_itself_is_within_and_more_is_beyond() {
    let before = [visit("20250101", &[("mean/nfl", 40.0)])];
    let standing = |um| {
        let out = FollowUp::of(&visit("20260101", &[("mean/nfl", um)]), &before, &table()).expect("a follow-up");
        (out.changes[0].standing.expect("judged"), out.words())
    };
    assert_eq!(standing(44.0).0, Standing::Within);
    assert_eq!(standing(44.5).0, Standing::Thicker);
    let (thinner, words) = standing(35.5);
    assert_eq!(thinner, Standing::Thinner);
    assert_eq!(words, "since 2025-01-01: 1 of 1 beyond repeatability: mean/nfl -4.5 um");
}

#[test]
fn scans_of_one_visit_are_no_follow_up_and_the_last_of_a_visit_counts() {
    let now = visit("20260101", &[("mean/nfl", 40.0)]);
    let near =
        |seconds, um| at(Moment::of_seconds(now.acquired.seconds() + seconds).expect("a moment"), &[("mean/nfl", um)]);
    assert_eq!(FollowUp::of(&now, &[], &table()), None);
    assert_eq!(FollowUp::of(&now, &[now.clone(), near(-600, 41.0), near(600, 41.0)], &table()), None);
    let year = 365 * 86_400;
    let out = FollowUp::of(&now, &[near(-year, 50.0), near(300 - year, 45.0)], &table()).expect("a follow-up");
    assert_eq!((out.changes[0].previous_um, out.changes[0].first_um), (45.0, Some(45.0)));
}

#[test]
fn what_was_not_measured_before_has_no_change() {
    let now = visit("20260101", &[("mean/nfl", 40.0)]);
    assert_eq!(FollowUp::of(&now, &[visit("20250101", &[("mean/inl", 40.0)])], &table()), None);
}

#[test]
fn what_is_covered_in_part_is_no_measure() {
    let thickness = |of, coverage| LayerThickness {
        of,
        profile: Vec::new(),
        mean: Some(30.0),
        sd: None,
        min: None,
        max: None,
        coverage,
    };
    let layers = [thickness(Measured::Retina, 0.99), thickness(Measured::all()[0], 0.5)];
    let quadrant = |side, coverage| Quadrant { side, mean_um: Some(80.0), coverage };
    let [t, s, n, i] = Side::QUADRANTS;
    let circle = CircleProfile {
        quadrants: [quadrant(t, 1.0), quadrant(s, 0.5), quadrant(n, 1.0), quadrant(i, 1.0)],
        clock_hours: std::array::from_fn(|i| crate::measure::enface::ClockHour { hour: i as u8 + 1, mean_um: None }),
        mean_um: Some(80.0),
        tsnit_um: Vec::new(),
        radius_mm: 1.7,
    };
    let all = Measures::of(layers.iter().map(|l| (l.of, l.mean, l.coverage)), None, Some(&circle));
    let there: Vec<&str> = all.0.keys().map(String::as_str).collect();
    assert_eq!(there, ["circle/nfl/inferior", "circle/nfl/nasal", "circle/nfl/temporal", "mean/retina"]);
    assert!(there.iter().all(|name| names().iter().any(|n| n == name)));
    assert_eq!(all.anchored().0.len(), 3);
}
