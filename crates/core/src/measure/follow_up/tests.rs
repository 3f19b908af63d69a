use super::*;

fn visit(date: &str, measures: &[(&str, f32)]) -> Visit {
    let acquired = Moment::of_digits(date, "100000").expect("a moment");
    visit_at(acquired, measures)
}

fn visit_at(acquired: Moment, measures: &[(&str, f32)]) -> Visit {
    let measures = measures.iter().map(|&(name, um)| (name.to_owned(), um)).collect();
    Visit { acquired, verdict: Verdict::Good, measures, map: None }
}

fn table() -> Repeatability {
    let text = "name = \"t\"\n[[measures]]\nnames = [\"mean/nfl\"]\num = 4.0\nsource = \"s\"";
    Repeatability::parse(text).expect("a table")
}

#[test]
fn changes_are_since_the_previous_and_the_first_visit() {
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
    assert_eq!((nfl.change_um, nfl.standing), (-2.0, Some(ChangeStanding::Within)));
    assert_eq!((nfl.change_from_first_um, nfl.standing_from_first), (Some(-6.5), Some(ChangeStanding::Thinner)));
    assert_eq!((inl.change_um, inl.first_um, inl.standing), (-3.0, None, None), "no repeatability known");
    assert_eq!(out.words(), "since the previous visit: 0 of 1 beyond repeatability");
}

#[test]
fn the_limit_is_within_repeatability() {
    let before = [visit("20250101", &[("mean/nfl", 40.0)])];
    let standing = |um| {
        let out = FollowUp::of(&visit("20260101", &[("mean/nfl", um)]), &before, &table()).expect("a follow-up");
        (out.changes[0].standing.expect("judged"), out.words())
    };
    assert_eq!(standing(44.0).0, ChangeStanding::Within);
    assert_eq!(standing(44.5).0, ChangeStanding::Thicker);
    let (thinner, words) = standing(35.5);
    assert_eq!(thinner, ChangeStanding::Thinner);
    assert_eq!(words, "since the previous visit: 1 of 1 beyond repeatability: mean/nfl -4.5 um");
}

#[test]
fn the_last_scan_of_a_visit_counts() {
    let now = visit("20260101", &[("mean/nfl", 40.0)]);
    let near = |seconds, um| {
        visit_at(Moment::of_seconds(now.acquired.seconds() + seconds).expect("a moment"), &[("mean/nfl", um)])
    };
    assert_eq!(FollowUp::of(&now, &[], &table()), None);
    assert_eq!(FollowUp::of(&now, &[now.clone(), near(-600, 41.0), near(600, 41.0)], &table()), None);
    let year = 365 * 86_400;
    let out = FollowUp::of(&now, &[near(-year, 50.0), near(300 - year, 45.0)], &table()).expect("a follow-up");
    assert_eq!((out.changes[0].previous_um, out.changes[0].first_um), (45.0, Some(45.0)));
}

#[test]
fn new_measures_have_no_change() {
    let now = visit("20260101", &[("mean/nfl", 40.0)]);
    assert_eq!(FollowUp::of(&now, &[visit("20250101", &[("mean/inl", 40.0)])], &table()), None);
}
